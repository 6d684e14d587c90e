"""Vectors that are kept: HDF5 with a set `data`, and the fields of its rows beside it as CSV.

    _test1_feature.h5    data (n, d) float32
    _test1_fields.csv    a row each

So the MobileNet matching tool kept them. What made the vectors, and where in the file they lie, is
said in a line before the HDF5, in what that format calls a user block. We read that line and the
plain numbers, and leave the rest to others: given a stranger's file, HDF5's own library opens other
files, unpacks any amount, and may not come back.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from cbir.distances import ColumnBlocks, from_pieces
from cbir.errors import BadIndex, BadOutput, BadPicture
from cbir.files import check_output, read_regular, regular, replacing, why_no_output
from cbir.tables import read_table, write_table
from cbir.types import Vectors

if TYPE_CHECKING:
    import pyarrow as pa

    from cbir.matching.sides import Side

SUFFIXES = (".h5", ".hdf5")
FEATURES, FIELDS = "_feature", "_fields.csv"
DATA = "data"
MARK = b"# cbir-features "
ROWS_AT_ONCE = 4096
SMALLEST_BLOCK, LONGEST_LINE = 512, 1 << 20


@dataclass(frozen=True)
class Saved:
    """What is in such a pair of files."""

    name: str
    fields: "pa.Table"
    blocks: ColumnBlocks
    spec: str


@dataclass(frozen=True)
class Header:
    """The line before the HDF5: what made the vectors, their place, and digests of both files."""

    spec: str
    rows: int
    dim: int
    offset: int
    sha256: str
    fields_sha256: str

    def line(self) -> bytes:
        return MARK + json.dumps(asdict(self), sort_keys=True).encode("ascii") + b"\n"


def is_features(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def places(folder: Path, name: str) -> tuple[Path, Path]:
    """Where the vectors of a side go, and its fields."""
    return folder / f"_{name}{FEATURES}.h5", folder / f"_{name}{FIELDS}"


def check_places(folder: Path, names: Sequence[str]) -> None:
    """BadOutput if `save` could not write there: to be asked before the work, too."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadOutput(f"can't make the folder {folder}: {why_no_output(error)}") from error
    for name in names:
        for path in places(folder, name):
            check_output(path)
        vectors = places(folder, name)[0]
        if vectors.exists() and vectors.stat().st_size and not _begins(vectors, MARK):
            raise BadOutput(f"{vectors} is something else than our features; give another folder")


def save(folder: Path, name: str, side: "Side", spec: str) -> None:
    """Keeps the vectors and fields of a side's rows, each file whole or not at all."""
    vectors_place, fields_place = places(folder, name)
    write_table(fields_place, side.fields)
    digest = sha256(fields_place.read_bytes()).hexdigest()
    try:
        with tempfile.TemporaryFile(dir=folder) as spool, replacing(vectors_place) as file:
            _write(spool, side, spec, digest)
            spool.seek(0)
            shutil.copyfileobj(spool, file, 1 << 20)
    except OSError as error:
        raise BadOutput(f"can't write {vectors_place}: {why_no_output(error)}") from error


def _write(file: IO[bytes], side: "Side", spec: str, fields_digest: str) -> None:
    import h5py

    rows, dim = len(side.numbers), side.blocks.dim
    digest = sha256()
    with h5py.File(file, "w", userblock_size=_block_size(spec)) as opened:
        data = opened.create_dataset(DATA, (rows, dim), "<f4")
        data.attrs["spec"] = spec  # for people who look into it with h5py
        for start in range(0, rows, ROWS_AT_ONCE):
            piece = side.blocks.rows(side.numbers[start : start + ROWS_AT_ONCE])
            data[start : start + len(piece)] = piece
            digest.update(np.ascontiguousarray(piece, "<f4").data)
        offset = data.id.get_offset()
    file.seek(0)
    file.write(Header(spec, rows, dim, offset, digest.hexdigest(), fields_digest).line())


def _block_size(spec: str) -> int:
    """Room for the line: a power of two, as HDF5 wants it."""
    size = SMALLEST_BLOCK
    while size < len(json.dumps(spec)) + SMALLEST_BLOCK:
        size *= 2
    return size


def read(path: Path) -> Saved:
    """The vectors and fields that were kept there; BadIndex for whatever is not such a pair."""
    stem = path.stem.removesuffix(FEATURES)
    try:
        size = regular(str(path)).st_size
        with open(path, "rb") as file:
            header = _header(file, size)
            table = _fields(path.with_name(f"{stem}{FIELDS}"), header)
            blocks = from_pieces(_pieces(file, header), header.rows, header.dim)
    except (BadIndex, BadPicture) as error:
        raise BadIndex(f"can't use the features {path}: {error}") from error
    return Saved(stem.removeprefix("_") or stem, table, blocks, header.spec)


def _header(file: IO[bytes], size: int) -> Header:
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
    counts, texts = (header.rows, header.dim, header.offset), (header.spec, header.sha256)
    good = all(type(n) is int and n > 0 for n in counts) and all(type(t) is str for t in texts)
    if not good or header.offset + 4 * header.rows * header.dim > size:
        raise BadIndex("its first line does not fit it: cut short, or damaged")
    return header


def _begins(path: Path, mark: bytes) -> bool:
    with open(path, "rb") as file:
        return file.read(len(mark)) == mark


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
