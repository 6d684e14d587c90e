"""Copies told by thumbnails that are laid over each other."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cbir.distances.few import nearest_few
from cbir.errors import BadPicture
from cbir.images.transforms import ORIGINAL
from cbir.matching import tangents
from cbir.matching.aligning import SIDE, Aligned, Images, aligned
from cbir.matching.details import LARGE, Detailed
from cbir.matching.differing import LARGE_SPARE, differences
from cbir.matching.likeness import Pairs
from cbir.matching.spool import Numbers, Spool
from cbir.matching.tangents import Tangents, tangents_of
from cbir.matching.thumbnail import Thumbnail
from cbir.recipe import Recipe
from cbir.threads import cores

Done = TypeVar("Done")

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
"""The transforms of cbir.images.transforms, for many images (n, side, side, …) at once, and
those two that make all ways to put a picture on its sides."""


PAIRS_AT_ONCE, CLOSELY_AT_ONCE = 256, 16
"""How many pairs a thread looks at, at a time."""

DIFFERENT = 0.4
"""How much copies differ at most where they differ most, if they are looked at closely. Of 11,878
pairs of a photo and its copy that thumbnails call the same, 30 differ more. Of 3,452 pairs of
screenshots, slides, letters, forms, invoices and captions that are near by thumbnails, all do. Of
pages with one large heading or price, in which some differ in a digit, 98% do
(benchmarks/figures.py)."""

SURE, LARGELY = 0.1, 0.4
"""Pages of small text may differ little. So what is above the first is looked at once more, twice
as large if it has so many pixels, and may then differ by the second. Of copies of photos 93% are
below the first; of price lists and account statements, of which only numbers differ, none."""

MOST_CLOSELY = 16
"""How many of the nearest that thumbnails found for a picture are looked at closely."""


class ByThumbnails:
    """Copies are nearly the same once their thumbnails lie over each other.

    And if there are details, once these lie over each other.
    """

    def __init__(
        self,
        spool: Spool,
        transforms: Sequence[str],
        within: float,
        details: Detailed | None = None,
        different: float = DIFFERENT,
    ):
        """The spool has the thumbnail of each picture as it is."""
        self.spool, self.transforms, self.within = spool, transforms, within
        self.details, self.different = details, different

    def kept(self, numbers: Numbers) -> Tangents:
        return tangents_of(self._images(numbers))

    def asking(self, numbers: Numbers, transform: int) -> Tangents:
        return tangents_of(self._turned(self._images(numbers), transform))

    def candidates(
        self, asking: Tangents, kept: Tangents, limit: int
    ) -> tuple[Numbers, Numbers, NDArray[np.floating]]:
        far = tangents.distances(asking, kept)
        asked, found = np.nonzero(far <= tangents.NEAR + 2 * self.within)
        return asked, found, far[asked, found]

    def settled(self, pairs: Pairs) -> Pairs:
        pieces = _pieces(len(pairs.asked), PAIRS_AT_ONCE)
        aligned = Aligned.joined(
            _in_threads(lambda piece: self._aligned(pairs.chosen(piece)), pieces)
        )
        near = np.flatnonzero(aligned.distances <= self.within)
        pairs, aligned = pairs.chosen(near), aligned.chosen(near)
        pairs = pairs._replace(distances=aligned.distances)
        return pairs if self.details is None else self._closely(self.details, pairs, aligned)

    def _aligned(self, pairs: Pairs) -> Aligned:
        asked, found = self._images(pairs.asked), self._images(pairs.found)
        return aligned(self._each_turned(asked, pairs.transforms), found, self.within)

    def _closely(self, details: Detailed, pairs: Pairs, aligned: Aligned) -> Pairs:
        """Those of the nearest that are the same in detail, too."""
        few = nearest_few(MOST_CLOSELY, pairs.asked, pairs.distances, pairs.found)
        pairs, aligned = pairs.chosen(few), aligned.chosen(few)

        def differing(piece: Numbers) -> NDArray[np.floating]:
            some = pairs.chosen(piece)
            asked = self._each_turned(details.images(some.asked), some.transforms)
            found = details.images(some.found)
            pixels = np.minimum(details.pixels(some.asked), details.pixels(some.found))
            at = aligned.chosen(piece)
            differ = differences(asked, found, pixels, at, self.different)
            unsure = np.flatnonzero(
                (differ > SURE) & (differ <= self.different) & (pixels >= LARGE_SPARE * LARGE)
            )
            for place in unsure[:, None]:
                one = self._largely(details, some.chosen(place), pixels[place], at.chosen(place))
                differ[place] = np.where(one > LARGELY, one, differ[place])
            return differ

        parts = _in_threads(differing, _pieces(len(few), CLOSELY_AT_ONCE))
        differ = np.concatenate([np.zeros(0), *parts])
        # A page is rather a copy of what it differs least from, than of what thumbnails call near.
        least = np.full(pairs.asked.max(initial=-1) + 1, np.inf)
        np.minimum.at(least, pairs.asked, differ)
        near_least = differ <= np.maximum(SURE, 2 * least[pairs.asked])
        return pairs.chosen((differ <= self.different) & near_least)

    def _largely(
        self, details: Detailed, pair: Pairs, pixels: Numbers, at: Aligned
    ) -> NDArray[np.floating]:
        """How much a pair differs at twice the size; nothing if it can't be read any more."""
        try:
            asked = self._each_turned(details.large(pair.asked), pair.transforms)
            return differences(asked, details.large(pair.found), pixels, at, LARGELY)
        except BadPicture:
            return np.zeros(1)

    def _each_turned(self, images: Images, transforms: Numbers) -> Images:
        made = np.empty_like(images)
        for number in np.unique(transforms).tolist():
            some = transforms == number
            made[some] = self._turned(images[some], number)
        return made

    def _turned(self, images: Images, transform: int) -> Images:
        return TURNS[self.transforms[transform]](images)

    def _images(self, numbers: Numbers) -> Images:
        return self.spool.vectors(numbers).reshape(-1, SIDE, SIDE, 3)


def _pieces(count: int, size: int) -> list[Numbers]:
    return [np.arange(start, min(start + size, count)) for start in range(0, count, size)]


def _in_threads(work: Callable[[Numbers], Done], pieces: Sequence[Numbers]) -> list[Done]:
    if len(pieces) < 2:
        return [work(piece) for piece in pieces]
    with ThreadPoolExecutor(cores(), "cbir-copies") as pool:
        return list(pool.map(work, pieces))
