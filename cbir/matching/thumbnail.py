"""Tiny copies: for finding the same photo again, not another one of the same thing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cbir.errors import BadSpec
from cbir.opencv import cv2
from cbir.types import Image, Vectors

LARGEST = 256


@dataclass(frozen=True)
class Thumbnail:
    """A tiny copy in colour, without its brightness and contrast; flat pictures are all zero.

    A descriptor like others, but for no index: it is not registered under its name.
    """

    side: int = 8

    distance = "cosine"
    version = 1

    def __post_init__(self) -> None:
        if not 1 <= self.side <= LARGEST:
            raise BadSpec(f"side={self.side}: give a number of pixels from 1 to {LARGEST}")

    @property
    def pixels(self) -> int:
        """As many as `hsv` needs, so that one decoding does for both."""
        return max(128, 4 * self.side)

    @property
    def dim(self) -> int:
        return self.side * self.side * 3

    def prepare(self, image: Image) -> NDArray[np.float32]:
        small = cv2.resize(image, (self.side, self.side), interpolation=cv2.INTER_AREA)
        values = small.astype(np.float32).ravel()
        values -= values.mean()
        # A contrast below one level is noise.
        return values / max(float(np.linalg.norm(values)), len(values) ** 0.5)

    def describe(self, batch: Sequence[NDArray[np.float32]]) -> Vectors:
        return np.stack(batch)
