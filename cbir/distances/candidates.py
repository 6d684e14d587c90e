"""Which rows are nearest: scores say who may be among them, exact distances who is."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cbir.distances import scoring
from cbir.distances.blocks import ColumnBlocks
from cbir.distances.few import Numbers, nearest_few
from cbir.distances.formulas import Asked, Distance
from cbir.types import Vectors

MOST_PENDING = 1 << 20
"""How many pairs of a query and a row wait for their distance before it is computed."""

VALUES_AT_ONCE = 2 << 20
"""How many values are compared exactly at a time: 16 MB of float64, a few times over."""


class Pairs(NamedTuple):
    """Numbers of queries and of rows, with a score (float32) or a distance (float64) each."""

    queries: Numbers
    rows: Numbers
    values: NDArray[np.floating]

    def chosen(self, which: NDArray) -> "Pairs":
        return Pairs(self.queries[which], self.rows[which], self.values[which])


def nearest_of(
    asked: Asked, blocks: ColumnBlocks, limit: int, distance: Distance, within: float | None
) -> list[tuple[Numbers, NDArray[np.float64]]]:
    """For each query its nearest rows and their distances, nearest first, ties by number."""
    found = _Found(asked, blocks, limit, distance, within)
    trusted = scoring.tame(asked.vectors, blocks)
    for numbers in scoring.batches(asked, blocks):
        if trusted:
            found.add(numbers.start, scoring.scores(asked, blocks, numbers, distance))
        else:  # then every row is a candidate
            for number in numbers:
                piece, _ = scoring.one_block(blocks, number, distance)
                shape = len(asked.vectors), piece.stop - piece.start
                found.add(number, np.broadcast_to(np.float32(-np.inf), shape))
    found.settle()
    queries, rows = found.best.queries, found.best.rows
    distances = found.best.values.astype(np.float64, copy=False)
    ends = np.searchsorted(queries, np.arange(len(asked.vectors) + 1))
    return [(rows[a:b], distances[a:b]) for a, b in pairwise(ends)]


class _Found:
    """The nearest rows of some queries, as far as scores have come in.

    As many rows as are wanted have a score no worse than their query's of `bounds` (q,), so only
    what is within the slack of it can be nearer. `best` is settled, the rest is `pending`.
    """

    def __init__(
        self,
        asked: Asked,
        blocks: ColumnBlocks,
        limit: int,
        distance: Distance,
        within: float | None,
    ):
        self.asked, self.blocks, self.limit, self.distance = asked, blocks, limit, distance
        self.within = np.inf if within is None else within
        worst = np.inf if within is None else distance.to_score(within)
        self.bounds = np.full(len(asked.vectors), worst)
        self.slack = 2 * distance.slack(asked, scoring.everything(blocks))
        none = np.zeros(0, np.intp)
        self.best = Pairs(none, none, np.zeros(0))
        self.pending: list[Pairs] = []

    def add(self, block: int, scores: NDArray[np.float32]) -> None:
        """Takes in the scores (q, rows) of the rows from this block on."""
        lowest, bounds = _lowest(scores, self.limit)
        self.bounds = np.fmin(self.bounds, bounds)
        reach = self._reach()
        some = np.flatnonzero(~(lowest > reach))  # this way NaN counts as near
        scores = scores[some] if len(some) < len(scores) else scores
        far = scores > reach[some, None]
        queries, rows = np.divmod(np.flatnonzero(~far), scores.shape[1])
        start = block * self.blocks.block_rows
        self.pending.append(Pairs(some[queries], rows + start, scores[queries, rows]))
        # Equal rows by the million must not pile up.
        if sum(len(pairs.rows) for pairs in self.pending) > MOST_PENDING:
            self.settle()

    def settle(self) -> None:
        """Computes the distances of what is pending, and keeps the best by query and distance."""
        if self.pending:
            self._tighten()
        reach = self._reach()
        parts = [self.best]
        for pairs in self.pending:
            queries, rows, _ = pairs.chosen(~(pairs.values > reach[pairs.queries]))
            exact = distances_of(self.distance, self.asked.vectors, queries, self.blocks, rows)
            parts.append(Pairs(queries, rows, exact).chosen(~(exact > self.within)))
        self.pending = []
        together = Pairs(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        queries, rows, values = together
        self.best = together.chosen(nearest_few(self.limit, queries, values, rows))

    def _tighten(self) -> None:
        """Takes the bounds from all that is pending; so far each block gave them by itself."""
        queries = np.concatenate([pairs.queries for pairs in self.pending])
        scores = np.concatenate([pairs.values for pairs in self.pending])
        near = nearest_few(self.limit, queries, scores)
        counts = np.bincount(queries[near], minlength=len(self.bounds))
        full = counts == self.limit
        self.bounds[full] = np.fmin(self.bounds[full], scores[near[np.cumsum(counts)[full] - 1]])

    def _reach(self) -> NDArray[np.float32]:
        """Up to which score a row may be near enough."""
        # The next float32, so that rounding to one loses nobody.
        return np.nextafter((self.bounds + self.slack).astype(np.float32), np.float32(np.inf))


def distances_of(
    distance: Distance, vectors: Vectors, queries: Numbers, blocks: ColumnBlocks, rows: Numbers
) -> NDArray[np.float64]:
    """The exact distances (c,) between pairs: vectors of these numbers, and rows."""
    out = np.empty(len(rows))
    at_once = max(1, VALUES_AT_ONCE // max(1, blocks.dim))
    order = np.argsort(rows, kind="stable")  # what lies together is read together
    for start in range(0, len(rows), at_once):
        some = order[start : start + at_once]
        asked, near = vectors[queries[some]], blocks.rows(rows[some])
        out[some] = distance.exact(asked.astype(np.float64), near.astype(np.float64))
    return out


def _lowest(
    scores: NDArray[np.float32], limit: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For each query (q, rows) its lowest score, and a value that `limit` of them do not exceed.

    The limit-th smallest of the minima of disjoint groups is one, usually tight, and far cheaper to
    find than the limit-th smallest of all.
    """
    count = scores.shape[1]
    if limit < count and limit > 1 and count >= 256 * limit:
        whole = count // 64 * 64
        groups = scores[:, :whole].reshape(len(scores), 64, -1).min(axis=1)
        lowest = np.minimum(groups.min(axis=1), scores[:, whole:].min(axis=1, initial=np.inf))
        return lowest, np.partition(groups, limit - 1, axis=1)[:, limit - 1]
    lowest = scores.min(axis=1)
    if limit == 1 < count:
        return lowest, lowest
    if limit >= count:
        return lowest, np.full(len(scores), np.inf, np.float32)
    return lowest, np.partition(scores, limit - 1, axis=1)[:, limit - 1]
