"""Two ways to tell copies: by any descriptor's distance, or by thumbnails laid over each other."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cbir import distances
from cbir.distances import ColumnBlocks, from_vectors
from cbir.images.transforms import ORIGINAL
from cbir.matching import tangents
from cbir.matching.aligning import SIDE, Images, aligned_distances
from cbir.matching.spool import Numbers, Spool
from cbir.matching.tangents import Tangents, tangents_of
from cbir.matching.thumbnail import Thumbnail
from cbir.recipe import Recipe

THUMBNAIL = Recipe("thumbnail", Thumbnail(side=SIDE))

TURNS: dict[str, Callable[[Images], Images]] = {
    ORIGINAL: lambda images: images,
    "flip-left-right": lambda images: images[:, :, ::-1],
    "flip-up-down": lambda images: images[:, ::-1],
    "rotate-90": lambda images: np.rot90(images, 1, (1, 2)),
    "rotate-180": lambda images: np.rot90(images, 2, (1, 2)),
    "rotate-270": lambda images: np.rot90(images, 3, (1, 2)),
    "flip-left-right-rotate-90": lambda images: np.rot90(images[:, :, ::-1], 1, (1, 2)),
    "flip-left-right-rotate-270": lambda images: np.rot90(images[:, :, ::-1], 3, (1, 2)),
}
"""The transforms of cbir.images.transforms, for many thumbnails (n, side, side, 3) at once, and
those two that make all ways to put a picture on its sides."""


class Pairs(NamedTuple):
    """Pictures, by number, that ask and that are found, how far they are, and by which transform.

    Turned so, the one that asks is like the one that is found.
    """

    asked: Numbers
    found: Numbers
    distances: NDArray[np.floating]
    transforms: Numbers

    def chosen(self, which: NDArray) -> "Pairs":
        return Pairs(*(part[which] for part in self))

    @staticmethod
    def joined(parts: Sequence["Pairs"]) -> "Pairs":
        none = np.zeros(0, np.intp)
        nothing = Pairs(none, none, np.zeros(0), none)
        return Pairs(*(np.concatenate(part) for part in zip(nothing, *parts, strict=True)))


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


class ByDistance:
    """Copies are at most so far away by a descriptor's distance."""

    def __init__(self, spool: Spool, transforms: Sequence[str], distance: str, within: float):
        """The spool has a vector for each of the transforms, in their order."""
        self.spool, self.transforms = spool, transforms
        self.distance, self.within = distance, within

    def kept(self, numbers: Numbers) -> ColumnBlocks:
        return from_vectors(self.spool.vectors(numbers, self.transforms.index(ORIGINAL)))

    def asking(self, numbers: Numbers, transform: int) -> NDArray[np.float32]:
        return self.spool.vectors(numbers, transform)

    def candidates(
        self, asking: NDArray[np.float32], kept: ColumnBlocks, limit: int
    ) -> tuple[Numbers, Numbers, NDArray[np.floating]]:
        near = distances.nearest(asking, kept, limit, self.distance, within=self.within)
        asked = np.repeat(np.arange(len(near)), [len(rows) for rows, _ in near])
        found, far = (np.concatenate(parts) for parts in zip(*near, strict=True))
        return asked, found, far

    def settled(self, pairs: Pairs) -> Pairs:
        return pairs


class ByThumbnails:
    """Copies are nearly the same once their thumbnails lie over each other."""

    def __init__(self, spool: Spool, transforms: Sequence[str], within: float):
        """The spool has the thumbnail of each picture as it is."""
        self.spool, self.transforms, self.within = spool, transforms, within

    def kept(self, numbers: Numbers) -> Tangents:
        return tangents_of(self._images(numbers))

    def asking(self, numbers: Numbers, transform: int) -> Tangents:
        return tangents_of(TURNS[self.transforms[transform]](self._images(numbers)))

    def candidates(
        self, asking: Tangents, kept: Tangents, limit: int
    ) -> tuple[Numbers, Numbers, NDArray[np.floating]]:
        far = tangents.distances(asking, kept)
        asked, found = np.nonzero(far <= tangents.NEAR + 2 * self.within)
        return asked, found, far[asked, found]

    def settled(self, pairs: Pairs) -> Pairs:
        far = np.full(len(pairs.asked), np.inf, np.float32)
        for number, name in enumerate(self.transforms):
            some = np.flatnonzero(pairs.transforms == number)
            turned = TURNS[name](self._images(pairs.asked[some]))
            onto = self._images(pairs.found[some])
            far[some] = aligned_distances(np.ascontiguousarray(turned), onto, self.within)
        return pairs._replace(distances=far).chosen(far <= self.within)

    def _images(self, numbers: Numbers) -> Images:
        return self.spool.vectors(numbers).reshape(-1, SIDE, SIDE, 3)


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
        return _once(likeness.settled(_nearest(Pairs.joined(parts), limit)))

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


def _nearest(pairs: Pairs, limit: int) -> Pairs:
    """At most so many of each picture that asks, the nearest. Nobody is a copy of itself."""
    pairs = pairs.chosen(pairs.asked != pairs.found)
    order = np.lexsort((pairs.transforms, pairs.found, pairs.distances, pairs.asked))
    pairs = pairs.chosen(order)
    place = np.arange(len(pairs.asked)) - np.searchsorted(pairs.asked, pairs.asked)
    return pairs.chosen(place < limit)


def _once(pairs: Pairs) -> Pairs:
    """Each picture that is found once by the same one, with the transform that makes it nearest."""
    order = np.lexsort((pairs.transforms, pairs.distances, pairs.found, pairs.asked))
    pairs = pairs.chosen(order)
    again = (np.diff(pairs.asked, prepend=-1) == 0) & (np.diff(pairs.found, prepend=-1) == 0)
    return pairs.chosen(~again)
