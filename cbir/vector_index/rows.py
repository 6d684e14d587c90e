"""Rows on their way to a file, a portion at a time, so that wide ones take no more memory."""

from collections.abc import Iterable, Iterator, Sequence

from cbir.types import Vectors

MOST_ROWS = 1024
FEWEST_ROWS = 16
PORTION_BYTES = 8 << 20

Rows = tuple[Sequence[str], Vectors]
"""Keys of rows (see cbir.vector_index.keys) and their vectors (n, d)."""


def rows_at_once(dim: int) -> int:
    """How many rows are copied, compared or formatted together: fewer when they are long."""
    return max(FEWEST_ROWS, min(MOST_ROWS, PORTION_BYTES // (4 * max(dim, 1))))


def portions(rows: Iterable[Rows]) -> Iterator[Rows]:
    """The same rows with no more than so many of them together."""
    for keys, vectors in rows:
        step = rows_at_once(vectors.shape[1])
        for start in range(0, len(keys), step):
            yield keys[start : start + step], vectors[start : start + step]
