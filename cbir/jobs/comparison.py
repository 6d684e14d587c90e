"""Compare descriptors on the same queries."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cbir.downloads import Web
from cbir.evaluation import comparing, writing
from cbir.evaluation.question import STANDARD, Question
from cbir.evaluation.record import write_record
from cbir.evaluation.relevance import Level
from cbir.evaluation.report import Comparison
from cbir.evaluation.results import filling
from cbir.items import DEFAULT as UNDERSCORE
from cbir.jobs.given import PathLike, opened, several


def compare(
    dataset: PathLike,
    descriptors: str | Sequence[str] = STANDARD,
    *,
    labels: PathLike,
    queries: PathLike | None = None,
    distances: str | Sequence[str] = (),
    level: Level = "picture",
    rule: str = UNDERSCORE,
    metrics: str | Sequence[str] = (),
    tune: str | None = None,
    aggregates: str | Sequence[str] = (),
    out: PathLike | None = None,
    seed: int = 0,
    store: PathLike | None = None,
    allow_local: bool = False,
) -> Comparison:
    """Descriptors on the same queries, with intervals, tests and costs.

    `labels` says what is right: items, folders, edits, or a file. `aggregates`: items (`level`)
    ask with all their pictures, each by these. `out` is a folder for the report, the runs and the
    tables.

    >>> found = compare("data/dataset/shop", ["hsv"], labels="items")
    >>> best = found.ordered[0]
    >>> best.name, found.queries, round(best.metrics["p@1"], 2)
    ('hsv · chi2', 123, 0.68)
    """
    question = Question(
        dataset=os.fspath(dataset),
        labels=os.fspath(labels),
        queries=None if queries is None else os.fspath(queries),
        descriptors=several(descriptors),
        distances=several(distances),
        level=level,
        rule=rule,
        metrics=several(metrics),
        tune=tune,
        aggregates=several(aggregates),
        seed=seed,
        web=Web(allow_local=allow_local),
        command="cbir.compare(…)",
    )
    with opened(store) as kept, _folder(out) as folder:
        answer = comparing.compare(question, folder, store=kept)
        if out is not None:
            writing.write(folder, answer)
            write_record(folder, answer, question.queries)
    return answer.comparison


@contextmanager
def _folder(out: PathLike | None) -> Iterator[Path]:
    """A folder to fill: for the results, or gone afterwards."""
    if out is not None:
        with filling(Path(out)) as folder:
            yield folder
        return
    with tempfile.TemporaryDirectory(prefix="cbir-") as name:
        (Path(name) / "runs").mkdir()
        yield Path(name)
