"""Equal vectors: matrix products round them differently in different places."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from cbir.distances.blocks import ColumnBlocks


def first_equal(blocks: ColumnBlocks) -> NDArray[np.intp]:
    """For each vector (n,) the number of the first one that equals it."""
    known: dict[bytes, int] = {}
    first: list[int] = []
    for piece in blocks.pieces():
        for row in piece + np.float32(0):  # which leaves no −0
            digest = blake2b(row.tobytes(), digest_size=16).digest()
            first.append(known.setdefault(digest, len(first)))
    return np.array(first, np.intp)
