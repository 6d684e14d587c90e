"""Which rows of one side are most like which rows of the other."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cbir import distances
from cbir.distances.equal import first_equal
from cbir.distances.few import nearest_few
from cbir.errors import BadSpec
from cbir.matching.sides import Numbers, Side
from cbir.pipeline import Progress

ASKED_AT_ONCE = 4096

MOST = 10_000_000
"""Pairs, as many as rows of a table that can be read again."""


class Matches(NamedTuple):
    """Pairs of rows, by their numbers: in the order of the left ones, then nearest first."""

    left: Numbers
    right: Numbers
    distances: NDArray[np.floating]

    def chosen(self, which: NDArray) -> "Matches":
        return Matches(self.left[which], self.right[which], self.distances[which])


def match(
    left: Side,
    right: Side,
    distance: str,
    within: float | None = None,
    limit: int = 1,
    mutual: bool = False,
    progress: Progress = lambda done, total: None,
) -> Matches:
    """For each row of the left side its `limit` nearest rows of the right one, ties by row.

    `within`: only those at most this far. `mutual`: only those that have it among their own
    nearest `limit`, too, or a row that is equal to it.
    """
    check_count(left.fields.num_rows, right.fields.num_rows, within, limit)
    limit = min(limit, max(left.fields.num_rows, right.fields.num_rows))
    one, other = _Grouped(left), _Grouped(right)
    before = len(one.vectors)
    total = before + mutual * len(other.vectors)
    how = distance, within, limit
    found = _nearest(one, other, *how, lambda done: progress(done, total))
    if not mutual:
        return found
    back = _nearest(other, one, *how, lambda done: progress(before + done, total))
    there = one.group[found.left], other.group[found.right]
    again = one.group[back.right], other.group[back.left]
    pairs, mutual_pairs = (a * len(other.vectors) + b for a, b in (there, again))
    return found.chosen(np.isin(pairs, mutual_pairs))


def check_count(rows: int, others: int, within: float | None, limit: int) -> None:
    """BadSpec if so many rows will have more matches than a table may have rows."""
    if within is None and rows * min(limit, others) > MOST:
        raise BadSpec(_too_many(rows * min(limit, others)))


def _too_many(count: int) -> str:
    return (
        f"{count:,} matches are more than a table may have rows ({MOST:,}); ask for fewer of each "
        "row, or only for near ones"
    )


class _Grouped:
    """A side's rows by their vectors: equal ones are compared once, wherever they lie.

    `vectors` numbers the different ones in its blocks. `group` (rows,) tells which of them a row
    has, and `group_of` (vectors,) which of them a vector equals.
    """

    def __init__(self, side: Side):
        self.blocks = side.blocks
        equal = first_equal(side.blocks)
        self.vectors, self.group_of = np.unique(equal, return_inverse=True)
        self.group = self.group_of[side.numbers]
        self._by_group = np.argsort(self.group, kind="stable")
        self._starts = np.searchsorted(self.group[self._by_group], np.arange(len(self.vectors) + 1))

    def rows(self, groups: Numbers, most: int) -> tuple[Numbers, Numbers]:
        """The first rows, `most` at most, of each of these groups: one after the other, and how
        many of each."""
        starts = self._starts[groups]
        counts = np.minimum(self._starts[groups + 1] - starts, most)
        return self._by_group[_ranges(starts, counts)], counts


def _nearest(
    asking: _Grouped,
    searched: _Grouped,
    distance: str,
    within: float | None,
    limit: int,
    progress: Callable[[int], None],
) -> Matches:
    """The matches of all rows, found for each different vector once."""
    parts, count = [], 0
    for start in range(0, len(asking.vectors), ASKED_AT_ONCE):
        numbers = asking.vectors[start : start + ASKED_AT_ONCE]
        queries = asking.blocks.rows(numbers)
        found = distances.nearest(queries, searched.blocks, limit, distance, within=within)
        parts.append(_with_rows(found, searched, limit, start))
        count += len(parts[-1].left)
        if count > MOST:
            raise BadSpec(_too_many(count))
        progress(start + len(numbers))
    vectors, rows, far = (np.concatenate(part) for part in zip(*parts, strict=True))
    ends = np.searchsorted(vectors, np.arange(len(asking.vectors) + 1))
    starts, counts = ends[asking.group], np.diff(ends)[asking.group]
    if counts.sum() > MOST:
        raise BadSpec(_too_many(int(counts.sum())))
    places = _ranges(starts, counts)
    return Matches(np.repeat(np.arange(len(counts)), counts), rows[places], far[places])


def _with_rows(
    found: Sequence[tuple[Numbers, NDArray[np.floating]]],
    searched: _Grouped,
    limit: int,
    start: int,
) -> Matches:
    """Asking vectors, counted from `start`, with their nearest `limit` rows instead of vectors."""
    asked = np.repeat(np.arange(start, start + len(found)), [len(numbers) for numbers, _ in found])
    groups = searched.group_of[np.concatenate([numbers for numbers, _ in found])]
    far = np.concatenate([some for _, some in found])
    _, once = np.unique(asked * len(searched.vectors) + groups, return_index=True)
    rows, counts = searched.rows(groups[once], limit)
    pairs = Matches(np.repeat(asked[once], counts), rows, np.repeat(far[once], counts))
    return pairs.chosen(nearest_few(limit, pairs.left, pairs.distances, pairs.right))


def _ranges(starts: Numbers, counts: Numbers) -> Numbers:
    """start, start + 1, … of each, `count` of them, one after the other."""
    before = np.cumsum(counts) - counts
    return np.arange(counts.sum()) + np.repeat(starts - before, counts)
