"""Equal vectors: matrix products round them differently in different places."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from cbir.distances.blocks import ColumnBlocks

ROWS_AT_ONCE = 1024


def first_equal(blocks: ColumnBlocks) -> NDArray[np.intp]:
    """For each vector (n,) the number of the first one that equals it."""
    first = np.arange(len(blocks))
    # Sums are added up in the same order for each vector of a block, so those of equals are equal.
    _, group, counts = np.unique(blocks.sums, return_inverse=True, return_counts=True)
    maybe = np.flatnonzero(counts[group] > 1)
    known: dict[bytes, int] = {}
    for start in range(0, len(maybe), ROWS_AT_ONCE):
        numbers = maybe[start : start + ROWS_AT_ONCE]
        rows = blocks.rows(numbers) + np.float32(0)  # which leaves no −0
        for number, row in zip(numbers.tolist(), rows, strict=True):
            digest = blake2b(row.tobytes(), digest_size=16).digest()
            first[number] = known.setdefault(digest, number)
    return first
