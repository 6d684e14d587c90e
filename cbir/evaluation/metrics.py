"""Figures for one query's ranking, by the names and conventions of trec_eval and ranx.

| name | what it is |
|---|---|
| map, map@k | precision at each right one (among the first k), summed; over how many are right |
| p@k | how many of the first k are right, over k, also where fewer are ranked |
| recall@k | how many of the first k are right, over how many are right |
| ndcg, ndcg@k | Σ grade / log₂(1 + rank), over the same sum of the best possible ranking |
| mrr, mrr@k | 1 / rank of the first right one |
| rprec | p@k where k is how many are right |
| success@k | 1 if any of the first k is right, else 0 |

All lie between 0 and 1, and are 0 for a query without anything right.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cbir.errors import BadSpec, did_you_mean
from cbir.evaluation.ranking import Ranking

DEFAULT = ("map", "p@1", "p@5", "p@10", "recall@10", "ndcg@10", "mrr", "rprec")

EXACTLY = 1 << 20  # terms of a harmonic sum
ALL = 1 << 62
"""The cut-off that cuts nothing off."""


class Judged(NamedTuple):
    """All that metrics need of one query's ranking.

    `ranks`: of the right ones that were ranked, from 1, ascending; `grades`: theirs, in that order.
    `ideal`: the grades of all that is right, ranked or not, descending. `ranked`: how many were.
    """

    ranks: NDArray[np.intp]
    grades: NDArray[np.int64]
    ideal: NDArray[np.int64]
    ranked: int


Metric = Callable[[Judged], float]
Formula = Callable[[Judged, int], float]


def judge(ranking: Ranking, grades: NDArray[np.int64]) -> Judged:
    """A ranking by the grade of each name in the gallery (gallery,), 0 for what is not right."""
    found = grades[ranking.order]
    places = np.flatnonzero(found > 0)
    ideal = np.sort(grades[grades > 0])[::-1]
    return Judged(places + 1, found[places], ideal, len(ranking.order))


def metric(name: str) -> Metric:
    """The metric of this name, such as `map`, `p@1` or `ndcg@10`."""
    parts = re.fullmatch(r"([a-z]+)(?:@([1-9][0-9]{0,8}))?", name)
    kind = parts[1] if parts else name.split("@")[0]
    if kind not in FORMULAS:
        raise BadSpec(f"no metric is called {name!r}{did_you_mean(kind.lower(), list(FORMULAS))}")
    if parts is None:
        raise BadSpec(f"the metric {name!r} needs a whole number after the @, as in {kind}@10")
    if parts[2] is None and kind in ONLY_CUT:
        raise BadSpec(f"the metric {kind!r} needs a cut-off, as in {kind}@10")
    if parts[2] is not None and kind in NEVER_CUT:
        raise BadSpec(f"the metric {kind!r} takes no cut-off; leave out what follows it")
    formula, cut = FORMULAS[kind], int(parts[2] or ALL)
    return lambda judged: formula(judged, cut) if len(judged.ideal) else 0.0


def by_chance(right: int, ranked: int) -> float:
    """The average precision to be expected of a random order, with so many right of so many."""
    if not right or ranked < 2:
        return float(right > 0)
    few = np.arange(1, min(ranked, EXACTLY) + 1)
    sum_of_ones = float((1 / few).sum()) + math.log(ranked / len(few))  # the rest as an integral
    alone = sum_of_ones / ranked
    return alone + (right - 1) / (ranked - 1) * (1 - alone)


def mean_of_classes(values: ArrayLike, classes: Sequence[str]) -> float:
    """The mean of the classes' means, so that a class with many queries counts no more.

    `values`: one a query (n,), for instance its map@10; `classes`: what each query shows.
    """
    _, numbers = np.unique(np.asarray(classes), return_inverse=True)
    return float(np.mean(np.bincount(numbers, np.asarray(values)) / np.bincount(numbers)))


def _average_precision(judged: Judged, cut: int) -> float:
    ranks = judged.ranks[: _right_within(judged, cut)]
    return float((np.arange(1, len(ranks) + 1) / ranks).sum()) / len(judged.ideal)


def _precision(judged: Judged, cut: int) -> float:
    return _right_within(judged, cut) / cut


def _recall(judged: Judged, cut: int) -> float:
    return _right_within(judged, cut) / len(judged.ideal)


def _ndcg(judged: Judged, cut: int) -> float:
    within = _right_within(judged, cut)
    ideal = judged.ideal[:cut]
    best = _gain(ideal, np.arange(1, len(ideal) + 1))
    return _gain(judged.grades[:within], judged.ranks[:within]) / best


def _reciprocal_rank(judged: Judged, cut: int) -> float:
    return 1 / int(judged.ranks[0]) if _right_within(judged, cut) else 0.0


def _r_precision(judged: Judged, cut: int) -> float:
    return _precision(judged, len(judged.ideal))


def _success(judged: Judged, cut: int) -> float:
    return float(_right_within(judged, cut) > 0)


def _right_within(judged: Judged, cut: int) -> int:
    return int(np.searchsorted(judged.ranks, cut, side="right"))


def _gain(grades: NDArray[np.int64], ranks: NDArray[np.intp]) -> float:
    return float((grades / np.log2(ranks + 1)).sum())


FORMULAS: dict[str, Formula] = {
    "map": _average_precision,
    "p": _precision,
    "recall": _recall,
    "ndcg": _ndcg,
    "mrr": _reciprocal_rank,
    "rprec": _r_precision,
    "success": _success,
}
ONLY_CUT = ("p", "recall", "success")
NEVER_CUT = ("rprec",)
