"""Copies told by thumbnails that are laid over each other."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cbir.matching import tangents
from cbir.matching.aligning import SIDE, Aligned, Images, aligned
from cbir.matching.closely import Closely
from cbir.matching.likeness import Pairs
from cbir.matching.spool import Numbers, Spool
from cbir.matching.tangents import Tangents, tangents_of
from cbir.matching.thumbnail import Thumbnail
from cbir.matching.turns import TURNS, each_turned
from cbir.recipe import Recipe
from cbir.threads import in_threads

THUMBNAIL = Recipe("thumbnail", Thumbnail(side=SIDE))

PAIRS_AT_ONCE = 256
"""How many pairs a thread lays over each other, at a time."""


class ByThumbnails:
    """Copies are nearly the same once their thumbnails lie over each other.

    And the same in detail, if they are to be looked at closely.
    """

    def __init__(
        self,
        spool: Spool,
        transforms: Sequence[str],
        within: float,
        closely: Closely | None = None,
    ):
        """The spool has the thumbnail of each picture as it is."""
        self.spool, self.transforms, self.within = spool, transforms, within
        self.closely = closely

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
        parts = in_threads(
            lambda some: self._aligned(pairs.chosen(some)), len(pairs.asked), PAIRS_AT_ONCE
        )
        aligned = Aligned.joined(parts)
        near = np.flatnonzero(aligned.distances <= self.within)
        pairs, aligned = pairs.chosen(near), aligned.chosen(near)
        pairs = pairs._replace(distances=aligned.distances)
        return pairs if self.closely is None else self.closely.same(pairs, aligned)

    def _aligned(self, pairs: Pairs) -> Aligned:
        asked = each_turned(self._images(pairs.asked), pairs.transforms, self.transforms)
        return aligned(asked, self._images(pairs.found), self.within)

    def _images(self, numbers: Numbers) -> Images:
        return self.spool.vectors(numbers).reshape(-1, SIDE, SIDE, 3)
