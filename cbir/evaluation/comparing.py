"""A comparison from its question to its answer: describe, label, tune, score, tell."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cbir import distances
from cbir.catalogue import aggregates
from cbir.downloads import Web
from cbir.errors import BadSpec
from cbir.evaluation import tuned
from cbir.evaluation.askers import Askers, dealt
from cbir.evaluation.collecting import Collected, collect, sides_of
from cbir.evaluation.cutoffs import RATE
from cbir.evaluation.duplicates import THUMBNAIL, near_duplicates, notice
from cbir.evaluation.edits import Edited, sample
from cbir.evaluation.labels import EDITS, in_words, relevance_of
from cbir.evaluation.metrics import metric
from cbir.evaluation.relevance import Level, Relevance, Sides
from cbir.evaluation.report import Comparison
from cbir.evaluation.report.model import ITEMS, PICTURES
from cbir.evaluation.runs import DEPTH
from cbir.evaluation.scoring import ALWAYS, Bench, Candidate, Scored, score_all, with_intervals
from cbir.evaluation.verdicts import chance, told
from cbir.items import DEFAULT, item_rule
from cbir.pipeline import Progress, Settings
from cbir.recipe import AnyRecipe, parse
from cbir.sources import Folder, Table, open_dataset
from cbir.store import Store
from cbir.types import Failure, Picture, Source

STANDARD = ("hsv", "hsv-regions")

Watch = Callable[[str], AbstractContextManager[Progress]]
"""Given words for a stage of the work, somebody to tell how far it is."""


@contextmanager
def unwatched(_: str) -> Iterator[Progress]:
    yield lambda done, total: None


@dataclass(frozen=True)
class Question:
    """What is compared on which queries, and what counts as right.

    `rate`: the share of false matches that cut-offs are told for. `web`: how tables of URLs are
    downloaded. With `aggregates`, items ask with all their pictures. `command` asks it all again.
    """

    dataset: str
    labels: str
    queries: str | None = None
    descriptors: Sequence[str] = ()
    distances: Sequence[str] = ()
    level: Level = "picture"
    rule: str = DEFAULT
    metrics: Sequence[str] = ()
    tune: str | None = None
    aggregates: Sequence[str] = ()
    rate: float = RATE
    depth: int = DEPTH
    seed: int = 0
    web: Web | None = None
    command: str = "cbir compare"


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
    failures: Sequence[Failure] = ()


class Entries(NamedTuple):
    """Who takes part: the descriptors that were named, and a sum whose weights are to be found."""

    candidates: Sequence[Candidate]
    tuning: tuned.Tuning | None
    metrics: Sequence[str]

    @classmethod
    def of(cls, question: Question) -> "Entries":
        """BadSpec for what there is not, before any work."""
        tuning = tuned.parse(question.tune) if question.tune else None
        named = question.descriptors or (() if tuning else STANDARD)
        candidates = [Candidate(text, parse(text)) for text in named]
        if len({one.recipe.spec for one in candidates}) < len(named):
            raise BadSpec(f"the same descriptor is named twice: {' '.join(named)}")
        for name in question.distances:
            distances.get(name)
        metrics = tuple(dict.fromkeys([*ALWAYS, *question.metrics]))
        for name in metrics:
            metric(name)
        _check_aggregates(question)
        return cls(candidates, tuning, metrics)

    @property
    def recipes(self) -> list[AnyRecipe]:
        """What has to be described; of a sum to be tuned, its parts."""
        return [
            *(one.recipe for one in self.candidates),
            *(self.tuning.parts if self.tuning else ()),
        ]


def compare(
    question: Question,
    runs: Path,
    settings: Settings | None = None,
    store: Store | None = None,
    watch: Watch = unwatched,
) -> Answer:
    """Describes whatever the store does not have, and compares. Runs are written to that folder."""
    settings = settings or Settings()
    entries, rule = Entries.of(question), item_rule(question.rule)
    gallery = open_dataset(question.dataset, question.web)
    pictures = list(gallery.pictures())
    asking, asked_by = _asking(question, gallery, pictures)
    edits = question.labels == EDITS
    measured = entries.recipes if edits else [*entries.recipes, THUMBNAIL]
    with watch("describing the gallery") as progress:
        searched = collect(gallery, pictures, measured, settings, store, progress)
    with closing(searched), watch("describing the queries") as progress:
        asks = searched
        if asking is not gallery:
            asks = collect(asking, asked_by, measured, settings, store, progress)
        with closing(asks):
            sides = sides_of(gallery, asking, searched, asks)
            if question.aggregates and sides.same:
                sides = dealt(sides, rule, question.seed)
            relevance = relevance_of(question.labels, sides, question.level, rule)
            notes = _notes(relevance, sides, searched, asks, edits)
            candidates = entries.candidates
            if entries.tuning:
                with watch("choosing weights"):
                    choice = entries.tuning.choose(relevance, asks, searched, sides, question.seed)
                candidates, relevance = choice.beside(candidates), choice.relevance
                notes = [choice.note, *notes]
            askers = Askers.of(relevance, rule) if question.aggregates else None
            relevance = askers.relevance if askers else relevance
            bench = Bench(
                *(relevance, asks, searched, gallery, sides.gallery),
                *(runs, question.depth, entries.metrics, not edits, askers),
            )
            ways = question.distances, question.aggregates or ("",)
            with watch("comparing") as progress:
                found = list(score_all(bench, candidates, ways[0], progress, ways[1]))
    scored = with_intervals(found, question.seed)
    failed = {*gallery.failures, *asking.failures, *searched.failures, *asks.failures}
    comparison = told(_about(question, relevance, notes), scored, relevance, question.seed)
    shown = relevance.shown_as(sides.gallery), askers.shown_as if askers else {}
    return Answer(comparison, scored, relevance, asking, gallery, *shown, sorted(failed))


def _check_aggregates(question: Question) -> None:
    for name in question.aggregates:
        aggregates.get(name)
    if question.aggregates and question.level != "item":
        raise BadSpec("aggregates are of items; compare with --level item")
    if question.aggregates and (question.tune or question.labels == EDITS):
        raise BadSpec("aggregates go neither with --tune nor with edits; leave one away")


def _asking(
    question: Question, gallery: Folder | Table, pictures: Sequence[Picture]
) -> tuple[Source, Sequence[Picture]]:
    """Who asks: edits of the pictures, another data set, or the gallery itself."""
    if question.labels == EDITS:
        if question.queries:
            raise BadSpec("edits make their own queries; leave --queries away")
        edited = Edited(gallery, sample(pictures, seed=question.seed), question.seed)
        return edited, list(edited.pictures())
    if not question.queries:
        return gallery, pictures
    asking = open_dataset(question.queries, question.web)
    return asking, list(asking.pictures())


def _notes(
    relevance: Relevance, sides: Sides, searched: Collected, asks: Collected, edits: bool
) -> list[str]:
    """What a reader of the figures should know first."""
    said = []
    if relevance.left_out:
        count, first = len(relevance.left_out), relevance.left_out[0]
        said.append(f"{count} queries have no right answer and are left out, {first!r} first")
    if not edits:
        asked = asks.vectors(THUMBNAIL, relevance.queries)
        answers = searched.vectors(THUMBNAIL, sides.gallery)
        found = near_duplicates(asked, answers, relevance.excluded)
        said += [line for line in [notice(found, relevance.queries, sides.gallery)] if line]
    return said


def _about(question: Question, relevance: Relevance, notes: Sequence[str]) -> Comparison:
    """What is known of a comparison before its figures."""
    labels, classes = in_words(question.labels)
    return Comparison(
        title=f"Which descriptor for {Path(question.dataset).name}?",
        dataset=question.dataset,
        queries=len(relevance.queries),
        gallery=len(relevance.gallery),
        labels=labels,
        command=question.command,
        systems=[],
        warnings=notes,
        unit=ITEMS if question.level == "item" else PICTURES,
        classes=classes,
        synthetic=question.labels == EDITS,
        chance=chance(relevance),
        rate=question.rate,
    )
