"""Rankings: the exact top, the same order everywhere, in bounded memory."""

import re
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from cbir.distances import DISTANCES, ColumnBlocks, from_vectors
from cbir.errors import BadSpec
from cbir.evaluation import ranking
from cbir.evaluation.metrics import judge, metric
from cbir.evaluation.ranking import (
    NOTHING,
    Ranking,
    all_distances,
    in_order,
    rank,
    rank_items,
    ranked,
)
from cbir.searcher import Searcher
from cbir.vector_index import VectorIndex
from tests.conftest import Run

BINS = 40


def histograms(count: int, seed: int = 0, bins: int = BINS) -> np.ndarray:
    random = np.random.default_rng(seed)
    counts = random.random((count, bins)) * (random.random((count, bins)) < 0.4)
    counts[:, 0] += 1e-3
    return (counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)


def rankings(
    queries: np.ndarray,
    gallery: ColumnBlocks,
    name: str,
    excluded: Callable[[int], np.ndarray],
    item_of: np.ndarray | None = None,
) -> Iterator[Ranking]:
    for number, distances in enumerate(all_distances(queries, gallery, name)):
        yield ranked(distances, excluded(number), item_of)


def all_rankings(queries: np.ndarray, gallery: np.ndarray, name: str) -> list[Ranking]:
    return [*rankings(queries, from_vectors(gallery), name, lambda _: NOTHING)]


def test_nearest_first_ties_by_number() -> None:
    found = rank(np.array([0.5, 0.0, 0.5, -0.0, 0.1], np.float32))
    assert found.order.tolist() == [1, 3, 4, 0, 2]
    assert found.distances.tolist() == pytest.approx([0, 0, 0.1, 0.5, 0.5])
    assert rank(np.ones(1000)).order.tolist() == list(range(1000))


def test_the_quick_order_is_the_stable_one() -> None:
    random = np.random.default_rng(0)
    values = (random.integers(-9, 10, (7, 500)) / 3).astype(np.float32)
    values[:, ::9] = random.choice([0.0, -0.0, 1e-45, -1e-45, np.inf, -np.inf], (7, 56))
    assert np.array_equal(in_order(values), np.argsort(values, kind="stable"))
    assert np.array_equal(in_order(values[0].astype(float)), np.argsort(values[0], kind="stable"))


def test_what_is_excluded_is_not_ranked() -> None:
    found = rank(np.array([0.3, 0.2, 0.1]), np.array([2]))
    assert (found.order.tolist(), found.distances.tolist()) == ([1, 0], [0.2, 0.3])
    assert len(rank(np.array([0.3]), np.array([0])).order) == 0


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(BadSpec, match="not numbers"):
        rank(np.array([0.1, np.nan]))


def test_an_item_is_as_near_as_its_nearest_picture() -> None:
    item_of = np.array([1, 0, 1, 2, 0])
    distances = np.array([0.1, 0.4, 0.9, 0.4, 0.7])
    found = rank_items(distances, item_of)
    assert (found.order.tolist(), found.distances.tolist()) == ([1, 0, 2], [0.1, 0.4, 0.4])


def test_an_item_counts_without_the_pictures_that_are_the_query() -> None:
    item_of = np.array([1, 0, 1, 2, 0])
    distances = np.array([0.0, 0.4, 0.9, 0.0, 0.7])
    found = rank_items(distances, item_of, np.array([0, 3]))
    assert (found.order.tolist(), found.distances.tolist()) == ([0, 1], [0.4, 0.9])


@pytest.mark.parametrize("name", DISTANCES)
def test_all_are_ranked_by_the_exact_distance(name: str) -> None:
    gallery, queries = histograms(900), histograms(5, seed=1)
    for query, found in zip(queries, all_rankings(queries, gallery, name), strict=True):
        exact = DISTANCES[name].exact(query.astype(float), gallery.astype(float))
        assert sorted(found.order) == list(range(900))
        assert (np.diff(found.distances) >= 0).all()
        np.testing.assert_allclose(found.distances, exact[found.order], atol=2e-5)
        assert (np.diff(exact[found.order]) > -2e-5).all()


@pytest.mark.parametrize("name", DISTANCES)
def test_the_top_is_what_a_search_shows(name: str) -> None:
    gallery, queries = histograms(700), histograms(20, seed=1)
    gallery[::7] = gallery[3]
    gallery[5::7] = gallery[3] + 1e-6
    queries[3] = gallery[3]
    ids = [f"{number:03}" for number in range(len(gallery))]
    searcher = Searcher(VectorIndex(ids=ids, vectors=gallery, spec="mine"), distance=name)
    found = all_rankings(queries, gallery, name)
    for query, hits, ours in zip(queries, searcher.search(queries, 10), found, strict=True):
        # What differs beyond float32 only counts as equally far.
        exact = DISTANCES[name].exact(query.astype(float), gallery.astype(float))
        order = np.lexsort((np.arange(len(gallery)), exact.astype(np.float32)))
        assert ours.order[:10].tolist() == order[:10].tolist()
        shown = [np.float32(hit.distance) for hit in hits]
        assert ours.distances[:10].tolist() == shown


@pytest.mark.parametrize("name", DISTANCES)
def test_equal_pictures_are_equally_far_wherever_they_stand(name: str) -> None:
    gallery = histograms(600, bins=500)
    twins = np.array([1, 2, 17, 100, 333, 598])
    gallery[twins] = gallery[1]
    for found in all_rankings(histograms(30, seed=1, bins=500), gallery, name):
        places = np.flatnonzero(np.isin(found.order, twins))
        assert len(set(found.distances[places])) == 1
        assert found.order[places].tolist() == twins.tolist()


def test_near_copies_too_many_to_settle_stay_behind_the_nearest() -> None:
    query = histograms(1)
    steps = np.random.default_rng(0).permutation(300)
    gallery = query + np.float32(1e-6) * steps[:, None] * np.eye(BINS, dtype=np.float32)[0]
    (found,) = all_rankings(query, gallery, "euclidean")
    assert steps[found.order[: ranking.EXACT]].tolist() == list(range(ranking.EXACT))
    assert (np.diff(found.distances) >= 0).all()


def test_all_vectors_equal_are_ranked_by_number() -> None:
    gallery = np.repeat(histograms(1), 5000, axis=0)
    (found,) = all_rankings(histograms(1, seed=1), gallery, "cosine")
    assert found.order.tolist() == list(range(5000))


def test_each_query_leaves_out_its_own() -> None:
    gallery = histograms(50)
    found = [*rankings(gallery, from_vectors(gallery), "chi2", lambda q: np.array([q]))]
    for query, ours in enumerate(found):
        assert sorted(ours.order) == [number for number in range(50) if number != query]


def test_items_are_ranked_without_the_query_itself() -> None:
    gallery = histograms(60)
    item_of = np.arange(60) // 3
    gallery[1] = gallery[0] + 1e-4
    of_items = rankings(gallery, from_vectors(gallery), "chi2", lambda q: np.array([q]), item_of)
    first = next(of_items)
    assert first.order[0] == 0
    assert first.distances[0] > 0
    assert sorted(first.order) == list(range(20))


def test_a_piece_at_a_time_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    gallery, queries = histograms(300), histograms(40, seed=1)
    whole = all_rankings(queries, gallery, "chi2")
    monkeypatch.setattr(ranking, "DISTANCES_AT_ONCE", 2100)  # seven queries
    for one, other in zip(whole, all_rankings(queries, gallery, "chi2"), strict=True):
        np.testing.assert_array_equal(one.order, other.order)
        np.testing.assert_array_equal(one.distances, other.distances)


def test_the_whole_matrix_is_never_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "DISTANCES_AT_ONCE", 1 << 18)
    blocks, queries = from_vectors(histograms(20_000, bins=8)), histograms(300, seed=1, bins=8)
    tracemalloc.start()
    count = sum(1 for _ in rankings(queries, blocks, "euclidean", lambda _: NOTHING))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 300
    assert peak < 300 * 20_000 * 4 / 2


def test_distances_that_do_not_fit_are_refused() -> None:
    signed = from_vectors(np.array([[1, -1]], np.float32))
    with pytest.raises(BadSpec, match="chi2"):
        next(rankings(np.ones((1, 2), np.float32), signed, "chi2", lambda _: NOTHING))
    with pytest.raises(BadSpec, match="did you mean cosine"):
        next(rankings(np.ones((1, 2), np.float32), signed, "cosin", lambda _: NOTHING))


@pytest.mark.shared
def test_real_photos_score_what_is_known(shared: Path, tmp_path: Path, run: Run) -> None:
    index_file = tmp_path / "index.csv"
    run("index", "--dataset", shared / "food/train", "--index", index_file, "--no-store")
    index = VectorIndex.read(index_file)
    classes = np.array([re.split("[0-9]", id)[0] for id in index.ids])
    vectors = index.vectors(index.ids)
    found = rankings(vectors, index.blocks, "chi2", lambda query: np.array([query]))
    judged = [
        judge(ours, (classes == own).astype(np.int64))
        for own, ours in zip(classes, found, strict=True)
    ]
    assert np.mean([metric("p@1")(one) for one in judged]) == pytest.approx(0.81, abs=0.02)
    # The query itself, the one right answer that is not ranked, does not count.
    precisions = [metric("map")(one._replace(ideal=one.ideal[1:])) for one in judged]
    assert np.mean(precisions) == pytest.approx(0.69, abs=0.02)
