"""A comparison from its question to its answer: describe, label, tune, score, tell."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cbir.errors import BadSpec
from cbir.evaluation.askers import Askers, dealt
from cbir.evaluation.collecting import Collected, collect, sides_of
from cbir.evaluation.cutoffs import RATE
from cbir.evaluation.duplicates import THUMBNAIL, near_duplicates, notice
from cbir.evaluation.edits import Edited, sample
from cbir.evaluation.labels import EDITS, in_words, relevance_of, rule_of
from cbir.evaluation.question import Entries, Question
from cbir.evaluation.relevance import Relevance, Sides
from cbir.evaluation.report import Comparison
from cbir.evaluation.report.model import ITEMS, PICTURES
from cbir.evaluation.scoring import (
    Bench,
    Candidate,
    Scored,
    score_all,
    with_intervals,
)
from cbir.evaluation.verdicts import chance, left_out, told
from cbir.pipeline import Settings, Told, unwatched
from cbir.recipe import AnyRecipe
from cbir.sources import fetched_once, open_dataset
from cbir.store import Store
from cbir.types import Failure, Picture, Source


@dataclass(frozen=True)
class Answer:
    """What came out, the pictures to show of it, and what was left out on the way.

    `shown_as`: the picture that an item is shown by, where items are ranked; `asked_as` likewise,
    where they ask.
    """

    comparison: Comparison
    scored: Sequence[Scored]
    relevance: Relevance
    asking: Source | None
    gallery: Source | None
    shown_as: Mapping[str, str]
    asked_as: Mapping[str, str]
    seed: int
    failures: Sequence[Failure] = ()


class _Means(NamedTuple):
    """What the work is done with."""

    settings: Settings
    store: Store | None
    watch: Told


def compare(
    question: Question,
    folder: Path,
    settings: Settings | None = None,
    store: Store | None = None,
    watch: Told = unwatched,
) -> Answer:
    """Describes whatever the store does not have, and compares. `folder` gets the runs."""
    entries = Entries.of(question)
    means = _Means(settings or Settings(), store, watch)
    gallery = open_dataset(question.dataset, question.web)
    again = fetched_once(gallery)
    edits = question.labels == EDITS
    measured = entries.recipes if edits else [*entries.recipes, THUMBNAIL]
    with ExitStack() as stack:
        pictures = list(gallery.pictures())
        searched = _collected("describing the gallery", gallery, pictures, measured, means)
        stack.enter_context(closing(searched))
        asking: Source = again
        asks = searched
        if edits or question.queries:
            asking, asked_by = _asking(question, again, searched)
            asks = _collected("describing the queries", asking, asked_by, measured, means)
            stack.enter_context(closing(asks))
        sides = sides_of(gallery, asking, searched, asks)
        asked = _asked(question, entries, sides, asks, searched, means)
        (folder / "runs").mkdir(exist_ok=True)
        bench = Bench(
            asked.relevance,
            asks,
            searched,
            again,
            asked.sides.gallery,
            folder / "runs",
            question.depth,
            entries.metrics,
            means.settings.max_pixels,
            calibrates=not edits,
            askers=asked.askers,
        )
        scored = _scored(question, bench, asked.candidates, watch)
    asked = asked._replace(notes=[*asked.notes, *_unfit(question, asked.candidates, scored)])
    seed = question.drawn_by
    told_of = told(_about(question, asked), scored, asked.relevance, seed)
    shown = (
        asked.relevance.shown_as(asked.sides.gallery),
        asked.askers.shown_as if asked.askers else {},
    )
    failed = {*gallery.failures, *asking.failures, *searched.failures, *asks.failures}
    return Answer(told_of, scored, asked.relevance, asking, again, *shown, seed, sorted(failed))


def _collected(
    words: str,
    source: Source,
    pictures: Sequence[Picture],
    recipes: Sequence[AnyRecipe],
    means: _Means,
) -> Collected:
    with means.watch(words) as progress:
        return collect(source, pictures, recipes, means.settings, means.store, progress)


class _Asked(NamedTuple):
    """Who asks and what is right; who takes part, the sum with its weights among them."""

    sides: Sides
    relevance: Relevance
    askers: Askers | None
    candidates: Sequence[Candidate]
    notes: Sequence[str]


def _asked(
    question: Question,
    entries: Entries,
    sides: Sides,
    asks: Collected,
    searched: Collected,
    means: _Means,
) -> _Asked:
    """What is right for whom; of a sum to be tuned, for the half that did not choose."""
    rule = rule_of(question.labels, question.rule)
    if question.aggregates and sides.same:
        sides = dealt(sides, rule, question.drawn_by)
    relevance = relevance_of(question.labels, sides, question.level, rule)
    notes = _notes(question, relevance, sides, searched, asks)
    if question.aggregates:
        askers = Askers.of(relevance, rule)
        return _Asked(sides, askers.relevance, askers, entries.candidates, notes)
    if entries.tuning is None:
        return _Asked(sides, relevance, None, entries.candidates, notes)
    with means.watch("choosing weights"):
        choice = entries.tuning.choose(relevance, asks, searched, sides, question.drawn_by)
    notes = [choice.note, *notes]
    return _Asked(sides, choice.relevance, None, choice.beside(entries.candidates), notes)


def _scored(
    question: Question, bench: Bench, candidates: Sequence[Candidate], watch: Told
) -> list[Scored]:
    with watch("comparing") as progress:
        ways = question.distances, progress, question.aggregates or ("",)
        found = list(score_all(bench, candidates, *ways))
    if not found:
        names = ", ".join(one.typed for one in candidates)
        raise BadSpec(f"no distance that was named can compare the vectors of {names}")
    return with_intervals(found, bench.relevance, question.drawn_by)


def _unfit(
    question: Question, candidates: Sequence[Candidate], scored: Sequence[Scored]
) -> list[str]:
    """What was asked for and can't be: distances of histograms on vectors with negative values."""
    done = {(one.system.descriptor, one.system.distance) for one in scored}
    return [
        f"{one.typed} with {distance} is left away: its vectors have negative values"
        for one in candidates
        for distance in question.distances
        if (one.typed, distance) not in done
    ]


def _asking(
    question: Question, gallery: Source, searched: Collected
) -> tuple[Source, Sequence[Picture]]:
    """Who asks: edits of the pictures that could be described, or another data set."""
    if question.labels == EDITS:
        good = set(searched.ids)
        pictures = [picture for picture in searched.pictures if picture.id in good]
        edited = Edited(gallery, sample(pictures, seed=question.drawn_by), question.drawn_by)
        return edited, list(edited.pictures())
    asking = open_dataset(question.queries or "", question.web)
    return asking, list(asking.pictures())


def _notes(
    question: Question, relevance: Relevance, sides: Sides, searched: Collected, asks: Collected
) -> list[str]:
    """What a reader of the figures should know first."""
    said = [left_out(relevance)] if relevance.left_out else []
    if question.labels != EDITS:
        asked = asks.vectors(THUMBNAIL, relevance.queries)
        answers = searched.vectors(THUMBNAIL, sides.gallery)
        found = near_duplicates(asked, answers, relevance.excluded)
        said += [line for line in [notice(found, relevance.queries, sides.gallery)] if line]
    return said


def _about(question: Question, asked: _Asked) -> Comparison:
    """What is known of a comparison before its figures."""
    labels, classes = in_words(question.labels)
    return Comparison(
        title=f"Which descriptor for {Path(question.dataset).name}?",
        dataset=question.dataset,
        queries=len(asked.relevance.queries),
        gallery=len(asked.relevance.gallery),
        labels=labels,
        command=question.command,
        systems=[],
        warnings=asked.notes,
        unit=ITEMS if question.level == "item" else PICTURES,
        classes=classes,
        synthetic=question.labels == EDITS,
        chance=chance(asked.relevance),
        rate=RATE if question.rate is None else question.rate,
    )
