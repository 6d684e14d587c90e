"""Everything about an index that can be verified."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cbir import distances, recipe
from cbir.downloads import is_url
from cbir.errors import BadIndex, BadSpec
from cbir.images.transforms import ORIGINAL
from cbir.vector_index import keys as row_keys
from cbir.vector_index import sidecar
from cbir.vector_index.csv_file import Header, first_lines
from cbir.vector_index.reading import csv_rows, followed
from cbir.vector_index.sidecar import Sidecar, Stamp


class Report(NamedTuple):
    """`problems`: what is wrong; `unchecked`: what could not be looked at, and why."""

    spec: str
    pictures: int
    problems: list[str]
    unchecked: list[str]


@dataclass
class _Seen:
    """What has been read, up to the first row that can't be."""

    spec: str = ""
    augmented: bool = False
    keys: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return row_keys.split(self.keys)[0] if self.augmented else self.keys


def check(path: str | Path, progress: Callable[[int, int | None], None]) -> Report:
    """Reads the whole CSV and compares its sidecar with it; BadIndex if it can't be read at all."""
    path = followed(Path(path))
    try:
        first_lines(path)
    except BadIndex as error:
        raise BadIndex(f"{path}: {error}") from error
    seen = _Seen()
    problems: list[str] = []
    try:
        for problem in _problems(path, seen, progress):
            problems.append(problem)
    except BadIndex as error:
        problems.append(str(error))
    return Report(seen.spec, len(row_keys.pictures(seen.ids)), problems, seen.unchecked)


def _problems(
    path: Path, seen: _Seen, progress: Callable[[int, int | None], None]
) -> Iterator[str]:
    stamp = Stamp.of(os.stat(path))
    header, rows = csv_rows(path)
    seen.spec, seen.augmented = header.spec, header.augmented
    beside = sidecar.load(sidecar.place(path), stamp, verify=True)
    if beside is None:
        seen.unchecked.append("the sidecar: there is none for this CSV; the next search makes it")
    else:
        yield from _sidecar_problems(header, beside)
    differing = 0
    for keys, vectors in rows:
        if beside is not None:
            differing += _differing(beside, len(seen.keys), keys, vectors)
        seen.keys += keys
        progress(len(seen.keys), None)
    if differing or (beside is not None and len(beside.keys) != len(seen.keys)):
        yield f"the sidecar differs from the CSV in {differing} rows; delete it"
    yield from _spec_problems(header)
    if header.augmented:
        yield from _original_problems(seen)
    yield from _picture_problems(path, header, row_keys.pictures(seen.ids), seen.unchecked)


def _sidecar_problems(header: Header, beside: Sidecar) -> Iterator[str]:
    for name in beside.damaged:
        yield f"the sidecar's {name} are damaged (checksum); delete it"
    if beside.header != header:
        yield "the sidecar's header differs from the CSV's; delete it"


def _differing(beside: Sidecar, start: int, names: Sequence[str], vectors: np.ndarray) -> int:
    """How many of these rows the sidecar holds otherwise."""
    numbers = np.arange(start, start + len(names))
    if start + len(names) > len(beside.keys) or vectors.shape[1] != beside.blocks.dim:
        return len(names)
    same = (beside.blocks.rows(numbers) == vectors).all(axis=1)
    named = np.array(
        [a == b for a, b in zip(beside.keys[start : start + len(names)], names, strict=True)]
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


def _original_problems(seen: _Seen) -> Iterator[str]:
    ids, transforms = row_keys.split(seen.keys)
    without = set(ids).difference(compress(ids, [name == ORIGINAL for name in transforms]))
    if without:
        yield f"{len(without)} of its pictures ({min(without)} …) have no row for the original"


def _picture_problems(
    path: Path, header: Header, ids: list[str], unchecked: list[str]
) -> Iterator[str]:
    if header.root is None:
        unchecked.append("its pictures: it does not say where they are")
        return
    at_urls = sum(map(is_url, ids))
    if at_urls:
        unchecked.append(f"{at_urls} of its pictures: they are at URLs, and nothing is downloaded")
    root = path.parent / header.root
    if not root.is_dir():
        unchecked.append(f"its pictures: their folder {os.path.normpath(root)} is not there")
        return
    gone = [id for id in ids if not is_url(id) and not os.path.isfile(root / id)]
    if gone:
        some = ", ".join(gone[:3]) + (" …" if len(gone) > 3 else "")
        yield f"{len(gone)} of its pictures are gone ({some}); index.py brings it up to date"
