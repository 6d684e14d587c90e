"""The pictures among which copies are looked for."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cbir.matching.likeness import Likeness, Pairs
from cbir.matching.spool import Numbers


class Searched:
    """Pictures among which copies are looked for; more can be added.

    What is needed of them is kept for some thousands at a time, and made anew for the last ones.
    """

    TOGETHER = 4096

    def __init__(self, likeness: Likeness):
        self.likeness = likeness
        self._numbers: list[Numbers] = []
        self._kept: list[Any] = []
        self._new: list[int] = []

    def add(self, numbers: Sequence[int] | Numbers) -> None:
        self._new += list(numbers)

    def near(self, asked: Numbers, limit: int) -> Pairs:
        """For each picture the nearest few that are copies, turned in any of the ways."""
        self._keep()
        likeness, parts = self.likeness, list[Pairs]()
        for transform in range(len(likeness.transforms) if self._kept else 0):
            asking = likeness.asking(asked, transform)
            for numbers, kept in zip(self._numbers, self._kept, strict=True):
                places, found, far = likeness.candidates(asking, kept, limit)
                which = np.full(len(far), transform)
                parts.append(Pairs(asked[places], numbers[found], far, which))
        return likeness.settled(Pairs.joined(parts).nearest(limit)).once()

    def _keep(self) -> None:
        """Makes what is needed of the pictures that were added, with those before them."""
        if not self._new:
            return
        if self._numbers and len(self._numbers[-1]) + len(self._new) <= self.TOGETHER:
            self._kept.pop()
            self._new = [*self._numbers.pop().tolist(), *self._new]
        for start in range(0, len(self._new), self.TOGETHER):
            self._numbers.append(np.array(self._new[start : start + self.TOGETHER], np.intp))
            self._kept.append(self.likeness.kept(self._numbers[-1]))
        self._new = []
