"""Rows as text while pictures are still being described, so that the end of a run is short."""

import shutil
import tempfile
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from cbir.types import Vectors
from cbir.vector_index.csv_text import format_rows
from cbir.vector_index.rows import portions, rows_at_once

MOST_WAITING = 4


class TextAhead:
    """Formats rows that arrive in the order of the file, a portion at a time, in a thread.

    The text waits in a nameless file. It is of use only if the rows came sorted and none of them
    is deleted or replaced later, as in an ordinary run; otherwise it is thrown away.
    """

    def __init__(self, folder: Path, augmented: bool):
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the object
        self._pool = ThreadPoolExecutor(1, "cbir-format")
        self._format = partial(format_rows, augmented=augmented)
        self._waiting: deque[Future[bytes]] = deque()
        self._keys: list[str] = []
        self._vectors: list[Vectors] = []
        self._last = ""
        self._count = 0
        self.sorted = True

    def add(self, keys: Sequence[str], vectors: Vectors) -> None:
        if not self.sorted:
            return
        for key in keys:
            self.sorted = self.sorted and (key > self._last or not self._count)
            self._last = key
            self._count += 1
        self._keys += keys
        self._vectors.append(vectors)
        if len(self._keys) >= rows_at_once(vectors.shape[1]):
            self._hand_over()

    def copy_to(self, file: IO[bytes]) -> None:
        """Appends the text of all rows."""
        if self._keys:
            self._hand_over()
        self._write_down(keep=0)
        self._file.seek(0)
        shutil.copyfileobj(self._file, file, 1 << 20)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._file.close()

    def _hand_over(self) -> None:
        rows = self._keys, np.concatenate(self._vectors)
        self._keys, self._vectors = [], []
        for some in portions([rows]):
            self._waiting.append(self._pool.submit(self._format, some))
            self._write_down(keep=MOST_WAITING)

    def _write_down(self, keep: int) -> None:
        while len(self._waiting) > keep:
            self._file.write(self._waiting.popleft().result())
