"""`index.csv.vectors`: the numbers of an index, laid out for searching and mapped into memory.

It records size and time of the CSV that it belongs to; the CSV is the truth, and a sidecar that
does not fit is made again. Its sections are blocks (float32, see cbir.distances.blocks), sums,
squares, the ends of the rows' keys (see cbir.vector_index.keys), and the keys.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cbir.distances.blocks import MOST_ROWS, ColumnBlocks, rows_per_block, statistics, transposed
from cbir.errors import BadIndex
from cbir.types import Vectors
from cbir.vector_index.csv_file import FORMAT, Header
from cbir.vector_index.packed import PackedKeys
from cbir.vector_index.rows import Rows
from cbir.vector_index.sections import TYPES, SectionWriter, damaged, read_footer, section


class Stamp(NamedTuple):
    """What tells whether a CSV is the one that a sidecar was made from."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Stamp":
        return cls(status.st_size, status.st_mtime_ns)


class Sidecar(NamedTuple):
    header: Header
    stamp: Stamp
    as_written: bool
    """Whether the CSV is to the byte what these rows are written as; an edited one need not be."""
    keys: PackedKeys
    blocks: ColumnBlocks
    damaged: list[str]
    """Names of sections whose checksum is wrong; filled only when asked to verify."""


def place(index: Path) -> Path:
    return index.with_name(index.name + ".vectors")


def write(
    file: IO[bytes], header: Header, stamp: Stamp, rows: Iterable[Rows], as_written: bool
) -> None:
    """The whole sidecar, from sorted rows; only their keys and two numbers a row are held."""
    writer = SectionWriter(file)
    keys: list[bytes] = []
    pieces = _remembering(rows, keys)
    first = _take(pieces, rows_per_block(header.dim, MOST_ROWS))
    block_rows = rows_per_block(header.dim, sum(map(len, first)))
    sums, squares, lowest = [], [], 0.0
    for block in transposed(chain(first, pieces), header.dim, block_rows):
        writer.add("blocks", block)
        block_sums, block_squares = statistics(block)
        sums.append(block_sums)
        squares.append(block_squares)
        lowest = min(lowest, float(block.min()))
    none = np.zeros(0)
    writer.add("sums", np.concatenate(sums or [none])[: len(keys)])
    writer.add("squares", np.concatenate(squares or [none])[: len(keys)])
    writer.add("ends", np.cumsum([len(key) for key in keys], dtype=np.uint64))
    writer.add("keys", np.frombuffer(b"".join(keys), np.uint8))
    writer.finish(
        {
            "index": header.__dict__,
            "csv": stamp,
            "as_written": as_written,
            "count": len(keys),
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
        footer = read_footer(data)
        fields = {"format": FORMAT} | footer["index"]
        header = Header.from_fields(fields, bool(fields["augmented"]))
        found, count, rows = Stamp(*footer["csv"]), footer["count"], footer["block_rows"]
        arrays = {name: section(data, footer, name) for name in TYPES}
        if found != stamp or min(count, rows - 1) < 0:
            return None
        blocks = ColumnBlocks(
            arrays["blocks"].reshape(-(-count // rows), header.dim, rows),
            _exactly(arrays["sums"], count),
            _exactly(arrays["squares"], count),
            bool(footer["nonnegative"]),
        )
        keys = PackedKeys(_exactly(arrays["ends"], count), arrays["keys"])
        wrong = damaged(data, footer) if verify else []
        return Sidecar(header, found, footer["as_written"] is True, keys, blocks, wrong)
    except (BadIndex, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _exactly(array: NDArray[Any], count: int) -> NDArray[Any]:
    if len(array) != count:
        raise ValueError("a section has the wrong length")
    return array


def _remembering(rows: Iterable[Rows], keys: list[bytes]) -> Iterator[Vectors]:
    for names, vectors in rows:
        keys.extend(name.encode() for name in names)
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
