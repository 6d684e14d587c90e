"""Copies told by any descriptor's distance."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cbir import distances
from cbir.distances import ColumnBlocks, from_vectors
from cbir.images.transforms import ORIGINAL
from cbir.matching.likeness import Pairs
from cbir.matching.spool import Numbers, Spool


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
