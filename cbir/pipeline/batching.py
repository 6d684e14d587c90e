"""From prepared pictures to vectors: batches, and a check of what a descriptor returns."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from cbir.errors import BadPicture, BadSpec, CbirError
from cbir.pipeline.jobs import Entry, Job
from cbir.pipeline.kept import Kept
from cbir.recipe import Recipe
from cbir.types import Failure, Vectors

BATCH_BYTES = 64 << 20
MOST_WAITING = 2048
PIECE_BYTES = 16 << 20  # of vectors that are given out together


class Made(NamedTuple):
    """What a job made of some pictures, in their order, and those that it could not do."""

    job: int
    ids: list[str]
    vectors: Vectors
    failures: list[Failure]


def reason(recipe: Recipe, error: Exception) -> str:
    if isinstance(error, BadPicture):
        return str(error)
    return f"the descriptor {recipe.name} failed: {type(error).__name__}: {error}"


class Queue:
    """One job's pictures in order: those still open are described when there are enough of them."""

    def __init__(self, job: Job, size: int, kept: Kept):
        self.job, self.size, self.kept = job, size, kept
        self.entries: deque[Entry] = deque()
        self.open: list[Entry] = []
        self.ready_bytes = 0  # of vectors that wait for an open one before them
        self.dim = job.recipe.dim

    def add(self, entries: Sequence[Entry]) -> Iterator[Made]:
        self.entries += entries
        self.open += [entry for entry in entries if entry.is_open]
        self.ready_bytes += sum(e.vector.nbytes for e in entries if e.vector is not None)
        while len(self.open) >= self.size:
            self._close(self.open[: self.size])
            del self.open[: self.size]
            yield from self._emit()
        held = self.ready_bytes + sum(getattr(entry.item, "nbytes", 0) for entry in self.open)
        if held >= BATCH_BYTES or len(self.entries) >= MOST_WAITING:
            self._close(self.open)
            self.open = []
        yield from self._emit()

    def flush(self) -> Iterator[Made]:
        self._close(self.open)
        self.open = []
        yield from self._emit()

    def _emit(self) -> Iterator[Made]:
        """Everything before the first picture that is still open, in pieces."""
        while self.entries and not self.entries[0].is_open:
            yield self._piece()
        ready = (entry.vector for entry in self.entries)
        self.ready_bytes = sum(vector.nbytes for vector in ready if vector is not None)

    def _piece(self) -> Made:
        ids, rows, failures, size = list[str](), list[Vectors](), list[Failure](), 0
        while self.entries and not self.entries[0].is_open and size < PIECE_BYTES:
            entry = self.entries.popleft()
            if entry.vector is not None:
                ids.append(entry.id)
                rows.append(entry.vector)
                size += entry.vector.nbytes
            else:
                failures.append(Failure(entry.id, entry.reason or ""))
        vectors = np.stack(rows) if rows else np.zeros((0, self.dim or 1), np.float32)
        return Made(self.job.number, ids, vectors, failures)

    def _close(self, entries: list[Entry]) -> None:
        """Gives each entry its vector. Pictures with the same bytes are described once."""
        contents = {entry.content: entry for entry in entries if entry.content is not None}
        known = self.kept.described(self.job, list(contents)) if contents else {}
        left = [
            entry
            for entry in entries
            if entry.content is None
            or (contents[entry.content] is entry and entry.content not in known)
        ]
        self._describe(left)
        for entry in entries:
            if not entry.is_open or entry.content is None:
                continue
            first = contents[entry.content]
            entry.vector = known.get(entry.content, first.vector)
            entry.reason = None if entry.vector is not None else first.reason
            entry.item = None

    def _describe(self, entries: list[Entry]) -> None:
        if not entries:
            return
        recipe = self.job.recipe
        try:
            items = [entry.item for entry in entries]
            vectors = checked(recipe, recipe.describe(items), len(items), self.dim)
        except Exception as error:
            if isinstance(error, CbirError) and not isinstance(error, BadPicture):
                raise  # not about pictures: the run can't go on
            if len(entries) == 1:
                entries[0].reason, entries[0].item = reason(recipe, error), None
                return
            for entry in entries:  # the others are not to blame
                self._describe([entry])
            return
        self.dim = vectors.shape[1]
        for entry, vector in zip(entries, vectors, strict=True):
            entry.vector, entry.item = vector, None
        if entries[0].content is not None:  # contents are known for all, or for none
            self.kept.add(self.job, [entry.content or b"" for entry in entries], vectors)


def checked(recipe: Recipe, vectors: Vectors, count: int, dim: int | None = None) -> Vectors:
    """What a descriptor returned, if it is what one must return. Plug-ins are not trusted."""
    vectors = np.asarray(vectors)
    wanted = (count, dim or (vectors.shape[-1] if vectors.ndim == 2 else "d"))
    if vectors.shape != wanted or vectors.dtype.kind not in "fiu" or 0 in vectors.shape:
        raise BadSpec(
            f"the descriptor {recipe.name} returned {vectors.dtype} of shape {vectors.shape} "
            f"for {count} pictures; it must be float32 of shape {wanted}"
        )
    with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite, and is refused
        vectors = vectors.astype(np.float32, copy=False)
    if not np.isfinite(vectors).all():
        raise BadPicture(f"the descriptor {recipe.name} gave values that are not finite")
    return vectors
