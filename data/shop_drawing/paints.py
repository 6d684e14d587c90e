"""Colours and patterns.  A paint answers the colour at surface coordinates (u, v)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .surfaces import Field

RGB = tuple[float, float, float]
Paint = Callable[[Field, Field], Field]


def rgb(code: str) -> RGB:
    """The colour of a hexadecimal code such as "c8322d", each part in 0..1."""
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def vector(numbers: ArrayLike) -> Field:
    """A colour or other numbers as an array that mixes with pictures."""
    return np.asarray(numbers, np.float32)


CREAM, INK, STEEL, BRASS = rgb("f4ecd8"), rgb("2b2a30"), rgb("b9bec6"), rgb("cfa24e")
WOOD, RUBBER = rgb("b98150"), rgb("3a332f")


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """The colour between a (share 0) and b (share 1)."""
    red, green, blue = (p + (q - p) * share for p, q in zip(a, b, strict=True))
    return red, green, blue


def darker(colour: RGB, amount: float = 0.35) -> RGB:
    """A deeper tone of the colour."""
    return mix(colour, (0.05, 0.03, 0.06), amount)


def lighter(colour: RGB, amount: float = 0.35) -> RGB:
    """A paler tone of the colour."""
    return mix(colour, (1.0, 0.99, 0.96), amount)


def _soft(signed_distance: Field, border: float = 0.35) -> Field:
    """1 inside (positive distance), 0 outside, with an anti-aliased border."""
    return np.clip(0.5 + signed_distance / border, 0.0, 1.0)


def _layers(base: RGB, *layers: tuple[Field, RGB]) -> Field:
    """Lay (coverage, colour) pairs over a base colour."""
    colour = np.empty((*layers[0][0].shape, 3), np.float32)
    colour[:] = base
    for share, layer in layers:
        colour += (vector(layer) - colour) * share[..., None]
    return colour


def plain(colour: RGB) -> Paint:
    """One colour all over."""
    return lambda u, v: np.broadcast_to(vector(colour), (*u.shape, 3))


def wood(colour: RGB) -> Paint:
    """Wood with its grain along v."""

    def paint(u: Field, v: Field) -> Field:
        wave = np.sin(u * 2.1 + 1.3 * np.sin(v * 0.11 + u * 0.35)) * 0.5 + 0.5
        return _layers(colour, (0.28 * wave**3, darker(colour, 0.6)))

    return paint


def _wrap(t: Field, period: float) -> Field:
    """Distance from the nearest multiple of the period, with its sign."""
    return t - period * np.round(t / period)


def stripes(base: RGB, accent: RGB, period: float = 12.0) -> Paint:
    """Level stripes, half of each period wide."""
    return lambda u, v: _layers(base, (_soft(period / 4 - np.abs(_wrap(v, period))), accent))


def dots(base: RGB, accent: RGB, period: float = 11.0) -> Paint:
    """Round dots, every second row shifted."""

    def paint(u: Field, v: Field) -> Field:
        row = np.round(v / period)
        du = _wrap(u + (row % 2) * period / 2, period)
        return _layers(base, (_soft(0.27 * period - np.hypot(du, v - row * period)), accent))

    return paint


def checks(base: RGB, accent: RGB, period: float = 11.0) -> Paint:
    """Woven checks: half tone where a band crosses plain cloth, full where bands cross."""

    def paint(u: Field, v: Field) -> Field:
        across = _soft(period / 4 - np.abs(_wrap(u, period)))
        along = _soft(period / 4 - np.abs(_wrap(v, period)))
        fine = _soft(0.4 - np.abs(_wrap(u + period / 2, period)))
        fine_along = _soft(0.4 - np.abs(_wrap(v + period / 2, period)))
        line = lighter(base, 0.55)
        return _layers(
            base, (0.6 * across, accent), (0.6 * along, accent), (fine, line), (fine_along, line)
        )

    return paint


def flowers(base: RGB, accent: RGB, period: float = 17.0) -> Paint:
    """Five-petalled flowers scattered on a shifted grid, with small buds between them."""

    def paint(u: Field, v: Field) -> Field:
        row = np.round(v / period)
        shifted = u + (row % 2) * period / 2
        du, dv = _wrap(shifted, period), v - row * period
        turn = 2.4 * row + 1.7 * np.round(shifted / period)
        radius = np.hypot(du, dv)
        petal = 0.35 * period * (0.72 + 0.28 * np.cos(5 * np.arctan2(dv, du) + turn))
        bud_row = np.round(v / period - 0.5) + 0.5
        bud_u = _wrap(u + (np.floor(bud_row) % 2 + 0.5) * period / 2, period)
        bud = _soft(0.075 * period - np.hypot(bud_u, v - bud_row * period))
        heart = _soft(0.1 * period - radius)
        return _layers(
            base, (bud, lighter(accent, 0.2)), (_soft(petal - radius), accent), (heart, BRASS)
        )

    return paint


def star_logo(base: RGB, accent: RGB, cu: float, cv: float, size: float = 13.0) -> Paint:
    """A star in a ring, printed once around (cu, cv)."""

    def paint(u: Field, v: Field) -> Field:
        du, dv = u - cu, v - cv
        radius = np.hypot(du, dv)
        angle = np.arctan2(du, -dv)
        wedge = np.abs(_wrap(angle, 2 * np.pi / 5))
        # The straight side of a five-pointed star from its tip to its inner corner.
        inner = 0.42
        across = inner * np.sin(np.pi / 5 - wedge) + np.sin(wedge)
        star = _soft(0.72 * size * inner * np.sin(np.pi / 5) / across - radius)
        ring = _soft(0.07 * size - np.abs(radius - 0.93 * size))
        return _layers(base, (star, accent), (ring, accent))

    return paint


def rotated(paint: Paint, degrees: float, cu: float, cv: float) -> Paint:
    """The paint turned about (cu, cv)."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))

    def turned_paint(u: Field, v: Field) -> Field:
        du, dv = u - cu, v - cv
        return paint(cu + cosine * du + sine * dv, cv - sine * du + cosine * dv)

    return turned_paint


@dataclass(frozen=True)
class Finish:
    """The colours and the pattern of one item."""

    base: RGB
    accent: RGB = CREAM
    pattern: str = "plain"

    def cover(self, cu: float = 50.0, cv: float = 50.0, scale: float = 1.0) -> Paint:
        """The paint of a main part whose middle is at (cu, cv)."""
        if self.pattern == "logo":
            return star_logo(self.base, self.accent, cu, cv, 13.0 * scale)
        make = PATTERNS.get(self.pattern)
        if make is None:
            return plain(self.base)
        paint = make(self.base, self.accent)
        return lambda u, v: paint((u - cu) / scale, (v - cv) / scale)


PATTERNS: dict[str, Callable[[RGB, RGB], Paint]] = {
    "stripes": stripes,
    "dots": dots,
    "checks": checks,
    "flowers": flowers,
}
