"""How many pixels fall into each HSV bin, twice: with OpenCV's functions, and compiled.

Decoding a small JPEG at half size takes 0.4 ms, and OpenCV's conversion and histogram as much as
half of that again. The compiled pass does both at once, on a strip that stays in the cache, and
gives the same counts for all 16.7 million colours (a test compares them).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbir.opencv import cv2
from cbir.types import Image
from cbir.warmup import Compiled, Engine, jit

Bins = tuple[int, int, int]

COMPILED_BINS = (8, 12, 3)
STRIP = 2048


def count(
    image: Image, bins: Bins, mask: NDArray[np.uint8] | None = None, engine: Engine = "auto"
) -> NDArray[np.int64]:
    """Counts, flat in the order hue, saturation, value; where `mask` is not zero, if given."""
    total = int(np.prod(bins))
    if image.size == 0:
        return np.zeros(total, np.int64)
    if bins == COMPILED_BINS and mask is None:
        kernel = COMPILED.ready(engine)
        if kernel is not None:
            counts = np.zeros((4, total), np.uint32)
            red, green, blue = (plane.ravel() for plane in cv2.split(image))
            kernel(red, green, blue, counts)
            return counts.sum(axis=0, dtype=np.int64)
    with COMPILED.plain():
        hsv = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2HSV)
        found = cv2.calcHist([hsv], [0, 1, 2], mask, list(bins), [0, 180, 0, 256, 0, 256])
        # calcHist counts whole numbers and returns float32, which holds them up to 2^24 a bin.
        return found.ravel().astype(np.int64)


def _load() -> Callable[..., None]:
    import numba

    f = np.float32
    zero, half, one, two, four = f(0), f(0.5), f(1), f(2), f(4)
    # OpenCV's own fixed-point steps: tables of 255·2¹²/v and 180·2¹²/6d, rounded, then a shift.
    # All values stay below 2²⁴, so float32 holds them exactly, and eight pixels go at a time.
    per_value, per_difference, unshift = f(255 << 12), f((180 << 12) / 6), f(1 / 4096)
    around = f(180)
    hue_bins, saturation_bins, value_bins = f(8 / 180), f(12 / 256), f(3 / 256)
    edge = f(1 / 1024)  # keeps a hue on a bin's edge from rounding down
    hue_stride, saturation_stride = f(36), f(3)
    floor = np.floor

    def bins_of(red: Any, green: Any, blue: Any, start: Any, length: Any, bins: Any) -> None:
        for i in range(length):
            r, g, b = f(red[start + i]), f(green[start + i]), f(blue[start + i])
            v = max(r, max(g, b))
            d = v - min(r, min(g, b))
            s = floor(d * floor(per_value / max(v, one) + half) * unshift + half)
            sector = (g - b) if v == r else ((b - r + two * d) if v == g else (r - g + four * d))
            h = floor(sector * floor(per_difference / max(d, one) + half) * unshift + half)
            h = h + around if h < zero else h
            bins[i] = np.uint16(
                np.int32(
                    floor(h * hue_bins + edge) * hue_stride
                    + floor(s * saturation_bins) * saturation_stride
                    + floor(v * value_bins)
                )
            )

    compiled_bins_of = numba.njit(error_model="numpy")(bins_of)

    def count_all(red: Any, green: Any, blue: Any, counts: Any) -> None:
        # Four tables in turn: equal neighbours would otherwise wait for each other's increment.
        a, b, c, d = counts[0], counts[1], counts[2], counts[3]
        bins = np.empty(STRIP, np.uint16)
        step = np.uint32(1)
        for start in range(0, red.shape[0], STRIP):
            length = min(STRIP, red.shape[0] - start)
            compiled_bins_of(red, green, blue, start, length, bins)
            whole = length - length % 4
            for i in range(0, whole, 4):
                a[bins[i]] += step
                b[bins[i + 1]] += step
                c[bins[i + 2]] += step
                d[bins[i + 3]] += step
            for i in range(whole, length):
                a[bins[i]] += step

    kernel = jit(error_model="numpy")(count_all)
    none = np.zeros(0, np.uint8)
    kernel(none, none, none, np.zeros((4, 288), np.uint32))
    return kernel


COMPILED: Compiled[Callable[..., None]] = Compiled(_load)
