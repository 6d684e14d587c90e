"""Scores of some queries and all rows, a few blocks at a time, in threads where they help."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cbir.distances import column_sums
from cbir.distances.blocks import ColumnBlocks
from cbir.distances.formulas import Asked, Block, Distance
from cbir.threads import cores
from cbir.types import Vectors

TAME = (1e-12, 1e15)
"""Between these sizes of vectors, float32 neither overflows nor vanishes in any score."""

FAINT = 1e-30
"""A vector that is shorter loses digits in float32, whatever the others are."""

SCORES_AT_ONCE = 8 << 20
"""How many scores are held at a time: 32 MB of float32, whatever is compared with whatever."""

FEW_QUERIES, MANY_QUERIES = 256, 2048
"""How many are answered together: so few that several blocks keep all threads busy with column
sums, or so many that a matrix product is at its quickest."""


def everything(blocks: ColumnBlocks) -> Block:
    """What is known of all rows together, without their values."""
    return Block(blocks.data[:0], blocks.sums, blocks.squares)


def batches(asked: Asked, blocks: ColumnBlocks) -> Iterator[range]:
    """The numbers of all blocks, in runs whose scores may be held together."""
    at_once = max(1, SCORES_AT_ONCE // (len(asked.vectors) * blocks.block_rows))
    count = len(blocks.data)
    return (range(i, min(i + at_once, count)) for i in range(0, count, at_once))


def scores(
    asked: Asked, blocks: ColumnBlocks, numbers: range, distance: Distance
) -> NDArray[np.float32]:
    """Scores (q, rows) of the blocks with these numbers."""
    if len(numbers) == 1:
        piece, block = one_block(blocks, numbers.start, distance)
        return distance.score(asked, block)[:, : piece.stop - piece.start]
    start = numbers.start * blocks.block_rows
    end = min(len(blocks), numbers.stop * blocks.block_rows)
    out = np.empty((len(asked.vectors), end - start), np.float32)

    def fill(number: int) -> None:
        piece, block = one_block(blocks, number, distance)
        columns = slice(piece.start - start, piece.stop - start)
        out[:, columns] = distance.score(asked, block)[:, : piece.stop - piece.start]

    each(fill, numbers, distance, asked)
    return out


def one_block(blocks: ColumnBlocks, number: int, distance: Distance) -> tuple[slice, Block]:
    """A block, and which rows it holds.

    The last one is filled up with zeros, which matrix products leave away. Column sums want it
    whole; their scores have more columns then.
    """
    start = number * blocks.block_rows
    piece = slice(start, min(start + blocks.block_rows, len(blocks)))
    sums, squares, columns = blocks.sums[piece], blocks.squares[piece], blocks.data[number]
    if len(sums) < blocks.block_rows and distance.by_column:
        fill = (0, blocks.block_rows - len(sums))
        sums, squares = np.pad(sums, fill), np.pad(squares, fill)
    return piece, Block(columns[:, : len(sums)], sums, squares)


def each(work: Callable[[int], None], numbers: range, distance: Distance, asked: Asked) -> None:
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


def announce(distance: Distance, asked: Asked, rows: int) -> None:
    if distance.by_column and asked.engine == "auto":
        column_sums.expect(asked.vectors, rows)


def groups(count: int, most: int) -> Iterator[slice]:
    """So many queries, in runs."""
    return (slice(i, i + most) for i in range(0, count, max(1, most)))


def tame(vectors: Vectors, blocks: ColumnBlocks) -> bool:
    """Whether scores can be trusted; for vectors of absurd sizes only exact formulas are."""
    wide = np.square(vectors.astype(np.float64)).sum(axis=1)
    squares = np.concatenate([wide, blocks.squares])
    largest = float(squares.max(initial=0)) ** 0.5
    smallest = float(squares.min(initial=np.inf, where=squares > 0)) ** 0.5
    return largest == 0 or (TAME[0] < largest < TAME[1] and smallest > FAINT)
