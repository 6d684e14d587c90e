"""The feature store: vectors that were computed already, in an SQLite file."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from cbir.errors import BadStore
from cbir.store import housekeeping, views
from cbir.store.database import file_bytes, marks, open_database, pieces, told, writing
from cbir.store.housekeeping import Pruned, SourceSummary, SpecSummary, Summary
from cbir.store.pending import Pending, is_utf8, source_bytes, source_number
from cbir.types import Picture, Vectors

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["Pruned", "SourceSummary", "SpecSummary", "Store", "Summary"]

COMMIT_SECONDS = 2.0
"""How much work a kill may cost, about."""

PENDING_BYTES = 8 << 20

KNOWN = """SELECT pictures.id, stamp, sha256
FROM pictures JOIN contents ON contents.id = content
WHERE source = (SELECT id FROM sources WHERE source = CAST(? AS TEXT)) AND pictures.id IN ({})
AND typeof(sha256) = 'blob' AND length(sha256) = 32"""
# CROSS JOIN keeps this order, where SQLite might begin with all vectors. Those of a wrong length
# are damaged, and as good as not there.
VECTORS = """SELECT sha256, data FROM kinds CROSS JOIN contents CROSS JOIN descriptions
ON content = contents.id AND kind = kinds.id WHERE spec = ? AND transform = ? AND sha256 IN ({})
AND typeof(data) = 'blob' AND dim > 0 AND length(data) = 4 * dim"""
DESCRIBED = VECTORS.replace("SELECT sha256, data", "SELECT sha256")
PIXELS = """SELECT sha256, pixels FROM contents
WHERE sha256 IN ({}) AND typeof(pixels) = 'integer'"""
WHITE = """SELECT sha256, white FROM contents WHERE sha256 IN ({}) AND white IN (0, 1)"""
ACTIVE = """UPDATE pictures SET active = id IN temp.walked
WHERE source = ? AND active != (id IN temp.walked)"""


class Store:
    """What pictures' bytes are, and their vectors by (spec, transform, SHA-256 of the bytes).

    Any thread may ask. What is added is kept in memory until a commit, which comes with the first
    addition after COMMIT_SECONDS. A store that was opened read-only forgets what it is told.
    """

    def __init__(self, path: Path, connection: Connection, read_only: bool):
        self.path, self.read_only = path, read_only
        self._connection = connection
        self._lock = threading.RLock()
        self._pending = Pending()
        self._committed = time.monotonic()

    @classmethod
    def open(cls, path: Path, read_only: bool = False) -> Store:
        """The store in a file, which is made if it is not there; BadStore if that can't be."""
        return cls(path, open_database(path, read_only), read_only)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            self.commit()
        except BadStore:
            if error is None:  # else that one says more
                raise
        finally:
            self._connection.close()

    def known(self, source: str, pictures: Sequence[Picture]) -> dict[str, bytes]:
        """The SHA-256 of the pictures whose stamp is as it was, by id; none for empty stamps."""
        stamps = {p.id: p.stamp for p in pictures if p.stamp}
        seen = self.remembered(source, list(stamps))
        return {id: content for id, (stamp, content) in seen.items() if stamp == stamps[id]}

    def remembered(self, source: str, ids: Sequence[str]) -> dict[str, tuple[str, bytes]]:
        """The stamp and the SHA-256 that pictures had when they were last read, by id."""
        ids = [id for id in ids if is_utf8(id)]
        seen: dict[str, tuple[str, bytes]] = {}
        with self._lock, told(self.path):
            for some in pieces(ids):
                values = [source_bytes(source), *some]
                for id, *found in self._connection.execute(KNOWN.format(marks(some)), values):
                    seen[id] = found[0], found[1]
            pending = self._pending.pictures(source)
            seen |= {id: pending[id] for id in pending.keys() & set(ids)}
        return seen

    def vectors(self, spec: str, transform: str, contents: Sequence[bytes]) -> dict[bytes, Vectors]:
        """The vectors (d,) of those of these contents that have one, by content. Read-only."""
        found: dict[bytes, bytes] = {}
        with self._lock, told(self.path):
            for some in pieces(contents):
                values = [spec, transform, *some]
                found.update(self._connection.execute(VECTORS.format(marks(some)), values))
            pending = self._pending.vectors(spec, transform)
            found.update((some, pending[some]) for some in contents if some in pending)
        return _finite(found)

    def described(self, spec: str, transform: str, contents: Sequence[bytes]) -> set[bytes]:
        """Those of these contents that have a vector."""
        with self._lock, told(self.path):
            found = self._pending.vectors(spec, transform).keys() & set(contents)
            for some in pieces(contents):
                query, values = DESCRIBED.format(marks(some)), [spec, transform, *some]
                found.update(content for (content,) in self._connection.execute(query, values))
        return found

    def white(self, contents: Sequence[bytes]) -> dict[bytes, bool]:
        """Whether the border of these contents is white, of those where that is known."""
        with self._lock:
            found = self._facts(WHITE, contents, self._pending.white())
        return {content: bool(white) for content, white in found.items()}

    def larger(self, contents: Sequence[bytes], limit: int) -> set[bytes]:
        """Those of these contents that are known to have more pixels than this."""
        with self._lock:
            found = self._facts(PIXELS, contents, self._pending.pixels())
        return {content for content, pixels in found.items() if pixels > limit}

    def add(self, spec: str, transform: str, contents: Sequence[bytes], vectors: Vectors) -> None:
        """Keeps the vectors (n, d) of these contents."""
        if not self.read_only:
            with self._lock:
                self._pending.add(spec, transform, contents, vectors)
                self._commit_if_due()

    def saw(
        self,
        source: str,
        pictures: Sequence[Picture],
        contents: Sequence[bytes],
        white: Sequence[bool | None],
        pixels: Sequence[int | None],
    ) -> None:
        """These pictures have these contents now. If known: is their border white, how many pixels.

        None leaves what was known of a content as it is.
        """
        if not self.read_only:
            with self._lock:
                facts = zip(contents, white, pixels, strict=True)
                for picture, (content, is_white, size) in zip(pictures, facts, strict=True):
                    if is_utf8(picture.id):
                        self._pending.saw(source, picture, content, is_white, size)
                self._commit_if_due()

    def commit(self) -> None:
        """Writes what is pending, all of it or, with BadStore, nothing; then it is forgotten."""
        with self._lock, told(self.path):
            pending, self._pending = self._pending, Pending()
            if pending.bytes:
                with writing(self._connection):
                    pending.write(self._connection)
            self._committed = time.monotonic()

    def finish(self, source: str, ids: Collection[str]) -> None:
        """After a whole walk: these pictures of the source are active, its others are not."""
        if self.read_only:
            return
        with self._lock, told(self.path):
            self.commit()
            self._remember_walk(ids)
            with writing(self._connection):
                number = source_number(self._connection, source)
                self._connection.execute(ACTIVE, [number])
                views.make(self._connection, source, number)
            self._connection.execute("DROP TABLE temp.walked")

    def summary(self) -> Summary:
        """What is in it."""
        with self._lock, told(self.path):
            self.commit()
            return housekeeping.summarise(self._connection, file_bytes(self.path))

    def prune(self) -> Pruned:
        """Removes what no active picture of a source that is still there needs."""
        with self._lock, told(self.path):
            self.commit()
            before = file_bytes(self.path)
            removed = housekeeping.remove_unused(self._connection)
            housekeeping.shrink(self._connection)
            return removed._replace(bytes=max(0, before - file_bytes(self.path)))

    def _facts(
        self, query: str, contents: Sequence[bytes], pending: Mapping[bytes, int]
    ) -> dict[bytes, int]:
        """One number by content, of those that have it: in the file or pending."""
        found: dict[bytes, int] = {}
        with told(self.path):
            for some in pieces(contents):
                found.update(self._connection.execute(query.format(marks(some)), some))
        return found | {some: pending[some] for some in contents if some in pending}

    def _commit_if_due(self) -> None:
        waited = time.monotonic() - self._committed
        if self._pending.bytes >= PENDING_BYTES or waited >= COMMIT_SECONDS:
            self.commit()

    def _remember_walk(self, ids: Iterable[str]) -> None:
        """In a table of this connection's own, so that the store is locked only briefly."""
        self._connection.execute("CREATE TEMP TABLE walked (id TEXT PRIMARY KEY) WITHOUT ROWID")
        self._connection.execute("BEGIN")
        rows = ((id,) for id in ids if is_utf8(id))
        self._connection.executemany("INSERT OR IGNORE INTO temp.walked VALUES (?)", rows)
        self._connection.execute("COMMIT")


def _finite(found: dict[bytes, bytes]) -> dict[bytes, Vectors]:
    """The vectors by content, without those that hold something other than numbers.

    All of one length are looked at together, which costs less than copying them.
    """
    vectors: dict[bytes, Vectors] = {}
    for length in set(map(len, found.values())):
        some = [content for content, data in found.items() if len(data) == length]
        joined = np.frombuffer(b"".join(map(found.__getitem__, some)), "<f4")
        block = joined.reshape(len(some), -1).astype(np.float32, copy=False)
        good = np.isfinite(block).min(axis=1)
        vectors.update((some[row], block[row]) for row in np.flatnonzero(good))
    return vectors
