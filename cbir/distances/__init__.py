"""Distances between vectors: all pairs, or the nearest k, in bounded memory.

| name | formula | on |
|---|---|---|
| chi2 | ½·Σ(a−b)²/(a+b) | non-negative |
| cosine | 1 − cos | any; 1 to a zero vector |
| euclidean | √Σ(a−b)² | any |
| manhattan | Σ|a−b| | any |
| hellinger | √(½·Σ(√a−√b)²) | non-negative |
| intersection | 1 − Σmin(a,b) / max(Σa, Σb) | non-negative |
"""

import numpy as np
from numpy.typing import NDArray

from cbir.compiled import Engine
from cbir.distances import scoring
from cbir.distances.blocks import ColumnBlocks, from_pieces, from_vectors
from cbir.distances.candidates import distances_of, nearest_of
from cbir.distances.formulas import DISTANCES, Asked, check, get
from cbir.errors import BadSpec
from cbir.types import Vectors

__all__ = [
    "DISTANCES",
    "ColumnBlocks",
    "check",
    "check_far",
    "from_pieces",
    "from_vectors",
    "get",
    "nearest",
    "pairwise",
]


def check_far(far: float) -> float:
    """BadSpec for what can be no distance between two vectors."""
    if not 0 <= far < np.inf:
        raise BadSpec(f"{far:g} is not a distance; give a number from 0 on")
    return far


def pairwise(
    a: Vectors, b: Vectors | ColumnBlocks, name: str = "chi2", engine: Engine = "auto"
) -> Vectors:
    """All distances (n, m) between the rows of `a` and of `b`, as float32.

    Off by some 1e-6 of the vectors' size. Euclidean and hellinger take a root, so that near zero
    they are coarser; `nearest` is exact there too. Beside the result only some blocks are held.
    """
    a, blocks = _two(a), b if isinstance(b, ColumnBlocks) else from_vectors(_two(b))
    nonnegative = _both_nonnegative(a, blocks)
    distance = check(name, nonnegative)
    out = np.empty((len(a), len(blocks)), np.float32)
    if not scoring.tame(a, blocks):
        everything = np.arange(len(blocks))
        for number, row in enumerate(out):
            same = np.full(len(blocks), number)
            row[:] = distances_of(distance, a, same, blocks, everything)
        return out
    for rows in scoring.groups(len(a), scoring.FEW_QUERIES):
        asked = Asked.of(a[rows], nonnegative, engine)
        scoring.announce(distance, asked, len(blocks))

        def fill(number: int, rows: slice = rows, asked: Asked = asked) -> None:
            piece, block = scoring.one_block(blocks, number, distance)
            scores = distance.score(asked, block)[:, : piece.stop - piece.start]
            out[rows, piece] = distance.from_score(scores)

        scoring.each(fill, range(len(blocks.data)), distance, asked)
    return out


def nearest(
    queries: Vectors,
    blocks: ColumnBlocks,
    limit: int,
    name: str = "chi2",
    engine: Engine = "auto",
    within: float | None = None,
) -> list[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """For each query the row numbers and exact distances of its nearest rows, ties by number.

    `within`: only rows at most this far. Scores decide which rows can be among the nearest at all,
    float64 formulas which are, and in what order: the plain and the compiled path give the same
    answer.
    """
    queries = _two(queries)
    nonnegative = _both_nonnegative(queries, blocks)
    if limit < 1:
        raise BadSpec(f"{limit} nearest can't be found; ask for at least 1")
    distance = check(name, nonnegative)
    found = []
    most = scoring.FEW_QUERIES if distance.by_column else scoring.MANY_QUERIES
    for group in scoring.groups(len(queries), most):
        asked = Asked.of(queries[group], nonnegative, engine)
        scoring.announce(distance, asked, len(blocks))
        found += nearest_of(asked, blocks, limit, distance, within)
    return found


def _two(vectors: Vectors) -> Vectors:
    return np.atleast_2d(np.ascontiguousarray(vectors, np.float32))


def _both_nonnegative(vectors: Vectors, blocks: ColumnBlocks) -> bool:
    """Whether no value is negative; BadSpec for vectors that can't be compared."""
    if vectors.shape[1] != blocks.dim:
        raise BadSpec(
            f"vectors of {vectors.shape[1]} values can't be compared with vectors of {blocks.dim}"
        )
    return blocks.nonnegative and (not vectors.size or bool(vectors.min() >= 0))
