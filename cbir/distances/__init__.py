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

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cbir.compiled import Engine
from cbir.distances import column_sums
from cbir.distances.blocks import ColumnBlocks, from_vectors
from cbir.distances.formulas import DISTANCES, Asked, Block, Distance
from cbir.errors import BadSpec, did_you_mean
from cbir.threads import cores
from cbir.types import Vectors

__all__ = ["DISTANCES", "ColumnBlocks", "check", "from_vectors", "nearest", "pairwise"]

TAME = (1e-12, 1e15)
"""Between these sizes of vectors, float32 neither overflows nor vanishes in any score."""

SCORES_AT_ONCE = 16 << 20
"""How many scores are held at a time: 64 MB of float32, whatever is compared with whatever."""


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


def pairwise(
    a: Vectors, b: Vectors | ColumnBlocks, name: str = "chi2", engine: Engine = "auto"
) -> Vectors:
    """All distances (n, m) between the rows of `a` and of `b`, as float32.

    Off by some 1e-6 of the vectors' size. Euclidean and hellinger take a root, so that near zero
    they are coarser; `nearest` is exact there too. Beside the result only some blocks are held.
    """
    a, blocks = _two(a), b if isinstance(b, ColumnBlocks) else from_vectors(_two(b))
    _same_dim(a.shape[1], blocks.dim)
    nonnegative = blocks.nonnegative and _nonnegative(a)
    distance = check(name, nonnegative)
    out = np.empty((len(a), len(blocks)), np.float32)
    if not _tame(a, blocks):
        everything = np.arange(len(blocks))
        for row, wild in zip(out, a, strict=True):
            row[:] = _exact(distance, wild, everything, blocks)
        return out
    for rows in _groups(len(a), blocks.block_rows):
        asked = Asked.of(a[rows], nonnegative, engine)
        _announce(distance, asked, len(blocks))

        def fill(number: int, rows: slice = rows, asked: Asked = asked) -> None:
            piece, block = _block(blocks, number)
            scores = distance.score(asked, block)[:, : piece.stop - piece.start]
            out[rows, piece] = distance.from_score(scores)

        _each(fill, range(len(blocks.data)), distance, asked)
    return out


def nearest(
    queries: Vectors, blocks: ColumnBlocks, limit: int, name: str = "chi2", engine: Engine = "auto"
) -> list[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """For each query the row numbers and exact distances of its nearest rows, ties by number.

    Scores decide which rows can be among the nearest at all, float64 formulas which are, and in
    what order: the plain and the compiled path give the same answer.
    """
    queries = _two(queries)
    _same_dim(queries.shape[1], blocks.dim)
    if limit < 1:
        raise BadSpec(f"{limit} nearest can't be found; ask for at least 1")
    nonnegative = blocks.nonnegative and _nonnegative(queries)
    distance = check(name, nonnegative)
    found = []
    # Few queries at a time when there are many rows.
    for group in _groups(len(queries), min(max(len(blocks), 1), SCORES_AT_ONCE)):
        asked = Asked.of(queries[group], nonnegative, engine)
        _announce(distance, asked, len(blocks))
        if _tame(asked.vectors, blocks):
            candidates = _candidates(asked, blocks, limit, distance)
        else:
            candidates = [np.arange(len(blocks))] * len(asked.vectors)
        for query, rows in zip(asked.vectors, candidates, strict=True):
            distances = _exact(distance, query, rows, blocks)
            order = np.lexsort((rows, distances))[:limit]
            found.append((rows[order], distances[order]))
    return found


def _candidates(
    asked: Asked, blocks: ColumnBlocks, limit: int, distance: Distance
) -> list[NDArray[np.intp]]:
    """Per query, every row that may be among its nearest `limit`."""
    everything = Block(blocks.data[:0], blocks.sums, blocks.squares)
    slack = 2 * distance.slack(asked, everything)
    kept: list[list[tuple[NDArray, NDArray]]] = [[] for _ in asked.vectors]
    bounds = np.full(len(asked.vectors), np.inf)
    at_once = max(1, SCORES_AT_ONCE // (len(asked.vectors) * blocks.block_rows))
    for first in range(0, len(blocks.data), at_once):
        numbers = range(first, min(first + at_once, len(blocks.data)))
        start = first * blocks.block_rows
        scores = _scores(asked, blocks, numbers, distance)
        for i, row in enumerate(scores):
            bounds[i] = min(bounds[i], _upper_bound(row, limit))
            near = np.flatnonzero(~(row > bounds[i] + slack))  # this way NaN counts as near
            kept[i].append((near + start, row[near]))
    return [
        np.concatenate([rows[~(scores > bound + slack)] for rows, scores in pieces])
        if pieces
        else np.zeros(0, np.intp)
        for pieces, bound in zip(kept, bounds, strict=True)
    ]


def _scores(
    asked: Asked, blocks: ColumnBlocks, numbers: range, distance: Distance
) -> NDArray[np.float32]:
    """Scores (q, rows) of the blocks with these numbers."""
    rows = blocks.block_rows
    start = numbers.start * rows
    out = np.empty((len(asked.vectors), min(len(blocks), numbers.stop * rows) - start), np.float32)

    def fill(number: int) -> None:
        piece, block = _block(blocks, number)
        columns = slice(piece.start - start, piece.stop - start)
        out[:, columns] = distance.score(asked, block)[:, : piece.stop - piece.start]

    _each(fill, numbers, distance, asked)
    return out


def _upper_bound(scores: NDArray[np.float32], limit: int) -> float:
    """A value that at least `limit` of the scores do not exceed; usually a tight one.

    The limit-th smallest of the minima of disjoint groups is one, and far cheaper to find than
    the limit-th smallest of all.
    """
    if limit >= len(scores):
        return np.inf
    if len(scores) >= 256 * limit:
        whole = len(scores) // 64 * 64
        scores = scores[:whole].reshape(64, -1).min(axis=0)
    return float(np.partition(scores, limit - 1)[limit - 1])


def _exact(
    distance: Distance, query: NDArray[np.float32], rows: NDArray[np.intp], blocks: ColumnBlocks
) -> NDArray[np.float64]:
    at_once = max(1, SCORES_AT_ONCE // 8 // blocks.dim)
    wide = query.astype(np.float64)
    parts = [
        distance.exact(wide, blocks.rows(rows[i : i + at_once]).astype(np.float64))
        for i in range(0, len(rows), at_once)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _block(blocks: ColumnBlocks, number: int) -> tuple[slice, Block]:
    """A block, and which rows it holds. What fills up the last one has sums of zero."""
    start = number * blocks.block_rows
    piece = slice(start, min(start + blocks.block_rows, len(blocks)))
    sums, squares = blocks.sums[piece], blocks.squares[piece]
    if len(sums) < blocks.block_rows:
        fill = (0, blocks.block_rows - len(sums))
        sums, squares = np.pad(sums, fill), np.pad(squares, fill)
    return piece, Block(blocks.data[number], sums, squares)


def _each(work: Callable[[int], None], numbers: range, distance: Distance, asked: Asked) -> None:
    """Runs `work` on every block: in threads where they help, a run of blocks in each task."""

    def run(some: range) -> None:
        for number in some:
            work(number)

    if len(numbers) > 1 and distance.by_column and column_sums.is_compiled(asked.engine):
        step = max(1, len(numbers) // (8 * cores()))
        list(_threads().map(run, (numbers[i : i + step] for i in range(0, len(numbers), step))))
    else:
        run(numbers)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), "cbir-distances")


def _announce(distance: Distance, asked: Asked, rows: int) -> None:
    if distance.by_column and asked.engine == "auto":
        column_sums.expect(asked.vectors, rows)


def _groups(count: int, per_item: int) -> Iterator[slice]:
    size = max(1, min(256, SCORES_AT_ONCE // per_item))
    return (slice(i, i + size) for i in range(0, count, size))


def _tame(vectors: Vectors, blocks: ColumnBlocks) -> bool:
    """Whether scores can be trusted; for vectors of absurd sizes only exact formulas are."""
    squares = np.square(vectors.astype(np.float64)).sum(axis=1).max(initial=0)
    largest = max(float(squares), float(blocks.squares.max(initial=0))) ** 0.5
    return largest == 0 or TAME[0] < largest < TAME[1]


def _nonnegative(vectors: Vectors) -> bool:
    return not vectors.size or bool(vectors.min() >= 0)


def _two(vectors: Vectors) -> Vectors:
    return np.atleast_2d(np.ascontiguousarray(vectors, np.float32))


def _same_dim(a: int, b: int) -> None:
    if a != b:
        raise BadSpec(f"vectors of {a} values can't be compared with vectors of {b}")
