"""What a comparison leaves on disk: tables for programs, TREC's files, and the report."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from cbir.evaluation.relevance import Relevance
from cbir.evaluation.report import Comparison, markdown, page
from cbir.evaluation.report.pictures import Thumbnails
from cbir.evaluation.runs import write_qrels
from cbir.evaluation.scoring import Scored
from cbir.files import replacing

FIGURES = ("map", "p@1", "p@5", "p@10", "recall@10", "ndcg@10", "mrr", "rprec")
COSTS = ("describe_per_s", "decode_per_s", "query_ms", "query_ms_p95", "bytes_per_picture")
PAIRS = ("a", "b", "difference", "low", "high", "p", "p_holm", "verdict", "queries_needed")


def write_tables(folder: Path, scored: Sequence[Scored], relevance: Relevance) -> None:
    """summary.csv, per_query.csv and qrels.trec; the runs are there already."""
    header = ["descriptor", "spec", "distance", "queries", FIGURES[0], "map_low", "map_high"]
    _write(folder / "summary.csv", [*header, *FIGURES[1:], *COSTS], map(_summary, scored))
    _write(
        folder / "per_query.csv",
        ["query", "descriptor", "distance", "metric", "value"],
        _per_query(scored, relevance.queries),
    )
    write_qrels(folder / "qrels.trec", relevance)


def write_report(
    folder: Path, comparison: Comparison, queries: Thumbnails, gallery: Thumbnails
) -> None:
    """significance.csv, report.md and report.html."""
    rows = [[getattr(pair, name) for name in PAIRS] for pair in comparison.pairs]
    _write(folder / "significance.csv", PAIRS, rows)
    for name, text in (
        ("report.md", markdown(comparison)),
        ("report.html", page(comparison, queries, gallery)),
    ):
        with replacing(folder / name) as file:
            file.write(text.encode("utf-8", "replace"))


def _summary(scored: Scored) -> list[object]:
    system = scored.system
    low, high = system.interval or ("", "")
    figures = [system.metrics[name] for name in FIGURES]
    costs = [getattr(system, name) for name in COSTS]
    start = [system.descriptor, system.spec, system.distance, system.queries, figures[0], low, high]
    return [*start, *figures[1:], *costs]


def _per_query(scored: Sequence[Scored], queries: Sequence[str]) -> Iterable[list[object]]:
    for one in scored:
        for name, values in one.values.items():
            for query, value in zip(queries, values.tolist(), strict=True):
                yield [query, one.system.descriptor, one.system.distance, name, value]


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with replacing(path) as file:
        text = io.TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="")
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        text.flush()
        text.detach()
