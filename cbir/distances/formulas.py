"""The distances, each twice: exactly, and as a score that a block of vectors gets quickly.

An exact formula is float64, on rows (c, d) and as many others, or one (d,). A score is float32, on
some queries and a transposed block, orders as the distance does, and is off by at most its
`slack`; who searches by scores keeps everything within the slack and settles it exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cbir.compiled import Engine
from cbir.distances.column_sums import column_sums
from cbir.errors import BadSpec, did_you_mean
from cbir.types import Vectors

Exact = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Asked:
    """Queries (q, d), with what every block needs of them."""

    vectors: Vectors
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]
    nonnegative: bool  # these and the vectors that they are compared with
    engine: Engine

    @classmethod
    def of(cls, vectors: Vectors, nonnegative: bool, engine: Engine) -> "Asked":
        wide = vectors.astype(np.float64)
        return cls(vectors, wide.sum(1), np.einsum("qd,qd->q", wide, wide), nonnegative, engine)

    @cached_property
    def opposite(self) -> Vectors:
        """The queries turned round and of length 1, or 0."""
        return self.vectors * -_inverse(self.squares)[:, None]


@dataclass(frozen=True)
class Block:
    """A transposed block (d, rows) with the sums and squared lengths of its vectors (rows,)."""

    columns: NDArray[np.float32]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]


Score = Callable[[Asked, Block], NDArray[np.float32]]
Slack = Callable[[Asked, Block], float]


@dataclass(frozen=True)
class Distance:
    """A named distance. `from_score` turns scores into distances, and `to_score` back.

    `by_column`: its score is a column sum, whose compiled form leaves the interpreter free, so
    that threads help. The others spend their time in matrix products, which bring their own.
    """

    name: str
    exact: Exact
    score: Score
    magnitude: Slack
    from_score: Callable[[NDArray], NDArray] = lambda score: score
    to_score: Callable[[float], float] = lambda distance: distance
    nonnegative: bool = False
    by_column: bool = False

    def slack(self, asked: Asked, everything: Block) -> float:
        """How far a score may be off, by float32's rounding over so many columns."""
        # Column sums are added up 64 at a time, and matrix products some hundred at a time: so
        # many roundings can follow one another before their sum is rounded with the others.
        dim = asked.vectors.shape[1]
        return 6e-8 * (16 + min(dim, 400) + dim / 16) * self.magnitude(asked, everything)


def _chi2(a: NDArray, b: NDArray) -> NDArray:
    both = a + b
    difference = np.square(a - b)
    return 0.5 * np.divide(difference, both, out=np.zeros_like(both), where=both > 0).sum(1)


def _chi2_score(asked: Asked, block: Block) -> NDArray[np.float32]:
    # ½·Σ(a−b)²/(a+b) = ½(Σa + Σb) − 2·Σ ab/(a+b), whose last sum skips every zero of the query
    shared = column_sums("ratio", asked.vectors, block.columns, asked.engine)
    return _half_sums(asked, block) - 2 * shared


def _cosine(a: NDArray, b: NDArray) -> NDArray:
    # Sums by row, because a matrix product rounds equal rows differently in different places.
    lengths = np.sqrt(np.square(a).sum(-1)) * np.sqrt(np.square(b).sum(1))
    cosines = np.divide((b * a).sum(1), lengths, out=np.zeros(len(b)), where=lengths > 0)
    return np.maximum(1 - cosines, 0)


def _cosine_score(asked: Asked, block: Block) -> NDArray[np.float32]:
    # −cos, with as few passes over all scores as can be.
    scores = asked.opposite @ block.columns
    scores *= _inverse(block.squares)
    return scores


def _inverse(squares: NDArray[np.float64]) -> NDArray[np.float32]:
    """One by the lengths, or 0."""
    out = np.zeros_like(squares)
    return np.divide(1, np.sqrt(squares), out=out, where=squares > 0).astype(np.float32)


def _euclidean(a: NDArray, b: NDArray) -> NDArray:
    return np.sqrt(np.square(b - a).sum(1))


def _euclidean_score(asked: Asked, block: Block) -> NDArray[np.float32]:
    squares = asked.squares[:, None] + block.squares
    return (squares - 2 * (asked.vectors @ block.columns)).astype(np.float32)


def _manhattan(a: NDArray, b: NDArray) -> NDArray:
    return np.abs(b - a).sum(1)


def _manhattan_score(asked: Asked, block: Block) -> NDArray[np.float32]:
    if asked.nonnegative:  # Σ|a−b| = Σa + Σb − 2·Σ min(a,b)
        shared = column_sums("minimum", asked.vectors, block.columns, asked.engine)
        return 2 * (_half_sums(asked, block) - shared)
    out = np.empty((len(asked.vectors), block.columns.shape[1]), np.float32)
    difference = np.empty_like(block.columns)
    for query, score in zip(asked.vectors, out, strict=True):
        np.subtract(block.columns, query[:, None], out=difference)
        score[:] = np.abs(difference, out=difference).sum(axis=0, dtype=np.float64)
    return out


def _hellinger(a: NDArray, b: NDArray) -> NDArray:
    return np.sqrt(0.5 * np.square(np.sqrt(b) - np.sqrt(a)).sum(1))


def _hellinger_score(asked: Asked, block: Block) -> NDArray[np.float32]:
    return _half_sums(asked, block) - np.sqrt(asked.vectors) @ np.sqrt(block.columns)


def _intersection(a: NDArray, b: NDArray) -> NDArray:
    larger = np.maximum(a.sum(-1), b.sum(1))
    shared = np.minimum(a, b).sum(1)
    return 1 - np.divide(shared, larger, out=np.ones_like(larger), where=larger > 0)


def _intersection_score(asked: Asked, block: Block) -> NDArray[np.float32]:
    larger = np.maximum(asked.sums[:, None], block.sums)
    shared = column_sums("minimum", asked.vectors, block.columns, asked.engine)
    part = np.divide(shared, larger, out=np.ones_like(larger), where=larger > 0)
    return (1 - part).astype(np.float32)


def _half_sums(asked: Asked, block: Block) -> NDArray[np.float32]:
    return (0.5 * (asked.sums[:, None] + block.sums)).astype(np.float32)


def _mass(asked: Asked, block: Block) -> float:
    return float(asked.sums.max() + block.sums.max(initial=0))


def _energy(asked: Asked, block: Block) -> float:
    return float(asked.squares.max() + block.squares.max(initial=0))


def _length(asked: Asked, block: Block) -> float:
    return (2 * _energy(asked, block) * asked.vectors.shape[1]) ** 0.5


def _one(asked: Asked, block: Block) -> float:
    return 1.0


def _root(score: NDArray) -> NDArray:
    return np.sqrt(np.maximum(score, 0))


def _square(distance: float) -> float:
    return distance * distance


def _not_below_zero(score: NDArray) -> NDArray:
    return np.maximum(score, 0)


def _beyond_opposite(score: NDArray) -> NDArray:
    return np.maximum(score + 1, 0)


def _less_one(distance: float) -> float:
    return distance - 1


DISTANCES = {
    distance.name: distance
    for distance in (
        Distance(
            "chi2", _chi2, _chi2_score, _mass, _not_below_zero, nonnegative=True, by_column=True
        ),
        Distance("cosine", _cosine, _cosine_score, _one, _beyond_opposite, _less_one),
        Distance("euclidean", _euclidean, _euclidean_score, _energy, _root, _square),
        Distance(
            "manhattan", _manhattan, _manhattan_score, _length, _not_below_zero, by_column=True
        ),
        Distance(
            "hellinger", _hellinger, _hellinger_score, _mass, _root, _square, nonnegative=True
        ),
        Distance(
            "intersection",
            _intersection,
            _intersection_score,
            _one,
            _not_below_zero,
            nonnegative=True,
            by_column=True,
        ),
    )
}


def get(name: str) -> Distance:
    """The distance of this name; BadSpec with a suggestion otherwise."""
    if name not in DISTANCES:
        raise BadSpec(f"no distance is called {name!r}{did_you_mean(name, list(DISTANCES))}")
    return DISTANCES[name]


def check(name: str, nonnegative: bool) -> Distance:
    """The distance, if vectors that are (or are not) all non-negative may be given to it."""
    distance = get(name)
    if distance.nonnegative and not nonnegative:
        raise BadSpec(
            f"{name} needs values that are not negative, and these vectors have some; "
            "use cosine, euclidean or manhattan"
        )
    return distance
