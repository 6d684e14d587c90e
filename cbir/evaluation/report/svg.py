"""Drawing by hand: elements, ticks, and a place for every label."""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from cbir.evaluation.report.numbers import shown

LETTER = 0.56
"""The width of a usual letter, of its height."""

AROUND = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1))
"""Where a label is tried first: right of its point, left, above, below, and the corners."""


class Box(NamedTuple):
    """A rectangle on the page."""

    x: float
    y: float
    width: float
    height: float

    def overlap(self, other: "Box") -> float:
        wide = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        high = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return max(wide, 0) * max(high, 0)


def element(name: str, *inside: str, **attributes: str | float) -> str:
    """One element; `class_` is class, an underscore a hyphen, and numbers are kept short."""
    parts = [name]
    for key, value in attributes.items():
        text = value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
        parts.append(f'{key.rstrip("_").replace("_", "-")}="{escape(text)}"')
    return f"<{' '.join(parts)}>{''.join(inside)}</{name}>"


def text(words: str, x: float, y: float, class_: str, anchor: str = "start") -> str:
    return element("text", escape(shown(words)), x=x, y=y, class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def dot(x: float, y: float, class_: str, tip: str) -> str:
    """A round mark that tells more when pointed at."""
    return element("circle", element("title", escape(shown(tip))), cx=x, cy=y, r=5.5, class_=class_)


def drawing(name: str, description: str, width: float, height: float, shapes: Sequence[str]) -> str:
    """A whole drawing, as wide as its place, that a screen reader can tell of."""
    about = element("title", escape(shown(name))) + element("desc", escape(shown(description)))
    box = f"0 0 {width:.0f} {height:.0f}"
    return element("svg", about, *shapes, viewBox=box, role="img")


def linear(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """From values between `low` and `high` to places between `start` and `end`."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values from `low` to `high`, 1, 2, 2.5 or 5 times a power of ten apart."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten within the range; the powers alone where it is wide."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1,) if high / low > 300 else (1, 2, 5)
    every = max(1, -(-(last - first) // 8))  # of powers, where there are very many
    values = [s * 10.0**power for power in range(first, last + 1, every) for s in steps]
    return [value for value in values if low * 0.999 <= value <= high * 1.001]


def width_of(words: str, size: float) -> float:
    """About how wide a text is."""
    return len(words) * size * LETTER


def place(
    label: str, x: float, y: float, size: float, taken: Sequence[Box], within: Box
) -> tuple[float, float, Box]:
    """Where a label beside a point goes: its left end, its baseline, and the box it takes.

    The first place free of what is taken, else the one that hides least.
    """
    width, gap = width_of(label, size), size * 0.75
    candidates = []
    for far in range(4):
        for dx, dy in AROUND:
            left = x - width / 2 + dx * (width / 2 + gap)
            left = min(max(left, within.x), within.x + within.width - width)
            middle = y + dy * size * (1 + far)
            box = Box(left, middle - size * 0.6, width, size * 1.2)
            outside = box.width * box.height - box.overlap(within)
            hidden = sum(map(box.overlap, taken)) + 3 * outside + far * 0.1
            candidates.append((hidden, left, middle + size * 0.35, box))
    _, left, baseline, box = min(candidates)
    return left, baseline, box
