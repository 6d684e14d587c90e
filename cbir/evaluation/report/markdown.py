"""The report as Markdown: everything but the plots and the pictures."""

import re
from collections.abc import Iterable, Sequence

from cbir.evaluation.report.choice import choose
from cbir.evaluation.report.model import HEADLINE, Breakdown, Comparison, Cutoff, Pair, System
from cbir.evaluation.report.numbers import (
    CUTOFF_COLUMNS,
    CUTOFFS,
    about_cutoffs,
    best_of,
    cost_columns,
    facts,
    fraction,
    metric_columns,
    p_value,
    percent,
    quantity,
    settled_by,
    shown,
    signed,
)
from cbir.evaluation.report.verdict import verdict

SPECIAL = re.compile(r"([\\`*_\[\]<>|~&$])")


def markdown(comparison: Comparison) -> str:
    """The whole report as text; its last line is the verdict."""
    parts = [f"# {_plain(comparison.title)}", _plain(facts(comparison))]
    parts += [f"> **Note:** {_plain(warning)}" for warning in comparison.warnings]
    parts += ["## Results", _results(comparison)]
    if comparison.pairs:
        parts += ["## What can be told apart", _pairs(comparison.pairs)]
    for breakdown in comparison.breakdowns:
        parts += [f"## {_plain(breakdown.title)}", _plain(breakdown.note)]
        parts.append(_breakdown(breakdown, comparison.ordered))
    if comparison.cutoffs:
        parts += [f"## {CUTOFFS}", about_cutoffs(comparison.rate), _cutoffs(comparison.cutoffs)]
    parts += ["## Made with", _code(comparison.command)]
    parts += ["## Verdict", _plain(verdict(comparison))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _results(comparison: Comparison) -> str:
    systems = comparison.ordered
    chosen = choose(comparison).system
    kept = metric_columns(systems) + cost_columns(systems)
    marks = {column.heading: best_of(column, systems) for column in kept}
    heads = ["descriptor", "distance", *(column.heading for column in kept)]
    heads.insert(heads.index(HEADLINE) + 1, "95% interval")
    lines = []
    for system in systems:
        cells = [_plain(system.descriptor), _plain(system.how)]
        if system is chosen:
            cells[0] = f"**{cells[0]}**"
        for column in kept:
            value = column.show(column.value(system))
            cells.append(f"**{value}**" if value == marks[column.heading] else value)
            if column.heading == HEADLINE:
                cells.append("–".join(map(fraction, system.interval or ())))
        lines.append(cells)
    return _table(heads, lines, words=2)


def _pairs(pairs: Iterable[Pair]) -> str:
    heads = [
        "a",
        "b",
        "a − b",
        "95% interval",
        "p, Holm",
        "verdict",
        "queries to settle it",
    ]
    lines = [
        [
            _plain(pair.a),
            _plain(pair.b),
            signed(pair.difference),
            f"{signed(pair.low)} to {signed(pair.high)}",
            p_value(pair.p_holm),
            _plain(pair.verdict),
            settled_by(pair),
        ]
        for pair in pairs
    ]
    return _table(heads, lines, words=2)


def _cutoffs(cutoffs: Iterable[Cutoff]) -> str:
    heads = ["", *CUTOFF_COLUMNS]
    lines = [
        [_plain(one.system), quantity(one.distance), percent(one.found), percent(one.off)]
        for one in cutoffs
    ]
    return _table(heads, lines, words=1)


def _breakdown(breakdown: Breakdown, systems: Sequence[System]) -> str:
    heads = ["", "queries", *(_plain(system.name) for system in systems)]
    lines = [
        [_plain(kind), f"{count:,}", *(fraction(values.get(s.name)) for s in systems)]
        for kind, count, values in breakdown.rows
    ]
    return _table(heads, lines, words=1)


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]], words: int) -> str:
    rule = ["---"] * words + ["--:"] * (len(heads) - words)
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rule, *lines))


def _plain(text: str) -> str:
    """Text that means nothing in Markdown but itself, nor in the HTML that is made of it."""
    return SPECIAL.sub(r"\\\1", shown(text))


def _code(text: str) -> str:
    """A block that stays one, whatever is in it: indented, not fenced."""
    return "    " + shown(text)
