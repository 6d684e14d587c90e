"""Distances against plain formulas, SciPy and scikit-learn; search against brute force."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import additive_chi2_kernel

from cbir.compiled import Engine
from cbir.distances import DISTANCES, ColumnBlocks, from_vectors, nearest, pairwise
from cbir.errors import BadSpec

NAMES = sorted(DISTANCES)
NONNEGATIVE = ["chi2", "hellinger", "intersection"]
ANY_SIGN = ["cosine", "euclidean", "manhattan"]
ENGINES: list[Engine] = ["plain", "compiled"]
Row = NDArray[np.float64]
Rows = NDArray[np.float32]


def chi2(a: Row, b: Row) -> float:
    used = (a + b) > 0
    return 0.5 * float((((a - b) ** 2)[used] / (a + b)[used]).sum())


def cosine(a: Row, b: Row) -> float:
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return 1 - float(np.dot(a, b)) / lengths if lengths else 1.0


def euclidean(a: Row, b: Row) -> float:
    return float(np.linalg.norm(a - b))


def manhattan(a: Row, b: Row) -> float:
    return float(np.abs(a - b).sum())


def hellinger(a: Row, b: Row) -> float:
    return float(np.linalg.norm(np.sqrt(a) - np.sqrt(b))) / 2**0.5


def intersection(a: Row, b: Row) -> float:
    larger = max(float(a.sum()), float(b.sum()))
    return 1 - float(np.minimum(a, b).sum()) / larger if larger else 0.0


FORMULAS: dict[str, Callable[[Row, Row], float]] = {
    "chi2": chi2,
    "cosine": cosine,
    "euclidean": euclidean,
    "manhattan": manhattan,
    "hellinger": hellinger,
    "intersection": intersection,
}


def plain_matrix(a: Rows, b: Rows, name: str) -> NDArray[np.float64]:
    formula = FORMULAS[name]
    rows = [[formula(x, y) for y in b.astype(np.float64)] for x in a.astype(np.float64)]
    return np.array(rows, np.float64).reshape(len(a), len(b))


def size(a: Rows, b: Rows, name: str) -> float:
    """What an error is measured by: the largest that this distance could be between these."""
    a, b = np.abs(a.astype(np.float64)), np.abs(b.astype(np.float64))
    if name in ("cosine", "intersection"):
        return 1.0
    if name == "euclidean":
        return float(np.square(a).sum(1).max() + np.square(b).sum(1).max()) ** 0.5
    whole = float(a.sum(1).max() + b.sum(1).max())
    return whole**0.5 if name == "hellinger" else whole


@st.composite
def pairs(draw: st.DrawFn, negative: bool = False) -> tuple[Rows, Rows]:
    """Queries and rows of one dimension: zeros, sparse, repeated, whole numbers, any scale.

    Scales stay where float32's products of two values do not over- or underflow.
    """
    dim = draw(st.integers(1, 300))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = 10.0 ** draw(st.integers(-9, 9))
    density = draw(st.sampled_from([0.0, 0.05, 0.4, 1.0]))
    whole = draw(st.booleans())  # many ties

    def some(count: int) -> Rows:
        shape = (count, dim)
        values = random.integers(0, 4, shape) if whole else random.random(shape)
        values = values * (random.random(shape) < density) * scale
        if negative:
            values = values * random.choice([-1, 1], shape)
        return values.astype(np.float32)

    queries, rows = some(draw(st.integers(1, 4))), some(draw(st.integers(1, 30)))
    if draw(st.booleans()):
        rows = np.concatenate([rows, queries, rows[:5]])
    return queries, rows


def small_pairs(negative: bool) -> st.SearchStrategy[tuple[Rows, Rows]]:
    """Tiny matrices whose every value hypothesis chose, so that failures shrink."""
    low = -8.0 if negative else 0.0
    values = st.floats(low, 8.0, width=32).map(lambda v: 0.0 if abs(v) < 1e-6 else v)

    def both(dim: int) -> st.SearchStrategy[tuple[Rows, Rows]]:
        arrays = [hnp.arrays(np.float32, (n, dim), elements=values) for n in (2, 5)]
        return st.tuples(arrays[0], arrays[1])

    return st.integers(1, 5).flatmap(both)


def some_pairs(name: str) -> st.SearchStrategy[tuple[Rows, Rows]]:
    signs = [False] if name in NONNEGATIVE else [False, True]
    return st.one_of(*(kind(negative) for kind in (pairs, small_pairs) for negative in signs))


def assert_nearest_of(
    rows: NDArray[np.intp], found: Row, expected: Row, limit: int, tolerance: float
) -> None:
    """`found` are the `limit` smallest of `expected`, in order, equal ones by row number."""
    assert len(rows) == len(found) == min(limit, len(expected))
    assert len(set(rows.tolist())) == len(rows)
    np.testing.assert_allclose(found, expected[rows], rtol=1e-12, atol=tolerance)
    np.testing.assert_allclose(found, np.sort(expected)[:limit], rtol=1e-12, atol=tolerance)
    assert np.array_equal(np.lexsort((rows, found)), np.arange(len(rows)))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_pairwise_is_the_formula(name: str, engine: Engine, data: st.DataObject) -> None:
    a, b = data.draw(some_pairs(name))
    got = pairwise(a, b, name, engine).astype(np.float64)
    want = plain_matrix(a, b, name)
    assert got.shape == (len(a), len(b))
    largest = size(a, b, name)
    if name in ("euclidean", "hellinger"):  # whose roots blow up what is next to nothing
        got, want, largest = got**2, want**2, largest**2
    # Half of float32's step for each column is the worst; usually it is far less.
    np.testing.assert_allclose(got, want, rtol=0, atol=(1e-6 + 1e-8 * a.shape[1]) * largest)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", NAMES)
def test_pairwise_is_as_exact_as_it_promises(name: str, engine: Engine) -> None:
    """Some 1e-6 of the vectors' size, at the size of `hsv-regions`, flat vectors too."""
    a = np.full((1, 1440), 1 / 1440, np.float32)
    flat = np.linspace(0.8, 1.2, 300, dtype=np.float32)[:, None] * a
    b = np.concatenate([flat, histograms(300, 1440)])
    got = pairwise(a, b, name, engine).astype(np.float64)
    want = plain_matrix(a, b, name)
    largest = size(a, b, name)
    if name in ("euclidean", "hellinger"):
        got, want, largest = got**2, want**2, largest**2
    np.testing.assert_allclose(got, want, rtol=0, atol=3e-6 * largest)


@pytest.mark.parametrize("name", NAMES)
def test_no_distance_is_negative(name: str) -> None:
    """A face would print -0.0000, and a similarity over 1."""
    rows = histograms(100, 288)
    assert pairwise(rows, rows, name).min() >= 0
    found = nearest(rows, from_vectors(rows), 1, name)
    assert min(distances[0] for _, distances in found) >= 0


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_nearest_is_brute_force_whatever_the_engine(name: str, data: st.DataObject) -> None:
    queries, rows = data.draw(some_pairs(name))
    limit = data.draw(st.integers(1, len(rows) + 3))
    blocks = from_vectors(rows)
    plain, compiled = (nearest(queries, blocks, limit, name, engine) for engine in ENGINES)
    tolerance = 1e-14 * (1 + size(queries, rows, name))
    for (numbers, found), expected in zip(plain, plain_matrix(queries, rows, name), strict=True):
        assert_nearest_of(numbers, found, expected, limit, tolerance)
    for one, other in zip(plain, compiled, strict=True):
        assert np.array_equal(one[0], other[0])
        assert np.array_equal(one[1], other[1])


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_nearest_within_is_the_near_part_of_nearest(name: str, data: st.DataObject) -> None:
    queries, rows = data.draw(some_pairs(name))
    limit = data.draw(st.integers(1, len(rows)))
    everything = nearest(queries, from_vectors(rows), limit, name)
    # The border itself belongs to it: one of the distances, or any number.
    known = st.sampled_from([float(d) for _, found in everything for d in found])
    border = data.draw(st.one_of(known, st.floats(0, 3)))
    near = nearest(queries, from_vectors(rows), limit, name, within=border)
    for (all_rows, distances), (some_rows, some) in zip(everything, near, strict=True):
        assert some.tolist() == distances[distances <= border].tolist()
        assert some_rows.tolist() == all_rows[distances <= border].tolist()


@pytest.mark.parametrize("name", NAMES)
def test_many_queries_are_answered_as_one_by_one(name: str) -> None:
    """More than are answered together, with equal rows among them."""
    rows = np.concatenate([histograms(300, 9), histograms(300, 9)])
    queries = np.tile(histograms(700, 9), (3, 1))
    found = nearest(queries, from_vectors(rows), 3, name)
    assert len(found) == len(queries)
    for number in (0, 255, 256, 299, 300, 1023, 1024, 2099):
        alone = nearest(queries[number], from_vectors(rows), 3, name)[0]
        assert found[number][0].tolist() == alone[0].tolist()
        assert found[number][1].tolist() == alone[1].tolist()


def test_equal_rows_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where everything is as near, only what is settled stays."""
    monkeypatch.setattr("cbir.distances.candidates.MOST_PENDING", 1000)
    rows = np.tile(histograms(1, 6), (9000, 1))
    for numbers, found in nearest(histograms(20, 6, 1), from_vectors(rows), 7, "cosine"):
        assert numbers.tolist() == list(range(7))
        assert len(set(found.tolist())) == 1


def histograms(count: int, dim: int, seed: int = 0) -> Rows:
    """Sparse vectors that sum to one."""
    random = np.random.default_rng(seed)
    values = random.gamma(0.3, size=(count, dim)) * (random.random((count, dim)) < 0.4)
    values[:, 0] += random.random(count)  # so that none is all zeros
    return (values / values.sum(1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("name", "theirs"),
    [("cosine", "cosine"), ("euclidean", "euclidean"), ("manhattan", "cityblock")],
)
def test_pairwise_is_scipys(name: str, theirs: str, engine: Engine) -> None:
    random = np.random.default_rng(1)
    a, b = (random.normal(size=(n, 50)).astype(np.float32) for n in (20, 33))
    want = cdist(a.astype(np.float64), b.astype(np.float64), theirs)
    np.testing.assert_allclose(pairwise(a, b, name, engine), want, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_chi2_is_scikit_learns(engine: Engine) -> None:
    """Theirs is −Σ(a−b)²/(a+b), without our half."""
    a, b = histograms(20, 288), histograms(30, 288, 1)
    want = -0.5 * additive_chi2_kernel(a.astype(np.float64), b.astype(np.float64))
    np.testing.assert_allclose(pairwise(a, b, "chi2", engine), want, atol=1e-6)
    for row, (numbers, found) in zip(want, nearest(a, from_vectors(b), 7, "chi2"), strict=True):
        assert_nearest_of(numbers, found, row, 7, 1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_values_by_hand(name: str) -> None:
    a, b = np.array([[1, 0, 3]], np.float32), np.array([[1, 2, 1]], np.float32)
    want = {
        "chi2": 0.5 * (0 + 2 + 4 / 4),
        "cosine": 1 - 4 / (10 * 6) ** 0.5,
        "euclidean": 8**0.5,
        "manhattan": 4.0,
        "hellinger": (0.5 * (2 + (3**0.5 - 1) ** 2)) ** 0.5,
        "intersection": 1 - 2 / 4,
    }
    assert pairwise(a, b, name)[0, 0] == pytest.approx(want[name], rel=1e-6)
    assert nearest(a, from_vectors(b), 1, name)[0][1][0] == pytest.approx(want[name], rel=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", NAMES)
def test_zero_vectors(name: str, engine: Engine) -> None:
    """Two zero vectors are the same, but for cosine, which knows no direction for them."""
    zeros, ones = np.zeros((2, 5), np.float32), np.ones((1, 5), np.float32)
    alike = 1.0 if name == "cosine" else 0.0
    assert pairwise(zeros, zeros, name, engine).tolist() == [[alike, alike]] * 2
    (numbers, found), _ = nearest(zeros, from_vectors(zeros), 5, name, engine)
    assert (numbers.tolist(), found.tolist()) == ([0, 1], [alike, alike])
    assert pairwise(zeros, ones, name, engine)[0, 0] > 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["chi2", "euclidean", "manhattan", "hellinger"])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_identical_vectors_are_exactly_zero(name: str, engine: Engine, data: st.DataObject) -> None:
    queries, rows = data.draw(some_pairs(name))
    everything = np.concatenate([rows, queries])
    for _, found in nearest(queries, from_vectors(everything), 1, name, engine):
        assert found[0] == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_symmetric(name: str) -> None:
    a, b = histograms(7, 60), histograms(9, 60, 1)
    there, back = pairwise(a, b, name), pairwise(b, a, name).T
    power = 2 if name in ("euclidean", "hellinger") else 1
    np.testing.assert_allclose(there**power, back**power, rtol=0, atol=1e-6)
    one, other = (nearest(x[:1], from_vectors(y[:1]), 1, name)[0][1] for x, y in ((a, b), (b, a)))
    np.testing.assert_allclose(one, other, rtol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_smaller_is_nearer(name: str) -> None:
    """A vector that is moved away step by step gets farther step by step."""
    start, end = histograms(1, 40), histograms(1, 40, 1)
    steps = np.linspace(0, 1, 9, dtype=np.float32)[:, None]
    rows = (1 - steps) * start + steps * end
    assert np.all(np.diff(pairwise(start, rows, name)[0]) > 0)
    assert nearest(start, from_vectors(rows), 9, name)[0][0].tolist() == list(range(9))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", NAMES)
def test_ties_come_in_row_order(name: str, engine: Engine) -> None:
    """Hundreds of equal rows, the limit in their middle, and three that are the query itself."""
    equal, query = histograms(2, 30)
    rows = np.tile(equal, (900, 1))
    nearer = [5, 300, 899]
    rows[nearer] = query
    in_order = nearer + [row for row in range(900) if row not in nearer]
    for limit in (1, 2, 3, 5, 250, 600):
        numbers, found = nearest(query[None], from_vectors(rows), limit, name, engine)[0]
        assert numbers.tolist() == in_order[:limit]
        assert len(set(found[:3].tolist())) == 1
        assert len(set(found[3:].tolist())) <= 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dim", [7, 288, 1440])
def test_a_distance_does_not_depend_on_the_other_rows(dim: int, name: str) -> None:
    """Equal rows have bit-equal distances, wherever they lie and whatever else is compared.

    Otherwise two copies of a picture would change places from search to search.
    """
    rows, query = histograms(9, dim), histograms(1, dim, 1)
    alone = [nearest(query, from_vectors(row[None]), 1, name)[0][1][0] for row in rows]
    for copies in (1, 3, 50):
        numbers, found = nearest(query, from_vectors(np.tile(rows, (copies, 1))), 999, name)[0]
        assert found.tolist() == [alone[row % 9] for row in numbers]
        assert sorted(numbers.tolist(), key=lambda row: (alone[row % 9], row)) == numbers.tolist()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", NAMES)
def test_equal_rows_in_several_blocks(name: str, engine: Engine) -> None:
    """Every row is as near as any other, and the limit passes the border of a block."""
    rows = np.tile(histograms(1, 6), (9000, 1))
    numbers, found = nearest(histograms(1, 6, 1), from_vectors(rows), 5000, name, engine)[0]
    assert numbers.tolist() == list(range(5000))
    assert len(set(found.tolist())) == 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", NAMES)
def test_several_blocks_and_a_part_filled_last_one(name: str, engine: Engine) -> None:
    rows = histograms(2 * 4096 + 5, 12)
    blocks = from_vectors(rows)
    assert len(blocks) == len(rows)
    assert (len(blocks.data), blocks.block_rows) == (3, 4096)
    queries = rows[[0, 4095, 4096, 8191, 8192, 8196]]
    whole = pairwise(queries, rows, name, engine)
    assert whole.shape == (6, len(rows))
    for query, scores, (numbers, found) in zip(
        queries, whole, nearest(queries, blocks, 20, name, engine), strict=True
    ):
        expected = plain_matrix(query[None], rows, name)[0]
        assert_nearest_of(numbers, found, expected, 20, 1e-14)
        power = 2 if name in ("euclidean", "hellinger") else 1
        np.testing.assert_allclose(scores**power, expected**power, rtol=0, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 4095, 4096, 4097])
def test_blocks_hold_all_rows_in_order(count: int) -> None:
    rows = histograms(count, 5)
    blocks = from_vectors(rows)
    assert np.array_equal(np.concatenate(list(blocks.pieces())), rows)
    some = np.array([count - 1, 0, count // 2])
    assert np.array_equal(blocks.rows(some), rows[some])
    np.testing.assert_allclose(blocks.sums, rows.astype(np.float64).sum(1), rtol=1e-12)
    np.testing.assert_allclose(blocks.squares, np.square(rows.astype(float)).sum(1), rtol=1e-12)


def test_long_vectors_share_smaller_blocks() -> None:
    """A block stays below 64 MB; 16 rows of any length are allowed."""
    blocks = from_vectors(np.ones((17, 1 << 20), np.float32))
    assert blocks.block_rows == 16
    found = nearest(np.ones((1, 1 << 20), np.float32), blocks, 40, "manhattan")[0]
    assert found[0].tolist() == list(range(17))
    assert not found[1].any()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", NAMES)
def test_no_rows_one_row_and_no_queries(name: str, engine: Engine) -> None:
    none, one = np.zeros((0, 4), np.float32), histograms(1, 4)
    assert pairwise(one, none, name, engine).shape == (1, 0)
    assert pairwise(none, one, name, engine).shape == (0, 1)
    assert nearest(none, from_vectors(one), 3, name, engine) == []
    ((numbers, found),) = nearest(one, from_vectors(none), 3, name, engine)
    assert (len(numbers), len(found)) == (0, 0)
    ((numbers, found),) = nearest(one, from_vectors(one), 3, name, engine)
    assert numbers.tolist() == [0]
    assert found[0] == pytest.approx(0, abs=1e-12)


def test_one_flat_query_is_one_row() -> None:
    rows = histograms(5, 60)
    assert pairwise(rows[2], rows).shape == (1, 5)
    assert nearest(rows[2], from_vectors(rows), 1)[0][0].tolist() == [2]


@pytest.mark.parametrize("name", NONNEGATIVE)
@pytest.mark.parametrize("side", ["query", "rows"])
def test_negative_values_are_refused(name: str, side: str) -> None:
    good, bad = np.ones((3, 2), np.float32), np.float32([[1, 1], [1, -1e-3], [1, 1]])
    a, b = (bad, good) if side == "query" else (good, bad)
    for call in (lambda: pairwise(a, b, name), lambda: nearest(a, from_vectors(b), 1, name)):
        with pytest.raises(BadSpec, match=f"{name} needs values that are not negative.*cosine"):
            call()


@pytest.mark.parametrize("name", ANY_SIGN)
def test_negative_values_are_accepted(name: str) -> None:
    a, b = np.float32([[1, -2]]), np.float32([[-1, 2], [1, -2]])
    (numbers, found) = nearest(a, from_vectors(b), 2, name)[0]
    assert numbers.tolist() == [1, 0]
    np.testing.assert_allclose(found, [FORMULAS[name](a[0], row) for row in b[::-1]], atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_dimensions_must_fit(name: str) -> None:
    with pytest.raises(BadSpec, match="3 values can't be compared with vectors of 4"):
        pairwise(np.ones((1, 3), np.float32), np.ones((1, 4), np.float32), name)
    with pytest.raises(BadSpec, match="3 values can't be compared with vectors of 4"):
        nearest(np.ones((1, 3), np.float32), from_vectors(np.ones((1, 4), np.float32)), 1, name)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("chi", "did you mean chi2?"), ("euclidian", "did you mean euclidean?"), ("l7", "choose one")],
)
def test_unknown_names_get_a_hint(typed: str, hint: str) -> None:
    ones = np.ones((1, 2), np.float32)
    for call in (lambda: pairwise(ones, ones, typed), lambda: nearest(ones, blocks(), 1, typed)):
        with pytest.raises(BadSpec) as caught:
            call()
        assert repr(typed) in str(caught.value)
        assert hint in str(caught.value)


def blocks() -> ColumnBlocks:
    return from_vectors(np.ones((1, 2), np.float32))


def peak_bytes(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["chi2", "cosine"])
def test_memory_of_nearest_is_bounded(name: str, engine: Engine) -> None:
    """One float64 matrix of all distances would be 102 MB for 64 queries, its order as much again.

    64 MB of float32 scores are allowed, and some blocks; twice the queries take no more.
    """
    many = from_vectors(np.random.default_rng(0).random((200_000, 64), np.float32))
    queries = np.random.default_rng(1).random((128, 64), np.float32) * (np.arange(64) < 16)
    queries = queries.astype(np.float32)
    nearest(queries[:1], many, 1, name, engine)  # what is loaded once is not counted
    few = peak_bytes(lambda: nearest(queries[:64], many, 10, name, engine))
    assert few < 80e6
    more = peak_bytes(lambda: nearest(queries, many, 10, name, engine))
    assert more < 96e6


def test_memory_of_pairwise_is_the_result_and_little_more() -> None:
    a, b = histograms(500, 32), histograms(20_000, 32, 1)
    result = 4 * len(a) * len(b)
    assert peak_bytes(lambda: pairwise(a, b, "euclidean")) < result + 4 * b.size + 40e6


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [1e-42, 1e-25, 1e20])
def test_nearest_is_right_at_any_scale(scale: float, name: str, engine: Engine) -> None:
    """Where a product of two values leaves float32's range, too: a plug-in may return anything."""
    random = np.random.default_rng(0)
    rows = (random.random((200, 12)) * scale).astype(np.float32)
    query = (random.random((1, 12)) * scale).astype(np.float32)
    if name in ANY_SIGN:
        rows *= random.choice(np.float32([-1, 1]), rows.shape)
    numbers, found = nearest(query, from_vectors(rows), 5, name, engine)[0]
    expected = plain_matrix(query, rows, name)[0]
    assert numbers.tolist() == np.argsort(expected, kind="stable")[:5].tolist()
    np.testing.assert_allclose(found, expected[numbers], rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("name", "dim", "level"), [("chi2", 4096, 0.75 + 0.2 * 6 / 39), ("manhattan", 25088, 0.9)]
)
def test_nearest_is_right_where_rounding_adds_up(
    name: str, dim: int, level: float, engine: Engine
) -> None:
    """Flat vectors: every column is rounded the same way, so that errors grow with their number."""
    first = np.float32(level / dim).view(np.int32)
    values = (first + 16 * np.arange(200, dtype=np.int32)).view(np.float32)
    rows = np.repeat(values[:, None], dim, axis=1)
    query = np.full((1, dim), 1 / dim, np.float32)
    numbers, _ = nearest(query, from_vectors(rows), 1, name, engine)[0]
    assert numbers.tolist() == [199]  # the row whose values come nearest to the query's


@pytest.mark.parametrize("faint", [1e-20, 1e-36, 1e-43])
def test_cosine_knows_the_direction_of_a_faint_vector(faint: float) -> None:
    """Beside others of ordinary size, where float32 has few digits left for it."""
    rows = np.random.default_rng(0).normal(size=(50, 12)).astype(np.float32)
    rows[7] *= np.float32(faint)
    for a, b in ((rows[7], rows), (rows, rows)):
        numbers = [near[0][0] for near in nearest(a, from_vectors(b), 1, "cosine")]
        assert numbers == ([7] if a.ndim == 1 else list(range(50)))
        expected = plain_matrix(np.atleast_2d(a), b, "cosine")
        np.testing.assert_allclose(pairwise(a, b, "cosine"), expected, atol=2e-6)
