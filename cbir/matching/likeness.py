"""What a search for copies wants of a way to tell them, and the pairs that it deals in."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cbir.distances.few import nearest_few
from cbir.matching.spool import Numbers


class Pairs(NamedTuple):
    """Pictures, by number, that ask and that are found, how far they are, and by which transform.

    Turned so, the one that asks is like the one that is found.
    """

    asked: Numbers
    found: Numbers
    distances: NDArray[np.floating]
    transforms: Numbers

    def chosen(self, which: Any) -> "Pairs":
        return Pairs(*(part[which] for part in self))

    @staticmethod
    def joined(parts: Sequence["Pairs"]) -> "Pairs":
        none = np.zeros(0, np.intp)
        nothing = Pairs(none, none, np.zeros(0), none)
        return Pairs(*(np.concatenate(part) for part in zip(nothing, *parts, strict=True)))

    def nearest(self, limit: int) -> "Pairs":
        """At most so many of each picture that asks. Nobody is a copy of itself."""
        others = self.chosen(self.asked != self.found)
        asked, found, far, transforms = others
        return others.chosen(nearest_few(limit, asked, far, found, transforms))

    def once(self) -> "Pairs":
        """Each two of them once, by the transform that makes them nearest."""
        asked, found, far, transforms = self
        two = asked * (1 + found.max(initial=0)) + found
        return self.chosen(nearest_few(1, two, far, transforms))


class Likeness(Protocol):
    """How like pictures are, by their numbers, when the one that asks is turned in these ways."""

    transforms: Sequence[str]

    def kept(self, numbers: Numbers) -> Any:
        """What is needed of pictures that are searched."""
        ...

    def asking(self, numbers: Numbers, transform: int) -> Any:
        """What is needed of pictures that ask, turned so."""
        ...

    def candidates(
        self, asking: Any, kept: Any, limit: int
    ) -> tuple[Numbers, Numbers, NDArray[np.floating]]:
        """Which may be copies of which, by their places, and how far: the nearest few of each."""
        ...

    def settled(self, pairs: Pairs) -> Pairs:
        """Those of the candidates that are copies, with the distances that count."""
        ...
