"""The drawing sheet of one product: anti-aliased, shaded parts laid one over the other."""

from collections.abc import Sequence

import cv2
import numpy as np

from .geometry import Outline, as_outlines, dashes
from .paints import RGB, Paint, plain, vector
from .surfaces import Field, Form, Light, flat, lit

PIXELS_PER_UNIT = 5
MARGIN = 10  # units around the 100 x 100 units of the product
SIDE = (100 + 2 * MARGIN) * PIXELS_PER_UNIT
_SHIFT = 4  # OpenCV draws polygons to 1/16 of a pixel

Shape = Outline | Sequence[Outline]


class Canvas:
    """Colour, coverage and footprint of one product, seen under one lamp."""

    def __init__(self, light: Light) -> None:
        self.light = light
        self.rgb: Field = np.zeros((SIDE, SIDE, 3), np.float32)
        self.alpha: Field = np.zeros((SIDE, SIDE), np.float32)
        self.footprint: Field = np.zeros((SIDE, SIDE), np.float32)

    def part(
        self,
        shape: Shape,
        paint: Paint,
        form: Form | None = None,
        gloss: float = 0.2,
        drop: float = 0.0,
        within: Shape | None = None,
    ) -> None:
        """Lay a solid part on top; `drop` is the shadow it throws on the parts below it."""
        mask = coverage(shape)
        if within is not None:
            mask = mask * coverage(within)
        rows, columns = _bounds(mask)
        if rows.start == rows.stop:
            return
        if drop:
            self._throw_shadow(mask, drop)
        window = (rows, columns)
        y, x = np.mgrid[window].astype(np.float32) / PIXELS_PER_UNIT - MARGIN
        surface = (form or flat())(mask[window], x, y)
        colour = lit(paint(surface.u, surface.v), surface, self.light, gloss)
        self._blend(window, colour, mask[window])

    def tint(
        self,
        shape: Shape,
        colour: RGB,
        opacity: float,
        soft: float = 0.0,
        within: Shape | None = None,
    ) -> None:
        """Breathe a colour on what is drawn already: seams, folds, glows and reflections."""
        mask = coverage(shape)
        if soft:
            mask = cv2.GaussianBlur(mask, (0, 0), soft * PIXELS_PER_UNIT)
        if within is not None:
            mask = mask * coverage(within)
        opaque = (mask * self.alpha * opacity)[..., None]
        self.rgb += (vector(colour) - self.rgb) * opaque

    def thread(self, path: Outline, colour: RGB, length: float = 1.3, width: float = 0.5) -> None:
        """A row of stitches along a path."""
        self.part(dashes(path, length, length * 0.75, width), plain(colour), gloss=0.0)

    def stand_on(self, *shapes: Outline) -> None:
        """Where the product touches the ground: the contact shadow grows from there."""
        self.footprint = np.maximum(self.footprint, coverage(shapes))

    def _throw_shadow(self, mask: Field, strength: float) -> None:
        shift = np.array([[1, 0, -self.light.x * 9], [0, 1, -self.light.y * 9]], dtype=np.float32)
        shadow = cv2.warpAffine(cv2.GaussianBlur(mask, (0, 0), 7), shift, (SIDE, SIDE))
        self.rgb *= 1.0 - strength * shadow[..., None]

    def _blend(self, window: tuple[slice, slice], colour: Field, mask: Field) -> None:
        """Lay colour over the window; the border keeps the true colour of the upper part."""
        below = self.alpha[window]
        total = mask + below * (1.0 - mask)
        share = (mask / np.maximum(total, 1e-4))[..., None]
        self.rgb[window] += (colour - self.rgb[window]) * share
        self.alpha[window] = total


def coverage(shape: Shape) -> Field:
    """How much of each pixel a shape covers, 0..1."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for outline in as_outlines(shape):
        # A pixel's centre is at a whole number for OpenCV, hence the half.
        corners = ((outline + MARGIN) * PIXELS_PER_UNIT - 0.5) * (1 << _SHIFT)
        cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 255, cv2.LINE_AA, _SHIFT)
    return mask.astype(np.float32) / 255.0


def _bounds(mask: Field) -> tuple[slice, slice]:
    """The smallest window that holds the mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
