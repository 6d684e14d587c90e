"""Pictures by their items, as numbers; and the nearest of many in a set order."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cbir.errors import BadSpec

Distances = NDArray[np.floating]
Numbers = NDArray[np.intp]


@dataclass(frozen=True)
class Grouping:
    """Which item each of n pictures shows: `item_of` (n,), numbers below `items`."""

    item_of: Numbers
    items: int

    @cached_property
    def order(self) -> Numbers:
        """The pictures' numbers (n,), item by item."""
        return np.argsort(self.item_of, kind="stable")

    @cached_property
    def counts(self) -> Numbers:
        """How many pictures each item has (items,)."""
        return np.bincount(self.item_of, minlength=self.items)

    @cached_property
    def starts(self) -> Numbers:
        """Where each item begins in `order` (items + 1,); the last is where all end."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    def pictures(self, item: int) -> Numbers:
        """The numbers of an item's pictures."""
        return self.order[self.starts[item] : self.starts[item + 1]]

    def least(self, distances: Distances) -> Distances:
        """Of each row (q, n) the least for each item (q, items); infinite without a picture."""
        by_item = np.take(distances, self.order, axis=1) if self._scattered else distances
        if self.counts.all():
            each_one = self.items == len(self.item_of)
            return by_item if each_one else np.minimum.reduceat(by_item, self.starts[:-1], axis=1)
        least = np.full((len(distances), self.items), np.inf, distances.dtype)
        present = np.flatnonzero(self.counts)
        if len(present):
            least[:, present] = np.minimum.reduceat(by_item, self.starts[present], axis=1)
        return least

    def sums(self, values: NDArray) -> NDArray[np.float64]:
        """What the pictures' values (n,) add up to for each item (items,)."""
        return np.bincount(self.item_of, values, self.items).astype(np.float64, copy=False)

    @cached_property
    def _scattered(self) -> bool:
        return bool((np.diff(self.item_of) < 0).any())


def check_number(number: int) -> None:
    """BadSpec unless that many items can be asked for."""
    if number < 1:
        raise BadSpec(f"{number} items can't be asked for; ask for at least 1")


def nearest_first(distances: Distances, limit: int) -> Numbers:
    """The numbers of the `limit` nearest (n,), nearest first, ties by number; no infinite ones."""
    near = np.flatnonzero((distances <= _bound(distances, limit)) & (distances < np.inf))
    return near[np.argsort(distances[near], kind="stable")][:limit]


def _bound(distances: Distances, limit: int) -> float:
    """A value that at least `limit` of the distances do not exceed; usually a tight one.

    The limit-th smallest of the minima of groups is one, and far cheaper to find than that of all.
    """
    if limit >= len(distances):
        return np.inf
    if len(distances) >= 256 * limit:
        whole = len(distances) // 64 * 64
        distances = distances[:whole].reshape(64, -1).min(axis=0)
    return float(np.partition(distances, limit - 1)[limit - 1])
