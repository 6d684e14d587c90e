"""Weights are found where they were planted, on one half, and told on the other."""

from itertools import pairwise

import numpy as np
import pytest

from cbir.errors import BadSource, BadSpec
from cbir.evaluation import tuning
from cbir.evaluation.metrics import judge, metric
from cbir.evaluation.ranking import Ranking
from cbir.evaluation.relevance import Ranked, Relevance
from cbir.evaluation.tuning import by_average_precision, halves, of_vectors, tune


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def world(
    noises: tuple[float, ...],
    queries: int = 80,
    pictures: int = 120,
    item_of: np.ndarray | None = None,
) -> tuple[tuning.Cosines, Relevance]:
    """Ten classes, seen by parts through so much noise; query i is picture i."""
    random = np.random.default_rng(0)
    classes = np.arange(pictures) % 10
    parts = [
        unit(random.normal(size=(10, 30))[classes] + noise * random.normal(size=(pictures, 30)))
        for noise in noises
    ]
    names = [f"{number:03}" for number in range(pictures)]
    ranked = Ranked(names)
    if item_of is not None:
        ranked = Ranked(sorted({f"{item:03}" for item in item_of}), item_of)

    def grades(query: int) -> np.ndarray:
        right = np.zeros(len(ranked.names), np.int64)
        right[ranked.places(np.flatnonzero(classes == classes[query]))] = 1
        right[ranked.without(np.array([query]))] = 0
        return right

    own = [np.array([query]) for query in range(queries)]
    labels = [str(name) for name in classes[:queries]]
    relevance = Relevance(names[:queries], ranked, labels, [], grades, own)
    return of_vectors([part[:queries] for part in parts], parts), relevance


def tuned(cosines: tuning.Cosines, relevance: Relevance, parts: int, seed: int = 0) -> tuning.Tuned:
    evaluate = by_average_precision(cosines, relevance, 120)
    return tune(evaluate, parts, len(relevance.queries), relevance.classes, seed)


def test_a_sum_beats_its_parts_on_queries_that_did_not_choose_it() -> None:
    found = tuned(*world((1.6, 2.0)), 2)
    assert sum(found.weights) == pytest.approx(1)
    assert found.weights[0] > 0.5 > found.weights[1] > 0  # more for the part that sees better
    assert found.values.mean() > found.alone.mean(axis=1).max() + 0.05
    assert len(found.values) == len(found.equal) == len(found.held_out) == 40
    assert not set(found.chosen_on) & set(found.held_out)
    assert found.chosen_value == pytest.approx(found.values.mean(), abs=0.1)


def test_a_part_of_mere_noise_gets_next_to_nothing() -> None:
    found = tuned(*world((1.0, 1000.0)), 2)
    assert found.weights[0] >= 0.8
    assert found.values.mean() >= found.equal.mean()


@pytest.mark.parametrize("noises", [(1.5, 1.8, 3.0), (1.5, 50.0, 2.0, 1.8)])
def test_more_parts_are_tuned_too(noises: tuple[float, ...]) -> None:
    found = tuned(*world(noises), len(noises))
    assert sum(found.weights) == pytest.approx(1)
    assert found.weights[int(np.argmax(noises))] == min(found.weights)
    assert found.values.mean() > found.alone.mean(axis=1).max()


def test_of_equally_good_weights_the_most_even_are_taken() -> None:
    cosines, relevance = world((1.0,))
    found = tuned(lambda queries: np.repeat(cosines(queries), 2, axis=0), relevance, 2)
    assert found.weights == (0.5, 0.5)


def test_the_seed_chooses_the_halves_and_nothing_else_is_chance() -> None:
    cosines, relevance = world((1.6, 2.0))
    first, again = (tuned(cosines, relevance, 2, seed=1) for _ in range(2))
    assert first.weights == again.weights
    assert first.values.tolist() == again.values.tolist()
    assert list(first.held_out) != list(tuned(cosines, relevance, 2, seed=2).held_out)


def test_both_halves_have_every_class() -> None:
    classes = ["a"] * 10 + ["b"] * 7 + ["c"] * 4
    some, others = halves(21, classes, seed=3)
    assert sorted([*some, *others]) == list(range(21))
    for name in "abc":
        counts = [sum(classes[query] == name for query in half) for half in (some, others)]
        assert abs(counts[0] - counts[1]) <= 1
    assert abs(len(some) - len(others)) <= 1
    assert len(halves(9, None, 0)[0]) == 5


@pytest.mark.parametrize("by_item", [False, True])
def test_values_are_those_of_the_metrics(by_item: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ties too: the cosines have one digit."""
    item_of = np.arange(120) // 4 % 30 if by_item else None
    cosines, relevance = world((1.6, 2.0), item_of=item_of)
    monkeypatch.setattr(tuning, "COSINES_AT_ONCE", 7 * 2 * 120)  # queries, parts, pictures

    def coarse(queries: np.ndarray) -> np.ndarray:
        return cosines(queries).round(1)

    weights = np.array([[0.25, 0.75], [1, 0]])
    queries = np.arange(3, 50, 2)
    values = by_average_precision(coarse, relevance, 120)(weights, queries)
    for row, some in zip(values, weights.astype(np.float32), strict=True):
        for query, value in zip(queries, row, strict=True):
            similar = some @ coarse(np.array([query]))[:, 0]
            similar[query] = -np.inf
            names = range(len(relevance.gallery))
            if item_of is not None:
                similar = np.array([similar[item_of == item].max() for item in names])
            order = np.array(sorted(names, key=lambda name: (-similar[name], name)))
            order = order[np.isfinite(similar[order])]
            judged = judge(Ranking(order, -similar[order]), relevance.grades(query))
            assert value == pytest.approx(metric("map")(judged), abs=1e-12)


def test_grids_add_up_and_hold_each_part_alone() -> None:
    for parts, count in ((2, 21), (3, 66), (4, 35), (5, 70)):
        grid = list(tuning._grid(parts))
        assert len(set(grid)) == len(grid) == count
        assert {sum(steps) for steps in grid} == {tuning.STEPS}
        assert all(tuple(row) in grid for row in np.eye(parts, dtype=int) * tuning.STEPS)
    assert all(b[0] - a[0] == 1 for a, b in pairwise(tuning._grid(2)))


def test_what_can_not_be_tuned_gets_one_line() -> None:
    cosines, relevance = world((1.0,))
    with pytest.raises(BadSpec, match="a sum, such as a\\+b"):
        tuned(cosines, relevance, 1)
    with pytest.raises(BadSource, match="3 queries are too few"):
        halves(3, None, 0)
