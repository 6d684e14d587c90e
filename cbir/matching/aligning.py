"""How far two thumbnails are from each other once one is laid over the other as well as can be.

A photo with 5% cut off its edges is no nearer to the original, pixel by pixel, than another photo
of the same thing. Shifted and stretched back it is nearly the same again, and the other photo is
not. So one of each pair is moved over the other, by a scale and a shift along each side: in Lucas
and Kanade's steps, first on 12×12 grey pixels, then on 24×24.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]
"""(pairs, side, side) grey, or (pairs, side, side, 3)."""

Placements = NDArray[np.float32]
"""(pairs, 4): scale less 1 and shift along x, the same along y, on sides from -1 to 1."""

SIDE = 24
BLUR = 1.0
"""Pixels: enough for values between pixels to be right."""

REACH = 0.14
"""How far an edge may be moved: somewhat more than what 5% cut off all edges needs."""

COARSE_FAR = 0.08
"""How much farther copies may be after the coarse steps, by which most others are told."""

MARGIN = 1.5
"""Pixels at the edges that don't count: their blur has seen what the other's has not."""

COARSE_INNER, INNER = 1, 2
"""How many pixels from the edges the steps begin to look: what lies inside is in the other, too."""

ROUNDS = 5
PAIRS_AT_ONCE = 256
GREY = np.array([0.299, 0.587, 0.114], np.float32)


class Aligned(NamedTuple):
    """How far pairs are, and how the first of each is placed over the second, or the other way."""

    distances: NDArray[np.float32]
    placements: Placements
    other_way: NDArray[np.bool_]

    def chosen(self, which: Any) -> "Aligned":
        return Aligned(*(part[which] for part in self))

    @staticmethod
    def joined(parts: Sequence["Aligned"]) -> "Aligned":
        none = np.zeros(0, np.float32), np.zeros((0, 4), np.float32), np.zeros(0, np.bool_)
        return Aligned(*(np.concatenate(part) for part in zip(none, *parts, strict=True)))


def aligned(a: Images, b: Images, within: float) -> Aligned:
    """Pairs of thumbnails (n, 24, 24, 3), laid over each other. As far apart both ways.

    Exact for those up to `within`; others get 2, the most there is, as soon as that is clear.
    """
    pieces = [np.s_[start : start + PAIRS_AT_ONCE] for start in range(0, len(a), PAIRS_AT_ONCE)]
    parts = [_both_ways(_blurred(a[piece]), _blurred(b[piece]), within) for piece in pieces]
    return Aligned.joined(parts)


def _both_ways(a: Images, b: Images, within: float) -> Aligned:
    # What was cut has more pixels for what is left, so one way round is sharper than the other.
    there, placements = _one_way(a, b, within)
    back, back_placements = _one_way(b, a, within)
    other_way = back < there
    placements[other_way] = back_placements[other_way]
    return Aligned(np.minimum(there, back), placements, other_way)


def _one_way(
    moving: Images, fixed: Images, within: float
) -> tuple[NDArray[np.float32], Placements]:
    """The distances (n,) when the first are moved, and where to."""
    grey, onto = moving @ GREY, fixed @ GREY
    placements = np.zeros((len(moving), 4), np.float32)
    placements, far = placed(_halved(grey), _halved(onto), placements, COARSE_INNER)
    distances = np.full(len(moving), 2, np.float32)
    near = np.flatnonzero(far <= COARSE_FAR + 2 * within)
    if len(near):
        placements[near], _ = placed(grey[near], onto[near], placements[near], INNER)
        distances[near] = _distances(moving[near], fixed[near], placements[near])
    return distances, placements


def placed(
    moving: Images, fixed: Images, placements: Placements, inner: int
) -> tuple[Placements, NDArray[np.float32]]:
    """Better placements of grey images, and how far these are apart at them, inside `inner`."""
    inside = np.s_[:, inner:-inner, inner:-inner]
    target = _unit(fixed[inside])
    slopes, inverse = _slopes(fixed, target, inside)
    best, least = placements, np.full(len(moving), np.inf, np.float32)
    for number in range(ROUNDS + 1):
        found = _unit(warped(moving, placements)[0][inside])
        far = 1 - np.einsum("np,np->n", found, target)
        better = far < least
        best, least = np.where(better[:, None], placements, best), np.minimum(far, least)
        if number < ROUNDS:
            step = inverse @ (slopes @ (found - target)[:, :, None])
            placements = _stepped(placements, step[:, :, 0])
    return best, least


def _slopes(fixed: Images, target: Images, inside: tuple) -> tuple[Images, Images]:
    """How the target changes with each part of a placement (n, 4, pixels), and what undoes it.

    Changes of brightness and contrast, which no placement explains, are taken out.
    """
    side = fixed.shape[1]
    x = _centres(side)
    across, down = np.gradient(fixed, axis=2) * (side / 2), np.gradient(fixed, axis=1) * (side / 2)
    parts = (across * x, across, down * x[:, None], down)
    slopes = np.stack([part[inside].reshape(len(fixed), -1) for part in parts], axis=1)
    slopes /= np.maximum(_length(fixed[inside]), 1e-3)[:, None, None]
    slopes -= slopes.mean(axis=2, keepdims=True)
    slopes -= (slopes @ target[:, :, None]) * target[:, None]
    square = slopes @ slopes.transpose(0, 2, 1)
    trace = np.trace(square, axis1=1, axis2=2)[:, None, None]
    return slopes, np.linalg.inv(square + np.eye(4, dtype=np.float32) * (1e-4 * trace + 1e-6))


def _stepped(placements: Placements, steps: Placements) -> Placements:
    """Placements after the inverse of a step, each as long as it may be."""
    steps = np.clip(steps, -0.08, 0.08)
    moved = np.empty_like(placements)
    for axis in (0, 2):
        scale = (1 + placements[:, axis]) / (1 + steps[:, axis])
        moved[:, axis] = scale - 1
        moved[:, axis + 1] = placements[:, axis + 1] - scale * steps[:, axis + 1]
    return np.clip(moved, -REACH, REACH)


def _distances(moving: Images, fixed: Images, placements: Placements) -> NDArray[np.float32]:
    """1 − cosine of what both show, in colour, whatever its brightness and contrast."""
    moved, seen = warped(moving, placements)
    weights = seen[..., None].astype(np.float32)
    count = 3 * np.maximum(weights.sum(axis=(1, 2, 3)), 1)

    def level(images: Images) -> Images:
        mean = (images * weights).sum(axis=(1, 2, 3)) / count
        return ((images - mean[:, None, None, None]) * weights).reshape(len(images), -1)

    a, b = level(moved), level(fixed)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = np.einsum("np,np->n", a, b) / np.maximum(lengths, 1e-6)
    return np.maximum(1 - cosines, 0).astype(np.float32)


def warped(images: Images, placements: Placements) -> tuple[Images, NDArray[np.bool_]]:
    """The images moved, and where (n, side, side) they still show something."""
    count, side = images.shape[:2]
    across, left = _weights(placements[:, :2], side)
    down, top = _weights(placements[:, 2:], side)
    moved: Images = (down @ images.reshape(count, side, -1)).reshape(images.shape)
    grey = images.ndim == 3
    moved = moved @ across.transpose(0, 2, 1) if grey else across[:, None] @ moved
    return moved, top[:, :, None] & left[:, None, :]


def _weights(placement: Placements, side: int) -> tuple[Images, NDArray[np.bool_]]:
    """Cubic weights (n, side, side) of the pixels along one side, and which ones can be had."""
    at = (1 + placement[:, :1]) * _centres(side) + placement[:, 1:]
    at = (at + 1) * (side / 2) - 0.5
    seen = (at > MARGIN - 0.75) & (at < side - MARGIN - 0.25)
    border = round(MARGIN)
    seen[:, :border] = seen[:, -border:] = False
    off = np.abs(np.clip(at, 0, side - 1)[:, :, None] - np.arange(side, dtype=np.float32))
    near, next_to = (1.5 * off - 2.5) * off * off + 1, ((2.5 - 0.5 * off) * off - 4) * off + 2
    weights: Images = np.where(off < 1, near, np.where(off < 2, next_to, 0)).astype(np.float32)
    weights /= weights.sum(axis=2, keepdims=True)
    return weights, seen


def _centres(side: int) -> NDArray[np.float32]:
    return (np.arange(side, dtype=np.float32) + 0.5) * np.float32(2 / side) - 1


def _blurred(images: Images) -> Images:
    """A Gaussian blur, in which the edge pixels stand for what is beyond them."""
    reach = np.arange(-3, 4)
    kernel = np.exp(-(reach**2) / (2 * BLUR**2))
    blur = np.zeros((SIDE, SIDE), np.float32)
    for row in range(SIDE):
        np.add.at(blur[row], np.clip(row + reach, 0, SIDE - 1), kernel / kernel.sum())
    rows = (blur @ images.reshape(len(images), SIDE, -1)).reshape(images.shape)
    return blur @ rows


def _halved(images: Images) -> Images:
    count, side, _ = images.shape
    return images.reshape(count, side // 2, 2, side // 2, 2).mean(axis=(2, 4))


def _unit(images: Images) -> NDArray[np.float32]:
    """As rows (n, pixels) with mean 0 and length 1."""
    rows = images.reshape(len(images), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    length: NDArray = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(length, 1e-3)


def _length(images: Images) -> NDArray[np.float32]:
    rows = images.reshape(len(images), -1)
    return np.linalg.norm(rows - rows.mean(axis=1, keepdims=True), axis=1)
