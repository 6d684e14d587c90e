"""The report as one page that needs nothing else: no network, no scripts."""

from collections.abc import Sequence

from cbir.evaluation.report.certainty import certainty
from cbir.evaluation.report.choice import choose, seconds_a_picture
from cbir.evaluation.report.markup import Cell, folded, name, numbered, plain, section, table, terms
from cbir.evaluation.report.model import HEADLINE, Breakdown, Comparison, System
from cbir.evaluation.report.numbers import (
    CUTOFFS,
    Column,
    about_cutoffs,
    best_of,
    cost_columns,
    facts,
    fraction,
    metric_columns,
    percent,
    quantity,
    whole,
)
from cbir.evaluation.report.pictures import Thumbnails, examples
from cbir.evaluation.report.style import STYLE
from cbir.evaluation.report.trade_off import AXES, by_number, trade_off
from cbir.evaluation.report.verdict import doubt, verdict

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
"""


def page(comparison: Comparison, queries: Thumbnails, gallery: Thumbnails) -> str:
    """The whole report as HTML; its last line is the verdict.

    The callbacks give small JPEGs of queries and of what is ranked, by id.
    """
    chosen = choose(comparison).system
    parts = [
        _header(comparison, chosen),
        _results(comparison, chosen),
        certainty(comparison, chosen),
        _cutoffs(comparison, chosen),
        _costs(comparison, chosen),
        *(_breakdown(breakdown, comparison, chosen) for breakdown in comparison.breakdowns),
        examples(comparison, chosen, queries, gallery),
        _method(comparison),
        f'<p class="verdict">{plain(verdict(comparison))}</p>',
    ]
    head = f"{HEAD}<title>{plain(comparison.title)}</title>\n<style>{STYLE}</style>\n</head>\n"
    body = "\n".join(part for part in parts if part)
    return f"{head}<body><main>\n{body}\n</main></body>\n</html>\n"


def _header(comparison: Comparison, chosen: System) -> str:
    warnings = "".join(f"<li>{plain(warning)}</li>" for warning in comparison.warnings)
    return (
        f'<header><p class="eyebrow">cbir compare</p><h1>{plain(comparison.title)}</h1>'
        f"<p>{plain(facts(comparison))}</p>{_answer(comparison, chosen)}"
        + (f'<ul class="warnings">{warnings}</ul>' if warnings else "")
        + "</header>"
    )


def _answer(comparison: Comparison, chosen: System) -> str:
    """The one to take, with the figures that matter most, and with what doubt there is."""
    doubts = f'<p class="doubt">{plain(said)}</p>' if (said := doubt(comparison)) else ""
    between = "–".join(map(fraction, chosen.interval or ()))
    figures = [(HEADLINE, f"{fraction(chosen.quality)} <small>{between}</small>")]
    if "p@1" in chosen.metrics:
        figures.append(("first result right", f"{chosen.metrics['p@1']:.0%}"))
    if seconds := seconds_a_picture(chosen):
        figures.append(("pictures a second", quantity(1 / seconds)))
    if chosen.query_ms is not None:
        figures.append(("a query", f"{quantity(chosen.query_ms)} <small>ms</small>"))
    if chosen.bytes_per_picture is not None:
        figures.append(("a vector", f"{whole(chosen.bytes_per_picture)} <small>bytes</small>"))
    listed = "".join(f"<div><dt>{term}</dt><dd>{value}</dd></div>" for term, value in figures)
    return (
        f'<div class="card answer"><p class="quiet">Take</p><p class="name">{name(chosen.words)}'
        f'</p>{doubts}<dl class="figures">{listed}</dl></div>'
    )


def _results(comparison: Comparison, chosen: System) -> str:
    caption = f"Highest {HEADLINE} first; the best of a column is bold, the one to take coloured."
    metrics = metric_columns(comparison.systems)
    rows = _systems("Results", comparison, chosen, metrics)
    return section("Results", caption, rows, _meanings(metrics))


def _meanings(columns: Sequence[Column]) -> str:
    return folded("What the columns mean", terms((c.heading, c.meaning) for c in columns))


def _systems(label: str, comparison: Comparison, chosen: System, columns: Sequence[Column]) -> str:
    """A row for each system."""
    systems = comparison.ordered
    marks = {column.heading: best_of(column, systems) for column in columns}
    heads = [Cell("descriptor"), Cell("distance", "word")]
    heads += [Cell(plain(column.heading), tip=column.meaning) for column in columns]
    rows = []
    for number, system in enumerate(systems, 1):
        cells = [Cell(numbered(number, system.descriptor), tip=system.spec)]
        cells.append(Cell(name(system.how), "word"))
        cells += [_value(column, system, marks[column.heading]) for column in columns]
        rows.append(("chosen" if system is chosen else "", cells))
    return table(label, heads, rows)


def _value(column: Column, system: System, mark: str) -> Cell:
    text = column.show(column.value(system))
    best = "best" if text == mark else ""
    if column.heading != HEADLINE:
        return Cell(text, best)
    between = "–".join(map(fraction, system.interval or ()))
    return Cell(f"{text} <small>{between}</small>", f"headline {best}", system.quality)


def _costs(comparison: Comparison, chosen: System) -> str:
    costs = cost_columns(comparison.systems)
    if not costs:
        return ""
    cards = ""
    for axis in AXES:
        if plot := trade_off(comparison, axis, chosen):
            cards += f'<div class="card plot"><h3>{HEADLINE} against {axis.title}</h3>{plot}</div>'
    caption = (
        "Up is better, left is cheaper. The dashed steps join those that no other one beats in "
        "both; hollow dots are beaten. Thin lines are 95% intervals."
    )
    if by_number(comparison.systems):
        caption += " Numbers are those of the table."
    rows = _systems("Costs", comparison, chosen, costs)
    if not cards:
        return section("Cost", "", rows, _meanings(costs))
    plots = f'<div class="charts">{cards}</div>'
    return section("Quality and cost", caption, plots, rows, _meanings(costs))


def _cutoffs(comparison: Comparison, chosen: System) -> str:
    """When a result is near enough to be called the same."""
    if not comparison.cutoffs:
        return ""
    told = {cutoff.system: cutoff for cutoff in comparison.cutoffs}
    heads = [
        Cell(""),
        Cell("distance at most"),
        Cell("same pairs found"),
        Cell("probabilities off by"),
    ]
    rows = []
    for number, system in enumerate(comparison.ordered, 1):
        if cutoff := told.get(system.name):
            cells = [Cell(numbered(number, system.name), tip=system.spec)]
            cells.append(Cell(quantity(cutoff.distance)))
            cells.append(Cell(percent(cutoff.found), "heat", cutoff.found or 0))
            cells.append(Cell(percent(cutoff.off)))
            rows.append(("chosen" if system is chosen else "", cells))
    return section(CUTOFFS, about_cutoffs(comparison.rate), table(CUTOFFS, heads, rows))


def _breakdown(breakdown: Breakdown, comparison: Comparison, chosen: System) -> str:
    systems = comparison.ordered
    heads = [Cell(""), Cell("queries")]
    heads += [Cell(name(s.name), "chosen" if s is chosen else "") for s in systems]
    rows = []
    for kind, count, values in breakdown.rows:
        cells = [Cell(name(kind)), Cell(f"{count:,}")]
        best = max(values.values(), default=0)
        for system in systems:
            value = values.get(system.name)
            class_ = "heat best" if value == best else "heat"
            cells.append(Cell(fraction(value), class_, value or 0))
        rows.append(("", cells))
    return section(breakdown.title, breakdown.note, table(breakdown.title, heads, rows))


def _method(comparison: Comparison) -> str:
    how = (
        f"Every system ranked the same {comparison.unit} for the same queries; a query's own "
        "picture never counts, and equal distances are ordered by name. Intervals are bootstrapped "
        "over the queries."
    )
    if cost_columns(comparison.systems):
        how += " Costs were measured on the machine that made the runs."
    specs = terms((system.name, system.spec) for system in comparison.systems)
    made = f"<p>{plain(how)}</p><pre><code>{plain(comparison.command)}</code></pre>"
    return section("How this was measured", "", made, folded("Full specs", specs))
