"""Finds the object in a picture, so that the rest can count for nothing.

GrabCut on a small copy. A band along the edges is background to begin with; the object may grow
into all but its outermost strip once a first cut has shown where it is. Where the colours of the
band explain the object, it vanishes, or only a detail is left: then it may fill the picture, and
a narrower band is tried. A surface without an object vanishes both times.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cbir.opencv import cv2
from cbir.types import Image

BACKGROUND_VERSION = 1  # goes up when the masks change

Mask = NDArray[np.uint8]

# Measured on drawn objects before drawn and real places. 112² pixels lose 0.01 of intersection over
# union, 144² gain 0.005 and take a quarter longer; more rounds nothing.
PIXELS = 128 * 128
WIDE, NARROW, STRIP = 0.09, 0.02, 0.015  # bands along the edges, parts of the sides
ROUNDNESS, REACH = 3, 0.84  # corners beyond this superellipse begin as probable background
ROUNDS = 1
LEAST, USUAL, MOST = 0.02, 0.15, 0.92  # an object's part of the picture
# Of the colours inside and outside. True objects before busy places share up to 0.68, mostly 0.1;
# pieces of a chequered surface 0.9.
SHARED = 0.75
SIDE_PIECE, HOLE = 0.1, 0.03  # parts of the object: what stays beside it, what is filled in it
SMALLEST_SIDE = 12  # pixels, of the small copy

SURE_BACKGROUND, MAYBE_BACKGROUND, MAYBE_OBJECT = cv2.GC_BGD, cv2.GC_PR_BGD, cv2.GC_PR_FGD


def find_object(image: Image) -> Mask | None:
    """A mask (height, width), 255 on the object and 0 elsewhere; None if none is plausible."""
    height, width = image.shape[:2]
    scale = min(1.0, (PIXELS / max(height * width, 1)) ** 0.5)
    size = (round(width * scale), round(height * scale))
    if min(size) < SMALLEST_SIDE:
        return None
    mask = _best(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    if mask is None:
        return None
    whole = cv2.resize(mask * 255, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.threshold(whole, 127, 255, cv2.THRESH_BINARY)[1]


def _best(image: Image) -> Mask | None:
    """The first plausible object of a usual size, else the larger of two; 1 on it, 0 elsewhere."""
    best = None
    for start in _starts(*image.shape[:2]):
        mask = _cut_out(image, start)
        if _plausible(image, mask) and (best is None or mask.sum() > best.sum()):
            best = mask
        if best is not None and best.mean() >= USUAL:
            break
    return best


def _plausible(image: Image, mask: Mask) -> bool:
    """Whether it has an object's size, and colours that the rest does not have alike."""
    if not LEAST <= mask.mean() <= MOST:
        return False
    inside, outside = (
        cv2.calcHist([image], [0, 1, 2], part, [8] * 3, [0, 256] * 3) / part.sum()
        for part in (mask, 1 - mask)
    )
    return float(np.minimum(inside, outside).sum()) <= SHARED


def _starts(height: int, width: int) -> Iterator[Mask]:
    """Trimaps to begin with: of an object in the middle, and of one that fills the picture."""
    for band, middle in ((WIDE, _middle(height, width)), (NARROW, True)):
        possible = _inside(height, width, band)
        yield _trimap(possible & middle, possible)


def _cut_out(image: Image, start: Mask) -> Mask:
    """1 on the object and 0 elsewhere; all 0 when there is none."""
    height, width = image.shape[:2]
    found = _tidy(_grab(image, start))
    return _tidy(_grab(image, _trimap(found > 0, _inside(height, width, STRIP))))


def _trimap(likely: NDArray[np.bool_], possible: NDArray[np.bool_]) -> Mask:
    trimap = np.where(likely, MAYBE_OBJECT, MAYBE_BACKGROUND).astype(np.uint8)
    trimap[~possible] = SURE_BACKGROUND
    return trimap


def _grab(image: Image, trimap: Mask) -> Mask:
    if not (trimap == MAYBE_OBJECT).any():
        return np.zeros_like(trimap)
    # Its k-means draws from this thread's generator, which has a past; a mask must not have one.
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(image, trimap, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    return (trimap == MAYBE_OBJECT).astype(np.uint8)


def _inside(height: int, width: int, band: float) -> NDArray[np.bool_]:
    """False along the edges, at least one pixel wide."""
    inside = np.zeros((height, width), bool)
    down, across = max(1, round(height * band)), max(1, round(width * band))
    inside[down : height - down, across : width - across] = True
    return inside


def _middle(height: int, width: int) -> NDArray[np.bool_]:
    """A rectangle with round corners."""
    down = np.abs(np.linspace(-1, 1, height)) ** ROUNDNESS
    across = np.abs(np.linspace(-1, 1, width)) ** ROUNDNESS
    return down[:, None] + across < REACH**ROUNDNESS


def _tidy(mask: Mask) -> Mask:
    """The largest piece near the middle, others of some size, and their small holes filled."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count == 1:
        return mask
    weights = np.bincount(labels.ravel(), _nearness(*mask.shape).ravel(), count)
    areas = boxes[:, cv2.CC_STAT_AREA]
    stays = areas >= SIDE_PIECE * areas[1 + weights[1:].argmax()]
    stays[0] = False
    kept = stays[labels]
    outside = (~kept).astype(np.uint8)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(outside, connectivity=4)
    # What surrounds the object is larger, because the strip along the edges is part of it.
    holes = boxes[:, cv2.CC_STAT_AREA] < HOLE * kept.sum()
    return (kept | holes[labels]).astype(np.uint8)


def _nearness(height: int, width: int) -> NDArray[np.float64]:
    """How near the middle each pixel is: 1 there, 0.37 at the middle of a side."""
    down, across = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    return np.exp(-(down**2) - across**2)
