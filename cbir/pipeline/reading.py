"""From a source to prepared pictures: threads that read, decode and prepare some tasks ahead."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any

from cbir.errors import BadPicture, BadSpec, MissingPackage
from cbir.images import Header, decode, read_header, working_bytes
from cbir.opencv import cv2
from cbir.pipeline.batching import Failed, reason
from cbir.recipe import Recipe
from cbir.types import Failure, Picture, Source

SMALL = 4 << 20
"""Decoding that takes less is not counted: a thread decodes one picture at a time."""

TINY = 64 << 10
"""Prepared pictures that are smaller are not counted: tasks in work are few, and so are these."""

TASK = 32
"""Pictures a task, at most: handing each over by itself would cost a tenth of the time."""


class Task:
    """What reading some pictures gave: for each recipe, ids and what it prepared of them."""

    def __init__(self, recipes: int):
        self.prepared: list[tuple[list[str], list[Any]]] = [([], []) for _ in range(recipes)]
        self.failed: list[Failed] = []
        self.held = 0

    def fail(self, recipe: int | None, id: str, reason: str) -> None:
        self.failed.append(Failed(recipe, [Failure(id, reason)]))


class Reader:
    """Reads, decodes and prepares pictures, in any thread.

    Python's part in this is kept small: while one thread is in it, the others wait.
    """

    def __init__(
        self, source: Source, recipes: Sequence[Recipe], max_pixels: int, memory: "Memory"
    ):
        self.source, self.recipes, self.max_pixels = source, recipes, max_pixels
        self.scales = sorted({recipe.pixels for recipe in recipes}, key=lambda p: p or 0)
        self.memory = memory

    def run(self, number: int, pictures: list[Picture]) -> Task:
        task = Task(len(self.recipes))
        for picture in pictures:
            try:
                self._one(number, picture, task)
            except BadPicture as error:
                task.fail(None, picture.id, str(error))
        return task

    def _one(self, number: int, picture: Picture, task: Task) -> None:
        data = self.source.read(picture)
        header = read_header(data)
        needed = len(data) + max(working_bytes(header, pixels) for pixels in self.scales)
        if header.pixels > self.max_pixels or needed < SMALL:
            needed = 0
        self.memory.acquire(number, needed)
        held, kept = needed, 0
        try:
            kept = self._prepare(picture.id, data, header, task)
            if kept > held:
                self.memory.acquire(number, kept - held)
                held = kept
        except MemoryError:
            size = f"{header.width}×{header.height}"
            raise BadPicture(f"not enough memory for {size} pixels") from None
        finally:
            self.memory.release(held - kept)
            task.held += kept

    def _prepare(self, id: str, data: bytes, header: Header, task: Task) -> int:
        """Adds to the task what each recipe makes of a picture; returns how large that is."""
        images = {
            pixels: decode(data, pixels, max_pixels=self.max_pixels, header=header)
            for pixels in self.scales
        }
        for image in images.values():
            image.flags.writeable = False  # several recipes may look at it
        made: list[Any] = []
        for recipe in self.recipes:
            try:
                made.append(recipe.prepare(images[recipe.pixels]))
            except (BadSpec, MissingPackage, MemoryError):
                raise
            except Exception as error:  # a plug-in may raise anything; the run must go on
                made.append(error)
        kept = 0
        for number, item in enumerate(made):
            if isinstance(item, Exception):
                task.fail(number, id, reason(self.recipes[number], item))
                continue
            ids, items = task.prepared[number]
            ids.append(id)
            items.append(item)
            kept += getattr(item, "nbytes", 0)
        return kept if kept >= TINY else 0


class Memory:
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


def in_order(reader: Reader, pictures: Iterable[Picture], threads: int) -> Iterator[Task]:
    """Runs tasks in threads, some ahead, and gives their results in order."""
    size = _task_size(reader, pictures, threads)
    remaining = iter(pictures)
    waiting: deque[Future[Task]] = deque()
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


def _task_size(reader: Reader, pictures: Iterable[Picture], threads: int) -> int:
    """How many pictures a task has."""
    if not all(recipe.prepares for recipe in reader.recipes):
        return 1  # what is not made small stays whole until it is described
    if isinstance(pictures, Sized):  # a few large photos are to keep all threads busy
        return max(1, min(TASK, len(pictures) // (8 * threads)))
    return TASK


@contextmanager
def _one_thread_each(threads: int) -> Iterator[None]:
    """Keeps OpenCV from starting threads of its own below ours."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1 if threads > 1 else before)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
