"""Everything about an index that can be verified."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cbir import distances, recipe
from cbir.errors import BadIndex, BadSpec
from cbir.vector_index import csv_rows, followed, sidecar
from cbir.vector_index.csv_file import Header, first_lines
from cbir.vector_index.sidecar import Sidecar, Stamp


class Report(NamedTuple):
    """`problems`: what is wrong; `unchecked`: what could not be looked at, and why."""

    spec: str
    pictures: int
    problems: list[str]
    unchecked: list[str]


def check(path: str | Path, progress: Callable[[int, int | None], None]) -> Report:
    """Reads the whole CSV and compares its sidecar with it; BadIndex if it can't be read at all."""
    path = followed(Path(path))
    try:
        first_lines(path)
    except BadIndex as error:
        raise BadIndex(f"{path}: {error}") from error
    stamp = Stamp.of(os.stat(path))
    problems: list[str] = []
    unchecked: list[str] = []
    spec, ids = "", list[str]()
    try:
        header, rows = csv_rows(path)
        spec = header.spec
        beside = sidecar.load(sidecar.place(path), stamp, verify=True)
        problems += _sidecar_problems(header, beside)
        if beside is None:
            unchecked.append("the sidecar: there is none for this CSV; the next search makes it")
        differing = 0
        for names, vectors in rows:
            if beside is not None:
                differing += _differing(beside, len(ids), names, vectors)
            ids += names
            progress(len(ids), None)
        if differing or (beside is not None and len(beside.ids) != len(ids)):
            problems.append(f"the sidecar differs from the CSV in {differing} rows; delete it")
        problems += _spec_problems(header)
        problems += _picture_problems(path, header, ids, unchecked)
    except BadIndex as error:
        problems.append(str(error))
    return Report(spec, len(ids), problems, unchecked)


def _sidecar_problems(header: Header, beside: Sidecar | None) -> Iterator[str]:
    if beside is None:
        return
    for name in beside.damaged:
        yield f"the sidecar's {name} are damaged (checksum); delete it"
    if beside.header != header:
        yield "the sidecar's header differs from the CSV's; delete it"


def _differing(beside: Sidecar, start: int, names: Sequence[str], vectors: np.ndarray) -> int:
    """How many of these rows the sidecar holds otherwise."""
    numbers = np.arange(start, start + len(names))
    if start + len(names) > len(beside.ids) or vectors.shape[1] != beside.blocks.dim:
        return len(names)
    same = (beside.blocks.rows(numbers) == vectors).all(axis=1)
    named = np.array(
        [a == b for a, b in zip(beside.ids[start : start + len(names)], names, strict=True)]
    )
    return int((~(same & named)).sum())


def _spec_problems(header: Header) -> Iterator[str]:
    try:
        distances.get(header.distance)
        made_by = recipe.parse(header.spec)
    except BadSpec as error:
        yield f"no installed descriptor can search it: {error}"
        return
    if made_by.spec != header.spec:
        yield f"its spec {header.spec} is not canonical; it should be {made_by.spec}"
    if made_by.dim not in (None, header.dim):
        yield f"{made_by.name} makes {made_by.dim} values, and its rows have {header.dim}"


def _picture_problems(
    path: Path, header: Header, ids: list[str], unchecked: list[str]
) -> Iterator[str]:
    if header.root is None:
        unchecked.append("its pictures: it does not say where they are")
        return
    root = path.parent / header.root
    if not root.is_dir():
        unchecked.append(f"its pictures: their folder {os.path.normpath(root)} is not there")
        return
    gone = [id for id in ids if not os.path.isfile(root / id)]
    if gone:
        some = ", ".join(gone[:3]) + (" …" if len(gone) > 3 else "")
        yield f"{len(gone)} of its pictures are gone ({some}); index.py brings it up to date"
