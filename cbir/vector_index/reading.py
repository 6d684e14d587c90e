"""An index's rows: mapped from its sidecar where that fits, else read from the CSV and checked."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cbir.errors import BadIndex, BadOutput
from cbir.files import check_output, replacing
from cbir.vector_index import csv_file, sidecar
from cbir.vector_index.csv_file import Header
from cbir.vector_index.keys import check_order, check_text, spoken
from cbir.vector_index.plain import DESCRIPTORS, Norms
from cbir.vector_index.rows import Rows
from cbir.vector_index.sidecar import Sidecar, Stamp


def load(path: Path) -> Sidecar:
    """The sidecar of an index, made again where it does not fit; BadIndex for what is not one."""
    try:
        return fresh_sidecar(path) or _rebuilt(path)
    except BadIndex as error:
        raise BadIndex(f"{path}: {error}") from error


def fresh_sidecar(path: Path) -> Sidecar | None:
    """The sidecar if there is one that belongs to the CSV as it is now."""
    try:
        return sidecar.load(sidecar.place(path), Stamp.of(os.stat(path)))
    except OSError:
        return None


def followed(path: Path) -> Path:
    """What a link leads to: the sidecar and the root belong beside the index itself."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def is_ours(path: Path) -> bool:
    """Whether a file begins as an index does, whatever became of the rest."""
    return csv_file.first_lines(path)[0].startswith(csv_file.MARK)


def is_index(path: Path) -> bool:
    """The same, or whether it is one without a header, as tutorials write them."""
    return is_ours(path) or csv_file.plain_dim(path) in DESCRIPTORS


def previous(path: Path) -> Sidecar | None:
    """The index that is there; BadOutput if something else is, which must not be lost."""
    check_output(path)
    if not path.exists():
        return None
    if not os.access(path, os.R_OK):
        raise BadOutput(f"{path} exists and can't be read; give another --index, or remove it")
    if not path.stat().st_size:
        return None
    try:
        return load(path)
    except BadIndex as error:
        if is_ours(path):
            return None  # damaged, or of another version: what is written now replaces it
        raise BadOutput(
            f"{path} exists and is not an index; give another --index, or remove it"
        ) from error


def csv_rows(path: Path) -> tuple[Header, Iterator[Rows]]:
    """Header and checked rows of a CSV, from the text itself."""
    line, columns = csv_file.first_lines(path)
    if line.startswith(csv_file.MARK):
        header = csv_file.read_header(line, columns)
        return header, _checked(csv_file.read_rows(path, header, header.dim))
    dim = csv_file.plain_dim(path)
    if dim is None:
        raise BadIndex("this is not an index; index.py --dataset DIR writes one")
    # How a plain file was normalised is known once all its rows have been seen.
    norms = Norms(dim)
    pieces = []
    for ids, vectors in csv_file.read_rows(path, None, dim):
        norms.watch(vectors)
        pieces.append((ids, vectors))
    ids = [id for names, _ in pieces for id in names]
    order = sorted(range(len(ids)), key=ids.__getitem__)
    matrix = np.concatenate([vectors for _, vectors in pieces])[order]
    return norms.header(), _checked(iter([([ids[i] for i in order], matrix)]))


def _checked(rows: Iterator[Rows]) -> Iterator[Rows]:
    last: list[str] = []
    for keys, vectors in rows:
        check_order([*last, *keys])
        check_text(keys)
        last = list(keys[-1:])
        if not np.isfinite(vectors).all():
            row = int(np.argmin(np.isfinite(vectors).all(axis=1)))
            raise BadIndex(f"the row of {spoken(keys[row])} holds a value that is no finite number")
        yield keys, vectors


def _rebuilt(path: Path) -> Sidecar:
    """The sidecar made anew from the CSV, and kept if its folder can be written to."""
    stamp = _stamp(path)
    header, rows = csv_rows(path)
    try:
        with replacing(sidecar.place(path)) as file:
            sidecar.write(file, header, stamp, rows, as_written=False)
            _check_unchanged(path, stamp)
        found = sidecar.load(sidecar.place(path), stamp)
    except BadOutput:
        found = None
    if found is None:
        memory = io.BytesIO()
        sidecar.write(memory, header, stamp, csv_rows(path)[1], as_written=False)
        _check_unchanged(path, stamp)
        found = sidecar.parse(np.frombuffer(bytearray(memory.getbuffer()), np.uint8), stamp)
    if found is None:
        raise BadIndex("it changed while it was read; try again")
    return found


def _stamp(path: Path) -> Stamp:
    try:
        return Stamp.of(os.stat(path))
    except OSError:
        return Stamp(-1, -1)  # reading it will say what is wrong


def _check_unchanged(path: Path, stamp: Stamp) -> None:
    """A run may have put another index there meanwhile, which these rows are not of."""
    if _stamp(path) != stamp:
        raise BadIndex("it changed while it was read; try again")
