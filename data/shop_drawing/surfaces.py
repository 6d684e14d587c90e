"""How a flat mask becomes a lit body: surface normals, surface coordinates and light.

A *form* looks at the mask of a part and answers with its surface: the normals, which the
light needs, and the coordinates (u, v) on the surface, which a pattern follows.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

# Numbers per pixel, float32 as a rule; OpenCV types its answers as arrays of any number.
Field = NDArray[Any]


class Light(NamedTuple):
    """The direction towards the lamp: x right, y down, z towards the viewer."""

    x: float
    y: float
    z: float


class Surface(NamedTuple):
    """Normals (their x and y) and pattern coordinates of every pixel of a part."""

    nx: Field
    ny: Field
    u: Field
    v: Field


Form = Callable[[Field, Field, Field], Surface]


def flat(tilt_x: float = 0.0, tilt_y: float = 0.0) -> Form:
    """A flat board, perhaps turned a little to one side."""

    def form(mask: Field, x: Field, y: Field) -> Surface:
        return Surface(np.full_like(x, tilt_x), np.full_like(x, tilt_y), x, y)

    return form


def puffed(depth: float) -> Form:
    """A cushion: it rises from its border over `depth` units and is level farther inside."""

    def form(mask: Field, x: Field, y: Field) -> Surface:
        pixels_per_unit = 1.0 / max(float(x[0, 1] - x[0, 0]), 1e-6)
        reach = depth * pixels_per_unit
        inside = np.pad((mask > 0.5).astype(np.uint8), 1)
        distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5)[1:-1, 1:-1]
        rim = 1.0 - np.clip(distance / reach, 0.0, 1.0)
        height = reach * np.sqrt(np.maximum(1.0 - rim**2, 0.0))
        height = cv2.GaussianBlur(height, (0, 0), max(reach * 0.22, 0.8))
        slope_y, slope_x = np.gradient(height)
        length = np.sqrt(slope_x**2 + slope_y**2 + 1.0)
        return Surface(-slope_x / length, -slope_y / length, x, y)

    return form


def turned(foot: float, tilt: float = 0.12) -> Form:
    """A body of revolution around an upright axis, standing at y = `foot`.

    `tilt` bends its rings downwards, as seen from a little above.
    """

    def form(mask: Field, x: Field, y: Field) -> Surface:
        middle, radius = _row_extents(mask, x, y, foot)
        slope = np.gradient(radius, y[:, 0])
        slope = cv2.GaussianBlur(slope.reshape(-1, 1), (0, 0), 6).ravel()
        slope = np.clip(slope, -0.9, 0.9)[:, None]
        side = np.clip((x - middle[:, None]) / radius[:, None], -1.0, 1.0)
        length = np.sqrt(1.0 + slope**2)
        front = np.sqrt(1.0 - side**2)
        u = np.median(middle) + radius.max() * np.arcsin(side)
        v = y - tilt * radius[:, None] * front
        return Surface(side / length, -slope / length, u, v)

    return form


def _row_extents(mask: Field, x: Field, y: Field, foot: float) -> tuple[Field, Field]:
    """Middle and half width of the mask in each row.

    The rows below the foot are the front of the round bottom and repeat the foot's values.
    """
    # Summing the coverage finds the width to a fraction of a pixel: no banding in the shade.
    width = np.maximum(mask.sum(axis=1), 1.0)
    middle = (mask * x).sum(axis=1) / width
    radius = width * (x[0, 1] - x[0, 0]) / 2
    good = (width > 3) & (y[:, 0] < foot)
    rows = np.arange(len(mask))
    middle = np.interp(rows, rows[good], middle[good])
    radius = np.interp(rows, rows[good], radius[good])
    return middle.astype(np.float32), radius.astype(np.float32)


def ball(cx: float, cy: float, radius: float) -> Form:
    """A sphere.  Its u and v are the x and y of the unit normal: patterns do the rest."""

    def form(mask: Field, x: Field, y: Field) -> Surface:
        nx, ny = (x - cx) / radius, (y - cy) / radius
        length = np.maximum(np.sqrt(nx**2 + ny**2) / 0.999, 1.0)
        nx, ny = nx / length, ny / length
        return Surface(nx, ny, nx, ny)

    return form


def lit(colour: Field, surface: Surface, light: Light, gloss: float) -> Field:
    """Colours (H, W, 3 in 0..1) under the lamp: shade, warm depths and a highlight."""
    nx, ny = surface.nx, surface.ny
    nz = np.sqrt(np.maximum(1.0 - nx**2 - ny**2, 0.0))
    facing = np.maximum(nx * light.x + ny * light.y + nz * light.z, 0.0)
    shade = (0.42 + 0.58 * facing / light.z)[..., None]
    # A power above one makes a shadow richer in colour instead of merely greyer.
    shadow = np.power(np.maximum(colour, 0.004), 1.0 + 0.35 * np.maximum(1.0 - shade, 0.0))
    body = shadow * np.minimum(shade, 1.0)
    body += (1.0 - body) * 0.42 * np.clip(shade - 1.0, 0.0, 1.0)
    half = np.array([light.x, light.y, light.z + 1.0])
    half /= np.linalg.norm(half)
    mirror = np.maximum(nx * half[0] + ny * half[1] + nz * half[2], 0.0)
    sheen = gloss * (0.75 * mirror**60 + 0.22 * mirror**12)
    bounce = 0.10 * np.maximum(-(nx * light.x + ny * light.y), 0.0) ** 2
    body += (1.0 - body) * np.clip(sheen, 0.0, 1.0)[..., None]
    return np.clip(body + bounce[..., None] * colour, 0.0, 1.0).astype(np.float32)
