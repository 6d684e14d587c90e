"""The table for a terminal: what matters most, in about a hundred columns."""

import unicodedata
from collections.abc import Sequence

from cbir.evaluation.report.choice import choose
from cbir.evaluation.report.model import HEADLINE, Comparison, System
from cbir.evaluation.report.numbers import cost_columns, fraction, metric_columns, shown

METRICS = ("p@1", "p@10")
COSTS = ("describe/s", "ms/query", "bytes/picture")


def table(comparison: Comparison, more: Sequence[str] = ()) -> str:
    """The systems, highest map first, as aligned lines; a star marks the one to take.

    `more`: metrics that were asked for besides.
    """
    systems = comparison.ordered
    chosen = choose(comparison).system
    kept = [
        column
        for column in metric_columns(systems) + cost_columns(systems)
        if column.heading in (*METRICS, *more, *COSTS)
    ]
    lines = [["", "descriptor", "distance", HEADLINE, "95%", *(c.heading for c in kept)]]
    for system in systems:
        values = [column.show(column.value(system)) for column in kept]
        star = "*" if system is chosen else ""
        names = [shown(system.descriptor), shown(system.how)]
        lines.append([star, *names, fraction(system.quality), _interval(system), *values])
    return _aligned(lines, words=3)


def _interval(system: System) -> str:
    return "–".join(fraction(end) for end in system.interval) if system.interval else ""


def _aligned(lines: Sequence[Sequence[str]], words: int) -> str:
    """Columns two spaces apart: the first `words` start together, the numbers end together."""
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    texts = []
    for line in lines:
        cells = []
        for number, (cell, width) in enumerate(zip(line, widths, strict=True)):
            fill = " " * (width - _width(cell))
            cells.append(cell + fill if number < words else fill + cell)
        texts.append("  ".join(cells).rstrip())
    return "\n".join(texts)


def _width(text: str) -> int:
    """How many cells of a terminal it takes."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)
