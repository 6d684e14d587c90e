"""What a comparison is asked: checked before any work, and who takes part."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

from cbir import distances
from cbir.catalogue import aggregates
from cbir.downloads import Web
from cbir.errors import BadSpec
from cbir.evaluation import tuned
from cbir.evaluation.labels import EDITS, check_labels, rule_of
from cbir.evaluation.metrics import metric
from cbir.evaluation.relevance import Level
from cbir.evaluation.runs import DEPTH
from cbir.evaluation.scoring import ALWAYS, Candidate, run_name
from cbir.items import DEFAULT
from cbir.recipe import AnyRecipe, parse

STANDARD = ("hsv", "hsv-regions")


@dataclass(frozen=True)
class Question:
    """What is compared on which queries, and what counts as right.

    `rate`: the share of false matches that cut-offs are told for. `web`: how tables of URLs are
    downloaded. With `aggregates`, items ask with all their pictures. `command` asks it all again.
    `seed` is 0, or that of the saved runs, unless given.
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
    rate: float | None = None
    depth: int = DEPTH
    seed: int | None = None
    web: Web | None = None
    command: str = "cbir compare"

    @property
    def drawn_by(self) -> int:
        """The seed of all that is drawn by chance."""
        return self.seed or 0


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
        _check_together(question)
        check_labels(question.labels)
        rule_of(question.labels, question.rule)
        return cls(candidates, tuning, metrics)

    def runs(self, question: Question) -> list[str]:
        """The names of the runs that are known before any work; a tuned sum's is not."""
        return [
            run_name(one.recipe, distance, aggregate)
            for one in self.candidates
            for distance in dict.fromkeys([one.recipe.distance, *question.distances])
            for aggregate in question.aggregates or ("",)
        ]

    @property
    def recipes(self) -> list[AnyRecipe]:
        """What has to be described; of a sum to be tuned, its parts."""
        return [
            *(one.recipe for one in self.candidates),
            *(self.tuning.parts if self.tuning else ()),
        ]


def _check_together(question: Question) -> None:
    if question.level not in get_args(Level):
        raise BadSpec(f"no level is called {question.level!r}; choose picture or item")
    if question.labels == EDITS and question.queries:
        raise BadSpec("edits make their own queries; leave --queries away")
    for name in question.aggregates:
        aggregates.get(name)
    if question.aggregates and question.level != "item":
        raise BadSpec("aggregates are of items; compare with --level item")
    if question.aggregates and (question.tune or question.labels == EDITS):
        raise BadSpec("aggregates go neither with --tune nor with edits; leave one away")
