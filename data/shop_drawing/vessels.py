"""Turned goods of the shop: mugs, teapots and bottles."""

import numpy as np

from .canvas import Canvas
from .geometry import Outline, ellipse, moved, ribbon, spline, straight, turned_profile
from .paints import BRASS, CREAM, INK, Finish, darker, lighter, plain, rgb
from .surfaces import flat, puffed, turned

WHITE = (1.0, 1.0, 1.0)
TEA = rgb("8a4a20")


def draw_mug(canvas: Canvas, finish: Finish, rng: np.random.Generator) -> None:
    """A tall mug with a round handle and some tea in it."""
    handle = spline((68, 35), (82, 31), (92, 41), (91, 57), (82, 69), (66, 72), closed=False)
    canvas.stand_on(ellipse(44, 91, 24, 4))
    canvas.part(ribbon(handle, 8.5, 7), plain(finish.base), puffed(4), gloss=0.7)
    body = turned_profile(44, (20, 29), (40, 28.6), (66, 27.5), (82, 26), (90, 22.5), sag=3.6)
    canvas.part(body, finish.cover(44, 56), turned(90, 0.14), gloss=0.55, drop=0.35)
    _window_reflection(canvas, body, 27, 28, 84)
    canvas.part(ellipse(44, 20, 29, 6.6), plain(lighter(finish.base, 0.35)), flat(), gloss=0.1)
    inside = ellipse(44, 20.6, 26.6, 5.3)
    canvas.part(inside, plain(lighter(finish.base, 0.7)), flat(), gloss=0.0)
    canvas.tint(ellipse(40, 19, 27, 5), INK, 0.45, soft=2.0, within=inside)
    canvas.part(ellipse(44, 23.4, 23.5, 4.2), plain(TEA), flat(), within=inside)
    canvas.tint(ellipse(50, 23.6, 9, 1.2), WHITE, 0.45, soft=0.7, within=inside)


def draw_teapot(canvas: Canvas, finish: Finish, rng: np.random.Generator) -> None:
    """A round-bellied teapot with a curved spout, an ear-shaped handle and a lid."""
    canvas.stand_on(ellipse(48, 90, 21, 3.5))
    _teapot_handle_and_spout(canvas, finish)
    canvas.part(
        turned_profile(48, (84, 15), (88, 17), (90, 17.5), sag=2.6),
        plain(darker(finish.base, 0.2)),
        turned(90),
        gloss=0.4,
    )
    belly = turned_profile(
        48, (39, 15.5), (43, 20), (50, 26.5), (59, 30.4), (67, 31), (76, 27.5), (83, 21), (87, 16),
        sag=2.4,
    )  # fmt: skip
    canvas.part(belly, finish.cover(48, 64, 0.9), turned(87, 0.2), gloss=0.8, drop=0.35)
    _window_reflection(canvas, belly, 32, 50, 72)
    _teapot_lid(canvas, finish)


def _teapot_handle_and_spout(canvas: Canvas, finish: Finish) -> None:
    """The ear-shaped handle and the tapering spout with its dark mouth."""
    ear = spline((24, 48), (12, 42), (3, 49), (4, 63), (12, 74), (25, 77), closed=False)
    canvas.part(ribbon(ear, 6.5, 5.5), plain(finish.base), puffed(3), gloss=0.6)
    neck = spline((68, 72), (80, 67), (86, 56), (89, 46), (97, 39), closed=False)
    canvas.part(ribbon(neck, 18, 6), plain(finish.base), puffed(6), gloss=0.6)
    canvas.part(ellipse(97.4, 38.4, 3.3, 2.2), plain(darker(finish.base, 0.55)), flat())


def _teapot_lid(canvas: Canvas, finish: Finish) -> None:
    """The lid with its rim and knob."""
    rim = turned_profile(48, (37, 16.5), (39.5, 17.5), sag=3.4)
    canvas.part(rim, plain(finish.accent), turned(39.5), gloss=0.4, drop=0.3)
    lid = turned_profile(48, (29, 4), (31, 9), (34, 14), (37.5, 16.6), sag=3.2)
    canvas.part(lid, plain(finish.base), turned(37.5), gloss=0.8, drop=0.25)
    canvas.part(ellipse(48, 25.5, 5, 4.6), plain(finish.accent), puffed(4.6), gloss=0.8, drop=0.3)


def draw_bottle(canvas: Canvas, finish: Finish, rng: np.random.Generator) -> None:
    """A glass bottle with a screw cap and a paper label."""
    canvas.stand_on(ellipse(50, 94.5, 17.5, 3))
    glass = turned_profile(
        50, (12, 6.6), (24, 6.8), (31, 8.6), (38, 14), (45, 18.6), (54, 20), (86, 20), (93, 18.4),
        sag=2.8,
    )  # fmt: skip
    canvas.part(glass, finish.cover(50, 66, 0.85), turned(93, 0.13), gloss=0.35)
    _glass_depth(canvas, glass)
    if finish.pattern == "plain":
        _paper_label(canvas, finish)
    _screw_cap(canvas, finish)
    _window_reflection(canvas, glass, 38, 50, 88)
    canvas.tint(ribbon([(47.2, 18), (47.2, 22), (46.6, 29)], 1.3), WHITE, 0.55, soft=0.4)


def _glass_depth(canvas: Canvas, glass: Outline) -> None:
    """Light gathers on the far side of glass and in its foot; the borders are deep."""
    canvas.tint(ellipse(59, 72, 6, 22), WHITE, 0.28, soft=3.0, within=glass)
    canvas.tint(ellipse(50, 94, 15, 2.5), WHITE, 0.35, soft=1.2, within=glass)
    canvas.tint(ellipse(50, 90, 19, 1.6), INK, 0.35, soft=1.2, within=glass)


def _paper_label(canvas: Canvas, finish: Finish) -> None:
    """A cream label with two lines of print, borders and a leaf in a round field."""
    upper, lower = ellipse(50, 55, 20.1, 2.6, 0, 180), ellipse(50, 81, 20.1, 2.6, 180, 0)
    paper = np.vstack([upper, lower])
    canvas.part(paper, plain(CREAM), turned(93), gloss=0.05)
    for y, width, thick in ((75.5, 20, 1.1), (79, 13, 0.9)):
        line = ellipse(50, y, width / 2, 0.9, 170, 10)
        canvas.tint(ribbon(line[::8], thick), INK, 0.6)
    canvas.part(ellipse(50, 66.5, 6.2, 6.6), plain(finish.base), flat(), gloss=0)
    leaf = np.vstack([ellipse(46, 66.5, 6, 6, -45, 45), ellipse(54, 66.5, 6, 6, 135, 225)])
    canvas.part(leaf, plain(CREAM), flat(), gloss=0)
    canvas.tint(ribbon(straight((50, 63), (50, 71.5)), 0.6), finish.base, 0.9)
    for y in (57.2, 81.2):
        border = ellipse(50, y, 20, 2.6, 2, 178)
        canvas.tint(ribbon(border[::6], 0.8), BRASS, 0.9, within=paper)


def _screw_cap(canvas: Canvas, finish: Finish) -> None:
    """The ribbed cap and the ring of glass below it."""
    cap = turned_profile(50, (5.5, 7), (6.5, 7.6), (15, 7.6), sag=1.3)
    metal = BRASS if finish.accent == CREAM else finish.accent
    canvas.part(cap, plain(metal), turned(15), gloss=0.5, drop=0.3)
    for x in np.linspace(44, 56, 9):
        canvas.tint(ribbon([(x, 8), (x, 11), (x, 15)], 0.5), INK, 0.28, within=cap)
    canvas.part(ellipse(50, 5.6, 7.2, 1.4), plain(lighter(metal, 0.3)), flat())
    neck = turned_profile(50, (18.4, 7.6), (20, 7.6), sag=1.2)
    canvas.part(neck, plain(darker(finish.base, 0.15)), turned(20), gloss=0.4)


def _window_reflection(canvas: Canvas, body: Outline, x: float, top: float, bottom: float) -> None:
    """The soft bright strip that a window leaves on a glazed side."""
    middle = (top + bottom) / 2
    strip = spline((x, top), (x + 2.2, middle), (x + 0.6, bottom), (x - 1.2, middle))
    on_lamp_side = strip if canvas.light.x < 0 else _mirrored(strip, body)
    canvas.tint(on_lamp_side, WHITE, 0.42, soft=0.7, within=body)


def _mirrored(outline: Outline, body: Outline) -> Outline:
    """The outline on the other side of the body's middle."""
    middle = (body[:, 0].min() + body[:, 0].max()) / 2
    return moved(outline * (-1, 1), 2 * middle, 0)
