"""Runs in a folder, and what is right for their queries: ours, or those of other tools."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cbir.errors import BadSource
from cbir.evaluation.edits import apart
from cbir.evaluation.label_files import is_trec
from cbir.evaluation.labels import EDITS, relevance_of
from cbir.evaluation.ranking import Ranking
from cbir.evaluation.record import Record
from cbir.evaluation.relevance import Relevance, Sides
from cbir.evaluation.report.model import PICTURES
from cbir.evaluation.runs import read_qrels, read_run
from cbir.items import ItemRule
from cbir.pipeline import Progress
from cbir.sources.folder import ENDINGS as OF_PICTURES

ENDINGS = (".trec", ".run", ".txt")
QRELS = "qrels.trec"


class SavedRun(NamedTuple):
    """A run by query: numbers of what is ranked, and the distances (−score) of it."""

    name: str
    queries: Mapping[str, Ranking]


class SavedRuns(NamedTuple):
    """All runs of a folder, and the numbers that what they rank has in them."""

    runs: Sequence[SavedRun]
    names: dict[str, int]


def read_runs(folder: Path, record: Record | None, progress: Progress) -> SavedRuns:
    """The runs of a folder; BadSource if there are none."""
    names: dict[str, int] = {}
    return SavedRuns(_in_order(list(_runs(folder, names, progress)), record), names)


def qrels_of(folder: Path) -> str:
    """The file that says what is right, where nobody names another."""
    path = folder / QRELS
    if not path.exists():
        raise BadSource(f"{folder} holds no {QRELS}; --labels FILE says what is right")
    return str(path)


def relevance_of_runs(
    labels: str, rule: ItemRule, saved: SavedRuns, record: Record | None
) -> Relevance:
    """What is right among all that is ranked or named by the labels."""
    if labels == EDITS:
        raise BadSource("edits can't be told from runs; leave --labels away, and qrels are read")
    asked = list(dict.fromkeys(query for run in saved.runs for query in run.queries))
    if Path(labels).is_file():
        return _judged(Path(labels), rule, saved, asked, record)
    sides = Sides(asked, list(saved.names), same=_asks_itself(record, asked))
    return _with_classes(relevance_of(labels, sides, "picture", rule), record)


def _judged(
    path: Path, rule: ItemRule, saved: SavedRuns, asked: Sequence[str], record: Record | None
) -> Relevance:
    """What a file says is right, for the queries that it judges and that some run answers."""
    judged = read_qrels(path)
    exact = is_trec(path)
    items = set() if exact else {rule(name) for name in saved.names}
    # A run that was cut has not seen all that is right.
    for name in (name for grades in judged.values() for name in grades):
        if name not in items:
            saved.names.setdefault(name, len(saved.names))
    asked = [query for query in asked if query in judged]
    if not asked:
        raise BadSource(f"no run answers a query that {path} judges; the names must be equal")
    # Where the judges call a query right for itself, its name means something else.
    same = _asks_itself(record, asked) and not any(judged[query].get(query) for query in asked)
    silent = judged.keys() - {*asked}
    sides = Sides(asked, list(saved.names), same=same, failed=silent)
    found = relevance_of(str(path), sides, "picture", _itself if exact else rule)
    return _with_classes(found, record)


def _itself(name: str) -> str:
    """In qrels a name is a name, and no item's."""
    return name


def _with_classes(found: Relevance, record: Record | None) -> Relevance:
    """With the queries' classes that the comparison knew, unless the labels tell theirs."""
    if record and record.class_of and found.classes is None:
        classes = [record.class_of.get(query, "") for query in found.queries]
        if all(classes):
            made_from = [apart(query)[1] for query in found.queries]
            return found.with_classes(classes, made_from if record.about.synthetic else classes)
    return found


def _runs(folder: Path, names: dict[str, int], progress: Progress) -> Iterator[SavedRun]:
    """All runs, by name. What is ranked gets a number in `names`."""
    place = folder / "runs" if (folder / "runs").is_dir() else folder
    if not place.is_dir():
        raise BadSource(f"there is no folder {folder} with runs in it")
    paths = [
        path
        for path in sorted(place.iterdir())
        if path.suffix in ENDINGS and not path.name.startswith("qrels")
    ]
    if not paths:
        endings = ", ".join(ENDINGS)
        raise BadSource(f"{place} holds no runs; they are files whose names end in {endings}")
    stems = Counter(path.stem for path in paths)
    for done, path in enumerate(paths, 1):
        name = path.stem if stems[path.stem] == 1 else path.name
        yield SavedRun(name, dict(_rankings(path, names)))
        progress(done, len(paths))


def _in_order(runs: Sequence[SavedRun], record: Record | None) -> list[SavedRun]:
    """As they were compared; those of other tools behind them, by name."""
    known = list(record.systems) if record else []
    place = {name: number for number, name in enumerate(known)}
    return sorted(runs, key=lambda run: (place.get(run.name, len(known)), run.name))


def _rankings(path: Path, names: dict[str, int]) -> Iterator[tuple[str, Ranking]]:
    for query, entries in read_run(path).items():
        order = np.array([names.setdefault(name, len(names)) for name, _ in entries], np.intp)
        yield query, Ranking(order, -np.array([score for _, score in entries], np.float32))


def _asks_itself(record: Record | None, asked: Sequence[str]) -> bool:
    """Whether queries are of the gallery. Where nobody says so, a picture's equal name means it.

    Not so a number: the usual collections number queries and what is searched, each for itself.
    """
    if record is None:
        return all(query.lower().endswith(OF_PICTURES) for query in asked)
    about = record.about
    return record.asked_by is None and not about.synthetic and about.unit == PICTURES
