"""How far items are from one of them, by the distances between their pictures.

| name | what it is |
|---|---|
| best | the nearest pair of pictures |
| mean | of each asking picture the distance to the other item's nearest picture; their mean |
| set | the mean of that and of the same asked the other way round |
| points | a vote: each asking picture gives k points to its nearest picture's item, then k − 1, … |

Smaller is nearer, so points count below zero. Pairs of pictures at an infinite distance don't take
part; an item that has no other pair is at an infinite distance itself.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from cbir.catalogue.grouping import Distances, Grouping, Numbers, nearest_first
from cbir.errors import BadSpec, did_you_mean

DEFAULT = "mean"
"""Mean average precision over the sample set and the dishes, half of each item's pictures asking
for the other half, and clothes in items of five, by hsv and mobilenet: mean .759, set .749, best
.738, points .716 (benchmarks/figures.py). `set` is ahead where items have very many pictures, or
very different numbers."""

VOTES = 10
"""k. With 5, 10, 20 and 50 an earlier figure like that was .715, .701, .679 and .645; larger ones
are better on larger sets, and five pictures can't tell ten similar items."""

Aggregate = Callable[[Iterable[Distances], Grouping], NDArray[np.float64]]
"""From one item's pictures' distances to all pictures, (q, n) in pieces, to distances (items,)."""


def get(name: str) -> Aggregate:
    """The aggregate of this name; BadSpec with a suggestion otherwise."""
    if name not in AGGREGATES:
        raise BadSpec(f"no aggregate is called {name!r}{did_you_mean(name, list(AGGREGATES))}")
    return AGGREGATES[name]


def item_distances(
    distances: Distances, item_of: Numbers, items: int, aggregate: str = DEFAULT
) -> NDArray[np.float64]:
    """One item's distances to all items (items,), from its pictures' to all pictures (q, n).

    `item_of` (n,) is the number of each picture's item. Smaller is nearer.

    >>> item_distances(np.array([[.5, .2, .9]]), np.array([0, 0, 1]), 2).tolist()
    [0.2, 0.9]
    """
    return get(aggregate)([distances], Grouping(item_of, items))


def best(pieces: Iterable[Distances], grouping: Grouping) -> NDArray[np.float64]:
    """The nearest pair of pictures."""
    return grouping.least(_least_of_rows(pieces, grouping)[None])[0]


def mean(pieces: Iterable[Distances], grouping: Grouping) -> NDArray[np.float64]:
    """The mean, over the asking pictures, of the distance to an item's nearest picture."""
    total, count = np.zeros(grouping.items), np.zeros(grouping.items)
    for piece in pieces:
        least = grouping.least(piece)
        part = least < np.inf
        total += np.where(part, least, 0).sum(axis=0, dtype=np.float64)
        count += part.sum(axis=0)
    return _ratio(total, count)


def both_ways(pieces: Iterable[Distances], grouping: Grouping) -> NDArray[np.float64]:
    """The mean of two means: asked by this item's pictures, and by the other item's."""
    back = np.full(len(grouping.item_of), np.inf)

    def passing() -> Iterator[Distances]:
        for piece in pieces:
            np.minimum(back, piece.min(axis=0), out=back)
            yield piece

    there = mean(passing(), grouping)
    part = back < np.inf
    totals = grouping.sums(np.where(part, back, 0))
    return (there + _ratio(totals, grouping.sums(part))) / 2


def points(
    pieces: Iterable[Distances], grouping: Grouping, votes: int = VOTES
) -> NDArray[np.float64]:
    """Points below zero, and added to them less than one by which the nearer of equals leads.

    Each asking picture gives `votes` points to the item of its nearest picture, one less to that
    of the next, and so on: an item may get several of them.
    """
    given = np.zeros(grouping.items)

    def passing() -> Iterator[Distances]:
        for piece in pieces:
            for row in piece:
                near = nearest_first(row, votes)
                worth = votes - np.arange(len(near))
                np.add.at(given, grouping.item_of[near], worth)
            yield piece

    near = best(passing(), grouping)
    lead = np.divide(near, 1 + near, out=np.full(len(near), np.inf), where=near < np.inf)
    return lead - given


def points_of(distance: float) -> int:
    """How many points a distance of the `points` aggregate stands for."""
    return int(np.ceil(-distance))


AGGREGATES: dict[str, Aggregate] = {"points": points, "best": best, "mean": mean, "set": both_ways}


def _least_of_rows(pieces: Iterable[Distances], grouping: Grouping) -> NDArray[np.float64]:
    """Of each picture (n,) the distance to the nearest of those that ask."""
    least = np.full(len(grouping.item_of), np.inf)
    for piece in pieces:
        np.minimum(least, piece.min(axis=0), out=least)
    return least


def _ratio(total: NDArray, count: NDArray) -> NDArray[np.float64]:
    return np.divide(total, count, out=np.full(len(total), np.inf), where=count > 0)
