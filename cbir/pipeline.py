"""Pictures to bytes to images to vectors, streaming, with memory bounded in bytes."""

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from cbir.errors import BadPicture, BadSpec, MissingPackage
from cbir.images import MAX_PIXELS, Header, decode, read_header, working_bytes
from cbir.opencv import cv2
from cbir.recipe import Recipe
from cbir.types import Failure, Picture, Source, Vectors

MEMORY = 512 << 20
"""How many bytes of encoded and decoded pictures are in work at a time, about."""

SMALL = 4 << 20
"""What is smaller is not counted: with a task's worth a thread, it can't add up to much."""

TASK = 16
"""Pictures a task: handing each over by itself would cost a tenth of the time."""

BATCH_BYTES = 64 << 20


class Described(NamedTuple):
    """Vectors of some pictures by one recipe (its number in the list), in the pictures' order."""

    recipe: int
    ids: list[str]
    vectors: Vectors


class Failed(NamedTuple):
    """Pictures that were left out: by one recipe, or by all when that is None."""

    recipe: int | None
    failures: list[Failure]


@dataclass(frozen=True)
class Settings:
    """How to run: nothing here changes a vector."""

    workers: int = 0
    batch_size: int = 32
    max_pixels: int = MAX_PIXELS

    @property
    def threads(self) -> int:
        return self.workers or cores()


def cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def describe(
    source: Source, pictures: Iterable[Picture], recipes: Sequence[Recipe], settings: Settings
) -> Iterator[Described | Failed]:
    """Describes pictures by every recipe, reading each once and decoding it once a scale.

    Threads read, decode and prepare some tasks ahead; batches are described here. Results come
    in the pictures' order, whichever thread was faster.
    """
    reader = _Reader(source, recipes, settings.max_pixels)
    batches = [_Batch(number, recipe, settings.batch_size) for number, recipe in enumerate(recipes)]
    for task in _in_order(reader, pictures, settings.threads):
        yield from task.failed
        for batch, (ids, items) in zip(batches, task.prepared, strict=True):
            yield from batch.add(ids, items)
        reader.memory.release(task.held)
    for batch in batches:
        yield from batch.flush()


def describe_one(data: bytes, recipe: Recipe, max_pixels: int = MAX_PIXELS) -> Vectors:
    """The vector (1, d) of one encoded picture, made as an index's are; BadPicture if none."""
    item = recipe.prepare(decode(data, recipe.pixels, max_pixels=max_pixels))
    return checked(recipe, recipe.describe([item]), 1)


def checked(recipe: Recipe, vectors: Vectors, count: int, dim: int | None = None) -> Vectors:
    """What a descriptor returned, if it is what one must return. Plug-ins are not trusted."""
    vectors = np.asarray(vectors)
    wanted = (count, dim or (vectors.shape[-1] if vectors.ndim == 2 else "d"))
    if vectors.shape != wanted or vectors.dtype.kind not in "fiu" or 0 in vectors.shape:
        raise BadSpec(
            f"the descriptor {recipe.name} returned {vectors.dtype} of shape {vectors.shape} "
            f"for {count} pictures; it must be float32 of shape {wanted}"
        )
    vectors = vectors.astype(np.float32, copy=False)
    if not np.isfinite(vectors).all():
        raise BadPicture(f"the descriptor {recipe.name} gave values that are not finite")
    return vectors


class _Task:
    """What reading some pictures gave: for each recipe, ids and what it prepared of them."""

    def __init__(self, recipes: int):
        self.prepared: list[tuple[list[str], list[Any]]] = [([], []) for _ in range(recipes)]
        self.failed: list[Failed] = []
        self.held = 0

    def fail(self, recipe: int | None, id: str, reason: str) -> None:
        self.failed.append(Failed(recipe, [Failure(id, reason)]))


class _Reader:
    """Reads, decodes and prepares pictures, in any thread.

    Python's part in this is kept small: while one thread is in it, the others wait.
    """

    def __init__(self, source: Source, recipes: Sequence[Recipe], max_pixels: int):
        self.source, self.recipes, self.max_pixels = source, recipes, max_pixels
        self.scales = sorted({recipe.pixels for recipe in recipes}, key=lambda p: p or 0)
        self.memory = _Memory(MEMORY)

    def run(self, number: int, pictures: list[Picture]) -> _Task:
        task = _Task(len(self.recipes))
        for picture in pictures:
            try:
                self._one(number, picture, task)
            except BadPicture as error:
                task.fail(None, picture.id, str(error))
        return task

    def _one(self, number: int, picture: Picture, task: _Task) -> None:
        data = self.source.read(picture)
        header = read_header(data)
        needed = len(data) + max(working_bytes(header, pixels) for pixels in self.scales)
        if header.pixels > self.max_pixels or needed < SMALL:
            needed = 0
        self.memory.acquire(number, needed)
        kept = 0
        try:
            kept = self._prepare(picture.id, data, header, task)
        except MemoryError:
            size = f"{header.width}×{header.height}"
            raise BadPicture(f"not enough memory for {size} pixels") from None
        finally:
            self.memory.release(needed - kept)
            task.held += kept

    def _prepare(self, id: str, data: bytes, header: Header, task: _Task) -> int:
        """Adds to the task what each recipe makes of a picture; returns how large that is."""
        images = {
            pixels: decode(data, pixels, max_pixels=self.max_pixels, header=header)
            for pixels in self.scales
        }
        kept = 0
        for number, recipe in enumerate(self.recipes):
            try:
                item = recipe.prepare(images[recipe.pixels])
            except (BadSpec, MissingPackage, MemoryError):
                raise
            except Exception as error:  # a plug-in may raise anything; the run must go on
                task.fail(number, id, _reason(recipe, error))
                continue
            ids, items = task.prepared[number]
            ids.append(id)
            items.append(item)
            kept += getattr(item, "nbytes", 0)
        return kept if kept >= SMALL else 0


def _reason(recipe: Recipe, error: Exception) -> str:
    if isinstance(error, BadPicture):
        return str(error)
    return f"the descriptor {recipe.name} failed: {type(error).__name__}: {error}"


class _Batch:
    """Collects what a recipe prepared, until there is enough to describe at once."""

    def __init__(self, number: int, recipe: Recipe, size: int):
        self.number, self.recipe, self.size = number, recipe, size
        self.ids: list[str] = []
        self.items: list[Any] = []
        self.dim = recipe.dim

    def add(self, ids: list[str], items: list[Any]) -> Iterator[Described | Failed]:
        self.ids += ids
        self.items += items
        while len(self.items) >= self.size:
            yield from self._describe(self.ids[: self.size], self.items[: self.size])
            del self.ids[: self.size], self.items[: self.size]
        if sum(getattr(item, "nbytes", 0) for item in self.items) >= BATCH_BYTES:
            yield from self.flush()

    def flush(self) -> Iterator[Described | Failed]:
        if self.items:
            yield from self._describe(self.ids, self.items)
        self.ids, self.items = [], []

    def _describe(self, ids: list[str], items: list[Any]) -> Iterator[Described | Failed]:
        try:
            vectors = checked(self.recipe, self.recipe.describe(items), len(items), self.dim)
        except (BadSpec, MissingPackage):
            raise
        except Exception as error:
            if len(items) == 1:
                yield Failed(self.number, [Failure(ids[0], _reason(self.recipe, error))])
                return
            for id, item in zip(ids, items, strict=True):  # the others are not to blame
                yield from self._describe([id], [item])
            return
        self.dim = vectors.shape[1]
        yield Described(self.number, ids, vectors)


class _Memory:
    """Bytes in work. The oldest task always gets what it asks for: everyone waits for it."""

    def __init__(self, limit: int):
        self.limit = limit
        self.used = 0
        self.oldest = 0
        self.changed = threading.Condition()

    def acquire(self, task: int, amount: int) -> None:
        if not amount:
            return
        with self.changed:
            self.changed.wait_for(lambda: task == self.oldest or self.used + amount <= self.limit)
            self.used += amount

    def release(self, amount: int) -> None:
        if amount:
            with self.changed:
                self.used -= amount
                self.changed.notify_all()

    def now_oldest(self, task: int) -> None:
        with self.changed:
            self.oldest = task
            self.changed.notify_all()

    def open_up(self) -> None:
        """Lets every waiting thread go on, to its end."""
        with self.changed:
            self.limit = 1 << 62
            self.changed.notify_all()


def _in_order(reader: _Reader, pictures: Iterable[Picture], threads: int) -> Iterator[_Task]:
    """Runs tasks in threads, some ahead, and gives their results in order."""
    # What is not made small stays whole until it is described: one picture a task, then.
    size = TASK if all(recipe.prepares for recipe in reader.recipes) else 1
    remaining = iter(pictures)
    waiting: deque[Future[_Task]] = deque()
    started = finished = 0
    pool = ThreadPoolExecutor(threads, "cbir-read")
    try:
        with _one_thread_each(threads):
            while True:
                while len(waiting) < 3 * threads and (some := list(islice(remaining, size))):
                    waiting.append(pool.submit(reader.run, started, some))
                    started += 1
                if not waiting:
                    return
                reader.memory.now_oldest(finished)
                yield waiting.popleft().result()
                finished += 1
    finally:
        for future in waiting:
            future.cancel()
        reader.memory.open_up()
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _one_thread_each(threads: int) -> Iterator[None]:
    """Keeps OpenCV from starting threads of its own below ours."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1 if threads > 1 else before)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
