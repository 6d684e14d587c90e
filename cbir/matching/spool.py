"""Vectors of all pictures in a nameless file, where some are read when they are needed."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cbir.errors import BadOutput
from cbir.files import why_no_output
from cbir.types import Vectors

Numbers = NDArray[np.intp]


class Spool:
    """Vectors by number, in the order in which they were added, `each` of them a picture."""

    def __init__(self, folder: Path, each: int = 1, kind: DTypeLike = np.float32):
        self._folder = folder
        with self._told():
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the object
        self._each, self._kind = each, np.dtype(kind)
        self._rows = self._dim = 0

    def add(self, vectors: Vectors) -> None:
        """Takes in pictures (n · each, d), all vectors of each one after the other."""
        self._rows += len(vectors)
        self._dim = vectors.shape[1]
        with self._told():
            self._file.write(np.ascontiguousarray(vectors, self._kind).data)

    def vectors(self, numbers: Numbers, which: int = 0) -> Vectors:
        """Of pictures of these numbers, the vectors (n, d) with this place among theirs."""
        if not len(numbers):
            return np.zeros((0, self._dim), np.float32)
        with self._told():
            self._file.flush()
        stored = np.memmap(self._file, self._kind, "r", shape=(self._rows, self._dim))
        return stored[numbers * self._each + which].astype(np.float32)

    def __len__(self) -> int:
        """How many pictures there are."""
        return self._rows // self._each

    def close(self) -> None:
        with suppress(OSError):  # what has no room is not needed any more
            self._file.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = why_no_output(error)
            raise BadOutput(f"can't keep vectors in {self._folder} meanwhile: {why}") from error
