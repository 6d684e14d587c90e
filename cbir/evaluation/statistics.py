"""How sure the figures are: intervals of means, and tests of whether two systems differ.

A system's values are one number a query. The queries are what chance has chosen, so they are what
is drawn again: the same draws for every system and metric, which keeps them comparable and makes
all of it a few matrix products. The same seed gives the same figures.

Queries that are alike are drawn together. `groups` (queries,) numbers them from 0; without it each
is drawn by itself. Were pictures of one item taken for independent, equal systems would be called
different up to 23% of the time.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from cbir.evaluation.report.model import ALPHA, Pair

RESAMPLES = 10_000
POWER = 0.8
"""How likely a difference is to be found by as many queries as are said to settle it."""

DRAWS_AT_ONCE = 1 << 20
SIGNS_A_PAIR = 100  # at least, or Holm's correction could call no pair of very many different
ROUNDING = 1e-10  # sums that differ by so little of their addends are equal
NORMAL = NormalDist()

Floats = NDArray[np.floating]
Groups = NDArray[np.intp] | None


def interval(
    values: Sequence[float] | Floats, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The 95% interval of the mean of one system's values (queries,)."""
    low, high = intervals(np.asarray(values, np.float64)[:, None], seed, resamples)[0]
    return float(low), float(high)


def intervals(
    values: Floats, seed: int = 0, resamples: int = RESAMPLES, groups: Groups = None
) -> Floats:
    """The 95% intervals (columns, 2) of the means of values (queries, columns), by bootstrap.

    Bias-corrected and accelerated, for average precisions are skewed, and widened as Student's
    distribution is, for there may be a dozen queries: at 12 skewed values such intervals held the
    mean 95 times of 100, plain percentiles 90. A single query tells nothing: NaN.
    """
    values = np.asarray(values, np.float64)
    sums, sizes = _drawn(values, groups)
    if len(sums) < 2:
        return np.full((values.shape[1], 2), np.nan)
    weights = _weights(len(sums), seed, resamples)
    means = np.concatenate([(w @ sums) / (w @ sizes)[:, None] for w in weights])
    shares = _shares(values, sums, sizes)
    found = [_corrected(*column) for column in zip(shares.T, means.T, strict=True)]
    return np.array(found).reshape(-1, 2)


def paired_test(
    a: Sequence[float] | Floats,
    b: Sequence[float] | Floats,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> float:
    """How often chance alone would make two systems (queries,) differ this much: two-sided p."""
    differences = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    return float(paired_tests(differences[:, None], seed, resamples)[0])


def paired_tests(
    differences: Floats, seed: int = 0, resamples: int = RESAMPLES, groups: Groups = None
) -> Floats:
    """The p (pairs,) of differences (queries, pairs): were their signs given by chance?

    With few differences that are not 0 all signs are tried, else random ones; p is never 0.
    """
    differences, _ = _drawn(np.asarray(differences, np.float64), groups)
    bound = np.abs(differences.sum(0)) - ROUNDING * np.abs(differences).sum(0)
    as_large = np.zeros(differences.shape[1], np.int64)
    for signs in _signs(len(differences), seed, resamples):
        as_large += np.count_nonzero(np.abs(signs @ differences) >= bound, axis=0)
    found = (as_large + 1) / (resamples + 1)
    for column, differ in enumerate(np.count_nonzero(differences, axis=0)):
        if 2 ** int(differ) <= resamples:
            some = differences[differences[:, column] != 0, column]
            found[column] = np.mean(np.abs(_all_signs(differ) @ some) >= bound[column])
    return found


def holm(ps: Sequence[float] | Floats) -> Floats:
    """The p of several tests, raised so that all of them together mislead no more often."""
    raw = np.asarray(ps, np.float64)
    order = np.argsort(raw, kind="stable")
    raised = raw[order] * np.arange(len(raw), 0, -1)
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1)
    return adjusted


def compare_all(
    values: Mapping[str, Sequence[float] | Floats],
    seed: int = 0,
    resamples: int = RESAMPLES,
    groups: Groups = None,
) -> list[Pair]:
    """Every two systems by name: their values (queries,) are of the same queries, in order."""
    names = list(combinations(values, 2))
    if not names:
        return []
    columns = [np.subtract(values[a], values[b], dtype=np.float64) for a, b in names]
    differences = np.stack(columns, axis=1)
    between = intervals(differences, seed, resamples, groups)
    ps = paired_tests(differences, seed, max(resamples, SIGNS_A_PAIR * len(names)), groups)
    shares = _shares(differences, *_drawn(differences, groups))
    pairs = []
    for (a, b), column, share, (low, high), p, p_holm in zip(
        names, columns, shares.T, between, ps, holm(ps), strict=True
    ):
        mean, differ = float(column.mean()), p_holm <= ALPHA
        verdict = f"{a if mean > 0 else b} is better" if differ else "can't be told apart"
        needed = None if differ else _queries_needed(share, len(names), len(column))
        pairs.append(
            Pair(a, b, mean, float(low), float(high), float(p), float(p_holm), verdict, needed)
        )
    return pairs


def _queries_needed(differences: Floats, tests: int, queries: int) -> int | None:
    """About how many queries would tell two systems apart among so many tests; rounded up.

    From the differences of so many queries, or of what they are drawn as. None where there is no
    difference at all. Normal approximation from the spread seen so far.
    """
    count, mean = len(differences), abs(float(differences.mean()))
    if mean <= ROUNDING * float(np.abs(differences).mean()):
        return None
    level = ALPHA / tests
    reach = NORMAL.inv_cdf(1 - level / 2) + NORMAL.inv_cdf(POWER)
    spread = float(differences.std(ddof=1)) if count > 1 else 0.0
    all_one_sign = 1 - math.log2(level)  # fewer could never be this sure
    draws = max((reach * spread / mean) ** 2, all_one_sign, count + 1)
    needed = math.ceil(draws * queries / count)
    step: int = 10 ** max(0, len(str(needed)) - 2)
    return -(-needed // step) * step


def _drawn(values: Floats, groups: Groups) -> tuple[Floats, Floats]:
    """Sums (draws, columns) of what is drawn together, and of how many queries (draws,)."""
    if groups is None:
        return values, np.ones(len(values))
    sizes = np.bincount(groups).astype(np.float64)
    sums = np.zeros((len(sizes), values.shape[1]))
    np.add.at(sums, groups, values)
    return sums, sizes


def _shares(values: Floats, sums: Floats, sizes: Floats) -> Floats:
    """What each draw (draws, columns) says of the mean: their mean is that of all queries."""
    mean = values.mean(0)
    return mean + (sums - sizes[:, None] * mean) * (len(sums) / len(values))


def _weights(count: int, seed: int, resamples: int) -> Iterator[Floats]:
    """What share each query has in a resample: (some, queries), so many in all."""
    random = np.random.default_rng(seed)
    for rows in _rows_at_once(count, resamples):
        drawn = random.integers(0, count, (rows, count), dtype=np.int32)
        drawn += np.arange(rows, dtype=np.int32)[:, None] * np.int32(count)
        times = np.bincount(drawn.ravel(), minlength=rows * count)
        yield times.reshape(rows, count) / count


def _signs(count: int, seed: int, resamples: int) -> Iterator[Floats]:
    """Random signs (some, queries), so many rows in all."""
    random = np.random.default_rng(seed)
    for rows in _rows_at_once(count, resamples):
        yield random.integers(0, 2, (rows, count), dtype=np.int8) * 2.0 - 1


def _all_signs(count: int) -> Floats:
    """Every combination of signs: (2^count, count)."""
    return (np.arange(2**count)[:, None] >> np.arange(count) & 1) * 2.0 - 1


def _rows_at_once(count: int, resamples: int) -> Iterator[int]:
    at_once = max(1, DRAWS_AT_ONCE // max(count, 1))
    return (min(at_once, resamples - done) for done in range(0, resamples, at_once))


def _corrected(values: Floats, means: Floats) -> tuple[float, float]:
    """The interval (low, high) from the resamples' means of one column of values."""
    off = values - values.mean()
    slack = ROUNDING * float(np.abs(values).max())
    below = np.mean(means < values.mean() - slack) / 2 + np.mean(means <= values.mean() + slack) / 2
    least = 0.5 / len(means)
    bias = NORMAL.inv_cdf(min(max(float(below), least), 1 - least))
    squares = float(np.square(off).sum())
    skew = float((off**3).sum()) / (6 * squares**1.5) if squares > slack**2 else 0.0
    wide = student(len(values) - 1, 1 - ALPHA / 2) * math.sqrt(len(values) / (len(values) - 1))
    reaches = (bias - wide, bias + wide)
    shares = [NORMAL.cdf(bias + reach / max(1 - skew * reach, 1e-9)) for reach in reaches]
    low, high = np.quantile(means, shares)
    return float(low), float(high)


def student(freedom: int, share: float) -> float:
    """Student's quantile, by the series of Cornish and Fisher: quite right from 3 on."""
    z = NORMAL.inv_cdf(share)
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2
