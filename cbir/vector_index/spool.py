"""Vectors that wait in a nameless file, of which a kill leaves nothing."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cbir.types import Vectors


class Spool:
    """Rows of one length, numbered as they are added."""

    def __init__(self, folder: Path):
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the object
        self.dim = 1
        self.count = 0

    def add(self, vectors: Vectors) -> None:
        self._file.write(vectors.astype("<f4", copy=False).data)
        self.dim = vectors.shape[1]
        self.count += len(vectors)

    def rows(self, numbers: NDArray[np.intp]) -> Vectors:
        """The rows with these numbers."""
        self._file.flush()
        if not self.count:
            return np.zeros((len(numbers), self.dim), np.float32)
        # Mapped anew each time, so that what was read need not stay in memory.
        shape = (self.count, self.dim)
        return np.asarray(np.memmap(self._file, "<f4", "r", shape=shape))[numbers]

    def close(self) -> None:
        self._file.close()
