"""One pass over a picture: HSV bins of all pixels, counted. See cbir.descriptors.hsv_counts.

The steps are OpenCV's own fixed-point ones: tables of 255·2¹²/v and 180·2¹²/6d, rounded, then a
shift. All values stay below 2²⁴, so float32 holds them exactly, and the loop runs on many pixels
at a time.
"""

from typing import Any

import numpy as np

from cbir.compiled.jit import jit

BINS = (8, 12, 3)
STRIP = 2048

f = np.float32
ZERO, HALF, ONE, TWO, FOUR, AROUND = f(0), f(0.5), f(1), f(2), f(4), f(180)
PER_VALUE, PER_DIFFERENCE, UNSHIFT = f(255 << 12), f((180 << 12) / 6), f(1 / 4096)
HUE_BINS, SATURATION_BINS, VALUE_BINS = f(8 / 180), f(12 / 256), f(3 / 256)
EDGE = f(1 / 1024)  # keeps a hue on a bin's edge from rounding down
HUE_STRIDE, SATURATION_STRIDE = f(36), f(3)
U1, U2, U3, ONE_MORE = np.uint64(1), np.uint64(2), np.uint64(3), np.uint32(1)


@jit()
def take_apart(pixels: Any, red: Any, green: Any, blue: Any) -> None:
    for i in range(red.shape[0]):
        # Unsigned, because a signed index is checked for being negative: three times slower.
        at = np.uint64(i) * U3
        red[i], green[i], blue[i] = pixels[at], pixels[at + U1], pixels[at + U2]


@jit(error_model="numpy")
def bins_of(red: Any, green: Any, blue: Any, bins: Any) -> None:
    for i in range(red.shape[0]):
        r, g, b = f(red[i]), f(green[i]), f(blue[i])
        v = max(r, max(g, b))
        d = v - min(r, min(g, b))
        s = np.floor(d * np.floor(PER_VALUE / max(v, ONE) + HALF) * UNSHIFT + HALF)
        sector = (g - b) if v == r else ((b - r + TWO * d) if v == g else (r - g + FOUR * d))
        h = np.floor(sector * np.floor(PER_DIFFERENCE / max(d, ONE) + HALF) * UNSHIFT + HALF)
        h = h + AROUND if h < ZERO else h
        hue, saturation = np.floor(h * HUE_BINS + EDGE), np.floor(s * SATURATION_BINS)
        bin = hue * HUE_STRIDE + saturation * SATURATION_STRIDE + np.floor(v * VALUE_BINS)
        bins[i] = np.uint16(np.int32(bin))


@jit()
def count(pixels: Any, counts: Any) -> None:
    """Counts (288,) int64 of pixels, flat uint8 RGB."""
    # Four tables in turn: equal neighbours would otherwise wait for each other's increment.
    turns = np.zeros((4, counts.shape[0]), np.uint32)
    a, b, c, d = turns[0], turns[1], turns[2], turns[3]
    bins = np.empty(STRIP, np.uint16)
    planes = np.empty((3, STRIP), np.uint8)
    total = pixels.shape[0] // 3
    for start in range(0, total, STRIP):
        length = min(STRIP, total - start)
        red, green, blue = planes[0, :length], planes[1, :length], planes[2, :length]
        take_apart(pixels[3 * start : 3 * (start + length)], red, green, blue)
        bins_of(red, green, blue, bins)
        whole = length - length % 4
        for i in range(0, whole, 4):
            a[bins[i]] += ONE_MORE
            b[bins[i + 1]] += ONE_MORE
            c[bins[i + 2]] += ONE_MORE
            d[bins[i + 3]] += ONE_MORE
        for i in range(whole, length):
            a[bins[i]] += ONE_MORE
    for i in range(counts.shape[0]):
        counts[i] = np.int64(a[i]) + np.int64(b[i]) + np.int64(c[i]) + np.int64(d[i])


# Compiled, or loaded from the cache, at import and not at the first picture in some thread.
_none = np.zeros(0, np.uint8)
_none.flags.writeable = False
count(_none, np.zeros(288, np.int64))
