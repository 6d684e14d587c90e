"""Rows that are added over those of an older index."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from cbir.types import Vectors
from cbir.vector_index import VectorIndex
from cbir.vector_index.rows import Rows, rows_at_once
from cbir.vector_index.spool import Spool


class Merging:
    """The rows of `old`, if there are any, with what was added and deleted since."""

    def __init__(self, old: VectorIndex | None, folder: Path):
        self._old = old
        self._spool = Spool(folder)
        self._added: dict[str, int] = {}
        self._deleted: set[str] = set()

    @property
    def added(self) -> int:
        """How many rows have been added and are still there."""
        return len(self._added)

    def add(self, keys: Sequence[str], vectors: Vectors) -> None:
        for number, key in enumerate(keys, start=self._spool.count):
            self._added[key] = number
        self._spool.add(vectors)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._deleted.add(key)
            self._added.pop(key, None)

    def close(self) -> None:
        self._spool.close()

    def keys(self, keep_old: bool) -> list[str]:
        """The keys of all rows, sorted; `keep_old`: also of old ones that were not added again."""
        kept = self._numbers.keys() - self._deleted if keep_old else set[str]()
        return sorted(kept | self._added.keys())

    def are_as_added(self, keys: Sequence[str]) -> bool:
        """Whether these keys have every row that was ever added, and no other."""
        return len(keys) == self._spool.count == len(self._added)

    def rows(self, keys: Sequence[str]) -> Iterator[Rows]:
        """The rows that these keys have now."""
        step = rows_at_once(max(self._spool.dim, self._old.dim if self._old else 1))
        for start in range(0, len(keys), step):
            names = keys[start : start + step]
            numbers = np.array([self._added.get(key, -1) for key in names], np.intp)
            vectors = self._spool.rows(numbers[numbers >= 0])
            if len(vectors) < len(names):
                old = self._before([k for k, n in zip(names, numbers, strict=True) if n < 0])
                merged = np.empty((len(names), old.shape[1]), np.float32)
                merged[numbers < 0], merged[numbers >= 0] = old, vectors
                vectors = merged
            yield names, vectors

    def differing(self, keys: Sequence[str]) -> set[str]:
        """Which rows are gained, lost or other ones than the old index had."""
        found = self._numbers.keys() ^ keys
        for names, vectors in self.rows([key for key in keys if key in self._numbers]):
            same = (self._before(names).view(np.uint32) == vectors.view(np.uint32)).all(axis=1)
            found.update(key for key, is_same in zip(names, same, strict=True) if not is_same)
        return found

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Where the old index has its rows."""
        return {key: number for number, key in enumerate(self._old.keys if self._old else [])}

    def _before(self, keys: Sequence[str]) -> Vectors:
        if self._old is None:
            return np.zeros((0, 1), np.float32)
        return self._old.blocks.rows(np.array([self._numbers[key] for key in keys], np.intp))
