"""The plot of quality against a cost, with the front of what nothing beats in both."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cbir.evaluation.report import svg
from cbir.evaluation.report.choice import seconds_a_picture
from cbir.evaluation.report.intervals import quality_range
from cbir.evaluation.report.model import HEADLINE, Comparison, System
from cbir.evaluation.report.numbers import fraction, quantity

WIDTH, HEIGHT, SIZE = 420, 320, 13
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 26, 44
MOST_LABELS, LONGEST_LABEL = 8, 34  # beside dots; more or longer ones give way to numbers

Scale = Callable[[float], float]


class Axis(NamedTuple):
    """A cost in some unit, less is better."""

    title: str
    value: Callable[[System], float | None]


class Point(NamedTuple):
    """A system in the plot: where, what its label says, and whether it is on the front."""

    system: System
    cost: float
    x: float
    y: float
    label: str
    front: bool


def _describing_ms(system: System) -> float | None:
    seconds = seconds_a_picture(system)
    return seconds and 1000 * seconds


AXES = (
    Axis("ms to decode and describe a picture", _describing_ms),
    Axis("ms to search with one query", lambda system: system.query_ms),
)


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Which points (cost, quality) no other one beats in both: cheapest first."""
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    kept: list[int] = []
    for number in order:
        if not kept or points[number][1] > points[kept[-1]][1]:
            kept.append(number)
    return kept


def by_number(systems: Sequence[System]) -> bool:
    """Whether plots call the systems by their number in the tables, for want of room."""
    longest = max(len(system.name) for system in systems)
    return len(systems) > MOST_LABELS or longest > LONGEST_LABEL


def trade_off(comparison: Comparison, axis: Axis, chosen: System) -> str:
    """Quality against a cost, with the systems that nothing beats in both joined by steps.

    Empty where fewer than two systems have that cost.
    """
    numbered = list(enumerate(comparison.ordered, 1))
    known = [(n, s, cost) for n, s in numbered if (cost := axis.value(s)) is not None and cost > 0]
    if len(known) < 2:
        return ""
    costs = [cost for _, _, cost in known]
    cheap, dear = math.log(min(costs) / 1.6), math.log(max(costs) * 1.6)
    low, high = quality_range([system for _, system, _ in known], None)
    x = svg.linear(cheap, dear, LEFT, WIDTH - RIGHT)
    y = svg.linear(low, high, HEIGHT - BOTTOM, TOP)
    best = front([(cost, system.quality) for _, system, cost in known])
    numbers = by_number(comparison.systems)
    points = [
        Point(s, cost, x(math.log(cost)), y(s.quality), str(n) if numbers else s.name, i in best)
        for i, (n, s, cost) in enumerate(known)
    ]
    steps = [points[i] for i in best]
    shapes = [*_frame(axis.title, x, y, (cheap, dear), (low, high)), *_steps(steps)]
    shapes += _whiskers(points, y) + _dots(points, axis, chosen)
    shapes += _labels(points, steps, chosen)
    description = ", ".join(point.system.name for point in steps)
    description = f"On the front, from the cheapest to the best: {description}."
    return svg.drawing(f"{HEADLINE} against {axis.title}", description, WIDTH, HEIGHT, shapes)


def _frame(
    title: str, x: Scale, y: Scale, costs: tuple[float, float], qualities: tuple[float, float]
) -> list[str]:
    """The axes; `costs` are the logarithms of both ends."""
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    shapes = [svg.text(f"{HEADLINE} ↑", 2, 13, "axis")]
    shapes.append(svg.text(f"← {title}", right, HEIGHT - 6, "axis", "end"))
    for tick in svg.ticks(*qualities):
        shapes.append(svg.line(LEFT, y(tick), right, y(tick), "grid"))
        shapes.append(svg.text(f"{tick:g}", LEFT - 8, y(tick) + 4, "tick", "end"))
    for tick in svg.log_ticks(*map(math.exp, costs)):
        at = x(math.log(tick))
        shapes.append(svg.line(at, bottom, at, bottom + 5, "tick"))
        shapes.append(svg.text(f"{tick:g}", at, bottom + 19, "tick", "middle"))
    return shapes


def _steps(points: Sequence[Point]) -> list[str]:
    """The front, and what lies beneath it."""
    first, *rest = points
    path = f"M{first.x:.1f},{HEIGHT - BOTTOM}V{first.y:.1f}"
    path += "".join(f"H{p.x:.1f}V{p.y:.1f}" for p in rest) + f"H{WIDTH - RIGHT}"
    closed = f"{path}V{HEIGHT - BOTTOM}Z"
    return [
        svg.element("path", d=closed, class_="beneath"),
        svg.element("path", d=path, class_="front"),
    ]


def _whiskers(points: Sequence[Point], y: Scale) -> list[str]:
    ends = [(point.x, *map(y, point.system.interval)) for point in points if point.system.interval]
    return [svg.line(x, low, x, high, "whisker") for x, low, high in ends]


def _dots(points: Sequence[Point], axis: Axis, chosen: System) -> list[str]:
    shapes = []
    for system, cost, x, y, _, on_front in points:
        class_ = "dot chosen" if system is chosen else "dot" if on_front else "dot beaten"
        value = f"{HEADLINE} {fraction(system.quality)}"
        tip = f"{system.name}: {value}, {quantity(cost)} {axis.title}"
        shapes.append(svg.dot(x, y, class_, tip))
    return shapes


def _labels(points: Sequence[Point], steps: Sequence[Point], chosen: System) -> list[str]:
    """A name beside each dot, the chosen one's first, clear of dots, steps and each other."""
    within = svg.Box(LEFT, TOP - 8, WIDTH - RIGHT - LEFT, HEIGHT - BOTTOM - TOP + 8)
    taken = [svg.Box(point.x - 7, point.y - 7, 14, 14) for point in points]
    corners = [(p.x, p.y) for p in steps]
    befores = [float(HEIGHT - BOTTOM), *(y for _, y in corners)]
    ends = [*(x for x, _ in corners[1:]), WIDTH - RIGHT]
    for (x, y), before, end in zip(corners, befores, ends, strict=False):
        taken += [svg.Box(x - 1, y, 2, before - y), svg.Box(x, y - 1, end - x, 2)]
    shapes = []
    for point in sorted(points, key=lambda point: point.system is not chosen):
        left, baseline, box = svg.place(point.label, point.x, point.y, SIZE, taken, within)
        taken.append(box)
        shapes += _leader(point, box)
        class_ = "label chosen" if point.system is chosen else "label"
        shapes.append(svg.text(point.label, left, baseline, class_))
    return shapes


def _leader(point: Point, box: svg.Box) -> list[str]:
    """A line from a dot to its label, where that had to go far away."""
    x = min(max(point.x, box.x), box.x + box.width)
    y = min(max(point.y, box.y), box.y + box.height)
    if math.hypot(x - point.x, y - point.y) < 14:
        return []
    return [svg.line(point.x, point.y, x, y, "leader")]
