"""The weights of a sum: chosen on half of the queries, and reported on the other half.

The cosine of a sum is the weighted sum of its parts' cosines. So these are computed once for a few
queries, and all candidates' rankings follow by a small matrix product.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations

import numpy as np
from numpy.typing import NDArray

from cbir.errors import BadSource, BadSpec
from cbir.evaluation.ranking import in_order
from cbir.evaluation.relevance import Numbers, Relevance
from cbir.types import Vectors

STEPS = 20
"""Weights are so many parts of a whole."""

COARSE = {2: 1, 3: 2}  # how many steps are taken at first, by the number of parts
COARSE_ELSE = 5
COSINES_AT_ONCE = 8 << 20
FEWEST_QUERIES = 4
SAME_VALUE = 1e-9

Floats = NDArray[np.floating]
Steps = tuple[int, ...]
Cosines = Callable[[Numbers], Floats]
"""From numbers of queries to each part's cosines with the pictures: (parts, queries, pictures)."""

Evaluate = Callable[[Floats, Numbers], Floats]
"""From weights (candidates, parts) and numbers of queries to values (candidates, queries)."""


@dataclass(frozen=True)
class Tuned:
    """The weights that were best on `chosen_on`, and what they are worth on `held_out`.

    `weights` add up to 1, and a part that does not help has 0. `chosen_value` is their mean on the
    queries that chose them. On the others, values by query: `values` of these weights, `equal` of
    equal weights, and `alone` (parts, queries) of each part by itself.
    """

    weights: tuple[float, ...]
    chosen_on: Numbers
    held_out: Numbers
    chosen_value: float
    values: Floats
    equal: Floats
    alone: Floats


def tune(
    evaluate: Evaluate, parts: int, queries: int, classes: Sequence[str] | None, seed: int = 0
) -> Tuned:
    """The best weights of so many parts; every class of queries is in both halves alike.

    With three parts or more a coarse grid is looked at first, then the neighbours of the best.
    """
    if parts < 2:
        raise BadSpec("there are no weights to tune in one descriptor; give a sum, such as a+b")
    chosen_on, held_out = halves(queries, classes, seed)
    seen: dict[Steps, float] = {}
    best = _best(_grid(parts), evaluate, chosen_on, seen)
    if parts > 2:
        while (better := _best(_neighbours(best), evaluate, chosen_on, seen)) != best:
            best = better
    weights = np.array([best, *np.eye(parts) * STEPS]) / STEPS
    weights = np.concatenate([weights, np.full((1, parts), 1 / parts)])
    values = evaluate(weights, held_out)
    found = tuple(steps / STEPS for steps in best)
    return Tuned(found, chosen_on, held_out, seen[best], values[0], values[-1], values[1:-1])


def halves(queries: int, classes: Sequence[str] | None, seed: int) -> tuple[Numbers, Numbers]:
    """The queries in two halves by chance; of each class as many in one as in the other."""
    if queries < FEWEST_QUERIES:
        raise BadSource(
            f"{queries} queries are too few to choose weights on one half and try them on the "
            f"other; give {FEWEST_QUERIES} or more"
        )
    order = np.random.default_rng(seed).permutation(queries)
    if classes is not None:
        codes = np.unique(np.asarray(classes), return_inverse=True)[1]
        order = order[np.argsort(codes[order], kind="stable")]
    return np.sort(order[::2]), np.sort(order[1::2])


def by_average_precision(cosines: Cosines, relevance: Relevance, pictures: int) -> Evaluate:
    """Values are average precisions of whole rankings, ties by number; few queries are held."""

    def evaluate(weights: Floats, queries: Numbers) -> Floats:
        single = weights.astype(np.float32)  # as the cosines are
        at_once = max(1, COSINES_AT_ONCE // (pictures * weights.shape[1]))
        values = np.empty((len(weights), len(queries)))
        for start in range(0, len(queries), at_once):
            some = queries[start : start + at_once]
            for place, (query, near) in enumerate(_each(cosines, some), start):
                pictures_near = single @ near
                pictures_near[:, relevance.excluded(query)] = -np.inf
                similar = _by_name(pictures_near, relevance.item_of)
                values[:, place] = _precisions(similar, relevance.grades(query) > 0)
        return values

    return evaluate


def of_vectors(queries: Sequence[Vectors], gallery: Sequence[Vectors]) -> Cosines:
    """From each part's unit vectors (n, d), of the queries and of the pictures searched."""

    def cosines(numbers: Numbers) -> Floats:
        return np.stack([q[numbers] @ g.T for q, g in zip(queries, gallery, strict=True)])

    return cosines


def _each(cosines: Cosines, queries: Numbers) -> Iterator[tuple[int, Floats]]:
    """Every query with its cosines (parts, pictures)."""
    near = np.asarray(cosines(queries), np.float32)
    return ((int(query), near[:, row]) for row, query in enumerate(queries))


def _by_name(similar: Floats, item_of: Numbers | None) -> Floats:
    """Similarities of what is ranked: an item is as near as its nearest picture."""
    if item_of is None:
        return similar
    order = np.argsort(item_of, kind="stable")
    begins = np.unique(item_of[order], return_index=True)[1]
    return np.maximum.reduceat(similar[:, order], begins, axis=1)


def _precisions(similar: Floats, right: NDArray[np.bool_]) -> Floats:
    """Average precision (candidates,) of rankings by similarity (candidates, names)."""
    hits = right[in_order(np.subtract(0, similar, dtype=np.float32))]
    ranks = np.nonzero(hits)[1].reshape(len(similar), -1) + 1
    return np.mean(np.arange(1, ranks.shape[1] + 1) / ranks, axis=1)


def _best(
    candidates: Iterable[Steps], evaluate: Evaluate, queries: Numbers, seen: dict[Steps, float]
) -> Steps:
    """The best of these and of what was seen before; of equally good ones the most even."""
    new = [steps for steps in candidates if steps not in seen]
    if new:
        means = evaluate(np.array(new) / STEPS, queries).mean(axis=1)
        seen.update(zip(new, means.tolist(), strict=True))
    highest = max(seen.values())
    good = [steps for steps, value in seen.items() if value >= highest - SAME_VALUE]
    return min(good, key=lambda steps: (sum(s * s for s in steps), steps))


def _grid(parts: int) -> Iterator[Steps]:
    """All weights in coarse steps that add up to a whole."""
    size = COARSE.get(parts, COARSE_ELSE)
    places = STEPS // size + parts - 1
    for bars in combinations(range(places), parts - 1):
        ends = (-1, *bars, places)
        yield tuple((b - a - 1) * size for a, b in pairwise(ends))


def _neighbours(steps: Steps) -> Iterator[Steps]:
    """One step of weight moved from any part to any other."""
    for giver, taker in permutations(range(len(steps)), 2):
        if steps[giver]:
            moved = list(steps)
            moved[giver] -= 1
            moved[taker] += 1
            yield tuple(moved)
