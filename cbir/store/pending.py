"""What a run has learnt and the store's file does not hold yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cbir.types import Picture, Vectors

if TYPE_CHECKING:
    from sqlite3 import Connection

ROW = 300  # bytes that an entry takes besides what it holds, about

CONTENT = """INSERT INTO contents (sha256, white, pixels) VALUES (?, ?, ?)
ON CONFLICT (sha256) DO UPDATE
SET white = coalesce(excluded.white, white), pixels = coalesce(excluded.pixels, pixels)
WHERE white IS NOT coalesce(excluded.white, white)
OR pixels IS NOT coalesce(excluded.pixels, pixels)"""
PICTURE = """INSERT INTO pictures (source, id, stamp, content, active)
VALUES (?, ?, ?, (SELECT id FROM contents WHERE sha256 = ?), 1) ON CONFLICT (source, id)
DO UPDATE SET stamp = excluded.stamp, content = excluded.content, active = 1"""
KIND = """INSERT INTO kinds (spec, transform, dim) VALUES (?, ?, ?)
ON CONFLICT (spec, transform) DO UPDATE SET dim = excluded.dim WHERE dim IS NOT excluded.dim"""
VECTOR = """INSERT INTO descriptions (content, kind, data)
VALUES ((SELECT id FROM contents WHERE sha256 = ?), ?, ?)
ON CONFLICT (content, kind) DO UPDATE SET data = excluded.data"""


class Pending:
    """Contents, which pictures have them, and their vectors; `bytes` is what it takes, about."""

    def __init__(self) -> None:
        self.bytes = 0
        self._white: dict[bytes, bool | None] = {}
        self._pixels: dict[bytes, int] = {}
        self._pictures: defaultdict[str, dict[str, tuple[str, bytes]]] = defaultdict(dict)
        self._vectors: defaultdict[tuple[str, str], dict[bytes, bytes]] = defaultdict(dict)

    def add(self, spec: str, transform: str, contents: Sequence[bytes], vectors: Vectors) -> None:
        block = np.ascontiguousarray(vectors, "<f4")
        for content, row in zip(contents, block, strict=True):
            self._white.setdefault(content, None)
            self._vectors[spec, transform][content] = row.tobytes()
        self.bytes += block.nbytes + ROW * len(contents)

    def saw(
        self, source: str, picture: Picture, content: bytes, white: bool | None, pixels: int | None
    ) -> None:
        self._pictures[source][picture.id] = (picture.stamp, content)
        if white is not None or content not in self._white:
            self._white[content] = white
        if pixels is not None:
            self._pixels[content] = pixels
        self.bytes += ROW + len(picture.id)

    def pictures(self, source: str) -> dict[str, tuple[str, bytes]]:
        """Stamp and content, by id."""
        return self._pictures.get(source, {})

    def pixels(self) -> dict[bytes, int]:
        """How many they are, where that is known, by content."""
        return self._pixels

    def white(self) -> dict[bytes, bool]:
        """Whether their borders are white, where that is known, by content."""
        return {content: white for content, white in self._white.items() if white is not None}

    def vectors(self, spec: str, transform: str) -> dict[bytes, bytes]:
        """Little-endian float32, by content."""
        return self._vectors.get((spec, transform), {})

    def write(self, connection: Connection) -> None:
        """Everything, in the caller's transaction. Numbers are asked for anew in each: another
        run may have removed what nothing used."""
        connection.executemany(
            CONTENT,
            ((content, white, self._pixels.get(content)) for content, white in self._white.items()),
        )
        for source, pictures in self._pictures.items():
            number = source_number(connection, source)
            connection.executemany(
                PICTURE,
                ((number, id, stamp, content) for id, (stamp, content) in pictures.items()),
            )
        for kind, vectors in self._vectors.items():
            number = _kind_number(connection, *kind, len(next(iter(vectors.values()))) // 4)
            connection.executemany(
                VECTOR,
                ((content, number, data) for content, data in vectors.items()),
            )


def source_number(connection: Connection, source: str) -> int:
    """The number of a source, which gets one if it has none."""
    name = source_bytes(source)
    connection.execute("INSERT OR IGNORE INTO sources (source) VALUES (CAST(? AS TEXT))", [name])
    query = "SELECT id FROM sources WHERE source = CAST(? AS TEXT)"
    return int(connection.execute(query, [name]).fetchone()[0])


def source_bytes(source: str) -> bytes:
    """A source's name as the file holds it: a folder's name may be no UTF-8."""
    return source.encode("utf-8", "surrogateescape")


def is_utf8(name: str) -> bool:
    """Whether a name can be kept: bytes that are not UTF-8 reach us as lone surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind_number(connection: Connection, spec: str, transform: str, dim: int) -> int:
    connection.execute(KIND, [spec, transform, dim])
    query = "SELECT id FROM kinds WHERE spec = ? AND transform = ?"
    return int(connection.execute(query, [spec, transform]).fetchone()[0])
