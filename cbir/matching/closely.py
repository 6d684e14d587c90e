"""What thumbnails call copies, looked at closely: whether it is the same in detail, too."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cbir.distances.few import nearest_few
from cbir.errors import BadPicture
from cbir.matching.aligning import Aligned
from cbir.matching.details import LARGE, Detailed
from cbir.matching.differing import LARGE_SPARE, differences
from cbir.matching.likeness import Pairs
from cbir.matching.turns import each_turned
from cbir.threads import in_threads

DIFFERENT = 0.4
"""How much copies differ at most where they differ most. Of 11,878 pairs of a photo and its copy
that thumbnails call the same, 30 differ more. Of 40 screenshots of one frame, and as many slides,
letters, forms, invoices, price lists, captions, headings and price tags, none is taken for a copy
of another one (benchmarks/figures.py)."""

SURE = 0.1
"""Pages of small text may differ little. So what differs more than this, as 3% of the copies of
photos do, is looked at once more, twice as large if it has so many pixels."""

MOST = 16
"""How many of the nearest that thumbnails found for a picture are looked at."""

AT_ONCE = 16
"""How many pairs a thread looks at, at a time."""


class Closely:
    """Copies differ nowhere by more than `different`."""

    def __init__(self, details: Detailed, transforms: Sequence[str], different: float = DIFFERENT):
        self.details, self.transforms, self.different = details, transforms, different

    def same(self, pairs: Pairs, aligned: Aligned) -> Pairs:
        """Those of the nearest pairs that are the same in detail.

        A page is rather a copy of what it differs least from, than of what thumbnails call near.
        """
        few = nearest_few(MOST, pairs.asked, pairs.distances, pairs.found)
        pairs, aligned = pairs.chosen(few), aligned.chosen(few)
        parts = in_threads(
            lambda some: self._differences(pairs.chosen(some), aligned.chosen(some)),
            *(len(few), AT_ONCE),
        )
        differ = np.concatenate([np.zeros(0), *parts])
        least = np.full(pairs.asked.max(initial=-1) + 1, np.inf)
        np.minimum.at(least, pairs.asked, differ)
        near_least = differ <= np.maximum(SURE, 2 * least[pairs.asked])
        return pairs.chosen((differ <= self.different) & near_least)

    def _differences(self, pairs: Pairs, at: Aligned) -> NDArray[np.floating]:
        details = self.details
        asked = each_turned(details.images(pairs.asked), pairs.transforms, self.transforms)
        pixels = np.minimum(details.pixels(pairs.asked), details.pixels(pairs.found))
        differ = differences(asked, details.images(pairs.found), pixels, at, self.different)
        unsure = (differ > SURE) & (differ <= self.different) & (pixels >= LARGE_SPARE * LARGE)
        for one in np.flatnonzero(unsure)[:, None]:  # one by one: they are large
            larger = self._larger(pairs.chosen(one), pixels[one], at.chosen(one))
            differ[one] = np.maximum(differ[one], larger)
        return differ

    def _larger(self, pair: Pairs, pixels: NDArray[np.intp], at: Aligned) -> NDArray[np.floating]:
        """How much a pair differs at twice the size; nothing if it can't be read any more."""
        try:
            asked, found = self.details.large(pair.asked), self.details.large(pair.found)
        except BadPicture:
            return np.zeros(1)
        asked = each_turned(asked, pair.transforms, self.transforms)
        return differences(asked, found, pixels, at, self.different)
