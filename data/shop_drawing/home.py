"""Things for the home: lamps, chairs and alarm clocks."""

import numpy as np

from .canvas import Canvas
from .geometry import Outline, ellipse, ribbon, rounded_box, spline, straight, turned_profile
from .paints import BRASS, INK, STEEL, WOOD, Finish, darker, lighter, mix, plain, rgb, wood
from .surfaces import flat, puffed, turned

WARM_LIGHT = rgb("fff0c0")


def draw_lamp(canvas: Canvas, finish: Finish, rng: np.random.Generator) -> None:
    """A table lamp that is on: a cloth shade over a brass stem and a turned foot."""
    canvas.stand_on(ellipse(50, 93, 17, 3))
    foot = turned_profile(50, (90, 15.5), (92, 16.5), (93.5, 16.5), sag=2.6)
    canvas.part(foot, plain(BRASS), turned(93.5), gloss=0.6)
    body = turned_profile(
        50, (55, 3.6), (58, 6), (63, 11.5), (69, 14.5), (75, 14), (82, 9.5), (87, 8), (91, 11.5),
        sag=1.8,
    )  # fmt: skip
    canvas.part(body, plain(finish.base), turned(91), gloss=0.8, drop=0.3)
    canvas.part(rounded_box(47.6, 46, 52.4, 56.5, 1), plain(BRASS), turned(60), gloss=0.7)
    _lamp_shade(canvas, finish)


def _lamp_shade(canvas: Canvas, finish: Finish) -> None:
    """The cloth shade with its hems, lit from within and open at the top."""
    inside = ellipse(50, 10, 18.5, 3.2)
    shade = turned_profile(50, (10, 18.5), (30, 26), (48, 33), sag=5)
    canvas.part(shade, finish.cover(50, 31), turned(48, 0.15), gloss=0.05, drop=0.4)
    glow = mix(finish.base, WARM_LIGHT, 0.6)
    canvas.tint(ellipse(50, 36, 18, 13), glow, 0.6, soft=6, within=shade)
    for y, radius, sag in ((10.4, 18.6, 3.2), (47.0, 32.6, 5)):
        hem = ellipse(50, y, radius, sag, 2, 178)
        canvas.tint(ribbon(hem[::4], 1.8), darker(finish.base, 0.3), 0.55, within=shade)
    canvas.part(inside, plain(WARM_LIGHT), flat(), gloss=0)
    canvas.tint(ellipse(50, 8.4, 19, 2.6), darker(finish.base, 0.2), 0.5, soft=0.8, within=inside)
    canvas.part(ribbon(straight((50, 6), (50, 11)), 1.4), plain(BRASS), puffed(0.7), gloss=0.5)
    canvas.part(ellipse(50, 5, 1.9, 1.9), plain(BRASS), puffed(1.9), gloss=0.8)


def draw_chair(canvas: Canvas, finish: Finish, rng: np.random.Generator) -> None:
    """A wooden chair, half from the side, with an upholstered seat and back."""
    legs = {
        "back": (((26, 58), (20, 84)), ((68, 56), (73, 80))),
        "front": (((33, 68), (28, 97)), ((79, 65), (85, 92))),
    }
    for pairs in legs.values():
        for _, (x, y) in pairs:
            canvas.stand_on(ellipse(x, y, 4, 1.6))
    for start, stop in legs["back"]:
        canvas.part(ribbon(straight(start, stop), 4, 2.4), wood(darker(WOOD, 0.25)), puffed(2))
    for x_low, x_high in ((27.5, 26), (67, 68)):
        post = ribbon(straight((x_low, 58), (x_high, 36)), 3.6)
        canvas.part(post, wood(WOOD), puffed(1.8), gloss=0.3)
    _chair_back(canvas, finish)
    for start, stop in legs["front"]:
        canvas.part(ribbon(straight(start, stop), 5, 2.8), wood(WOOD), puffed(2.4), gloss=0.3)
    rail = spline((22, 61), (32, 71), (81, 68), (83, 63), (80, 60), (30, 60))
    canvas.part(rail, wood(darker(WOOD, 0.1)), flat(), drop=0.2)
    _chair_seat(canvas, finish)


def _chair_back(canvas: Canvas, finish: Finish) -> None:
    """The padded back; a plain one has four buttons."""
    back = spline(
        (22, 10), (34, 5.5), (58, 5), (68, 9), (71, 24), (70, 41), (60, 45), (36, 46.5), (25, 43),
        (22, 27),
    )  # fmt: skip
    canvas.part(back, finish.cover(46, 26), puffed(6), gloss=0.12, drop=0.3)
    if finish.pattern == "plain":
        for x, y in ((36, 19), (57, 18), (37, 33), (57, 32)):
            canvas.tint(ellipse(x, y, 3, 3), INK, 0.35, soft=1.2)
            canvas.part(ellipse(x, y, 1.3, 1.3), plain(darker(finish.base, 0.2)), puffed(1.3))


def _chair_seat(canvas: Canvas, finish: Finish) -> None:
    """The cushion: its front edge in shade, its top in light."""
    side = spline(
        (19, 58), (24, 54), (45, 53), (68, 51), (75, 53), (86, 62), (86, 67), (80, 69.5), (54, 71),
        (33, 72), (28, 70), (19, 61),
    )  # fmt: skip
    canvas.part(side, plain(darker(finish.base, 0.3)), puffed(3), gloss=0.1, drop=0.45)
    top = spline(
        (19, 56), (25, 52), (45, 50.5), (68, 49), (75, 51), (86, 61), (84, 64.5), (54, 66),
        (33, 67.5), (28, 66),
    )  # fmt: skip
    canvas.part(top, finish.cover(50, 58, 0.8), puffed(5), gloss=0.12)
    canvas.tint(ellipse(50, 58, 20, 4), lighter(finish.base, 0.5), 0.25, soft=3, within=top)


def draw_clock(canvas: Canvas, finish: Finish, rng: np.random.Generator) -> None:
    """A twin-bell alarm clock on two feet; it shows another time in every picture."""
    for x, y in ((24, 95), (76, 95)):
        canvas.stand_on(ellipse(x, y, 4, 1.6))
        leg = ribbon(straight((50 + (x - 50) * 0.6, 78), (x, y - 1)), 5.5, 4)
        canvas.part(leg, plain(darker(STEEL, 0.2)), puffed(2.5), gloss=0.7)
    _clock_bells(canvas, finish)
    canvas.part(ellipse(50, 58, 36, 36), plain(finish.base), puffed(7), gloss=0.7, drop=0.35)
    canvas.part(ellipse(50, 58, 29.5, 29.5), plain(BRASS), puffed(1.4), gloss=0.6, drop=0.2)
    face = ellipse(50, 58, 28, 28)
    canvas.part(face, plain(finish.accent), flat(), gloss=0)
    shade = [ribbon(ellipse(50, 58, 29, 29, 150, 300), 4)]
    canvas.tint(shade, INK, 0.35, soft=1.6, within=face)
    _clock_dial(canvas)
    _clock_hands(canvas, rng.uniform(0, 12))
    glare = spline((30, 50), (44, 34), (56, 33), (44, 44), (34, 58))
    canvas.tint(glare, (1, 1, 1), 0.22, soft=1.5, within=face)


def _clock_bells(canvas: Canvas, finish: Finish) -> None:
    """Two tilted bells with their stems, the hammer and the handle over them."""
    handle = spline((36, 20), (37, 8), (50, 3), (63, 8), (64, 20), closed=False)
    canvas.part(ribbon(handle, 3.2), plain(STEEL), puffed(1.6), gloss=0.8)
    canvas.part(ribbon(straight((50, 24), (50, 11)), 2), plain(STEEL), puffed(1), gloss=0.6)
    canvas.part(rounded_box(46, 8.5, 54, 13.5, 2.2), plain(darker(STEEL, 0.3)), puffed(2))
    for side in (-1, 1):
        tilt = np.radians(-32 * side)
        turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
        dome = np.vstack([ellipse(0, 0, 15, 13.5, 180, 360), ellipse(0, 0, 15, 2.4, 0, 180)])
        place = (50 + 22 * side, 25)
        stem = np.array([(0.0, 0.0), (0.0, 6.0), (0.0, 12.0)])
        canvas.part(ribbon(stem @ turn + place, 3), plain(STEEL), puffed(1.5), gloss=0.5)
        bell = mix(finish.base, lighter(finish.base, 0.3), 0.4)
        canvas.part(dome @ turn + place, plain(bell), puffed(9), gloss=1.0, drop=0.2)
        knob = np.array([(0.0, -14.2)]) @ turn + place
        canvas.part(ellipse(knob[0, 0], knob[0, 1], 2, 2), plain(BRASS), puffed(2), gloss=0.8)


def _clock_dial(canvas: Canvas) -> None:
    """Sixty minute marks, those of the hours thick and long."""
    for minute in range(60):
        out = np.array([np.sin(minute * np.pi / 30), -np.cos(minute * np.pi / 30)])
        hour = minute % 5 == 0
        mark = np.linspace(26, 21.5 if hour else 24.8, 3)[:, None] * out + (50, 58)
        canvas.tint(ribbon(mark, 1.8 if hour else 0.5), INK, 0.95)


def _clock_hands(canvas: Canvas, hours: float) -> None:
    """The hands for a time in hours, and a red one for the alarm."""
    for turn, length, width in ((hours / 12, 14, 3.0), (hours % 1, 22, 2.2)):
        canvas.part(_hand(turn, length, width), plain(INK), flat(), gloss=0, drop=0.18)
    canvas.part(_hand(hours * 7 % 1, 23, 0.9), plain(rgb("d8402e")), flat(), gloss=0, drop=0.1)
    canvas.part(ellipse(50, 58, 2.2, 2.2), plain(BRASS), puffed(2.2), gloss=0.6)


def _hand(turn: float, length: float, width: float) -> Outline:
    out = np.array([np.sin(2 * np.pi * turn), -np.cos(2 * np.pi * turn)])
    return ribbon(np.linspace(-4, length, 5)[:, None] * out + (50, 58), width, width * 0.55)
