"""Where two pictures that are the same when tiny differ most in detail, and how much.

Slides of one frame, forms, or screenshots of one program differ in a small part of what they show,
and on 24×24 pixels in next to nothing. So one is laid over the other again, on up to 128×128 grey
pixels, and made as bright; and what counts is the place where least of one explains the other.
"""

import numpy as np
from numpy.typing import NDArray

from cbir.matching.aligning import Aligned, Images, Placements, placed, warped
from cbir.matching.details import Details
from cbir.matching.spool import Numbers
from cbir.opencv import cv2

SIDES = (32, 48, 64, 96, 128)
"""Pictures are compared at the largest of these that both have; smaller ones are not compared."""

STEPS = (32, 64)
"""At these sides one is laid over the other; at their own only if it might help."""

CLEAR = 1.0
"""What differs more than this does so however well one is laid over the other."""

BLUR = 0.8
INNER = 3
PAIRS_AT_ONCE = 64

WINDOW = 6 / 64
"""Of a side: how large a place is that is looked at."""

NOISE, LEVELS = 0.02, 4.0
"""A contrast that does not count: this part of the whole picture's, and 2 levels squared."""

SEEN = 0.6
"""How much of a place must be in both pictures."""

DARK, LIGHT = 4, 248
"""What is outside these may have been cut off by somebody who made it darker or brighter."""

FEWEST = 0.05
"""With fewer pixels inside of them, brightness is taken as it is."""

GAINS = np.array([0.6, 1.6], np.float32)
"""How much stronger the contrast of one place may be than the other's."""


def differences(
    a: Details, b: Details, short_sides: Numbers, at: Aligned, enough: float
) -> NDArray[np.float32]:
    """How much pairs (n, 128, 128) differ where they do most: 0 not at all, 1 wholly.

    `short_sides`: how many pixels the smaller of each two has. What is up to `enough` may be less
    yet if one were laid over the other better.
    """
    other_way = at.other_way[:, None, None]
    moving, fixed = np.where(other_way, b, a), np.where(other_way, a, b)
    found = np.zeros(len(a), np.float32)
    sides = np.searchsorted(SIDES, short_sides, side="right") - 1
    for number, side in enumerate(SIDES):
        some = np.flatnonzero(sides == number)
        for start in range(0, len(some), PAIRS_AT_ONCE):
            piece = some[start : start + PAIRS_AT_ONCE]
            found[piece] = _at_side(moving[piece], fixed[piece], at.placements[piece], side, enough)
    return found


def _at_side(
    moving: Details, fixed: Details, placements: Placements, side: int, enough: float
) -> NDArray[np.float32]:
    for step in STEPS:
        if step <= side:
            placements, _ = placed(_at(moving, step), _at(fixed, step), placements, INNER)
    moving, fixed = _at(moving, side), _at(fixed, side)
    found = _largest(moving, fixed, placements)
    unsure = np.flatnonzero((found > enough) & (found <= max(CLEAR, enough)))
    if len(unsure) and side not in STEPS:
        better, _ = placed(moving[unsure], fixed[unsure], placements[unsure], INNER)
        again = _largest(moving[unsure], fixed[unsure], better)
        found[unsure] = np.minimum(found[unsure], again)
    return found


def _at(images: Details, side: int) -> Images:
    """At this side, and blurred, so that values between pixels are right."""
    made = np.empty((len(images), side, side), np.float32)
    for number, image in enumerate(images):
        small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        made[number] = cv2.GaussianBlur(small, (0, 0), BLUR, borderType=cv2.BORDER_REPLICATE)
    return made


def _largest(moving: Images, fixed: Images, placements: Placements) -> NDArray[np.float32]:
    moved, seen = warped(moving, placements)
    found = np.empty(len(moved), np.float32)
    for number, (one, other, both) in enumerate(zip(moved, fixed, seen, strict=True)):
        # Either way: only one of them may have lost what would be brighter than white.
        found[number] = min(_unexplained(one, other, both), _unexplained(other, one, both))
    return found


def _unexplained(by: Images, image: Images, seen: NDArray[np.bool_]) -> float:
    """The largest part of a place's contrast in one image that the other does not explain."""
    weights = seen.astype(np.float32)
    window = round(len(image) * WINDOW)

    def within(values: Images) -> Images:
        return cv2.boxFilter(
            values, -1, (window, window), normalize=False, borderType=cv2.BORDER_CONSTANT
        )

    covered = within(weights)
    count = np.maximum(covered, 1)
    whole = float(image[seen].var()) if seen.any() else 0.0
    guess = (_as_bright(by, image, seen) - image[seen].mean()) * weights
    real = (image - image[seen].mean()) * weights
    mean, real_mean = within(guess) / count, within(real) / count
    contrast = np.maximum(within(guess * guess) / count - mean * mean, 0)
    real_contrast = np.maximum(within(real * real) / count - real_mean * real_mean, 0)
    common = within(guess * real) / count - mean * real_mean
    gain = np.clip(common / np.maximum(contrast, 1e-6), *GAINS)
    contrast, common = contrast * gain * gain, common * gain
    left = np.maximum(contrast + real_contrast - 2 * common, 0)
    part = left / (np.maximum(contrast, real_contrast) + NOISE * whole + LEVELS)
    return float(part[covered >= SEEN * window * window].max(initial=0))


def _as_bright(by: Images, image: Images, seen: NDArray[np.bool_]) -> Images:
    """One image, made as bright as the other, and white where that would be brighter still."""
    fit = seen & (np.minimum(by, image) > DARK) & (np.maximum(by, image) < LIGHT)
    if fit.sum() <= FEWEST * seen.sum():
        return by
    x, y = by[fit], image[fit]
    slope = ((x - x.mean()) * (y - y.mean())).sum() / max(float(((x - x.mean()) ** 2).sum()), 1e-3)
    slope = np.clip(slope, 0.5, 2)
    made: Images = np.clip(slope * (by - x.mean()) + y.mean(), 0, 255)
    return made
