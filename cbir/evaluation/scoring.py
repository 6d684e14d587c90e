"""Each descriptor with each distance on the same queries: figures, runs and the top of each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cbir.distances import DISTANCES, ColumnBlocks, from_vectors
from cbir.evaluation import cost
from cbir.evaluation.collecting import Collected, Progress
from cbir.evaluation.metrics import DEFAULT, judge, metric
from cbir.evaluation.ranking import Ranking, rankings
from cbir.evaluation.relevance import Relevance
from cbir.evaluation.report import System
from cbir.evaluation.runs import depth_to_keep, writing_run
from cbir.evaluation.statistics import intervals
from cbir.recipe import AnyRecipe
from cbir.types import Source

METRICS = tuple(dict.fromkeys([*DEFAULT, "map@10", "success@1"]))
TOP = 6  # of each ranking, to be shown


@dataclass(frozen=True)
class Scored:
    """One system: its figures, each query's (queries,) by metric, and the top of each ranking."""

    system: System
    values: dict[str, NDArray[np.float64]]
    tops: list[Ranking]


@dataclass(frozen=True)
class Bench:
    """What every system is measured on."""

    relevance: Relevance
    queries: Collected
    gallery: Collected
    source: Source
    gallery_ids: Sequence[str]
    runs: Path
    depth: int
    seed: int


def score_all(
    bench: Bench,
    typed: Sequence[str],
    recipes: Sequence[AnyRecipe],
    distances: Sequence[str],
    progress: Progress,
) -> Iterator[Scored]:
    """Every descriptor with its own distance and, where they make sense, the others named."""
    pairs = sum(len({recipe.distance, *distances}) for recipe in recipes)
    for number, (said, recipe) in enumerate(zip(typed, recipes, strict=True)):
        blocks = from_vectors(bench.gallery.vectors(number, bench.gallery_ids))
        spent = cost.describing(bench.source, bench.gallery.pictures, recipe)
        for distance in dict.fromkeys([recipe.distance, *distances]):
            if DISTANCES[distance].nonnegative and not blocks.nonnegative:
                continue
            yield _score(bench, said, recipe, number, blocks, distance, spent, pairs, progress)


def _score(
    bench: Bench,
    said: str,
    recipe: AnyRecipe,
    number: int,
    blocks: ColumnBlocks,
    distance: str,
    spent: cost.Cost,
    pairs: int,
    progress: Progress,
) -> Scored:
    relevance = bench.relevance
    asked = bench.queries.vectors(number, relevance.queries)
    values = {name: np.zeros(len(asked)) for name in METRICS}
    measures = {name: metric(name) for name in METRICS}
    tops = []
    depth = depth_to_keep(len(asked), len(relevance.gallery), pairs, bench.depth)
    ranked = rankings(asked, blocks, distance, relevance.excluded, relevance.item_of)
    path = bench.runs / f"{recipe.slug}-{distance}.trec"
    with writing_run(path, relevance.gallery, f"{recipe.slug}-{distance}", depth) as write:
        for query, ranking in enumerate(ranked):
            judged = judge(ranking, relevance.grades(query))
            for name, measure in measures.items():
                values[name][query] = measure(judged)
            tops.append(Ranking(ranking.order[:TOP].copy(), ranking.distances[:TOP].copy()))
            write(relevance.queries[query], ranking)
            progress(query + 1, len(asked))
    return Scored(
        _system(said, recipe, distance, asked, blocks, values, spent, bench), values, tops
    )


def _system(
    said: str,
    recipe: AnyRecipe,
    distance: str,
    asked: NDArray[np.float32],
    blocks: ColumnBlocks,
    values: dict[str, NDArray[np.float64]],
    spent: cost.Cost,
    bench: Bench,
) -> System:
    bounds = intervals(np.stack([values[name] for name in METRICS], axis=1), bench.seed)
    latency = cost.searching(asked, blocks, distance)
    return System(
        said,
        recipe.spec,
        distance,
        len(asked),
        {name: float(values[name].mean()) for name in METRICS},
        {
            name: (float(low), float(high))
            for name, (low, high) in zip(METRICS, bounds, strict=True)
            if np.isfinite([low, high]).all()  # a single query has none
        },
        spent.describe_per_s,
        spent.decode_per_s,
        latency.median,
        latency.p95,
        4 * blocks.dim,
    )
