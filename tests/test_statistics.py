"""Intervals hold what they say, equals are called equal, and differences are found."""

import time

import numpy as np
import pytest

from cbir.evaluation import statistics
from cbir.evaluation.statistics import (
    compare_all,
    holm,
    interval,
    intervals,
    paired_test,
    paired_tests,
)


def covered(values: np.ndarray, true: float) -> float:
    """How many of these columns' intervals hold the true mean."""
    low, high = intervals(values, resamples=1000).T
    return float(np.mean((low <= true) & (true <= high)))


@pytest.mark.parametrize("queries", [12, 36, 200])
def test_intervals_hold_the_mean_19_times_of_20(queries: int) -> None:
    random = np.random.default_rng(queries)
    precisions = random.beta(0.4, 1.6, (queries, 1000))  # many near 0, some near 1
    assert 0.92 < covered(precisions, 0.2) < 0.98


def test_intervals_of_whole_numbers_hold_too() -> None:
    firsts = np.random.default_rng(0).random((100, 1000)) < 0.3
    assert 0.92 < covered(firsts.astype(float), 0.3) < 0.98


def test_an_interval_is_the_same_alone_and_beside_others() -> None:
    values = np.random.default_rng(1).random((50, 4))
    assert interval(values[:, 2], seed=7) == pytest.approx(tuple(intervals(values, seed=7)[2]))
    assert interval(values[:, 2], seed=7) == interval(values[:, 2], seed=7)
    assert interval(values[:, 2], seed=7) != interval(values[:, 2], seed=8)


def test_an_interval_of_equal_values_has_no_width_and_one_query_tells_nothing() -> None:
    assert interval([0.25] * 9) == pytest.approx((0.25, 0.25))
    assert interval([0.0] * 9) == (0.0, 0.0)
    assert np.isnan(interval([0.5])).all()


def test_draws_in_many_pieces_are_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(2).random(40)
    whole = interval(values)
    monkeypatch.setattr(statistics, "DRAWS_AT_ONCE", 1 << 12)
    assert interval(values) == pytest.approx(whole, abs=0.01)
    assert sum(len(some) for some in statistics._weights(40, 0, 1001)) == 1001


@pytest.mark.parametrize("count", [5, 9, 200])
def test_the_paired_test_is_scipys(count: int) -> None:
    from scipy.stats import permutation_test

    random = np.random.default_rng(count)
    a = random.random(count).round(1)  # with ties and zeros
    b = (random.random(count) + 0.02).round(1)
    theirs = permutation_test(
        (a, b),
        lambda x, y: np.mean(x - y),
        permutation_type="samples",
        n_resamples=np.inf if count < 13 else 9999,
        rng=0,
    )
    assert paired_test(a, b) == pytest.approx(theirs.pvalue, abs=1e-9 if count < 13 else 0.02)


def test_identical_systems_have_p_1_and_no_p_is_0() -> None:
    values = np.random.default_rng(3).random(100)
    assert paired_test(values, values) == 1
    assert paired_test(values, values + 1) == pytest.approx(1 / 10_001)
    assert paired_test([1, 1, 1], [0, 0, 0]) == 0.25  # of 8 signs, all + and all −


def test_holm_by_hand() -> None:
    # 0.01·4, 0.02·3, 0.03·2, and 0.04·1 raised to what stands before it.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1, 1])
    assert holm([]).size == 0


def equals(random: np.random.Generator, queries: int, comparisons: int) -> np.ndarray:
    """Differences (queries, comparisons) of two equally good systems that find the same hard."""
    hard = random.beta(0.5, 1, (queries, comparisons))
    a, b = np.clip(hard + random.normal(0, 0.1, (2, queries, comparisons)), 0, 1)
    return a - b


@pytest.mark.parametrize("queries", [12, 40])
def test_equals_are_called_different_at_most_5_times_of_100(queries: int) -> None:
    """Of 16,000, because 1,000 would tell 5% from 6% by chance only."""
    random = np.random.default_rng(4)
    trials, called = 16_000, 0
    for seed in range(16):
        found = paired_tests(equals(random, queries, trials // 16), seed, resamples=4999)
        called += int(np.count_nonzero(found <= statistics.ALPHA))
    sampling_error = (0.05 * 0.95 / trials) ** 0.5
    assert 0.04 < called / trials < 0.05 + 2 * sampling_error


@pytest.mark.parametrize("items", [20, 40])
def test_equals_whose_items_are_hard_for_one_or_the_other(items: int) -> None:
    """Three queries an item, and an item makes most of the difference: they are drawn together.

    Each for itself, they would be called different 20 times of 100.
    """
    random = np.random.default_rng(items)
    groups = np.repeat(np.arange(items), 3)
    called, alone, held, trials = 0, 0, 0.0, 4000
    for seed in range(8):
        by_item = random.normal(0, 0.2, (items, trials // 8))
        differences = by_item[groups] + random.normal(0, 0.1, (len(groups), trials // 8))
        found = paired_tests(differences, seed, 1999, groups)
        called += int(np.count_nonzero(found <= statistics.ALPHA))
        alone += int(np.count_nonzero(paired_tests(differences, seed, 1999) <= statistics.ALPHA))
        low, high = intervals(differences, seed, 1000, groups).T
        held += float(np.mean((low <= 0) & (high >= 0))) / 8
    assert 0.03 < called / trials < 0.06
    assert alone / trials > 0.15
    assert 0.93 < held < 0.97


def test_groups_of_one_query_each_are_queries() -> None:
    values = np.random.default_rng(6).random((30, 2))
    for some in (np.arange(30), np.arange(30)[::-1]):
        assert intervals(values, groups=some) == pytest.approx(intervals(values), abs=0.01)
    assert paired_tests(values - 0.4, groups=np.arange(30)) == pytest.approx(
        paired_tests(values - 0.4)
    )


def test_1000_comparisons_of_equals_among_several_systems() -> None:
    """As `cbir compare` does it: three equal systems, every pair, by Holm."""
    random = np.random.default_rng(5)
    called = 0
    for seed in range(1000):
        hard = random.beta(0.5, 1, (40, 1))
        systems = np.clip(hard + random.normal(0, 0.1, (40, 3)), 0, 1).T
        named = dict(zip("abc", systems, strict=True))
        called += any(pair.differ for pair in compare_all(named, seed, resamples=499))
    assert called <= 50


def test_holm_keeps_many_comparisons_of_equals_from_finding_something() -> None:
    random = np.random.default_rng(5)
    trials = 200
    called = sum(
        any(
            pair.differ
            for pair in compare_all(
                {str(i): random.random(30) for i in range(5)}, seed, resamples=999
            )
        )
        for seed in range(trials)
    )
    assert called / trials < 0.05 + 2.5 * (0.05 * 0.95 / trials) ** 0.5


def test_a_planted_win_is_found() -> None:
    random = np.random.default_rng(6)
    base = random.beta(0.5, 1, 300)
    values = {"base": base, "twin": base, "better": base * 0.9 + 0.1 + random.normal(0, 0.05, 300)}
    twin, won, again = compare_all(values)
    assert (twin.verdict, twin.p_holm, twin.difference) == ("can't be told apart", 1, 0)
    assert twin.queries_needed is None
    assert won.verdict == again.verdict == "better is better"
    assert won.p_holm < 0.01
    assert won.low <= won.difference <= won.high < 0
    assert won.queries_needed is None
    (turned,) = compare_all({"better": values["better"], "base": base})
    assert turned.difference == -won.difference
    assert turned.verdict == "better is better"


def test_the_queries_needed_do_settle_it() -> None:
    random = np.random.default_rng(7)
    pool = random.normal(0.02, 0.15, 100_000)  # differences of 0.02 on average
    few = next(
        pair
        for seed in range(100)
        if not (pair := _compared(np.random.default_rng(seed).choice(pool, 60))).differ
        and abs(pair.difference - 0.02) < 0.002
    )
    assert few.queries_needed is not None
    assert few.queries_needed > 60
    settled = [_compared(random.choice(pool, few.queries_needed)).differ for _ in range(100)]
    assert 0.65 < np.mean(settled) < 0.95  # 0.8 is aimed at


def _compared(differences: np.ndarray) -> statistics.Pair:
    values = {"a": differences, "b": np.zeros_like(differences)}
    return compare_all(values, resamples=999)[0]


def test_three_queries_that_agree_need_some_more() -> None:
    (pair,) = compare_all({"a": [0.3, 0.3, 0.3], "b": [0.1, 0.1, 0.1]})
    assert pair.verdict == "can't be told apart"
    assert pair.queries_needed == 6  # as many must agree before chance is below 0.05


def test_a_single_query_settles_nothing() -> None:
    (pair,) = compare_all({"a": [1.0], "b": [0.0]})
    assert (pair.verdict, pair.p) == ("can't be told apart", 1)
    assert np.isnan([pair.low, pair.high]).all()
    assert pair.queries_needed == 6


def test_very_many_systems_can_still_differ() -> None:
    random = np.random.default_rng(8)
    values = {str(i): random.random(30) * 0.1 for i in range(40)}
    pairs = compare_all({**values, "won": np.ones(30)}, resamples=500)
    assert len(pairs) == 41 * 40 // 2
    assert all(pair.differ for pair in pairs if "won" in (pair.a, pair.b))


def test_one_system_has_nobody_to_be_compared_with() -> None:
    assert compare_all({"a": np.ones(5)}) == []


def test_six_systems_on_372_queries_take_less_than_a_second() -> None:
    values = np.random.default_rng(9).beta(0.5, 1, (372, 48))
    start = time.process_time()  # others may be busy
    intervals(values)
    compare_all({str(i): values[:, i] for i in range(6)})
    assert time.process_time() - start < 1
