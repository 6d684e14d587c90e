"""Each descriptor with each distance on the same queries: figures, runs and the top of each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cbir.distances import DISTANCES, ColumnBlocks, from_vectors
from cbir.errors import BadSource
from cbir.evaluation import calibration, cost
from cbir.evaluation.askers import Askers
from cbir.evaluation.calibration import Pairs
from cbir.evaluation.collecting import Collected
from cbir.evaluation.cutoffs import Cutoffs
from cbir.evaluation.metrics import DEFAULT, judge, mean_of_classes, metric
from cbir.evaluation.ranking import Ranking, all_distances, ranked
from cbir.evaluation.relevance import Relevance
from cbir.evaluation.report import System
from cbir.evaluation.report.numbers import OF_CLASSES
from cbir.evaluation.runs import depth_to_keep, writing_run
from cbir.evaluation.statistics import intervals
from cbir.images import MAX_PIXELS
from cbir.pipeline import Progress
from cbir.recipe import AnyRecipe
from cbir.types import Source

BY_CLASS = "map@10"  # whose mean over the classes is told, too
ALWAYS = (*DEFAULT, BY_CLASS, "success@1")
TOP = 6  # of each ranking, to be shown

Values = Mapping[str, NDArray[np.float64]]
"""By metric each query's value (queries,)."""


@dataclass(frozen=True)
class Candidate:
    """A descriptor that takes part, as the person typed it."""

    typed: str
    recipe: AnyRecipe


@dataclass(frozen=True)
class Scored:
    """One system: its figures, each query's, the top of each ranking; what distances mean.

    `run` is its file's name without the ending.
    """

    system: System
    values: Values
    tops: Sequence[Ranking]
    run: str
    cutoffs: Cutoffs | None = None


@dataclass(frozen=True)
class Bench:
    """What every system is measured on. `calibrates`: whether right ones are of the same item.

    With `askers`, items ask, and the relevance is theirs.
    """

    relevance: Relevance
    queries: Collected
    gallery: Collected
    source: Source
    gallery_ids: Sequence[str]
    runs: Path
    depth: int
    metrics: Sequence[str] = ALWAYS
    max_pixels: int = MAX_PIXELS
    calibrates: bool = True
    askers: Askers | None = None

    @property
    def asked(self) -> Sequence[str]:
        """The pictures that ask, in the order in which they do."""
        return self.askers.asked if self.askers else self.relevance.queries


@dataclass(frozen=True)
class _Entrant:
    """A candidate with one distance and, where items ask, one aggregate; its vectors and costs."""

    candidate: Candidate
    distance: str
    aggregate: str
    asked: NDArray[np.float32]
    blocks: ColumnBlocks
    costs: Mapping[str, float]

    @property
    def run(self) -> str:
        return run_name(self.candidate.recipe, self.distance, self.aggregate)


def run_name(recipe: AnyRecipe, distance: str, aggregate: str = "") -> str:
    """What a system's run is called, without the ending."""
    return "-".join(word for word in (recipe.slug, distance, aggregate) if word)


def score_all(
    bench: Bench,
    candidates: Sequence[Candidate],
    distances: Sequence[str],
    progress: Progress,
    aggregates: Sequence[str] = ("",),
) -> Iterator[Scored]:
    """Every descriptor with its own distance and, where they make sense, the others named."""
    systems = sum(len({one.recipe.distance, *distances}) for one in candidates) * len(aggregates)
    queries, done = bench.relevance.queries, 0
    depth = depth_to_keep(len(queries), len(bench.relevance.gallery), systems, bench.depth)
    recipes = [one.recipe for one in candidates]
    spent = cost.describing(bench.source, bench.gallery_ids, recipes, bench.max_pixels)
    for candidate, described in zip(candidates, spent, strict=True):
        recipe = candidate.recipe
        blocks = from_vectors(bench.gallery.vectors(recipe, bench.gallery_ids))
        asked = bench.queries.vectors(recipe, bench.asked)
        for distance in dict.fromkeys([recipe.distance, *distances]):
            if blocks.nonnegative or not DISTANCES[distance].nonnegative:
                costs = described._asdict()
                if not bench.askers:  # else a query is more than one search
                    costs |= cost.searching(asked, blocks, distance)._asdict()
                for place, aggregate in enumerate(aggregates, done):
                    entrant = _Entrant(candidate, distance, aggregate, asked, blocks, costs)
                    yield _score(bench, entrant, depth, _from(place, systems, progress))
            done += len(aggregates)


def values_of(
    names: Sequence[str], relevance: Relevance, rankings: Sequence[Ranking | None]
) -> Values:
    """Each metric of each query's ranking; 0 for a query that has none."""
    measures = [metric(name) for name in names]
    values = np.zeros((len(names), len(rankings)))
    for query, ranking in enumerate(rankings):
        if ranking is not None:
            judged = judge(ranking, relevance.grades(query))
            values[:, query] = [measure(judged) for measure in measures]
    return dict(zip(names, values, strict=True))


def means(values: Values, classes: Sequence[str] | None) -> dict[str, float]:
    """The mean of each metric; of one also the mean over classes, where there are some."""
    found = {name: float(some.mean()) for name, some in values.items()}
    if classes is not None and len(set(classes)) > 1:
        found[f"{OF_CLASSES}{BY_CLASS}"] = mean_of_classes(values[BY_CLASS], classes)
    return found


def with_intervals(scored: Sequence[Scored], relevance: Relevance, seed: int) -> list[Scored]:
    """The same, each figure with its 95% interval. All at once, because draws take longest."""
    columns = [some for one in scored for some in one.values.values()]
    stacked = np.stack(columns, axis=1) if columns else np.zeros((0, 0))
    bounds = iter(intervals(stacked, seed, groups=relevance.together).tolist())
    told = []
    for one in scored:
        pairs = {name: next(bounds) for name in one.values}
        within = {
            name: (low, high)
            for name, (low, high) in pairs.items()
            if np.isfinite([low, high]).all()  # a single query has none
        }
        told.append(replace(one, system=replace(one.system, intervals=within)))
    return told


def _from(done: int, systems: int, progress: Progress) -> Progress:
    """Progress of one of so many systems, told as that of the whole."""
    return lambda query, queries: progress(done * (queries or 0) + query, systems * (queries or 0))


def _score(bench: Bench, entrant: _Entrant, depth: int, progress: Progress) -> Scored:
    """Ranks, judges, counts and writes, a query at a time: whole rankings are never held."""
    relevance, pairs = bench.relevance, Pairs()
    measures = [metric(name) for name in bench.metrics]
    values = np.zeros((len(measures), len(relevance.queries)))
    tops = []
    path = bench.runs / f"{entrant.run}.trec"
    with writing_run(path, relevance.gallery, entrant.run, depth) as write:
        for query, ranking in enumerate(_rankings(bench, entrant, pairs)):
            judged = judge(ranking, relevance.grades(query))
            values[:, query] = [measure(judged) for measure in measures]
            tops.append(Ranking(ranking.order[:TOP].copy(), ranking.distances[:TOP].copy()))
            write(relevance.queries[query], ranking)
            progress(query + 1, len(relevance.queries))
    by_metric = dict(zip(bench.metrics, values, strict=True))
    system = _system(bench, entrant, by_metric)
    return Scored(system, by_metric, tops, entrant.run, _cutoffs(entrant, pairs))


def _rankings(bench: Bench, entrant: _Entrant, pairs: Pairs) -> Iterator[Ranking]:
    """Each query's ranking. Pairs of pictures are counted on the way, where pictures ask."""
    every = all_distances(entrant.asked, entrant.blocks, entrant.distance)
    if bench.askers:
        yield from bench.askers.rankings(every, entrant.aggregate)
        return
    relevance, groups = bench.relevance, bench.relevance.together
    for query, distances in enumerate(every):
        own = relevance.excluded(query)
        if bench.calibrates:
            right = relevance.grades(query) > 0
            same = right if relevance.item_of is None else right[relevance.item_of]
            group = query if groups is None else int(groups[query])
            pairs.add(np.delete(distances, own), np.delete(same, own), group)
        yield ranked(distances, own, relevance.item_of)


def _system(bench: Bench, entrant: _Entrant, values: Values) -> System:
    return System(
        entrant.candidate.typed,
        entrant.candidate.recipe.spec,
        entrant.distance,
        len(bench.relevance.queries),
        means(values, bench.relevance.classes),
        aggregate=entrant.aggregate,
        bytes_per_picture=4 * entrant.blocks.dim,
        **entrant.costs,  # type: ignore[arg-type]
    )


def _cutoffs(entrant: _Entrant, pairs: Pairs) -> Cutoffs | None:
    """What the distances mean; None where there are too few pairs to say."""
    spec, pictures = entrant.candidate.recipe.spec, len(entrant.blocks)
    try:
        return calibration.fit(pairs, spec, entrant.distance, pictures)
    except BadSource:
        return None
