"""Distances of labelled pairs become cut-offs: counted as they come, in bounded memory."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cbir.errors import BadSource
from cbir.evaluation.cutoffs import Cutoffs, probability
from cbir.evaluation.statistics import student

GROUPS = 10
"""Queries are dealt to so many groups, those of one item to the same. How these differ shows how
far all may be off, for pairs of one query are alike, and of one item; and the pairs of one group
test the probabilities that the others give."""

OCTAVES = (-24, 40)  # distances from 6e-8 to 1e12 are told apart
BITS_DROPPED = 13  # of a float32, which leaves 1,024 steps an octave
FIRST = int(np.float32(2.0 ** OCTAVES[0]).view(np.int32)) >> BITS_DROPPED
BINS = (OCTAVES[1] - OCTAVES[0]) << (23 - BITS_DROPPED)
CONFIDENCE = 0.95  # of the promise that a rate is kept, where queries are many or alike
LARGEST_MARGIN = 50.0  # as a logarithm
FEWEST_QUERIES = 20
"""Fewer tell too little of how different queries are: by simulation, with queries whose distances
differ by a tenth, 20 break a promise of 1% 9 times of 100, 100 break it 3 times; by a third, 27 and
13 times."""

SAME_A_STEP, MOST_STEPS = 10, 50
RELIABILITY_BINS = 10

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


class Pairs:
    """How many pairs of different items, and of the same one, lie at which distance.

    `counts` is (groups, 2, bins): different pairs, then same ones. A bin is as wide as a
    thousandth of its distance, so that any descriptor's distances fit.
    """

    def __init__(self) -> None:
        self.counts: Counts = np.zeros((GROUPS, 2, BINS), np.int64)
        self.queries = 0

    def add(self, distances: NDArray, same: NDArray[np.bool_], group: int | None = None) -> None:
        """One query's distances (n,) to the pictures, and which of them show the same item.

        Queries of one number of a group stay together.
        """
        near = np.maximum(np.asarray(distances, np.float32), 0) + np.float32(0)  # no -0.0
        bins = np.clip((near.view(np.int32) >> BITS_DROPPED) - FIRST, 0, BINS - 1)
        bins += np.where(same, np.int32(BINS), np.int32(0))
        counted = np.bincount(bins, minlength=2 * BINS).reshape(2, BINS)
        self.counts[(self.queries if group is None else group) % GROUPS] += counted
        self.queries += 1


def fit(pairs: Pairs, spec: str, distance: str, pictures: int) -> Cutoffs:
    """The cut-offs that these pairs tell, of vectors with this spec among so many pictures."""
    bins = np.flatnonzero(pairs.counts.any((0, 1)))
    counts = pairs.counts[pairs.counts.any((1, 2))][:, :, bins]
    all_different, all_same = counts.sum(0)
    different, same = int(all_different.sum()), int(all_same.sum())
    if not same or not different or pairs.queries < FEWEST_QUERIES:
        raise BadSource(
            f"cut-offs need pairs of the same item and of different ones, from {FEWEST_QUERIES} "
            f"queries or more; the labels give {same} and {different}, from {pairs.queries}"
        )
    begins, ends = _begin(bins), _begin(bins + 1)
    # The last float before the first bin that is not let through; at last, all are.
    largest = np.nextafter(np.append(begins, ends[-1]), np.float32(-1))
    rates, let_through = _promises(counts[:, 0], largest >= 0)
    found = np.append(0, np.cumsum(all_same))[let_through] / same
    middles = (begins.astype(np.float64) + ends) / 2
    steps, probabilities = _probabilities(all_different, all_same, middles)
    brier, skill, off = _held_out(counts, middles)
    return Cutoffs(
        spec=spec,
        distance=distance,
        queries=pairs.queries,
        pictures=pictures,
        same=same,
        different=different,
        rates=tuple(rates.tolist()),
        distances=tuple(largest[let_through].tolist()),
        found=tuple(found.tolist()),
        steps=tuple(steps.tolist()),
        probabilities=tuple(probabilities.tolist()),
        brier=brier,
        brier_skill=skill,
        calibration_error=off,
    )


def _begin(bins: NDArray[np.intp]) -> NDArray[np.float32]:
    """The smallest distances in these bins."""
    edges = ((bins + FIRST).astype(np.int32) << BITS_DROPPED).view(np.float32)
    return np.where(bins > 0, edges, np.float32(0))


def _promises(counts: Counts, possible: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.intp]]:
    """Rates, rising, and how many bins each lets through, from counts (groups, bins).

    What is promised is the rate seen, times a margin for its chance: that of the groups'
    differences, or of so many independent pairs, if that is more. The margin is a factor, because
    small rates are skewed, and never smaller for a smaller rate, of which less is known. `possible`
    (bins + 1,) is false where no distance lets so few through.
    """
    within = np.pad(np.cumsum(counts, axis=1, dtype=np.float64), ((0, 0), (1, 0)))
    of_each = within[:, -1:]
    total, groups = float(of_each.sum()), len(counts)
    seen = within.sum(0) / total
    between = np.square(within - seen * of_each).sum(0) * groups / (groups - 1) / total**2
    alone = (seen * (1 - seen) + 1 / total) / total
    at_least = np.maximum(seen, 1 / total)
    relative = np.sqrt(np.maximum(between, alone)) / at_least
    relative = np.maximum.accumulate(relative[::-1])[::-1]
    factor = np.exp(np.minimum(student(groups - 1, CONFIDENCE) * relative, LARGEST_MARGIN))
    promised = np.minimum(np.maximum.accumulate(at_least * factor), 1)
    rates = np.array(list(_two_digit_rates(float(promised[0]))))
    last = np.searchsorted(promised, rates, side="right") - 1
    new = np.diff(last, prepend=-1) > 0
    kept = new & possible[last]
    return rates[kept], last[kept]


def _two_digit_rates(lowest: float) -> Iterator[float]:
    """Rising, from the decade of the lowest one to 1: a person asks for 0.01 or 0.005."""
    for decade in range(int(np.floor(np.log10(lowest))), 0):
        yield from (float(f"{digits}e{decade - 1}") for digits in range(10, 100))
    yield 1.0


def _probabilities(different: Counts, same: Counts, middles: Floats) -> tuple[Floats, Floats]:
    """Mean distances of steps, rising, and the probability at each, never rising.

    A step holds enough same pairs to say something, and half a pair of each kind beforehand, so
    that none is certain. What lies beyond the last same pair is a step of its own.
    """
    within = np.cumsum(same)
    steps = min(MOST_STEPS, int(within[-1]) // SAME_A_STEP)
    targets = np.arange(1, steps + 1) * within[-1] / max(steps, 1)
    begins = np.unique([0, *(np.searchsorted(within, targets) + 1)])
    begins = begins[begins < len(within)]
    both = different + same
    sizes, matches = np.add.reduceat(both, begins), np.add.reduceat(same, begins)
    sums = np.add.reduceat(both * middles, begins)
    held = sizes > 0
    return sums[held] / sizes[held], _falling(matches[held] + 0.5, sizes[held] + 1.0)


def _falling(matches: Floats, sizes: Floats) -> Floats:
    """The never rising shares nearest to matches / sizes: neighbours that rise are put together."""
    blocks: list[tuple[float, float, int]] = []
    for match, size in zip(matches.tolist(), sizes.tolist(), strict=True):
        blocks.append((match, size, 1))
        while len(blocks) > 1 and blocks[-1][0] * blocks[-2][1] >= blocks[-2][0] * blocks[-1][1]:
            last, before = blocks.pop(), blocks.pop()
            blocks.append((before[0] + last[0], before[1] + last[1], before[2] + last[2]))
    return np.repeat([m / s for m, s, _ in blocks], [count for _, _, count in blocks])


def _held_out(counts: Counts, middles: Floats) -> tuple[float, float, float]:
    """Squared error, what it saves, and calibration error, of each group by the others."""
    everything = counts.sum(0)
    squared, plain = 0.0, 0.0
    reliability = np.zeros((3, RELIABILITY_BINS))  # pairs, their probabilities, same ones
    for group in counts:
        (different, same), others = group, everything - group
        said = probability(middles, *_probabilities(others[0], others[1], middles))
        share = others[1].sum() / max(others.sum(), 1)
        squared += float(same @ np.square(1 - said) + different @ np.square(said))
        plain += float(same.sum() * (1 - share) ** 2 + different.sum() * share**2)
        bins = np.minimum((said * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
        for row, weights in zip(
            reliability, (group.sum(0), group.sum(0) * said, same), strict=True
        ):
            row += np.bincount(bins, weights, RELIABILITY_BINS)
    pairs = reliability[0].sum()
    off = float(np.abs(reliability[1] - reliability[2]).sum())
    return float(squared / pairs), float(1 - squared / plain), float(off / pairs)
