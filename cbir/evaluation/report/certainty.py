"""The part of the page that tells differences from luck."""

from collections.abc import Sequence

from cbir.evaluation.report.intervals import intervals
from cbir.evaluation.report.markup import Cell, folded, name, numbered, plain, section, table
from cbir.evaluation.report.model import HEADLINE, Comparison, Pair, System
from cbir.evaluation.report.numbers import p_value, probability, settled_by, signed

BESIDE = 6
"""With more systems their table is too wide to stand beside the plot."""


def certainty(comparison: Comparison, chosen: System) -> str:
    """Every interval, and every system less every other one."""
    drawn = intervals(comparison, chosen)
    plot = f'<div class="card plot"><h3>{HEADLINE} with 95% intervals</h3>{drawn}</div>'
    if not comparison.pairs:
        return section("How sure that is", "", f'<div class="charts">{plot}</div>')
    caption = (
        f"The table has the row's {HEADLINE} less the column's. ▲ better and ▼ worse, where the "
        "difference holds in a paired randomisation test after Holm's correction; ≈ can't be told "
        "apart. Intervals are of one difference by itself, and so may leave out 0 where the test, "
        "which is strict because there are several, can't be sure."
    )
    if comparison.groups:
        caption += (
            f" Queries of one {comparison.drawn_as} are alike, so that they are drawn together: "
            f"there are {comparison.groups:,} {comparison.drawn_as}s."
        )
    wide = " wide" if len(comparison.systems) > BESIDE else ""
    both = f'<div class="sure{wide}">{plot}{_matrix(comparison, chosen)}</div>'
    details = folded("Every pair with its interval", _all_pairs(comparison.pairs))
    return section("How sure that is", caption, both, details)


def _matrix(comparison: Comparison, chosen: System) -> str:
    systems = comparison.ordered
    heads = [Cell(""), *(Cell(f"− {n}", tip=s.name) for n, s in enumerate(systems, 1))]
    rows = []
    for number, system in enumerate(systems, 1):
        cells = [Cell(numbered(number, system.name), tip=system.name)]
        cells += [_difference(comparison.pair(system.name, other.name)) for other in systems]
        rows.append(("chosen" if system is chosen else "", cells))
    return table("What can be told apart", heads, rows)


def _difference(pair: Pair | None) -> Cell:
    if pair is None:
        return Cell("")
    tip = f"95% interval {signed(pair.low)} to {signed(pair.high)}, {probability(pair.p_holm)}"
    if not pair.differ:
        return Cell(f"{signed(pair.difference)} ≈", "same", tip=tip)
    mark, class_ = ("▲", "above") if pair.difference > 0 else ("▼", "below")
    return Cell(f"{signed(pair.difference)} {mark}", class_, tip=tip)


def _all_pairs(pairs: Sequence[Pair]) -> str:
    titles = ("", "a − b", "95% interval", "p", "p, Holm", "verdict", "queries to settle it")
    rows = []
    for pair in pairs:
        cells = [
            Cell(f"{name(pair.a)} − {name(pair.b)}", tip=f"{pair.a} − {pair.b}"),
            Cell(signed(pair.difference)),
            Cell(f"{signed(pair.low)} to {signed(pair.high)}"),
            Cell(p_value(pair.p)),
            Cell(p_value(pair.p_holm)),
            Cell(plain(pair.verdict), "word"),
            Cell(settled_by(pair)),
        ]
        rows.append(("", cells))
    return table("Every pair", map(Cell, titles), rows)
