"""Vectors that are kept: HDF5 with a set `data`, and the fields of its rows beside it as CSV.

    _test1_feature.h5    data (n, d) float32
    _test1_fields.csv    a row each

So the MobileNet matching tool kept them. What made the vectors, and where in the file they lie, is
said in a line before the HDF5, in what that format calls a user block. We read that line and the
plain numbers, and leave the rest to others: given a stranger's file, HDF5's own library opens other
files, unpacks any amount, and may not come back.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from cbir.distances import ColumnBlocks, from_pieces
from cbir.errors import BadIndex, BadPicture
from cbir.files import read_regular, readable, regular
from cbir.tables import read_table
from cbir.types import Vectors

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".h5", ".hdf5")
FEATURES, FIELDS = "_feature", "_fields.csv"
DATA = "data"
MARK = b"# cbir-features "
ROWS_AT_ONCE = 4096
LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class Saved:
    """What is in such a pair of files."""

    name: str
    fields: "pa.Table"
    blocks: ColumnBlocks
    spec: str


@dataclass(frozen=True)
class Header:
    """The line before the HDF5: what made the vectors, their place, and digests of both files.

    `source`: whose rows they are, as a path.
    """

    spec: str
    rows: int
    dim: int
    offset: int
    sha256: str
    fields_sha256: str
    source: str = ""

    def line(self) -> bytes:
        return MARK + json.dumps(asdict(self), sort_keys=True).encode("ascii") + b"\n"


def is_features(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def places(folder: Path, name: str) -> tuple[Path, Path]:
    """Where the vectors of a side go, and its fields."""
    return folder / f"_{name}{FEATURES}.h5", folder / f"_{name}{FIELDS}"


def pair(path: Path) -> tuple[Path, Path]:
    """Vectors, and the fields beside them."""
    return path, path.with_name(path.stem.removesuffix(FEATURES) + FIELDS)


def read(path: Path) -> Saved:
    """The vectors and fields that were kept there; BadIndex for whatever is not such a pair."""
    stem = path.stem.removesuffix(FEATURES)
    name = readable(stem.removeprefix("_") or stem)
    try:
        size = regular(str(path)).st_size
        with open(path, "rb") as file:
            header = read_header(file, size)
            table = _fields(pair(path)[1], header)
            blocks = from_pieces(_pieces(file, header), header.rows, header.dim)
    except (BadIndex, BadPicture) as error:
        raise BadIndex(f"can't use the features {path}: {error}") from error
    return Saved(name, table, blocks, header.spec)


def read_header(file: IO[bytes], size: int) -> Header:
    """What the first line says, if so much can be behind it; BadIndex otherwise."""
    line = file.readline(LONGEST_LINE)
    if not line.startswith(MARK):
        raise BadIndex(
            "they do not say what made them, so they can't be compared with others; match the "
            "pictures themselves again, with --save-features DIR"
        )
    try:
        found: Any = json.loads(line.removeprefix(MARK))
        header = Header(**found)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadIndex("its first line is damaged") from error
    counts = header.rows, header.dim, header.offset
    texts = header.spec, header.sha256, header.source
    good = all(type(n) is int and n > 0 for n in counts) and all(type(t) is str for t in texts)
    if not good or header.offset + 4 * header.rows * header.dim > size:
        raise BadIndex("its first line does not fit it: cut short, or damaged")
    return header


def _fields(path: Path, header: Header) -> "pa.Table":
    try:
        if sha256(read_regular(str(path))).hexdigest() != header.fields_sha256:
            raise BadIndex(f"{path.name} beside it is not as it was saved with it")
    except BadPicture as error:
        raise BadIndex(f"{path.name} beside it can't be read: {error}") from error
    table = read_table(path)
    if table.num_rows != header.rows:
        raise BadIndex(f"it has {header.rows} rows, and {path.name} {table.num_rows}")
    return table


def _pieces(file: IO[bytes], header: Header) -> Iterator[Vectors]:
    """The vectors, some rows at a time; BadIndex at the end if they are not as they were saved."""
    digest = sha256()
    file.seek(header.offset)
    for start in range(0, header.rows, ROWS_AT_ONCE):
        count = min(ROWS_AT_ONCE, header.rows - start)
        data = file.read(4 * count * header.dim)
        digest.update(data)
        piece = np.frombuffer(data, "<f4").reshape(count, header.dim)
        if not np.isfinite(piece).all():
            raise BadIndex("it holds values that are not finite numbers")
        yield piece
    if digest.hexdigest() != header.sha256:
        raise BadIndex("its vectors are damaged, or were changed since they were saved")
