"""Vectors that are kept: HDF5 with a set `data`, and the fields of its rows beside it as CSV.

    _test1_feature.h5    data (n, d) float32; its attributes say what made it
    _test1_fields.csv    a row each

So the MobileNet matching tool kept them. Either may come from a stranger: HDF5 can name other
files, run filters that it brings along, and claim any size.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
DATA, SPEC, DIGEST = "data", "spec", "fields_sha256"
HDF5 = b"\x89HDF\r\n\x1a\n"
FILTERS = {1, 2, 3, 32000}
"""Deflate, shuffle, checksums and LZF, which h5py has within; others would be loaded from disk."""

UNPACKED = 100
"""How many times its size a file may hold; numbers are packed to half of theirs at best."""

ROWS_AT_ONCE = 4096
LONGEST_TEXT = 1 << 14


@dataclass(frozen=True)
class Saved:
    """What is in such a pair of files."""

    name: str
    fields: "pa.Table"
    blocks: ColumnBlocks
    spec: str


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
        vectors_place, fields_place = places(folder, name)
        check_output(fields_place)
        check_output(vectors_place)
        if vectors_place.exists() and vectors_place.stat().st_size and not _is_hdf5(vectors_place):
            raise BadOutput(f"{vectors_place} is something else than features; give another folder")


def save(folder: Path, name: str, side: "Side", spec: str) -> None:
    """Keeps the vectors and fields of a side's rows, each file whole or not at all."""
    vectors_place, fields_place = places(folder, name)
    write_table(fields_place, side.fields)
    digest = sha256(fields_place.read_bytes()).hexdigest()
    try:
        with tempfile.TemporaryFile(dir=folder) as spool, replacing(vectors_place) as file:
            _write(spool, side, {SPEC: spec, DIGEST: digest})
            spool.seek(0)
            shutil.copyfileobj(spool, file, 1 << 20)
    except OSError as error:
        raise BadOutput(f"can't write {vectors_place}: {why_no_output(error)}") from error


def _is_hdf5(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(HDF5)) == HDF5


def _write(file: IO[bytes], side: "Side", attributes: dict[str, str]) -> None:
    import h5py

    shape = len(side.numbers), side.blocks.dim
    with h5py.File(file, "w") as opened:
        data = opened.create_dataset(DATA, shape, np.float32)
        data.attrs.update(attributes)
        for start in range(0, len(side.numbers), ROWS_AT_ONCE):
            some = side.numbers[start : start + ROWS_AT_ONCE]
            data[start : start + len(some)] = side.blocks.rows(some)


def read(path: Path) -> Saved:
    """The vectors and fields that were kept there; BadIndex for whatever is not such a pair."""
    import h5py

    beside = path.with_name(f"{path.stem.removesuffix(FEATURES)}{FIELDS}")
    try:
        size = regular(str(path)).st_size
        if not _is_hdf5(path):
            raise BadIndex("that is not HDF5, whatever its name says")
        with h5py.File(path, "r") as opened:
            data = _data(opened, size)
            spec, digest = _text(data, SPEC), _text(data, DIGEST)
            fields = _fields(beside, digest)
            if fields.num_rows != len(data):
                raise BadIndex(f"it has {len(data)} rows, and {beside.name} {fields.num_rows}")
            blocks = from_pieces(_pieces(data), *data.shape)
    except (BadIndex, BadPicture) as error:
        raise BadIndex(f"can't use the features {path}: {error}") from error
    except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
        raise BadIndex(f"can't use the features {path}: damaged HDF5") from error
    name = path.stem.removesuffix(FEATURES).removeprefix("_") or path.stem
    return Saved(name, fields, blocks, spec)


def _data(file: Any, size: int) -> Any:
    """The set of vectors, if it is one, lies in this very file and is no larger than it can be."""
    import h5py

    link = file.get(DATA, getlink=True) if DATA in file else None
    data = file[DATA] if isinstance(link, h5py.HardLink) else None
    if not isinstance(data, h5py.Dataset):
        raise BadIndex(f"it has no set {DATA!r}; match --save-features DIR writes one")
    if data.external or data.is_virtual:
        raise BadIndex("it names other files")
    plan = data.id.get_create_plist()
    if {plan.get_filter(i)[0] for i in range(plan.get_nfilters())} - FILTERS:
        raise BadIndex("it is packed in a way that h5py does not know by itself")
    if data.ndim != 2 or data.dtype.kind != "f" or 0 in data.shape:
        raise BadIndex(f"{DATA!r} holds {data.dtype} of shape {data.shape}, not a vector a row")
    if data.nbytes > UNPACKED * size:
        raise BadIndex(f"it says to hold {data.nbytes >> 20} MB, in a file of {size >> 20} MB")
    return data


def _text(data: Any, name: str) -> str:
    text = data.attrs.get(name)
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        raise BadIndex(
            "it does not say what made it, so its vectors can't be compared with others; "
            "match the pictures themselves again with --save-features DIR"
        )
    return text


def _fields(path: Path, digest: str) -> "pa.Table":
    try:
        if sha256(read_regular(str(path))).hexdigest() != digest:
            raise BadIndex(f"{path.name} beside it is not as it was saved with it")
    except BadPicture as error:
        raise BadIndex(f"{path.name} beside it can't be read: {error}") from error
    return read_table(path)


def _pieces(data: Any) -> Iterator[Vectors]:
    for start in range(0, len(data), ROWS_AT_ONCE):
        with np.errstate(over="ignore"):
            piece = np.asarray(data[start : start + ROWS_AT_ONCE], np.float32)
        if not np.isfinite(piece).all():
            raise BadIndex("it holds values that are not finite numbers")
        yield piece
