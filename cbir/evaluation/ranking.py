"""Rankings: a whole gallery from the nearest to the farthest, in the same order everywhere.

What is equally far is ordered by number, and so by name. All pairs are compared by their quick
float32 distances, a bounded number at a time; the nearest few of each query are then put right by
the exact ones, so that the top is what a search shows. Equal vectors are always equally far.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cbir.compiled import Engine
from cbir.distances import ColumnBlocks, nearest, pairwise
from cbir.distances.equal import first_equal
from cbir.errors import BadSpec
from cbir.types import Vectors

Numbers = NDArray[np.intp]

DISTANCES_AT_ONCE = 16 << 20
"""64 MB of float32."""

EXACT = 32
"""How many of the nearest are compared exactly: more than anybody looks at."""

WORTH_COMPILING = 1e9
"""From so many pairs of values on, loading compiled code pays. Never by the clock, as elsewhere:
the two differ in the last digits, and the same comparison must give the same figures."""

NOTHING = np.zeros(0, np.intp)


class Ranking(NamedTuple):
    """One query's ranking: `order` holds numbers of the gallery, `distances` are in that order."""

    order: Numbers
    distances: NDArray[np.floating]


def rank(distances: NDArray[np.floating], excluded: Numbers = NOTHING) -> Ranking:
    """All of a gallery (n,) but what is excluded, nearest first, ties by number."""
    if np.isnan(distances).any():
        raise BadSpec(
            "some distances are not numbers; `cbir check` tells whether an index is whole"
        )
    order = in_order(distances)
    if len(excluded):
        stays = np.ones(len(distances), bool)
        stays[excluded] = False
        order = order[stays[order]]
    return Ranking(order, distances[order])


def in_order(values: NDArray[np.floating]) -> Numbers:
    """A stable order along the last axis, smallest first.

    A float32 as a whole number in the order of its values, with its place below: so equal ones keep
    their order, and whole numbers are what NumPy sorts fastest: .6 of a stable sort's time.
    """
    if values.dtype != np.float32:
        return np.argsort(values, kind="stable")
    bits = (values + np.float32(0)).view(np.uint32)  # no -0.0
    rising = bits ^ np.where(bits >> 31, np.uint32(0xFFFFFFFF), np.uint32(0x80000000))
    places = np.arange(values.shape[-1], dtype=np.uint64)
    keys = rising.astype(np.uint64) << np.uint64(32) | places
    keys.sort(axis=-1)
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.intp)


def rank_items(
    distances: NDArray[np.floating], item_of: Numbers, excluded: Numbers = NOTHING
) -> Ranking:
    """Items by the nearest of their pictures that are not excluded, ties by the item's number.

    `item_of` (n,) gives each picture's item. An item that has no picture left is not ranked.
    """
    stays = np.delete(np.arange(len(distances)), excluded)
    owners, distances = item_of[stays], distances[stays]
    items = int(item_of.max(initial=-1)) + 1
    least = np.full(items, np.inf, distances.dtype)
    np.minimum.at(least, owners, distances)
    return rank(least, np.flatnonzero(np.bincount(owners, minlength=items) == 0))


def ranked(distances: NDArray[np.floating], excluded: Numbers, item_of: Numbers | None) -> Ranking:
    """One query's ranking of pictures or, given `item_of`, of items."""
    if item_of is None:
        return rank(distances, excluded)
    return rank_items(distances, item_of, excluded)


def all_distances(
    queries: Vectors, gallery: ColumnBlocks, distance: str
) -> Iterator[NDArray[np.float32]]:
    """For each query (q, d) its distances (n,) to all vectors of the gallery, streamed."""
    values = len(queries) * len(gallery) * gallery.dim
    engine: Engine = "compiled" if values >= WORTH_COMPILING else "plain"
    first = first_equal(gallery)
    step = max(1, DISTANCES_AT_ONCE // len(gallery))
    for start in range(0, len(queries), step):
        some = queries[start : start + step]
        quick = pairwise(some, gallery, distance, engine)
        exact = nearest(some, gallery, EXACT, distance, engine)
        for distances, top in zip(quick, exact, strict=True):
            yield _settled(distances, *top)[first]


def _settled(
    distances: NDArray[np.float32], near: Numbers, exact: NDArray[np.floating]
) -> NDArray[np.float32]:
    """The distances with those of the nearest made exact, and all others behind them."""
    behind = np.nextafter(exact[-1].astype(np.float32), np.float32(np.inf))
    settled = np.maximum(distances, behind)
    settled[near] = exact
    return settled
