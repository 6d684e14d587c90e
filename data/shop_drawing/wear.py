"""Things to wear: boots, shirts and hats."""

import numpy as np

from .canvas import Canvas
from .geometry import Outline, ellipse, moved, ribbon, spline, straight
from .paints import BRASS, CREAM, INK, RUBBER, Finish, darker, lighter, plain, rgb, rotated, stripes
from .surfaces import flat, puffed

LACE = rgb("f0e4c8")


def draw_boot(canvas: Canvas, finish: Finish, rng: np.random.Generator) -> None:
    """A laced ankle boot from the side, its toe to the right."""
    canvas.stand_on(spline((16, 91), (30, 94), (60, 94), (93, 93), (88, 88), (30, 88)))
    _boot_sole(canvas)
    tongue = spline((50, 8), (61, 5), (66, 9), (70, 30), (78, 50), (62, 52))
    canvas.part(tongue, plain(darker(finish.base, 0.25)), puffed(4))
    upper = spline(
        (21, 16), (24, 11), (40, 12.5), (55, 12), (61, 15), (64, 30), (67, 43), (75, 51), (86, 57),
        (94, 66), (96, 76), (94, 83), (70, 84.5), (40, 84.5), (19, 84), (16, 76), (19, 62),
        (22, 46), (21, 30),
    )  # fmt: skip
    canvas.part(upper, finish.cover(42, 38, 0.85), puffed(15), gloss=0.28)
    _boot_leather(canvas, finish, upper)
    _boot_laces(canvas, finish)


def _boot_sole(canvas: Canvas) -> None:
    """The treaded rubber sole and the stitched welt above it."""
    sole = spline(
        (14, 83), (30, 84), (60, 85), (95, 82), (98, 87), (93, 93.5), (70, 93), (52, 93),
        (46, 91), (42, 94.5), (18, 95), (13.5, 90),
    )  # fmt: skip
    canvas.part(sole, plain(RUBBER), puffed(3), gloss=0.2)
    welt = ribbon(spline((14, 84), (40, 86), (70, 86), (97, 83), closed=False), 4.2)
    canvas.part(welt, plain(rgb("c99a62")), puffed(2), gloss=0.2)
    canvas.thread(spline((16, 84), (40, 86), (70, 86), (95, 83.2), closed=False), CREAM)
    for x in np.arange(18, 94, 5.0):
        canvas.tint(ribbon(straight((x, 89.5), (x - 1, 94)), 1.2), INK, 0.5)


def _boot_leather(canvas: Canvas, finish: Finish, upper: Outline) -> None:
    """Seamed patches on toe and heel, a padded collar and a pull loop."""
    deep, thread = darker(finish.base, 0.22), lighter(finish.base, 0.55)
    toe = spline((78, 48), (74, 62), (76, 74), (82, 90), (105, 90), (102, 55))
    heel = spline((10, 50), (24, 52), (33, 62), (37, 76), (38, 90), (10, 90))
    for patch in (toe, heel):
        canvas.tint(patch, INK, 0.35, soft=1.0, within=upper)
        canvas.part(patch, plain(deep), puffed(12), gloss=0.35, within=upper)
    canvas.thread(spline((77.5, 55), (76, 62), (78, 74), (82, 83), closed=False), thread)
    canvas.thread(spline((20.5, 55), (31, 63), (35, 76), (36, 83), closed=False), thread)
    collar = ribbon(spline((22, 14), (38, 15.5), (58, 14.5), closed=False), 7.5)
    canvas.part(collar, plain(deep), puffed(3.7), gloss=0.15, drop=0.3)
    loop = ribbon(spline((21, 20), (16, 13), (18, 6), (23, 11), closed=False), 2.6)
    canvas.part(loop, plain(LACE), puffed(1.3), drop=0.2)
    crease = spline((64, 58), (60, 64), (54, 67), closed=False)
    canvas.tint(ribbon(crease, 1.6, 0.4), INK, 0.3, soft=0.5, within=upper)


def _boot_laces(canvas: Canvas, finish: Finish) -> None:
    """The facing with five rows of lace through brass eyelets, and the loose ends."""
    facing = spline(
        (50, 18), (56, 17), (60, 31), (64, 44), (72, 53), (70, 58), (60, 54), (54, 44), (51, 30)
    )
    canvas.part(facing, plain(darker(finish.base, 0.12)), puffed(3), gloss=0.25, drop=0.25)
    for i in range(5):
        x, y = 55.5 + 2.2 * i + 0.5 * max(i - 2, 0) ** 2, 22 + 7.3 * i
        lace = spline((x, y), (x + 5, y - 3.2), (x + 9.5, y - 1.5), closed=False)
        canvas.part(ribbon(lace, 2.3), plain(LACE), puffed(1.2), gloss=0.05, drop=0.3)
        canvas.part(ellipse(x, y, 1.8, 1.8), plain(BRASS), puffed(1.2), gloss=0.7)
    for tip in (((62, 17), (72, 19), (75, 29)), ((62, 17), (68, 24), (66, 34))):
        canvas.part(ribbon(spline(*tip, closed=False), 1.6), plain(LACE), puffed(0.8), drop=0.25)


def draw_shirt(canvas: Canvas, finish: Finish, rng: np.random.Generator) -> None:
    """A short-sleeved shirt laid flat: with buttons when checked, else a crew-neck T-shirt."""
    cloth = finish.cover(50, 44)
    plain_cloth = plain(finish.base) if finish.pattern == "logo" else cloth
    for sleeve, turn in ((_SLEEVE, -24), (_other_side(_SLEEVE), 24)):
        middle = sleeve.mean(axis=0)
        canvas.part(sleeve, rotated(plain_cloth, turn, *middle), puffed(4), gloss=0.03)
    torso = spline(
        (36, 9), (50, 13), (64, 9), (76, 14), (81, 22), (79, 40), (79, 66), (81, 92), (66, 94.5),
        (50, 95), (34, 94.5), (19, 92), (21, 66), (21, 40), (19, 22), (24, 14),
    )  # fmt: skip
    canvas.part(torso, cloth, puffed(4.5), gloss=0.03, drop=0.28)
    _shirt_folds(canvas, torso)
    hem = spline((19.5, 89), (34, 91.3), (50, 92), (66, 91.3), (80.5, 89), closed=False)
    canvas.thread(hem, darker(finish.base, 0.3), width=0.4)
    if finish.pattern == "checks":
        _buttoned_front(canvas, finish, torso)
    else:
        _crew_neck(canvas, finish)


_SLEEVE = spline(
    (26, 12.5), (20, 17), (10, 28), (1, 41), (4, 46), (15, 52), (19, 50), (22, 42), (26, 30)
)


def _other_side(outline: Outline) -> Outline:
    return moved(outline * (-1, 1), 100, 0)


def _shirt_folds(canvas: Canvas, torso: Outline) -> None:
    """Armhole seams and a few soft folds, dark beside bright."""
    arm = spline((24, 14), (21.5, 24), (22, 36), (21, 46), closed=False)
    for seam in (arm, _other_side(arm)):
        canvas.tint(ribbon(seam, 1.0), INK, 0.4, soft=0.3)
    folds = (
        ((24, 46), (34, 56), (36, 68)),
        ((76, 48), (66, 60), (65, 74)),
        ((40, 94), (43, 80), (41, 68)),
        ((61, 94), (58, 84), (60, 74)),
        ((28, 20), (34, 28), (35, 36)),
    )
    for fold in folds:
        line = ribbon(spline(*fold, closed=False), 2.6, 0.6)
        canvas.tint(line, INK, 0.34, soft=1.3, within=torso)
        canvas.tint(moved(line, -3, -0.6), CREAM, 0.26, soft=1.5, within=torso)
    for cuff in (_CUFF, _other_side(_CUFF)):
        canvas.tint(ribbon(cuff, 0.7), INK, 0.35)


_CUFF = spline((3.8, 38), (10, 43.5), (19, 47.5), closed=False)


def _crew_neck(canvas: Canvas, finish: Finish) -> None:
    """The ribbed neck opening with the label inside."""
    inside = spline((36.5, 9), (50, 6.5), (63.5, 9), (59, 15), (50, 18), (41, 15))
    canvas.part(inside, plain(darker(finish.base, 0.45)), flat(), gloss=0)
    canvas.part(ellipse(50, 10.4, 3.4, 1.5), plain(CREAM), flat(), gloss=0)
    back = ribbon(spline((36.5, 9), (50, 7), (63.5, 9), closed=False), 2.2)
    canvas.part(back, plain(darker(finish.base, 0.2)), puffed(1.1), gloss=0)
    front = spline((35.5, 8.5), (40, 15.5), (50, 19), (60, 15.5), (64.5, 8.5), closed=False)
    rib = finish.accent if finish.pattern == "stripes" else lighter(finish.base, 0.08)
    neck = spline((34, 9.5), (38, 5), (50, 3), (62, 5), (66, 9.5), (62, 24), (50, 26), (38, 24))
    canvas.part(ribbon(front, 3.2), plain(rib), puffed(1.4), gloss=0, drop=0.25, within=neck)


def _buttoned_front(canvas: Canvas, finish: Finish, torso: Outline) -> None:
    """The button strip, the collar and a breast pocket."""
    placket = ribbon(straight((50, 18), (50, 97)), 6.5)
    canvas.part(placket, finish.cover(50, 44), flat(0.12), gloss=0, drop=0.3, within=torso)
    for x in (47.3, 52.7):
        canvas.thread(straight((x, 20), (x, 92)), lighter(finish.base, 0.5), width=0.4)
    for y in range(26, 92, 13):
        canvas.part(ellipse(50, y, 1.7, 1.7), plain(CREAM), puffed(1.2), gloss=0.5, drop=0.3)
    inside = spline((36, 9), (50, 4.5), (64, 9), (57, 15), (50, 20), (43, 15))
    canvas.part(inside, plain(darker(finish.base, 0.5)), flat(), gloss=0)
    wing = spline((35, 9), (38, 4.5), (43, 9), (50, 18), (43, 26), (36, 20))
    for side in (wing, _other_side(wing)):
        canvas.part(side, finish.cover(47, 40, 0.8), puffed(2.4), gloss=0, drop=0.35)
    pocket = spline((59, 34), (66, 34), (73, 34), (73, 46), (66, 49), (59, 46))
    canvas.part(pocket, finish.cover(53, 40), puffed(1.5), gloss=0, drop=0.22)


def draw_hat(canvas: Canvas, finish: Finish, rng: np.random.Generator) -> None:
    """A brimmed hat with a pinched crown and a ribbon."""
    canvas.stand_on(ellipse(50, 80, 40, 5))
    brim = spline(
        (3, 64), (10, 59), (28, 60), (72, 60), (90, 59), (97, 64), (90, 74), (72, 82.5),
        (50, 85), (28, 82.5), (10, 74),
    )  # fmt: skip
    canvas.part(brim, plain(finish.base), puffed(7), gloss=0.12)
    edge = spline(
        (4, 66.5), (12, 75), (28, 81.5), (50, 84), (72, 81.5), (88, 75), (96, 66.5), closed=False
    )
    canvas.thread(edge, lighter(finish.base, 0.5))
    canvas.tint(ellipse(52, 70, 33, 7), INK, 0.5, soft=2.5, within=brim)
    crown = spline(
        (24, 68), (25, 52), (29, 32), (35, 22), (44, 20.5), (52, 24), (60, 20), (68, 22),
        (73, 34), (75, 52), (76, 68), (64, 73.5), (50, 75), (36, 73.5),
    )  # fmt: skip
    canvas.part(crown, finish.cover(50, 40, 0.9), puffed(16), gloss=0.14)
    pinch = spline((45, 22), (52, 27), (54, 40), (49, 34))
    canvas.tint(pinch, INK, 0.4, soft=2.2, within=crown)
    canvas.tint(spline((60, 23), (66, 30), (67, 42), (63, 34)), CREAM, 0.2, soft=2, within=crown)
    _hat_ribbon(canvas, finish, crown)


def _hat_ribbon(canvas: Canvas, finish: Finish, crown: Outline) -> None:
    """The silk band around the foot of the crown, with its bow."""
    lower = spline((22, 67.5), (36, 73), (50, 74.5), (64, 73), (78, 67.5), closed=False)
    upper = moved(lower, 0, -11)[::-1]
    silk = stripes(finish.accent, darker(finish.accent, 0.12), 1.6)
    canvas.part(np.vstack([lower, upper]), silk, puffed(8), gloss=0.3, drop=0.3, within=crown)
    for fan in (((66, 62), (74, 55), (80, 57), (79, 68), (73, 70)), ((66, 63), (73, 66), (75, 76))):
        loop = spline(*fan)
        canvas.part(loop, plain(finish.accent), puffed(3), gloss=0.3, drop=0.35)
    knot = spline((64.5, 58.5), (69, 58.5), (69.5, 68), (65, 68))
    canvas.part(knot, plain(lighter(finish.accent, 0.1)), puffed(2), gloss=0.3, drop=0.35)
