"""A plot of every system's map with its interval."""

from collections.abc import Sequence

from cbir.evaluation.report import svg
from cbir.evaluation.report.model import HEADLINE, Comparison, System
from cbir.evaluation.report.numbers import fraction, shown

WIDTH, LEFT, RIGHT, TOP, ROW = 420, 8, 14, 26, 50
LONGEST_NAME = 40


def intervals(comparison: Comparison, chosen: System) -> str:
    """Every system's map with its 95% interval, the highest on top."""
    systems = comparison.ordered
    bottom = TOP + ROW * len(systems) - 6
    low, high = quality_range(systems, comparison.chance)
    x = svg.linear(low, high, LEFT, WIDTH - RIGHT)
    shapes = []
    for tick in svg.ticks(low, high):
        shapes.append(svg.line(x(tick), TOP, x(tick), bottom, "grid"))
        shapes.append(svg.text(f"{tick:g}", x(tick), bottom + 18, "tick", "middle"))
    if comparison.chance is not None:
        at = x(comparison.chance)
        shapes.append(svg.text("chance", at, TOP - 11, "tick", "middle" if at > 30 else "start"))
        shapes += [svg.line(at, y + 20, at, y + 38, "chance") for y in range(TOP, bottom, ROW)]
    for number, system in enumerate(systems, 1):
        y, class_ = TOP + ROW * (number - 1), "chosen" if system is chosen else ""
        value = fraction(system.quality)
        shapes.append(svg.text(f"{number} {_short(system.name)}", LEFT, y + 16, f"label {class_}"))
        shapes.append(svg.text(value, WIDTH - RIGHT, y + 16, f"label {class_}", "end"))
        if system.interval is not None:
            start, end = map(x, system.interval)
            shapes.append(svg.line(start, y + 29, end, y + 29, f"whisker wide {class_}"))
        tip = f"{system.name}: {value}"
        shapes.append(svg.dot(x(system.quality), y + 29, f"dot {class_}", tip))
    description = "; ".join(f"{s.name} {fraction(s.quality)}" for s in systems)
    return svg.drawing(f"{HEADLINE} with 95% intervals", description, WIDTH, bottom + 28, shapes)


def quality_range(systems: Sequence[System], chance: float | None) -> tuple[float, float]:
    """What an axis must show of the systems' quality, with some room at both ends."""
    values = [end for s in systems for end in (*(s.interval or ()), s.quality)]
    values += [] if chance is None else [chance]
    margin = max(0.08 * (max(values) - min(values)), 0.01)
    return max(min(values) - margin, 0 - 0.01), min(max(values) + margin, 1 + 0.01)


def _short(name: str) -> str:
    name, half = shown(name), (LONGEST_NAME - 1) // 2
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[-half:]}"
