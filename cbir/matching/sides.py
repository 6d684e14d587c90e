"""The sides of a match: rows with their vectors, described where there are none yet."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cbir.distances import ColumnBlocks, from_vectors
from cbir.downloads import is_url
from cbir.errors import BadIndex, BadSource
from cbir.matching.naming import NONE, Named, Numbers
from cbir.pipeline import Progress, Settings, gather
from cbir.recipe import AnyRecipe
from cbir.sources import FetchedOnce, Table, Waiting
from cbir.store import Store
from cbir.types import Failure, Picture
from cbir.vector_index import VectorIndex

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Side:
    """Rows that have a vector: `numbers` (rows,) tells which one of `blocks`.

    Each vector is some row's, and they lie in the order in which rows have them first. `without`:
    which rows of all that were named have none, and are not among these.
    """

    name: str
    fields: "pa.Table"
    numbers: Numbers
    blocks: ColumnBlocks
    without: Numbers = field(default_factory=lambda: np.zeros(0, np.intp))

    @property
    def named(self) -> int:
        """How many rows were named."""
        return len(self.numbers) + len(self.without)

    @property
    def kept(self) -> Numbers:
        """Which of all that were named these rows are."""
        return np.delete(np.arange(self.named), self.without)


class NoneDescribed(BadSource):
    """No row of a side has a vector; `failures` say why."""

    def __init__(self, text: str, failures: Sequence[Failure]):
        first = failures[0]
        why = f"every picture failed ({first.id}: {first.reason})"
        super().__init__(f"nothing to match in {text}: {why}")
        self.failures = list(failures)


@dataclass(frozen=True)
class Described:
    """A side, with what was left out, and the pictures that were walked if there was a source."""

    side: Side
    failures: list[Failure]
    walked: list[Picture]


@contextmanager
def fetching_once(
    left: Named, right: Named, folder: Path | None = None
) -> Iterator[tuple[Named, Named]]:
    """Both sides, so that a URL which both name is fetched once, and kept in this folder."""
    both = {id for id in left.pictures if is_url(id)} & set(right.pictures)
    if not (both and isinstance(left.source, Table) and isinstance(right.source, Table)):
        yield left, right
        return
    with closing(Waiting(folder, both)) as waiting:
        yield (
            replace(left, source=FetchedOnce(left.source, waiting)),
            replace(right, source=FetchedOnce(right.source, waiting)),
        )


def described(
    given: Named,
    recipe: AnyRecipe,
    settings: Settings,
    store: Store | None = None,
    progress: Progress = lambda done, total: None,
) -> Described:
    """The rows with their vectors, each picture described once however many rows name it.

    BadSource if no row has a vector.
    """
    if given.blocks is not None:
        _check_made_by(given, recipe)
        rows = np.arange(given.fields.num_rows)
        return Described(Side(given.name, given.fields, rows, given.blocks), [], [])
    if given.source is None or given.numbers is None:
        raise BadSource(f"{given.text} names neither pictures nor vectors")
    made = gather(given.source, [recipe], settings, store, progress=progress)
    (index,) = made.indexes
    place = {id: number for number, id in enumerate(index.ids)}
    described = np.array([*(place.get(id, NONE) for id in given.pictures), NONE], np.intp)
    numbers = described[given.numbers]  # the last one is for rows that name none
    told = _with_rows(given, made.failures)
    failures = sorted({*told, *_rows_without(given, numbers == NONE, made.failures)})
    kept = np.flatnonzero(numbers != NONE)
    if not len(kept):
        raise NoneDescribed(given.text, failures)
    side = _in_order(given, numbers[kept], given.fields.take(kept), index)
    side = replace(side, without=np.flatnonzero(numbers == NONE))
    return Described(side, failures, made.pictures)


def _in_order(given: Named, numbers: Numbers, fields: "pa.Table", index: VectorIndex) -> Side:
    """The vectors that rows have, in the order of the rows: so ties are by row.

    A picture that came after the rows were read has none.
    """
    used, first, numbers = np.unique(numbers, return_index=True, return_inverse=True)
    order = np.argsort(first)
    as_it_is = np.array_equal(used[order], np.arange(len(index)))
    blocks = index.blocks if as_it_is else from_vectors(index.blocks.rows(used[order]))
    return Side(given.name, fields, np.argsort(order)[numbers], blocks)


def _with_rows(given: Named, failures: Sequence[Failure]) -> list[Failure]:
    """Of a table, with the first row that names each: both sides may name the same."""
    if not isinstance(given.source, Table | FetchedOnce) or given.numbers is None:
        return list(failures)
    places, first = np.unique(given.numbers, return_index=True)
    rows = {given.pictures[i]: row + 1 for i, row in zip(places, first, strict=True) if i != NONE}
    return [
        Failure(id, f"{reason} ({given.name}, row {rows[id]})" if id in rows else reason)
        for id, reason in failures
    ]


def _rows_without(given: Named, without: NDArray, failures: Sequence[Failure]) -> list[Failure]:
    """Why rows have no vector, where nothing else says so."""
    told = {failure.id for failure in failures}
    ids, named = [*given.pictures, ""], given.numbers
    found = []
    for row in np.flatnonzero(without).tolist():
        id = "" if named is None else ids[named[row]]
        if not id:
            found.append(Failure(f"{given.name}, row {row + 1}", "it names no picture"))
        elif id not in told:
            found.append(Failure(id, "its row came or went while the table was read"))
    return found


def _check_made_by(given: Named, recipe: AnyRecipe) -> None:
    if given.spec != recipe.spec:
        raise BadIndex(
            f"{given.text} was made by {given.spec}, and what is asked for is {recipe.spec}; "
            "vectors of both can't be compared"
        )
