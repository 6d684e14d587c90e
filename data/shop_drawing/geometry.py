"""Outlines of forms in drawing units: splines, ellipses, turned profiles and ribbons.

An outline is an (N, 2) array of points, x to the right and y down.  A product is drawn
in a square of 100 x 100 units.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Outline = NDArray[np.float64]
Point = tuple[float, float]


def spline(*knots: Point, closed: bool = True, samples: int = 14) -> Outline:
    """A smooth curve through all knots (uniform Catmull-Rom)."""
    p = np.array(knots, dtype=np.float64)
    if closed:
        p = np.vstack([p[-1:], p, p[:2]])
    else:
        p = np.vstack([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, 1, samples, endpoint=False)[None, :, None]
    before, start, stop, after = (p[i : len(p) - 3 + i, None, :] for i in range(4))
    curve = 0.5 * (
        2 * start
        + (stop - before) * t
        + (2 * before - 5 * start + 4 * stop - after) * t**2
        + (3 * start - before - 3 * stop + after) * t**3
    )
    flat = curve.reshape(-1, 2)
    return flat if closed else np.vstack([flat, p[-2:-1]])


def ellipse(
    cx: float, cy: float, rx: float, ry: float, start: float = 0, stop: float = 360
) -> Outline:
    """An ellipse, or its arc from `start` to `stop` degrees (clockwise from the right)."""
    angle = np.radians(np.linspace(start, stop, 73))
    return np.stack([cx + rx * np.cos(angle), cy + ry * np.sin(angle)], axis=1)


def rounded_box(x0: float, y0: float, x1: float, y1: float, radius: float) -> Outline:
    """An upright box with rounded corners."""
    corners = (
        (x1 - radius, y1 - radius, 0),
        (x0 + radius, y1 - radius, 90),
        (x0 + radius, y0 + radius, 180),
        (x1 - radius, y0 + radius, 270),
    )
    return np.vstack([ellipse(x, y, radius, radius, a, a + 90)[::6] for x, y, a in corners])


def turned_profile(cx: float, *profile: Point, sag: float = 0.0) -> Outline:
    """The outline of a body turned on a lathe around the upright axis at `cx`.

    `profile` lists (y, radius) from top to bottom; `sag` is how far the front of the round
    bottom hangs below its sides, as seen from a little above.
    """
    right = spline(*((cx + radius, y) for y, radius in profile), closed=False)
    left = right[::-1] * (-1, 1) + (2 * cx, 0)
    y, radius = profile[-1]
    return np.vstack([right, ellipse(cx, y, radius, sag, 0, 180), left])


def ribbon(path: ArrayLike, width: float, end_width: float | None = None) -> Outline:
    """A band with round ends along an open path; its width may change towards the end."""
    line = np.asarray(path, dtype=np.float64)
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    last = width if end_width is None else end_width
    half = np.linspace(width, last, len(line))[:, None] / 2
    turn = np.linspace(0, np.pi, 9)[1:-1, None]
    tail = line[-1] + half[-1] * (np.cos(turn) * across[-1] + np.sin(turn) * along[-1])
    head = line[0] - half[0] * (np.cos(turn) * across[0] + np.sin(turn) * along[0])
    return np.vstack([line + half * across, tail, (line - half * across)[::-1], head])


def dashes(path: ArrayLike, length: float, gap: float, width: float) -> list[Outline]:
    """Short ribbons along a path: a row of stitches."""
    line = np.asarray(path, dtype=np.float64)
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    position = np.concatenate([[0.0], np.cumsum(steps)])
    starts = np.arange(gap / 2, position[-1] - length, length + gap)
    return [ribbon(_between(line, position, s, s + length), width) for s in starts]


def _between(line: Outline, position: NDArray[np.float64], start: float, stop: float) -> Outline:
    """The piece of a path between two arc lengths, as three points."""
    at = np.linspace(start, stop, 3)
    return np.stack([np.interp(at, position, line[:, axis]) for axis in (0, 1)], axis=1)


def moved(outline: Outline, dx: float, dy: float) -> Outline:
    """The outline shifted."""
    return outline + np.array((dx, dy))


def straight(start: Point, stop: Point) -> Outline:
    """A straight path of three points, fit for `ribbon`."""
    return np.linspace(start, stop, 3)


def as_outlines(shape: Outline | Sequence[Outline]) -> list[Outline]:
    """A shape is one outline or several that are filled together."""
    return [shape] if isinstance(shape, np.ndarray) else list(shape)
