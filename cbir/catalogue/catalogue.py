"""A data set by its items, and how far its pictures are from each other."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cbir import distances
from cbir.catalogue.grouping import Grouping, Numbers
from cbir.compiled import Engine
from cbir.distances import pairwise
from cbir.distances.equal import first_equal
from cbir.errors import BadSource, did_you_mean
from cbir.images.transforms import ORIGINAL
from cbir.items import ItemRule
from cbir.vector_index import VectorIndex

AT_ONCE = 16 << 20
"""How many distances are held at a time: 64 MB of float32."""

WORTH_COMPILING = 1e9
"""From so many pairs of values on, loading compiled code pays. Never by the clock: the two differ
in the last digits, and the same pictures must give the same similar items."""

FEW = 10


class Catalogue:
    """An index's pictures, each with the item that it shows by the rule.

    `items` are the names, sorted; `pictures` the ids, as the index has them. Of an augmented index
    a picture is as near as the nearest of its transforms.
    """

    def __init__(self, index: VectorIndex, rule: ItemRule, distance: str | None = None):
        self.index = index
        self.distance = distances.check(distance or index.distance, index.blocks.nonnegative).name
        self.pictures = index.pictures
        names = [rule(id) for id in self.pictures]
        self.items = sorted(set(names))
        numbers = {name: number for number, name in enumerate(self.items)}
        item_of = np.array([numbers[name] for name in names], np.intp)
        self.grouping = Grouping(item_of, len(self.items))

    def number(self, item: str) -> int:
        """The number of an item; BadSource with a suggestion if there is none of this name."""
        if item in self.items:
            return self.items.index(item)
        hint = did_you_mean(item, self.items)
        if "did you mean" not in hint and len(self.items) > FEW:
            hint = f"; the {len(self.items)} items begin with {', '.join(self.items[:FEW])}"
        raise BadSource(f"there is no item {item!r}{hint}")

    def pictures_of(self, item: str) -> list[str]:
        """The ids of an item's pictures."""
        return [self.pictures[number] for number in self.grouping.pictures(self.number(item))]

    def distances(self, pictures: Numbers) -> NDArray[np.float32]:
        """From these pictures (q,), by number, to all pictures (q, n). Equal ones are at 0."""
        blocks, rows = self.index.blocks, self._rows[pictures]
        asking = blocks.rows(rows)
        quick = pairwise(asking, blocks, self.distance, self._engine)
        if self._first is not None:
            quick = quick[:, self._first]
            for row, number in zip(quick, rows, strict=True):
                if blocks.squares[number]:  # a vector of nothing may be far from itself
                    row[self._first == self._first[number]] = 0
        if self._transforms == 1:
            return quick
        return quick.reshape(len(quick), -1, self._transforms).min(axis=2)

    def by_item(self) -> Iterator[tuple[int, Iterator[NDArray[np.float32]]]]:
        """For each item its pictures' distances to all, the own ones infinite, in pieces (q, n).

        The distances of several small items are computed together.
        """
        starts, step = self.grouping.starts, self.step
        item = 0
        while item < len(self.items):
            end = int(np.searchsorted(starts, starts[item] + step, side="right")) - 1
            if end <= item:
                yield item, self.of_item(item)
                item += 1
                continue
            together = self.distances(self.grouping.order[starts[item] : starts[end]])
            for number in range(item, end):
                own = together[starts[number] - starts[item] : starts[number + 1] - starts[item]]
                own[:, self.grouping.pictures(number)] = np.inf
                yield number, iter([own])
            item = end

    def of_item(self, item: int) -> Iterator[NDArray[np.float32]]:
        """The same for one item."""
        own = self.grouping.pictures(item)
        for start in range(0, len(own), self.step):
            piece = self.distances(own[start : start + self.step])
            piece[:, own] = np.inf
            yield piece

    @property
    def _transforms(self) -> int:
        """How many rows of the index each picture has."""
        return len(self.index) // max(1, len(self.pictures))

    @property
    def step(self) -> int:
        """How many pictures' distances to all are held at a time."""
        return max(1, AT_ONCE // len(self.index))

    @cached_property
    def _rows(self) -> Numbers:
        """Where in the index each picture's own row is (n,)."""
        names = list((self.index.transforms or [ORIGINAL])[: self._transforms])
        return np.arange(len(self.pictures)) * self._transforms + names.index(ORIGINAL)

    @cached_property
    def _first(self) -> Numbers | None:
        """For each row the first that equals it; None if all differ."""
        first = first_equal(self.index.blocks)
        return None if (first == np.arange(len(first))).all() else first

    @cached_property
    def _engine(self) -> Engine:
        values = len(self.pictures) * len(self.index) * self.index.dim
        return "compiled" if values >= WORTH_COMPILING else "plain"
