"""Where two pictures that are the same when tiny differ most in detail, and how much.

Slides of one frame, forms, or screenshots of one program differ in a small part of what they show,
and on 24×24 pixels in next to nothing. So one is laid over the other again, on up to 256×256 grey
pixels, and made as bright and as sharp; and what counts is the place where least of one explains
the other.
"""

import numpy as np
from numpy.typing import NDArray

from cbir.matching.aligning import Aligned, Placements, placed
from cbir.matching.details import LARGE, SIDE, Details, Grey
from cbir.matching.spool import Numbers
from cbir.opencv import cv2

SIDES = np.array([32, 48, 64, 96, 128, 192, SIDE, LARGE])
"""Pictures are compared at the largest of these for which the smaller one has pixels to spare, or
at the first; with fewer than that, they are not compared."""

SPARE, LARGE_SPARE = 1.5, 1.2
"""How many times its pixels; fewer for the largest, which is for what is unsure."""

STEPS, LAST = (32, 64), 128
"""At these sides one is laid over the other, at the last only if it might help."""

CLEAR = 0.7
"""What differs more than this, and than is enough, hardly ever does not once it is laid better."""

BLUR = 0.8
BLURS = (0.5, 0.8, 1.1, 1.5, 2.0, 2.8, 4.0)
"""What makes the sharper of two as sharp as the other; they are if one is by no more than..."""

SHARPER = 1.15
"""...this factor, in the squares of their second derivatives."""

INNER = 3
WINDOW, WIDEST = 1 / 16, 16
"""Of a side: how large a place is that is looked at; and pixels at most."""

NOISE, LEVELS = 0.02, 4.0
"""A contrast that does not count: this part of the whole picture's, and 2 levels squared."""

DARK, LIGHT = 4, 248
"""What is outside these may have been cut off by somebody who made it darker or brighter."""

FEWEST = 0.05
"""With fewer pixels inside of them, brightness is taken as it is."""

GAINS = 0.6, 1.6
"""How much stronger the contrast of one place may be than the other's."""


def differences(
    a: Details, b: Details, pixels: Numbers, at: Aligned, enough: float
) -> NDArray[np.float32]:
    """How much pairs (n, side, side) differ where they do most: 0 not at all, 1 wholly.

    `pixels`: of a side of the smaller of each two, if it were a square. What is up to `enough` may
    be less yet if one were laid over the other better.
    """
    other_way = at.other_way[:, None, None]
    moving, fixed = np.where(other_way, b, a), np.where(other_way, a, b)
    large = a.shape[1] >= LARGE
    usable, spare = SIDES[a.shape[1] >= SIDES], LARGE_SPARE if large else SPARE
    places = np.searchsorted(usable, pixels / spare, side="right") - 1
    sides = usable[np.maximum(places, 0)]
    placements = at.placements.copy()
    for step in (*STEPS, LAST) if large else STEPS:
        _place(moving, fixed, placements, step, np.flatnonzero(sides >= step))
    found = np.zeros(len(a), np.float32)
    looked_at = np.flatnonzero(pixels >= SIDES[0])  # the others have no detail
    for pair in looked_at:
        found[pair] = _largest(moving[pair], fixed[pair], placements[pair], sides[pair], enough)
    if large:
        return found
    unsure = np.flatnonzero((found > enough) & (found <= CLEAR) & (sides >= LAST))
    _place(moving, fixed, placements, LAST, unsure)
    for pair in unsure:
        again = _largest(moving[pair], fixed[pair], placements[pair], sides[pair], enough)
        found[pair] = min(found[pair], again)
    return found


def _place(
    moving: Details, fixed: Details, placements: Placements, side: int, some: Numbers
) -> None:
    """Betters the placements of some of the pairs at this side."""
    if len(some):
        one, onto = (
            np.stack([_blurred(_at(image, side)) for image in images[some]])
            for images in (moving, fixed)
        )
        placements[some], _ = placed(one, onto, placements[some], INNER)


def _largest(moving: Grey, fixed: Grey, placement: Grey, side: int, enough: float) -> float:
    """How much the place differs that differs most, whichever of both explains more of the other.

    Once that is little enough, no less is looked for.
    """
    moved, seen = _overlapping(_at(moving, side), _at(fixed, side), placement)
    if min(moved.shape) < SIDES[0] / 2:
        return 0.0
    moved, seen = _as_sharp(_blurred(moved), _blurred(seen))
    window = max(4, min(WIDEST, round(side * WINDOW)))
    differ = _unexplained(_as_bright(moved, seen), seen, window)
    if differ <= enough:
        return differ
    # Only one of them may have lost what would be brighter than white.
    return min(differ, _unexplained(_as_bright(seen, moved), moved, window))


def _overlapping(moving: Grey, fixed: Grey, placement: Grey) -> tuple[Grey, Grey]:
    """One image moved over the other, and that; only what both show."""
    side = len(moving)
    across, left, columns = _along(side, placement[0], placement[1])
    down, top, rows = _along(side, placement[2], placement[3])
    matrix = np.array([[across, 0, left], [0, down, top]])
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(moving, matrix, (side, side), flags=how, borderMode=cv2.BORDER_REPLICATE)
    both = np.ix_(rows, columns)
    return moved[both], fixed[both]


def _along(side: int, scale: float, shift: float) -> tuple[float, float, NDArray[np.bool_]]:
    """A placement along one side, in pixels, and which pixels both images show."""
    scale, places, edge = 1 + scale, np.arange(side), max(2, side // 48)
    offset = (scale * (1 / side - 1) + shift + 1) * side / 2 - 0.5
    at = scale * places + offset
    inside = (np.minimum(at, places) > edge) & (np.maximum(at, places) < side - 1 - edge)
    return scale, offset, inside


def _as_sharp(one: Grey, other: Grey) -> tuple[Grey, Grey]:
    """Both, the sharper of them blurred as the other is: a copy may be either."""
    sharp = [_sharpness(_as_bright(one, other)), _sharpness(other)]
    if sharp[0] > SHARPER * sharp[1]:
        return _softened(one, sharp[1] / sharp[0]), other
    if sharp[1] > SHARPER * sharp[0]:
        return one, _softened(other, sharp[0] / sharp[1])
    return one, other


def _softened(image: Grey, part: float) -> Grey:
    """Blurred until only this part of its sharpness is left."""
    wanted, soft = part * _sharpness(image), image
    for sigma in BLURS:
        soft = _blurred(image, sigma)
        if _sharpness(soft) <= wanted:
            break
    return soft


def _sharpness(image: Grey) -> float:
    edges = cv2.Laplacian(image, cv2.CV_32F)
    return float((edges * edges).mean()) + 1e-6


def _unexplained(guess: Grey, real: Grey, window: int) -> float:
    """The largest part of a place's contrast in one image that the other does not explain."""
    middle = real.mean()
    guess, real = guess - middle, real - middle
    mean, real_mean = _in_places(guess, window), _in_places(real, window)
    contrast = np.maximum(_in_places(guess * guess, window) - mean * mean, 0)
    real_contrast = np.maximum(_in_places(real * real, window) - real_mean * real_mean, 0)
    common = _in_places(guess * real, window) - mean * real_mean
    gain = np.clip(common / np.maximum(contrast, 1e-6), *GAINS)
    contrast, common = contrast * gain * gain, common * gain
    left = np.maximum(contrast + real_contrast - 2 * common, 0)
    part = left / (np.maximum(contrast, real_contrast) + NOISE * real.var() + LEVELS)
    border = window // 2
    return float(part[border:-border, border:-border].max(initial=0))


def _in_places(values: Grey, window: int) -> Grey:
    """The mean around each pixel."""
    found: Grey = cv2.boxFilter(values, -1, (window, window))
    return found


def _as_bright(by: Grey, image: Grey) -> Grey:
    """One image, made as bright as the other, and white where that would be brighter still."""
    fit = (np.minimum(by, image) > DARK) & (np.maximum(by, image) < LIGHT)
    if fit.mean() <= FEWEST:
        return by
    x, y = by[fit], image[fit]
    slope = ((x - x.mean()) * (y - y.mean())).sum() / max(float(((x - x.mean()) ** 2).sum()), 1e-3)
    made: Grey = np.clip(np.clip(slope, 0.5, 2) * (by - x.mean()) + y.mean(), 0, 255)
    return made


def _at(image: Grey, side: int) -> Grey:
    if side == len(image):
        return image
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def _blurred(image: Grey, sigma: float = BLUR) -> Grey:
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
