"""The pictures among which copies are looked for."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cbir.matching.likeness import Likeness, Pairs
from cbir.matching.spool import Numbers


class Searched:
    """Pictures among which copies are looked for; more can be added.

    What is needed of them is kept for some thousands at a time, and for the last ones in a few
    parts, so that it is not made anew whenever some are added.
    """

    TOGETHER, SMALL = 4096, 8

    def __init__(self, likeness: Likeness):
        self.likeness = likeness
        self._numbers: list[Numbers] = []
        self._kept: list[Any] = []
        self._new: list[int] = []

    def add(self, numbers: Sequence[int] | Numbers) -> None:
        self._new += list(numbers)

    def near(self, asked: Numbers, limit: int) -> Pairs:
        """For each picture the nearest few that are copies, turned in any of the ways."""
        return self.likeness.settled(self.candidates(asked, limit)).once()

    def candidates(self, asked: Numbers, limit: int) -> Pairs:
        """The nearest few of each that may be copies."""
        self._keep()
        likeness, parts = self.likeness, list[Pairs]()
        for transform in range(len(likeness.transforms) if self._kept else 0):
            asking = likeness.asking(asked, transform)
            for numbers, kept in zip(self._numbers, self._kept, strict=True):
                places, found, far = likeness.candidates(asking, kept, limit)
                which = np.full(len(far), transform)
                parts.append(Pairs(asked[places], numbers[found], far, which))
        return Pairs.joined(parts).nearest(limit)

    def _keep(self) -> None:
        """Makes what is needed of the pictures that were added, and of small parts a large one."""
        self._add_parts(self._new)
        self._new = []
        small = [i for i, numbers in enumerate(self._numbers) if len(numbers) < self.TOGETHER]
        if len(small) > self.SMALL:
            together = [number for i in small for number in self._numbers[i].tolist()]
            for i in reversed(small):
                del self._numbers[i], self._kept[i]
            self._add_parts(together)

    def _add_parts(self, new: Sequence[int]) -> None:
        for start in range(0, len(new), self.TOGETHER):
            self._numbers.append(np.array(new[start : start + self.TOGETHER], np.intp))
            self._kept.append(self.likeness.kept(self._numbers[-1]))
