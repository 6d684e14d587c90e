"""Colour histograms in HSV: of the whole picture, or of its four corners and its centre."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from cbir.descriptors.hsv_counts import Bins, count
from cbir.errors import BadSpec
from cbir.opencv import cv2
from cbir.registry import register
from cbir.types import Image, Vectors

MASKS_UP_TO = 1 << 20  # pixels; larger masks are drawn again rather than kept


@dataclass(frozen=True)
class _Histogram:
    bins: str = "8x12x3"
    norm: Literal["l1", "l2"] = "l1"
    size: int | Literal["full"] = 128

    version: ClassVar[int] = 1
    distance: ClassVar[str] = "chi2"

    def __post_init__(self) -> None:
        if self.size != "full" and self.size < 1:
            raise BadSpec(f"size={self.size}: give the short side in pixels, or full")
        object.__setattr__(self, "bins", "x".join(map(str, self._bins)))

    @property
    def pixels(self) -> int | None:
        return None if self.size == "full" else self.size

    @cached_property
    def _bins(self) -> Bins:
        """The numbers of bins for hue, saturation and value."""
        parts = self.bins.lower().split("x")
        most = (180, 256, 256)  # as many values as OpenCV gives each channel
        if len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts):
            hue, saturation, value = (int(part) for part in parts)
            if all(1 <= n <= m for n, m in zip((hue, saturation, value), most, strict=True)):
                return hue, saturation, value
        raise BadSpec(f"bins={self.bins}: give three numbers such as 8x12x3, at most 180x256x256")

    def describe(self, batch: Sequence[NDArray[np.int64]]) -> Vectors:
        """Normalises the counts that `prepare` made, the last axis of each by itself."""
        counts = np.stack(batch).astype(np.float64)
        if self.norm == "l1":
            whole = counts.sum(axis=-1, keepdims=True)
        else:
            whole = np.sqrt(np.square(counts).sum(axis=-1, keepdims=True))
        normalised = counts / np.maximum(whole, 1)  # a region of a tiny picture may be empty
        return normalised.astype(np.float32).reshape(len(batch), -1)


@register("hsv")
@dataclass(frozen=True)
class Hsv(_Histogram):
    """How much of the picture has each colour, wherever it is: 8 hues × 12 × 3 by default."""

    @property
    def dim(self) -> int:
        return math.prod(self._bins)

    def prepare(self, image: Image, mask: NDArray[np.uint8] | None = None) -> NDArray[np.int64]:
        return count(image, self._bins, mask)


@register("hsv-regions")
@dataclass(frozen=True)
class HsvRegions(_Histogram):
    """The same for five regions, one after the other, each normalised by itself.

    Top-left, top-right, bottom-right and bottom-left quarters, each less a centred ellipse whose
    axes are 75% of width and height; then the ellipse. Where only an object counts, they are laid
    over its box: laid over the picture, they would tell where the object stands.
    """

    @property
    def dim(self) -> int:
        return 5 * math.prod(self._bins)

    def prepare(self, image: Image, mask: NDArray[np.uint8] | None = None) -> NDArray[np.int64]:
        if mask is not None:
            image, mask = _box(image, mask)
        height, width = image.shape[:2]
        ellipse = _ellipse(height, width)
        around = 255 - ellipse
        if mask is not None:
            ellipse, around = ellipse & mask, around & mask
        middle, centre = height // 2, width // 2
        top, bottom = slice(0, middle), slice(middle, height)
        left, right = slice(0, centre), slice(centre, width)
        corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
        counts = [count(image[corner], self._bins, around[corner]) for corner in corners]
        counts.append(count(image, self._bins, ellipse))
        return np.stack(counts)


def _box(image: Image, mask: NDArray[np.uint8]) -> tuple[Image, NDArray[np.uint8]]:
    """What is in the upright box around the pixels that count, if there are any."""
    left, top, width, height = cv2.boundingRect(mask)
    if not width:
        return image, mask
    box = (slice(top, top + height), slice(left, left + width))
    return image[box], mask[box]


def _ellipse(height: int, width: int) -> NDArray[np.uint8]:
    """255 inside the centred ellipse, 0 outside."""
    draw = _kept_ellipse if height * width <= MASKS_UP_TO else _kept_ellipse.__wrapped__
    return draw(height, width)


@lru_cache(maxsize=16)
def _kept_ellipse(height: int, width: int) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), np.uint8)
    axes = (int(width * 0.75) // 2, int(height * 0.75) // 2)
    cv2.ellipse(mask, (width // 2, height // 2), axes, 0, 0, 360, 255, -1)
    return mask
