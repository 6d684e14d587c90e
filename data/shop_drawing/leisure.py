"""Things to take along: bags, umbrellas and balls."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from .canvas import Canvas
from .geometry import Outline, dashes, ellipse, moved, ribbon, rounded_box, spline, straight
from .paints import BRASS, CREAM, INK, WOOD, Finish, darker, lighter, plain, vector, wood
from .surfaces import Field, ball, flat, puffed


def draw_bag(canvas: Canvas, finish: Finish, rng: np.random.Generator) -> None:
    """A hand bag with a flap, a brass clasp and a round handle."""
    canvas.stand_on(spline((10, 91), (50, 94), (90, 91), (88, 88), (12, 88)))
    strap = darker(finish.base, 0.3)
    handle = spline((28, 44), (30, 24), (39, 10), (50, 6), (61, 10), (70, 24), (72, 44),
                    closed=False)  # fmt: skip
    canvas.part(ribbon(handle, 4.6), plain(strap), puffed(2.3), gloss=0.35)
    body = spline(
        (13, 42), (30, 39.5), (50, 39), (70, 39.5), (87, 42), (91, 58), (94, 84), (88, 92),
        (50, 94), (12, 92), (6, 84), (9, 58),
    )  # fmt: skip
    canvas.part(body, finish.cover(50, 78, 0.9), puffed(9), gloss=0.22)
    piping = spline((9.5, 82), (14, 88.5), (50, 90.5), (86, 88.5), (90.5, 82), closed=False)
    canvas.thread(piping, lighter(finish.base, 0.5))
    _bag_flap(canvas, finish)
    for x in (28, 72):
        tab = rounded_box(x - 3.4, 38, x + 3.4, 52, 2.5)
        canvas.part(tab, plain(strap), puffed(2), gloss=0.3, drop=0.3)
        ring = ribbon(ellipse(x, 39, 3.4, 3.8), 1.5)
        canvas.part(ring, plain(BRASS), puffed(0.8), gloss=0.8, drop=0.2)
        canvas.part(ellipse(x, 48.5, 1.2, 1.2), plain(BRASS), puffed(1), gloss=0.8)


def _bag_flap(canvas: Canvas, finish: Finish) -> None:
    """The flap with its seam and the clasp that holds it."""
    flap = spline(
        (12, 42), (30, 39), (50, 38.5), (70, 39), (88, 42), (90.5, 54), (86, 64), (70, 70),
        (50, 73), (30, 70), (14, 64), (9.5, 54),
    )  # fmt: skip
    cloth = finish.cover(50, 56, 0.8) if finish.pattern != "logo" else plain(finish.base)
    canvas.part(flap, cloth, puffed(5), gloss=0.25, drop=0.4)
    seam = spline((12, 55), (17, 62), (31, 67.5), (50, 70), (69, 67.5), (83, 62), (88, 55),
                  closed=False)  # fmt: skip
    canvas.thread(seam, lighter(finish.base, 0.5))
    clasp = rounded_box(43.5, 64, 56.5, 76, 3)
    canvas.part(clasp, plain(BRASS), puffed(2.2), gloss=0.8, drop=0.4)
    canvas.part(rounded_box(48, 67, 52, 73, 1.8), plain(darker(BRASS, 0.45)), puffed(1.5))


def draw_umbrella(canvas: Canvas, finish: Finish, rng: np.random.Generator) -> None:
    """An open umbrella with five panels in sight and a crook of wood."""
    tips = [(3.0, 55.0), (22.0, 60.0), (41.0, 62.5), (61.0, 62.5), (79.0, 60.0), (97.0, 55.0)]
    hollow = spline((4, 55), (25, 49), (50, 47.5), (75, 49), (96, 55), (75, 61), (50, 63), (25, 61))
    canvas.part(hollow, plain(darker(finish.base, 0.55)), flat(), gloss=0)
    shaft = ribbon(straight((50, 30), (50, 88)), 1.9)
    canvas.part(shaft, plain(BRASS), puffed(1), gloss=0.5)
    crook = ribbon(spline((50, 78), (50, 90), (46, 97), (39, 97.5), (35.5, 91), closed=False), 4)
    canvas.part(crook, wood(WOOD), puffed(2), gloss=0.4)
    for left, right in pairwise(tips):
        _umbrella_panel(canvas, finish, left, right)
    canvas.part(ribbon(straight((50, 4), (50, 14)), 1.6), plain(BRASS), puffed(0.8), gloss=0.5)
    for x, y in tips:
        canvas.part(ellipse(x, y + 0.6, 1.2, 1.2), plain(BRASS), puffed(1), gloss=0.6)


def _umbrella_panel(
    canvas: Canvas, finish: Finish, left: tuple[float, float], right: tuple[float, float]
) -> None:
    """The cloth between two ribs, whose tips are given."""
    apex = np.array([(50.0, 11.0)])
    ribs = [_rib(left), _rib(right)]
    middle = (left[0] + right[0]) / 2
    low = max(left[1], right[1])
    hem = spline(right, (middle, low - 5.5), left, closed=False)
    panel = np.vstack([apex, ribs[1], hem, ribs[0][::-1]])
    odd = round(middle / 19) % 2 == 1
    cloth = plain(finish.accent) if finish.pattern == "panels" and odd else finish.cover(50, 34)
    tilt = (middle - 50) / 62
    canvas.part(panel, cloth, flat(tilt, -0.25), gloss=0.15)
    centre = np.vstack([apex, [(50 + (middle - 50) * 0.72, 32.0)], [(middle, low - 6)]])
    canvas.tint(ribbon(spline(*map(tuple, centre), closed=False), 1, 7), CREAM, 0.22, soft=2.2,
                within=panel)  # fmt: skip
    for rib in ribs:
        canvas.tint(ribbon(rib, 2.4), INK, 0.32, soft=1.3, within=panel)
    canvas.tint(dashes(moved(hem, 0, -1.6), 1.2, 0.9, 0.4), INK, 0.35, within=panel)


def _rib(tip: tuple[float, float]) -> Outline:
    """A rib of the canopy: from the top, out and steeply down to its tip."""
    t = np.linspace(0.02, 1, 20)[:, None]
    control = np.array([50 + (tip[0] - 50) * 0.86, 14.0])
    return (1 - t) ** 2 * (50.0, 11.0) + 2 * t * (1 - t) * control + t**2 * np.array(tip)


def draw_ball(canvas: Canvas, finish: Finish, rng: np.random.Generator) -> None:
    """A ball that rolled a little since the last picture."""
    radius = 43.0
    canvas.stand_on(ellipse(50, 92, 19, 3.6))
    spin = _rotation(rng)
    marks = BALLS.get(finish.pattern, _beach_panels)

    def paint(nx: Field, ny: Field) -> Field:
        nz = np.sqrt(np.maximum(1 - nx**2 - ny**2, 0))
        share = marks(np.stack([nx, ny, nz], axis=-1) @ spin)[..., None]
        return vector(finish.base) * (1 - share) + vector(finish.accent) * share

    body = ellipse(50, 51, radius, radius)
    gloss = 0.2 if finish.pattern in ("seams", "curve") else 0.7
    canvas.part(body, paint, ball(50, 51, radius), gloss=gloss)
    canvas.tint(ellipse(50 + 9 * canvas.light.x, 95, 34, 16), INK, 0.3, soft=6, within=body)


def _rotation(rng: np.random.Generator) -> Field:
    """A small random turn about all axes."""
    turned, _ = np.linalg.qr(np.eye(3) + 0.32 * rng.normal(size=(3, 3)))
    return turned.astype(np.float32) * np.sign(np.diag(turned)).astype(np.float32)


def _edge(distance: Field, width: float) -> Field:
    """1 nearer than `width` to a curve, 0 farther, with an anti-aliased border."""
    return np.clip(0.5 + (width - np.abs(distance)) / 0.012, 0.0, 1.0)


def _beach_panels(n: Field) -> Field:
    """Six wedges around a tilted pole, two tones in turn, and a round cap on the pole."""
    x, y, z = n[..., 0], n[..., 1] * 0.5 - n[..., 2] * 0.866, n[..., 1] * 0.866 + n[..., 2] * 0.5
    wedge = np.clip(0.5 + np.sin(3 * np.arctan2(z, x)) / 0.06, 0, 1)
    cap = np.clip(0.5 + (-y - 0.965) / 0.004, 0, 1)
    return np.maximum(wedge * (1 - cap), 0)


def _basketball_seams(n: Field) -> Field:
    """Two crossing great circles and two curved side seams."""
    x, y, z = n[..., 0], n[..., 1], n[..., 2]
    bow = np.abs(x) - 0.56 - 0.30 * (y**2)
    lines = [_edge(x, 0.016), _edge(y, 0.016), _edge(bow, 0.019)]
    return np.maximum.reduce(lines) * (0.9 + 0.1 * np.sign(z))


def _tennis_curve(n: Field) -> Field:
    """The one seam that runs all around a tennis ball."""
    x, y, z = n[..., 0], n[..., 1], n[..., 2]
    return _edge(x * 0.9 + 0.62 * (y**2 - z**2) * 0.9 - 0.1, 0.035)


def _football_patches(n: Field) -> Field:
    """Twelve pentagons about the corners of an icosahedron, and thin seams between them."""
    golden = (1 + 5**0.5) / 2
    corners = []
    for a in (-1.0, 1.0):
        for b in (-golden, golden):
            corners += [(0, a, b), (a, b, 0), (b, 0, a)]
    axes = np.array(corners, np.float32) / np.float32(np.hypot(1, golden))
    nearness = np.sort(n @ axes.T, axis=-1)
    patch = np.clip(0.5 + (nearness[..., -1] - 0.5 * nearness[..., -2] - 0.685) / 0.012, 0, 1)
    seam = _edge(nearness[..., -1] - nearness[..., -2], 0.012)
    return np.maximum(patch, 0.55 * seam)


BALLS: dict[str, Callable[[Field], Field]] = {
    "seams": _basketball_seams,
    "curve": _tennis_curve,
    "patches": _football_patches,
    "panels": _beach_panels,
}
