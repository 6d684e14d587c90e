"""The metrics, against trec_eval and ranx, and against what chance gives."""

from collections.abc import Iterator

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from cbir.errors import BadSpec
from cbir.evaluation.metrics import DEFAULT, Judged, judge, mean_of_classes, metric
from cbir.evaluation.ranking import Ranking, rank
from tests.ranx_oracle import Ask, ranx

CUTS = (1, 2, 3, 5, 10, 20, 100)
NAMES = [
    *DEFAULT,
    *("ndcg", "map@1", "map@10", "success@1", "success@5", "p@20", "recall@100", "ndcg@3"),
]
TREC_NAMES = {"map": "map_cut", "p": "P", "recall": "recall", "ndcg": "ndcg_cut"}
TREC_FIXED = {"map": "map", "ndcg": "ndcg", "mrr": "recip_rank", "rprec": "Rprec"}


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    with ranx() as ask:
        yield ask


def trec_eval(qrels: dict, run: dict, names: list[str]) -> dict[str, dict[str, float]]:
    measures = {
        name: TREC_FIXED.get(name) or f"{TREC_NAMES.get(kind, kind)}.{cut}"
        for name in names
        for kind, _, cut in [name.partition("@")]
    }
    found = pytrec_eval.RelevanceEvaluator(qrels, set(measures.values())).evaluate(run)
    return {
        name: {query: values[measure.replace(".", "_")] for query, values in found.items()}
        for name, measure in measures.items()
    }


def as_dicts(grades: np.ndarray, order: np.ndarray) -> tuple[dict, dict]:
    qrels = {f"d{number}": int(grade) for number, grade in enumerate(grades) if grade}
    run = {f"d{number}": float(-place) for place, number in enumerate(order)}
    return {"q": qrels}, {"q": run}


@st.composite
def judged_queries(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Grades of a gallery, and a ranking of all or the first of it."""
    highest = draw(st.sampled_from([1, 3, 9]))
    grades = draw(st.lists(st.integers(0, highest), min_size=1, max_size=30))
    grades[draw(st.integers(0, len(grades) - 1))] = highest
    order = draw(st.permutations(range(len(grades))))
    return np.array(grades, np.int64), np.array(order[: draw(st.integers(1, len(order)))])


@settings(max_examples=150, deadline=None)
@given(judged_queries())
def test_all_agree_with_trec_eval_and_ranx(ask: Ask, query: tuple[np.ndarray, np.ndarray]) -> None:
    grades, order = query
    qrels, run = as_dicts(grades, order)
    judged = judge(Ranking(order, np.arange(len(order), dtype=float)), grades)
    ours = {name: metric(name)(judged) for name in NAMES}
    for theirs in (trec_eval(qrels, run, NAMES), ask(qrels, run, NAMES)):
        assert ours == pytest.approx({name: theirs[name]["q"] for name in NAMES}, abs=1e-9)


def test_reciprocal_rank_can_be_cut(ask: Ask) -> None:
    grades = np.array([0, 0, 0, 1, 1])
    qrels, run = as_dicts(grades, np.arange(5))
    judged = judge(rank(np.arange(5.0)), grades)
    names = ["mrr@3", "mrr@4"]
    assert [metric(name)(judged) for name in names] == [0, 0.25]
    assert [ask(qrels, run, names)[name]["q"] for name in names] == [0, 0.25]


def test_by_hand() -> None:
    judged = judge(rank(np.array([0.1, 0.2, 0.3, 0.4])), np.array([2, 0, 1, 0]))
    assert judged.ranks.tolist() == [1, 3]
    assert (judged.grades.tolist(), judged.ideal.tolist(), judged.ranked) == ([2, 1], [2, 1], 4)
    assert metric("map")(judged) == pytest.approx((1 + 2 / 3) / 2)
    assert metric("map@2")(judged) == pytest.approx(1 / 2)  # over all two that are right
    assert metric("p@10")(judged) == pytest.approx(2 / 10)  # though only four are ranked
    assert metric("ndcg")(judged) == pytest.approx((2 + 1 / 2) / (2 + 1 / np.log2(3)))


def test_nothing_right_and_nothing_ranked_score_zero() -> None:
    none = np.zeros(0, np.int64)
    no_right = Judged(none, none, none, 5)
    unranked = Judged(none, none, np.array([1]), 0)
    for name in NAMES:
        assert metric(name)(no_right) == metric(name)(unranked) == 0


def test_a_random_distance_scores_chance() -> None:
    random = np.random.default_rng(0)
    classes = random.choice(5, 600, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    values: dict[str, list[float]] = {"p@1": [], "p@10": [], "recall@10": [], "success@1": []}
    prevalence = []
    for query, own in enumerate(classes):
        grades = (classes == own).astype(np.int64)
        grades[query] = 0
        judged = judge(rank(random.random(600), np.array([query])), grades)
        prevalence.append(grades.sum() / 599)
        for name in values:
            values[name].append(metric(name)(judged))
    expected = {"recall@10": np.full(600, 10 / 599)}
    for name, found in values.items():
        surplus = np.array(found) - expected.get(name, np.array(prevalence))
        assert abs(surplus.mean()) < 4 * surplus.std() / 600**0.5


def test_classes_count_alike_however_many_queries_they_have() -> None:
    assert mean_of_classes([1, 1, 1, 0], ["cup", "cup", "cup", "bag"]) == pytest.approx(0.5)
    assert mean_of_classes([0.25, 0.75], ["cup", "cup"]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mapp", "did you mean map?"),
        ("ncdg@10", "did you mean ndcg?"),
        ("", "choose one of map, p, recall"),
        ("p", "as in p@10"),
        ("recall", "as in recall@10"),
        ("rprec@5", "no cut-off"),
        ("p@0", "as in p@10"),
        ("p@-1", "as in p@10"),
        ("map@", "as in map@10"),
        ("p@1e3", "as in p@10"),
        ("p@9999999999", "as in p@10"),
        ("p@1\n", "as in p@10"),
    ],
)
def test_unknown_metrics_get_one_line(name: str, words: str) -> None:
    with pytest.raises(BadSpec) as caught:
        metric(name)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
