"""Vectors and fields of a side, written where `features` reads them."""

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from hashlib import file_digest, sha256
from itertools import zip_longest
from pathlib import Path
from typing import IO

import numpy as np

from cbir.errors import BadIndex, BadOutput
from cbir.files import check_output, make_folder, readable, replacing, why_no_output, why_not
from cbir.matching.features import DATA, MARK, ROWS_AT_ONCE, Header, places, read_header
from cbir.matching.sides import Side
from cbir.tables import write_text

SMALLEST_BLOCK = 512


def check_places(folder: Path, names: Sequence[str], sources: Sequence[str] = ()) -> set[Path]:
    """Where `save` writes; BadOutput if it could not. To be asked before the work, too."""
    make_folder(folder)
    for name, source in zip_longest(names, sources, fillvalue=""):
        _check_free(*places(folder, name), source)
    return {path for name in names for path in places(folder, name)}


def _check_free(vectors: Path, fields: Path, source: str) -> None:
    """BadOutput if there is something else than a pair of ours, of this source, in their places."""
    check_output(vectors)
    check_output(fields)
    digest = ""
    try:
        if vectors.exists() and vectors.stat().st_size:
            with open(vectors, "rb") as file, suppress(BadIndex):
                _check_mark(file, vectors)
                header = read_header(file, vectors.stat().st_size)
                digest = header.fields_sha256
                if "" != header.source != source != "":
                    raise BadOutput(
                        f"{vectors} has the features of {readable(header.source)}; give another "
                        "folder"
                    )
        if fields.exists() and fields.stat().st_size and _digest(fields) != digest:
            raise BadOutput(
                f"{fields} is something else than the fields of our features, or was changed since "
                "they were saved; give another folder"
            )
    except OSError as error:
        raise BadOutput(f"can't see what is at {vectors}: {why_not(error)}") from error


def _check_mark(file: IO[bytes], path: Path) -> None:
    if file.read(len(MARK)) != MARK:
        raise BadOutput(f"{path} is something else than our features; give another folder")
    file.seek(0)


def save(folder: Path, name: str, side: Side, spec: str, source: str = "") -> None:
    """Keeps the vectors and fields of a side's rows, both files or neither."""
    vectors_place, fields_place = places(folder, name)
    try:
        with (
            tempfile.TemporaryFile(dir=folder) as spool,
            replacing(fields_place) as fields,
            replacing(vectors_place) as file,
        ):
            write_text(fields, side.fields)
            fields.flush()
            os.fsync(fields.fileno())  # so that only renaming is left when the vectors are there
            _write(spool, side, spec, _digest(Path(fields.name)), source)
            spool.seek(0)
            shutil.copyfileobj(spool, file, 1 << 20)
    except OSError as error:
        raise BadOutput(f"can't write {vectors_place}: {why_no_output(error)}") from error


def _write(file: IO[bytes], side: Side, spec: str, fields_digest: str, source: str) -> None:
    import h5py

    rows, dim = len(side.numbers), side.blocks.dim
    digest = sha256()
    with h5py.File(file, "w", userblock_size=_block_size(spec + source)) as opened:
        data = opened.create_dataset(DATA, (rows, dim), "<f4")
        data.attrs["spec"] = spec  # for people who look into it with h5py
        for start in range(0, rows, ROWS_AT_ONCE):
            piece = side.blocks.rows(side.numbers[start : start + ROWS_AT_ONCE])
            data[start : start + len(piece)] = piece
            digest.update(np.ascontiguousarray(piece, "<f4").data)
        offset = data.id.get_offset()
    file.seek(0)
    header = Header(spec, rows, dim, offset, digest.hexdigest(), fields_digest, source)
    file.write(header.line())


def _block_size(texts: str) -> int:
    """Room for the line: a power of two, as HDF5 wants it."""
    size = SMALLEST_BLOCK
    while size < len(json.dumps(texts)) + SMALLEST_BLOCK:
        size *= 2
    return size


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()
