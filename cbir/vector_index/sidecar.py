"""`index.csv.vectors`: the numbers of an index, laid out for searching and mapped into memory.

It records size and time of the CSV that it belongs to; the CSV is the truth, and a sidecar that
does not fit is made again. Sections, then a JSON footer with a CRC-32 of each section, and at the
end the CRC-32 and the length of the footer and a mark. Sections are
blocks (float32, see cbir.distances.blocks), sums, squares, the ends of the ids, and the ids.
"""

import json
import os
import stat
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from cbir.distances.blocks import MOST_ROWS, ColumnBlocks, rows_per_block, statistics, transposed
from cbir.errors import BadIndex
from cbir.types import Vectors
from cbir.vector_index.csv_file import Header, Rows

MARK = b"cbir-vectors-2\n\0"
TAIL = struct.Struct("<QQ")
ALIGNMENT = 64
TYPES = {"blocks": "<f4", "sums": "<f8", "squares": "<f8", "ends": "<u8", "ids": "|u1"}


class Stamp(NamedTuple):
    """What tells whether a CSV is the one that a sidecar was made from."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Stamp":
        return cls(status.st_size, status.st_mtime_ns)


class PackedIds(Sequence[str]):
    """Ids in sorted order, out of one run of UTF-8, decoded when asked for."""

    def __init__(self, ends: NDArray[np.uint64], text: NDArray[np.uint8]):
        self._ends, self._text = ends, text

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, number: int) -> str: ...
    @overload
    def __getitem__(self, number: slice) -> list[str]: ...
    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        number = range(len(self))[number]
        start = int(self._ends[number - 1]) if number else 0
        return self._text[start : int(self._ends[number])].tobytes().decode("utf-8", "replace")


class Sidecar(NamedTuple):
    header: Header
    stamp: Stamp
    ids: PackedIds
    blocks: ColumnBlocks
    damaged: list[str]
    """Names of sections whose checksum is wrong; filled only when asked to verify."""


def place(index: Path) -> Path:
    return index.with_name(index.name + ".vectors")


def write(file: IO[bytes], header: Header, stamp: Stamp, rows: Iterable[Rows]) -> None:
    """The whole sidecar, from rows sorted by id; only the ids and two numbers a row are held."""
    writer = _Sections(file)
    ids: list[bytes] = []
    pieces = _remembering(rows, ids)
    first = _take(pieces, MOST_ROWS)
    block_rows = rows_per_block(header.dim, sum(map(len, first)))
    sums, squares, lowest = [], [], 0.0
    for block in transposed(_chain(first, pieces), header.dim, block_rows):
        writer.add("blocks", block)
        block_sums, block_squares = statistics(block)
        sums.append(block_sums)
        squares.append(block_squares)
        lowest = min(lowest, float(block.min()))
    none = np.zeros(0)
    writer.add("sums", np.concatenate(sums or [none])[: len(ids)])
    writer.add("squares", np.concatenate(squares or [none])[: len(ids)])
    writer.add("ends", np.cumsum([len(i) for i in ids], dtype=np.uint64))
    writer.add("ids", np.frombuffer(b"".join(ids), np.uint8))
    writer.finish(
        {
            "index": header.__dict__,
            "csv": stamp,
            "count": len(ids),
            "block_rows": block_rows,
            "nonnegative": lowest >= 0,
        }
    )


def load(path: Path, stamp: Stamp, verify: bool = False) -> Sidecar | None:
    """The sidecar at `path` if it belongs to the CSV with this stamp, else None."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        # Copy-on-write maps count as writable, and read-only arrays would compile kernels anew.
        data = np.asarray(np.memmap(path, np.uint8, "c"))
        return parse(data, stamp, verify)
    except (OSError, ValueError):
        return None


def parse(data: NDArray[np.uint8], stamp: Stamp, verify: bool = False) -> Sidecar | None:
    """The same from bytes. Nothing in them is believed before it is checked against their size."""
    try:
        footer = _footer(data)
        header = Header.from_fields({"format": 1} | footer["index"])
        found, count, rows = Stamp(*footer["csv"]), footer["count"], footer["block_rows"]
        arrays = {name: _section(data, footer["sections"][name], name) for name in TYPES}
        if found != stamp or min(count, rows - 1) < 0:
            return None
        blocks = ColumnBlocks(
            arrays["blocks"].reshape(-(-count // rows), header.dim, rows),
            _exactly(arrays["sums"], count),
            _exactly(arrays["squares"], count),
            bool(footer["nonnegative"]),
        )
        ids = PackedIds(_exactly(arrays["ends"], count), arrays["ids"])
        damaged = _damaged(data, footer) if verify else []
        return Sidecar(header, found, ids, blocks, damaged)
    except (BadIndex, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


class _Sections:
    """Writes sections one after the other, each in one or more parts, aligned, with a CRC-32."""

    def __init__(self, file: IO[bytes]):
        self.file = file
        self.at = 0
        self.sections: dict[str, list[int]] = {}

    def add(self, name: str, part: NDArray[Any]) -> None:
        raw = np.ascontiguousarray(part, TYPES[name]).data.cast("B") if part.size else b""
        if name not in self.sections:
            self._write(bytes(-self.at % ALIGNMENT))
            self.sections[name] = [self.at, 0, 0]
        section = self.sections[name]
        self._write(raw)
        section[1] += len(raw)
        section[2] = zlib.crc32(raw, section[2])

    def finish(self, fields: dict[str, Any]) -> None:
        for name in TYPES:
            self.add(name, np.zeros(0))
        footer = json.dumps(fields | {"sections": self.sections}, sort_keys=True).encode()
        self._write(footer + TAIL.pack(zlib.crc32(footer), len(footer)) + MARK)

    def _write(self, raw: bytes | memoryview) -> None:
        self.file.write(raw)
        self.at += len(raw)


def _footer(data: NDArray[np.uint8]) -> dict[str, Any]:
    tail = data[-(TAIL.size + len(MARK)) :].tobytes()
    if tail[TAIL.size :] != MARK:
        raise ValueError("no mark")
    crc, length = TAIL.unpack_from(tail)
    end = len(data) - len(tail)
    text = data[max(end - length, 0) : end].tobytes()
    if len(text) != length or zlib.crc32(text) != crc:
        raise ValueError("the footer is damaged")
    footer = json.loads(text)
    if not isinstance(footer, dict):
        raise ValueError("the footer is not an object")
    return footer


def _section(data: NDArray[np.uint8], where: Any, name: str) -> NDArray[Any]:
    start, length, _ = where
    if not 0 <= start <= start + length <= len(data):
        raise ValueError("a section does not fit")
    return data[start : start + length].view(TYPES[name])


def _exactly(array: NDArray[Any], count: int) -> NDArray[Any]:
    if len(array) != count:
        raise ValueError("a section has the wrong length")
    return array


def _damaged(data: NDArray[np.uint8], footer: dict[str, Any]) -> list[str]:
    return [
        name
        for name, (start, length, crc) in footer["sections"].items()
        if zlib.crc32(data[start : start + length].data) != crc
    ]


def _remembering(rows: Iterable[Rows], ids: list[bytes]) -> Iterator[Vectors]:
    for names, vectors in rows:
        ids.extend(name.encode() for name in names)
        yield vectors


def _take(pieces: Iterator[Vectors], rows: int) -> list[Vectors]:
    """Pieces until they hold so many rows, or all."""
    taken: list[Vectors] = []
    for piece in pieces:
        taken.append(piece)
        rows -= len(piece)
        if rows <= 0:
            break
    return taken


def _chain(first: list[Vectors], rest: Iterator[Vectors]) -> Iterator[Vectors]:
    yield from first
    yield from rest
