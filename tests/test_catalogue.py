"""Items of several pictures: how far they are from each other, and which are most alike."""

import doctest
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

import cbir.catalogue
from cbir.catalogue import Catalogue, aggregates, catalogue, fit, nearest_pictures, similar
from cbir.catalogue.aggregates import AGGREGATES, VOTES, item_distances, points, points_of
from cbir.catalogue.grouping import Grouping, nearest_first
from cbir.catalogue.visual_search import restricted, visual_search
from cbir.distances import from_vectors
from cbir.distances.equal import first_equal
from cbir.errors import BadSource, BadSpec
from cbir.images.transforms import TRANSFORMS
from cbir.items import item_rule
from cbir.types import Vectors
from cbir.vector_index import VectorIndex

INF = float("inf")

# Two pictures ask; the first two of six show item 0, then one item 1, then three item 3.
ROWS = np.array([[0.5, 0.2, 0.9, 0.4, 0.6, 0.7], [0.1, 0.8, 0.3, 0.5, 0.4, 0.9]])
ITEM_OF = np.array([0, 0, 1, 3, 3, 3])


def test_best_by_hand() -> None:
    assert item_distances(ROWS, ITEM_OF, 4, "best").tolist() == [0.1, 0.3, INF, 0.4]


def test_mean_by_hand() -> None:
    assert item_distances(ROWS, ITEM_OF, 4, "mean") == pytest.approx([0.15, 0.6, INF, 0.4])


def test_set_by_hand() -> None:
    """Back from item 3 the nearest are .4, .4 and .7."""
    there, back = [0.15, 0.6, INF, 0.4], [0.15, 0.3, INF, 0.5]
    expected = [(a + b) / 2 for a, b in zip(there, back, strict=True)]
    assert item_distances(ROWS, ITEM_OF, 4, "set") == pytest.approx(expected)


def test_points_by_hand() -> None:
    """Of three votes the first picture gives 3 and 1 to item 0 and 2 to item 3, and so on."""
    given = points([ROWS], Grouping(ITEM_OF, 4), votes=3)
    assert [points_of(d) for d in given if d < INF] == [3 + 1 + 3, 2, 2 + 1]
    assert given[2] == INF


def test_of_equal_points_the_nearer_item_leads() -> None:
    row = np.array([[0.1, 0.9, 0.5, 0.7]])
    given = points([row], Grouping(np.arange(4), 4), votes=1)
    assert np.argsort(given).tolist() == [0, 2, 3, 1]
    assert [points_of(d) for d in given] == [1, 0, 0, 0]


def naive(name: str, rows: NDArray, item_of: Sequence[int], items: int) -> list[float]:
    """The definitions, a pair at a time."""
    columns = [[c for c, item in enumerate(item_of) if item == i] for i in range(items)]

    def least(values: Sequence[float]) -> float:
        return min(values, default=INF)

    def average(values: Sequence[float]) -> float:
        heard = [value for value in values if value < INF]
        return sum(heard) / len(heard) if heard else INF

    best = [least([row[c] for row in rows for c in own]) for own in columns]
    mean = [average([least([row[c] for c in own]) for row in rows]) for own in columns]
    back = [average([least([row[c] for row in rows]) for c in own]) for own in columns]
    if name == "points":
        votes = [0] * items
        for row in rows:
            order = sorted(range(len(row)), key=lambda c: (row[c], c))
            for j, c in enumerate([c for c in order if row[c] < INF][:VOTES]):
                votes[item_of[c]] += VOTES - j
        return [-v + b / (1 + b) if b < INF else INF for v, b in zip(votes, best, strict=True)]
    if name == "set":
        return [(a + b) / 2 for a, b in zip(mean, back, strict=True)]
    return best if name == "best" else mean


@st.composite
def cases(draw: st.DrawFn) -> tuple[NDArray, NDArray, int, int]:
    items = draw(st.integers(1, 5))
    n, q = draw(st.integers(1, 25)), draw(st.integers(1, 5))
    values = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 2.0, INF])
    rows = draw(arrays(np.float32, (q, n), elements=values))
    item_of = draw(arrays(np.intp, n, elements=st.integers(0, items - 1)))
    return rows, item_of, items, draw(st.integers(1, q))


@pytest.mark.parametrize("name", AGGREGATES)
@given(case=cases())
def test_aggregates_are_their_definitions(
    name: str, case: tuple[NDArray, NDArray, int, int]
) -> None:
    """In one piece and in several."""
    rows, item_of, items, step = case
    expected = naive(name, rows.tolist(), item_of.tolist(), items)
    assert item_distances(rows, item_of, items, name) == pytest.approx(expected)
    pieces = (rows[i : i + step] for i in range(0, len(rows), step))
    assert AGGREGATES[name](pieces, Grouping(item_of, items)) == pytest.approx(expected)


@pytest.mark.parametrize("name", AGGREGATES)
def test_of_a_picture_each_all_aggregates_agree(name: str) -> None:
    row = np.random.default_rng(0).permutation(8)[None] / 8
    distances = item_distances(row, np.arange(8), 8, name)
    assert np.argsort(distances).tolist() == np.argsort(row[0]).tolist()


def test_an_unknown_aggregate() -> None:
    with pytest.raises(BadSpec, match="did you mean points"):
        item_distances(ROWS, ITEM_OF, 4, "point")


@given(
    distances=arrays(
        np.float64, st.integers(0, 1500), elements=st.sampled_from([0.0, 0.5, 1, INF])
    ),
    limit=st.integers(1, 12),
)
@settings(max_examples=50)
def test_the_nearest_are_in_order_and_ties_by_number(distances: NDArray, limit: int) -> None:
    order = [n for n in np.argsort(distances, kind="stable") if distances[n] < INF]
    assert nearest_first(distances, limit).tolist() == order[:limit]


# Catalogues


def index_of(
    ids: Sequence[str], vectors: Vectors, distance: str = "cosine", turned: bool = False
) -> VectorIndex:
    """An index; `turned`: rows are a picture's transforms, in their order."""
    names = list(TRANSFORMS) if turned else ["original"]
    return VectorIndex(
        ids=[id for id in ids for _ in names],
        vectors=vectors,
        spec="mine",
        distance=distance,
        transforms=names * len(ids) if turned else None,
    )


def random_catalogue(
    counts: Sequence[int], distance: str = "cosine", turned: bool = False, seed: int = 0
) -> Catalogue:
    """Items a, b, … with so many pictures, mixed up, with random vectors."""
    random = np.random.default_rng(seed)
    ids = [
        f"{number}/{chr(97 + i)}_{number}.jpg" for i, n in enumerate(counts) for number in range(n)
    ]
    rows = len(ids) * (len(TRANSFORMS) if turned else 1)
    vectors = random.random((rows, 7), dtype=np.float32)
    return Catalogue(index_of(ids, vectors, distance, turned), item_rule())


def exact(a: NDArray, b: NDArray) -> NDArray:
    a, b = a.astype(float), b.astype(float)
    lengths = np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    return 1 - a @ b.T / lengths


def test_items_are_the_rule_s_and_sorted() -> None:
    made = random_catalogue([2, 1, 3])
    assert made.items == ["a", "b", "c"]
    assert made.pictures_of("c") == ["0/c_0.jpg", "1/c_1.jpg", "2/c_2.jpg"]
    folders = Catalogue(made.index, item_rule("folder"))
    assert folders.items == ["0", "1", "2"]


def test_distances_are_between_all_pictures() -> None:
    made = random_catalogue([2, 1, 3])
    vectors = made.index.vectors(made.pictures)
    found = made.distances(np.array([4, 0]))
    assert found == pytest.approx(exact(vectors[[4, 0]], vectors), abs=1e-6)


def test_turned_pictures_count_as_their_nearest_transform() -> None:
    made = random_catalogue([2, 1, 3], turned=True)
    rows = np.concatenate([rows for _, rows in made.index.rows()])
    own = made.index.vectors(made.pictures)
    expected = exact(own, rows).reshape(6, 6, 6).min(axis=2)
    assert made.distances(np.arange(6)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("at_once", [1, 40, 10_000])
@pytest.mark.parametrize("turned", [False, True])
def test_items_together_are_as_one_by_one(
    at_once: int, turned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many distances are held at a time; the own pictures are never near."""
    made = random_catalogue([2, 1, 9, 1, 1, 3], turned=turned)
    monkeypatch.setattr(catalogue, "AT_ONCE", at_once)
    together = {item: np.concatenate(list(pieces)) for item, pieces in made.by_item()}
    assert list(together) == list(range(6))
    for item, rows in together.items():
        assert len(rows) == made.grouping.counts[item]
        assert (rows[:, made.grouping.pictures(item)] == INF).all()
        single = np.concatenate(list(made.of_item(item)))
        assert single == pytest.approx(rows, abs=1e-6)


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "hellinger", "chi2"])
def test_equal_pictures_are_at_nothing_and_ordered_by_name(distance: str) -> None:
    """A catalogue's placeholder for items without a photo."""
    random = np.random.default_rng(3)
    placeholder = random.random(300, dtype=np.float32)
    vectors = random.random((700, 300), dtype=np.float32)
    vectors[::7] = placeholder
    names = [f"item{number:03}" for number in random.permutation(700)]
    made = Catalogue(index_of([f"{name}.jpg" for name in names], vectors, distance), item_rule())
    same = sorted(names[::7])
    found = similar(made, same[50], number=60)
    assert [near.item for near in found] == [name for name in same if name != same[50]][:60]
    assert {near.distance for near in found} == {0}


def test_vectors_of_nothing_are_not_near_each_other() -> None:
    """By cosine, that is: 1 from everything, themselves included."""
    made = Catalogue(index_of(["a.jpg", "b.jpg"], np.zeros((2, 3), np.float32)), item_rule())
    assert similar(made, "a") == [("b", 1.0)]


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_fit_is_right_for_every_item(aggregate: str) -> None:
    made = random_catalogue([2, 1, 4, 1, 3])
    all_pairs = exact(*[made.index.vectors(made.pictures)] * 2)
    fitted = dict(fit(made, aggregate, number=3))
    assert list(fitted) == made.items
    for item, others in fitted.items():
        own = made.grouping.pictures(made.number(item))
        rows = all_pairs[own].copy()
        rows[:, own] = INF
        expected = item_distances(rows, made.grouping.item_of, 5, aggregate)
        order = np.argsort(expected, kind="stable")[:3]
        assert [made.number(near.item) for near in others] == order.tolist()
        assert [near.distance for near in others] == pytest.approx(expected[order], abs=1e-5)
        assert item not in [near.item for near in others]
        alone = similar(made, item, aggregate, 3)
        assert [near.item for near in alone] == [near.item for near in others]


def test_fit_holds_no_whole_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    made = random_catalogue([3] * 700)
    monkeypatch.setattr(catalogue, "AT_ONCE", 1 << 16)
    list(fit(random_catalogue([2, 2])))
    tracemalloc.start()
    assert sum(1 for _ in fit(made)) == 700
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 2100**2 / 4, "a fourth of the matrix"


def test_there_must_be_two_items() -> None:
    with pytest.raises(BadSource, match="only one item, 'a'"):
        list(fit(random_catalogue([5])))
    with pytest.raises(BadSource, match="no item"):
        similar(random_catalogue([]), "a")


@pytest.mark.parametrize("number", [0, -1])
def test_one_item_at_least_is_asked_for(number: int) -> None:
    made = random_catalogue([2, 3])
    for ask in (
        lambda: fit(made, number=number),
        lambda: similar(made, made.items[0], number=number),
        lambda: visual_search(made, made.index.vectors(made.pictures[:1]), number),
    ):
        with pytest.raises(BadSpec, match=f"{number} items can't be asked for"):
            ask()


def test_an_unknown_item_has_a_suggestion() -> None:
    made = Catalogue(
        index_of([f"item{n}_1.jpg" for n in range(99)], np.eye(99, dtype=np.float32)), item_rule()
    )
    with pytest.raises(BadSource, match=r"no item .item7_1\.jpg.; did you mean item7"):
        similar(made, "item7_1.jpg")
    with pytest.raises(BadSource, match="the 99 items begin with item0, item1"):
        similar(made, "xyz")


def test_the_picture_that_makes_an_item_near() -> None:
    angles = np.radians([0, 10, 80, 60, 30, 90])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    ids = ["a_1.jpg", "a_2.jpg", "b_1.jpg", "b_2.jpg", "c_1.jpg", "c_2.jpg"]
    made = Catalogue(index_of(ids, vectors), item_rule())
    assert nearest_pictures(made, "a", ["c", "b"]) == ["c_1.jpg", "b_2.jpg"]


def test_a_distance_that_does_not_fit() -> None:
    index = index_of(["a.jpg", "b.jpg"], -np.eye(2, dtype=np.float32))
    with pytest.raises(BadSpec, match="not negative"):
        Catalogue(index, item_rule(), "chi2")


# Visual search


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("number", [1, 3, 99])
def test_each_item_is_found_once(turned: bool, number: int) -> None:
    made = random_catalogue([4, 1, 6, 1, 2], turned=turned)
    photos = np.random.default_rng(9).random((3, 7), dtype=np.float32)
    rows = np.concatenate([rows for _, rows in made.index.rows()])
    pairs = exact(photos, rows).reshape(3, 14, -1).min(axis=2)
    for row, found in zip(pairs, visual_search(made, photos, number), strict=True):
        expected = item_distances(row[None], made.grouping.item_of, 5, "best")
        order = np.argsort(expected)[:number]
        assert [made.number(item) for item, _ in found] == order.tolist()
        assert [hit.distance for _, hit in found] == pytest.approx(expected[order], abs=1e-6)
        assert all(hit.id in made.pictures_of(item) for item, hit in found)


def test_some_of_an_index() -> None:
    made = random_catalogue([4, 1, 6], turned=True)
    kept = restricted(made.index, {"0/b_0.jpg", "3/a_3.jpg"})
    assert kept.pictures == ["0/b_0.jpg", "3/a_3.jpg"]
    assert (len(kept), kept.augmented, kept.spec, kept.distance) == (12, True, "mine", "cosine")
    assert np.array_equal(kept.vectors(kept.pictures), made.index.vectors(kept.pictures))


def test_first_equal() -> None:
    vectors = np.array([[1, 0], [0, 1], [1, -0.0], [1, 1], [0, 1]], np.float32)
    assert first_equal(from_vectors(vectors)).tolist() == [0, 1, 0, 3, 1]


@pytest.mark.parametrize("module", [cbir.catalogue, aggregates])
def test_examples_run(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted
    assert not result.failed
