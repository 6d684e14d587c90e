"""Exact search over any Index."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from cbir.distances import nearest
from cbir.errors import BadIndex, BadSpec
from cbir.searcher import Searcher
from cbir.types import Hit, Index, Vectors
from cbir.vector_index import VectorIndex


class Minimal:
    """No more than the protocol asks for; its rows come in pieces."""

    def __init__(self, ids: Sequence[str], vectors: Vectors, piece: int = 3):
        self.spec, self.ids, self._vectors, self._piece = "mine", ids, vectors, piece

    def __len__(self) -> int:
        return len(self.ids)

    def vectors(self, ids: Sequence[str]) -> Vectors:
        return self._vectors[[list(self.ids).index(id) for id in ids]]

    def rows(self) -> Iterator[tuple[Sequence[str], Vectors]]:
        for i in range(0, len(self), self._piece):
            yield self.ids[i : i + self._piece], self._vectors[i : i + self._piece]


IDS = [f"{number:02}.jpg" for number in range(20)]


def vectors(count: int = 20, dim: int = 30, seed: int = 0) -> Vectors:
    return np.random.default_rng(seed).random((count, dim), np.float32)


@pytest.fixture
def index() -> Minimal:
    return Minimal(IDS, vectors())


def test_the_smallest_index_is_an_index(index: Minimal) -> None:
    assert isinstance(index, Index)


@pytest.mark.parametrize("distance", ["chi2", "cosine", "manhattan"])
def test_any_index_gives_the_same_hits(index: Minimal, distance: str) -> None:
    ours = VectorIndex(ids=IDS, vectors=vectors(), spec="mine")
    queries = vectors(4, seed=1)
    theirs = Searcher(index, distance).search(queries, 6)
    assert theirs == Searcher(ours, distance).search(queries, 6)
    assert theirs == Searcher(Minimal(IDS, vectors(), 100), distance).search(queries, 6)


def test_hits_are_ids_with_distances_nearest_first(index: Minimal) -> None:
    queries = vectors(3, seed=1)
    found = Searcher(index).search(queries, 5)
    assert [len(hits) for hits in found] == [5, 5, 5]
    for query, hits in zip(queries.astype(np.float64), found, strict=True):
        rows = vectors().astype(np.float64)
        distances = 0.5 * (np.square(query - rows) / (query + rows)).sum(1)
        order = np.argsort(distances)[:5]
        assert [hit.id for hit in hits] == [IDS[row] for row in order]
        assert [hit.distance for hit in hits] == pytest.approx(distances[order], rel=1e-12)
        assert all(type(hit) is Hit and type(hit.distance) is float for hit in hits)


def test_a_picture_finds_itself_first(index: Minimal) -> None:
    for id, (hit, second) in zip(IDS, Searcher(index).search(vectors(), 2), strict=True):
        assert hit == Hit(id, 0.0)
        assert second.distance > 0


def test_three_hits_unless_told_otherwise(index: Minimal) -> None:
    assert [len(hits) for hits in Searcher(index).search(vectors(2))] == [3, 3]


def test_more_hits_than_pictures(index: Minimal) -> None:
    (hits,) = Searcher(index).search(vectors(1), 100)
    assert sorted(hit.id for hit in hits) == IDS


def test_one_flat_query_is_one_row(index: Minimal) -> None:
    assert Searcher(index).search(vectors()[4], 1) == [[Hit("04.jpg", 0.0)]]


def test_queries_of_other_types(index: Minimal) -> None:
    searcher = Searcher(index)
    assert searcher.search(vectors()[:1].astype(np.float64)) == searcher.search(vectors()[:1])
    whole = searcher.search(np.ones((1, 30), np.int64))
    assert whole == searcher.search(np.ones((1, 30), np.float32))


def test_ties_come_by_id() -> None:
    same = np.ones((20, 4), np.float32)
    assert [hit.id for hit in Searcher(Minimal(IDS, same)).search(same[:1], 7)[0]] == IDS[:7]


def test_ties_come_by_id_in_an_index_that_is_not_sorted() -> None:
    """Nearest promises it of every index, and an Index need not be sorted."""
    same = np.ones((20, 4), np.float32)
    index = Minimal(IDS[::-1], same)
    assert [hit.id for hit in Searcher(index).search(same[:1], 7)[0]] == IDS[:7]


@pytest.mark.parametrize("dim", [29, 31, 1])
def test_a_query_of_another_size_is_refused(index: Minimal, dim: int) -> None:
    with pytest.raises(BadIndex, match=f"{dim} values and the index 30.*same descriptor"):
        Searcher(index).search(vectors(1, dim))


def test_an_empty_index_has_no_hits() -> None:
    """Its rows tell no dimension, so every query fits."""
    assert Searcher(Minimal([], vectors(0))).search(vectors(2)) == [[], []]


def test_an_empty_index_of_ours_has_no_hits() -> None:
    empty = VectorIndex(ids=[], vectors=vectors(0), spec="mine")
    assert Searcher(empty).search(vectors(2)) == [[], []]


def test_distances_are_checked_when_the_searcher_is_made(index: Minimal) -> None:
    with pytest.raises(BadSpec, match="did you mean chi2"):
        Searcher(index, "chi3")
    with pytest.raises(BadSpec, match="negative"):
        Searcher(Minimal(IDS, vectors() - 0.5))
    assert Searcher(Minimal(IDS, vectors() - 0.5), "cosine").search(vectors(1), 1)


def test_engines_agree(index: Minimal) -> None:
    queries = vectors(5, seed=2)
    plain, compiled = (Searcher(index, engine=e).search(queries, 9) for e in ("plain", "compiled"))
    assert plain == compiled


def test_blocks_of_an_index_are_used_where_they_lie() -> None:
    ours = VectorIndex(ids=IDS, vectors=vectors(), spec="mine")
    searcher = Searcher(ours)
    assert searcher.blocks is ours.blocks
    (numbers, _) = nearest(vectors(1), ours.blocks, 3)[0]
    assert [hit.id for hit in searcher.search(vectors(1))[0]] == [IDS[row] for row in numbers]
