"""What a comparison leaves on disk: tables for programs, TREC's files, cut-offs, the report."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from cbir.evaluation import cutoffs
from cbir.evaluation.collecting import thumbnails
from cbir.evaluation.comparing import Answer
from cbir.evaluation.metrics import DEFAULT
from cbir.evaluation.report import markdown, page
from cbir.evaluation.report.model import COST_FIELDS, HEADLINE, System
from cbir.evaluation.runs import write_qrels
from cbir.evaluation.scoring import ALWAYS, Scored
from cbir.files import replacing

NAMES = ("descriptor", "spec", "distance", "queries")
INTERVAL = (f"{HEADLINE}_low", f"{HEADLINE}_high")
PAIRS = ("a", "b", "difference", "low", "high", "p", "p_holm", "verdict", "queries_needed")


def write(folder: Path, answer: Answer) -> None:
    """Everything but the runs, which are there already; each file whole or not at all."""
    comparison, scored = answer.comparison, answer.scored
    _write_summary(folder / "summary.csv", scored)
    _write_per_query(folder / "per_query.csv", scored, answer.relevance.queries)
    rows = [[getattr(pair, name) for name in PAIRS] for pair in comparison.pairs]
    _write(folder / "significance.csv", PAIRS, rows)
    write_qrels(folder / "qrels.trec", answer.relevance)
    _write_cutoffs(folder / "cutoffs", scored)
    shown = thumbnails(answer.asking, answer.asked_as), thumbnails(answer.gallery, answer.shown_as)
    for name, text in (
        ("report.md", markdown(comparison)),
        ("report.html", page(comparison, *shown)),
    ):
        with replacing(folder / name) as file:
            file.write(text.encode("utf-8", "replace"))


def _write_summary(path: Path, scored: Sequence[Scored]) -> None:
    """The columns that are promised, and behind them what was asked for besides."""
    more = [name for one in scored[:1] for name in one.values if name not in ALWAYS]
    header = [*NAMES, HEADLINE, *INTERVAL, *DEFAULT[1:], *COST_FIELDS, *more]
    rows = [_summary(one.system, more) for one in scored]
    _write(path, header, rows, _aggregates(scored))


def _summary(system: System, more: Sequence[str]) -> list[object]:
    names = [getattr(system, name) for name in NAMES]
    headline = [system.metrics[HEADLINE], *(system.interval or ("", ""))]
    figures = [system.metrics[name] for name in DEFAULT[1:]]
    costs = [getattr(system, name) for name in COST_FIELDS]
    return [*names, *headline, *figures, *costs, *(system.metrics[name] for name in more)]


def _write_per_query(path: Path, scored: Sequence[Scored], queries: Sequence[str]) -> None:
    rows: list[list[object]] = []
    aggregates: list[str] = []
    for one in scored:
        named = one.system.descriptor, one.system.distance
        for name, values in one.values.items():
            pairs = zip(queries, values.tolist(), strict=True)
            rows += [[query, *named, name, value] for query, value in pairs]
            aggregates += [one.system.aggregate] * len(queries)
    header = ["query", "descriptor", "distance", "metric", "value"]
    _write(path, header, rows, aggregates if any(aggregates) else None)


def _aggregates(scored: Sequence[Scored]) -> list[str] | None:
    """One for each system; None where pictures ask."""
    found = [one.system.aggregate for one in scored]
    return found if any(found) else None


def _write_cutoffs(folder: Path, scored: Sequence[Scored]) -> None:
    for one in scored:
        if one.cutoffs is not None:
            folder.mkdir(exist_ok=True)
            cutoffs.write(folder / f"{one.run}.json", [one.cutoffs])


def _write(
    path: Path,
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    aggregates: Sequence[str] | None = None,
) -> None:
    """A table; where items asked, with the aggregate of each row behind it."""
    if aggregates is not None:
        header = [*header, "aggregate"]
        rows = [[*row, aggregate] for row, aggregate in zip(rows, aggregates, strict=True)]
    with replacing(path) as file:
        text = io.TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="")
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        text.flush()
        text.detach()
