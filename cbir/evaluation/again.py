"""A report from saved runs, without computing them again: ours, or those of other tools."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cbir.errors import BadIndex, BadSource
from cbir.evaluation import cutoffs
from cbir.evaluation.comparing import Answer
from cbir.evaluation.cutoffs import Cutoffs
from cbir.evaluation.edits import Edited, sample
from cbir.evaluation.labels import in_words
from cbir.evaluation.metrics import metric
from cbir.evaluation.question import Question
from cbir.evaluation.ranking import Ranking
from cbir.evaluation.record import Entry, Record, read_record
from cbir.evaluation.relevance import Relevance
from cbir.evaluation.report import Comparison, System
from cbir.evaluation.results import settle
from cbir.evaluation.saved_runs import SavedRun, qrels_of, read_runs, relevance_of_runs
from cbir.evaluation.scoring import ALWAYS, TOP, Scored, means, values_of, with_intervals
from cbir.evaluation.verdicts import chance, left_out, told
from cbir.items import item_rule
from cbir.pipeline import Progress
from cbir.sources import open_dataset
from cbir.types import Source


def compare_runs(question: Question, folder: Path, progress: Progress) -> Answer:
    """The comparison of the runs in a folder.

    Right is what `question.labels` says, else the folder's qrels. `question.dataset`, which may be
    empty, is where the pictures to show are.
    """
    settle(folder)
    record = read_record(folder)
    before = record.metrics if record else ()
    metrics = tuple(dict.fromkeys([*ALWAYS, *before, *question.metrics]))
    for name in metrics:
        metric(name)
    seed = record.seed if record and question.seed is None else question.drawn_by
    saved = read_runs(folder, record, progress)
    labels = question.labels or qrels_of(folder)
    relevance = relevance_of_runs(labels, item_rule(question.rule), saved, record)
    runs = [run for run in saved.runs if not run.queries.keys().isdisjoint(relevance.queries)]
    notes = [*(record.about.warnings if record else ()), *_notes(saved.runs, relevance, record)]
    scored = with_intervals(_scored(runs, relevance, record, metrics), relevance, seed)
    if not question.labels:  # else they are of other pairs
        scored = [replace(one, cutoffs=_kept(folder, one)) for one in scored]
    about = _about(question, labels, relevance, record, notes, folder)
    asking, gallery = _shown(question, record)
    comparison = told(about, scored, relevance, seed)
    shown = (record.shown_as, record.asked_as) if record else ({}, {})
    return Answer(comparison, scored, relevance, asking, gallery, *shown, seed)


def _scored(
    runs: Sequence[SavedRun],
    relevance: Relevance,
    record: Record | None,
    metrics: Sequence[str],
) -> list[Scored]:
    scored = []
    for run in runs:
        rankings = [
            _without(run.queries.get(query), relevance.excluded(number))
            for number, query in enumerate(relevance.queries)
        ]
        values = values_of(metrics, relevance, rankings)
        tops = [_top(ranking) for ranking in rankings]
        entry = (record.systems if record else {}).get(run.name)
        entry = entry or Entry(run.name, "", "", "", {})
        system = System(
            entry.descriptor,
            entry.spec,
            entry.distance,
            len(relevance.queries),
            means(values, relevance.classes),
            aggregate=entry.aggregate,
            **entry.costs,  # type: ignore[arg-type]
        )
        scored.append(Scored(system, values, tops, run.name))
    return scored


def _kept(folder: Path, scored: Scored) -> Cutoffs | None:
    """The cut-offs that were found with a run, if there are some."""
    path = folder / "cutoffs" / f"{scored.run}.json"
    try:
        return cutoffs.read(path, scored.system.spec, scored.system.distance)
    except BadIndex:
        return None


def _without(ranking: Ranking | None, own: NDArray[np.intp]) -> Ranking | None:
    """A ranking without the query itself, which another tool may have left in."""
    if ranking is None or not len(own):
        return ranking
    stays = ~np.isin(ranking.order, own)
    return Ranking(ranking.order[stays], ranking.distances[stays])


def _top(ranking: Ranking | None) -> Ranking:
    if ranking is None:
        return Ranking(np.zeros(0, np.intp), np.zeros(0, np.float32))
    return Ranking(ranking.order[:TOP], ranking.distances[:TOP])


def _notes(runs: Sequence[SavedRun], relevance: Relevance, record: Record | None) -> list[str]:
    """What a reader should know of the runs."""
    said = [left_out(relevance)] if relevance.left_out else []
    for run in runs:
        absent = sum(query not in run.queries for query in relevance.queries)
        if absent == len(relevance.queries):
            said.append(f"the run {run.name} answers none of these queries and is left out")
        elif absent:
            said.append(f"the run {run.name} has no answer to {absent} queries, which count as 0")
    own = sum(
        bool(np.isin(run.queries[query].order, relevance.excluded(number)).any())
        for run in runs
        for number, query in enumerate(relevance.queries)
        if query in run.queries
    )
    if own:
        said.append(f"{own} times a run ranks the query itself, which does not count")
    ranked = record.about.gallery if record else len(relevance.gallery)
    deepest = max(len(one.order) for run in runs for one in run.queries.values())
    if deepest + 1 < ranked:  # the query itself may be missing
        said.append(f"the runs end after {deepest} results; what is behind them counts as missed")
    return said


def _about(
    question: Question,
    labels: str,
    relevance: Relevance,
    record: Record | None,
    notes: Sequence[str],
    folder: Path,
) -> Comparison:
    """What is known of it: from the record as far as nobody says otherwise now."""
    unknown = Comparison(
        title=f"Which run of {folder.resolve().name}?",
        dataset=question.dataset or str(folder),
        queries=0,
        gallery=len(relevance.gallery),
        labels="",
        command="",
        systems=[],
    )
    about = record.about if record else unknown
    if question.labels or not record:
        words, classes = in_words(labels)
        about = replace(about, labels=words, classes=classes)
    if question.rate is not None:
        about = replace(about, rate=question.rate)
    return replace(
        about,
        command=f"{about.command}\n{question.command}".strip(),
        queries=len(relevance.queries),
        warnings=notes,
        chance=chance(relevance, about.gallery),
    )


def _shown(question: Question, record: Record | None) -> tuple[Source | None, Source | None]:
    """Where the pictures of queries and gallery are, as far as they are still there.

    BadSource for what the person names now and is not there.
    """
    gallery = _opened(question.dataset, record.about.dataset if record else "", question)
    if gallery is None or record is None:
        return gallery, gallery
    if record.about.synthetic:
        pictures = sample(list(gallery.pictures()), seed=record.seed)
        return Edited(gallery, pictures, record.seed), gallery
    if question.queries or record.asked_by:
        return _opened(question.queries or "", record.asked_by or "", question), gallery
    return gallery, gallery


def _opened(named: str, known: str, question: Question) -> Source | None:
    """What the person names now, else what the record knows, if that is still there."""
    if named:
        return open_dataset(named, question.web)
    try:
        return open_dataset(known, question.web) if known else None
    except BadSource:
        return None
