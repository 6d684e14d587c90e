"""Copies told by thumbnails that are laid over each other."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from cbir.images.transforms import ORIGINAL
from cbir.matching import tangents
from cbir.matching.aligning import SIDE, Images, aligned_distances
from cbir.matching.likeness import Pairs
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
