"""A run that changes nothing: its rows are the old index's, one after the other, bit by bit."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cbir.distances.blocks import ColumnBlocks
from cbir.types import Vectors
from cbir.vector_index.reading import fresh_sidecar
from cbir.vector_index.rows import Rows, rows_at_once
from cbir.vector_index.sidecar import Sidecar

STRIP = 16
"""Rows compared at a time: as many as share a line of the cache in a block's column."""


class Retracing:
    """Counts rows that arrive just as the old index has them, so that they need not be kept.

    It ends with the first row that is another one. `old` None: there is nothing to retrace.
    """

    def __init__(self, old: Sidecar | None):
        self._old = old
        self.count = 0

    @property
    def active(self) -> bool:
        return self._old is not None

    @property
    def complete(self) -> bool:
        """Whether every row of the old index has come by."""
        return self._old is not None and self.count == len(self._old.keys)

    def takes(self, keys: Sequence[str], vectors: Vectors) -> bool:
        """Whether these rows come next in the old index; if so they are counted."""
        if self._old is None or not self._old.keys.holds(self.count, keys):
            return False
        if not _same_bits(self._old.blocks, self.count, vectors):
            return False
        self.count += len(keys)
        return True

    def is_still(self, path: Path) -> bool:
        """Whether both files of the old index are still in their place."""
        now = fresh_sidecar(path)
        return self._old is not None and now is not None and now.stamp == self._old.stamp

    def end(self) -> Iterator[Rows]:
        """The rows that were counted, to be kept after all."""
        old, self._old = self._old, None
        count, self.count = self.count, 0
        if old is None:
            return
        step = rows_at_once(old.blocks.dim)
        for start in range(0, count, step):
            stop = min(start + step, count)
            yield old.keys[start:stop], old.blocks.rows(np.arange(start, stop))


def _same_bits(blocks: ColumnBlocks, number: int, vectors: Vectors) -> bool:
    """Whether the rows from a number on are these vectors; -0.0 and 0.0 are not the same."""
    if vectors.shape[1] != blocks.dim:
        return False
    bits = vectors.view(np.uint32)
    done = 0
    while done < len(bits):
        block, row = divmod(number + done, blocks.block_rows)
        old = blocks.data[block, :, row : min(row + STRIP, row + len(bits) - done)]
        if not np.array_equal(old.view(np.uint32), bits[done : done + old.shape[1]].T):
            return False
        done += old.shape[1]
    return True
