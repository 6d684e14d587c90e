"""From a source to prepared pictures: threads that read, decode and prepare some tasks ahead."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from cbir.errors import BadPicture, CbirError
from cbir.images import Header, check_size, decode, has_white_border, read_header, working_bytes
from cbir.images.transforms import ORIGINAL, TRANSFORMS
from cbir.opencv import cv2
from cbir.pipeline.batching import reason
from cbir.pipeline.jobs import Entry, Job, Seen, Task, Wanted
from cbir.pipeline.kept import Kept
from cbir.pipeline.memory import Memory
from cbir.types import Failure, Image, Picture, Source

SMALL = 4 << 20
"""Decoding that takes less is not counted: a thread decodes one picture at a time."""

TINY = 64 << 10
"""Prepared pictures that are smaller are not counted: tasks in work are few, and so are these."""

TASK = 32
"""Pictures a task, at most: handing each over by itself would cost a tenth of the time."""

Decoded = dict[int | None, Image]  # by the short side that was asked for


class Reader:
    """Reads, decodes and prepares pictures, in any thread.

    Python's part in this is kept small: while one thread is in it, the others wait.
    """

    def __init__(
        self, source: Source, jobs: Sequence[Job], kept: Kept, max_pixels: int, memory: Memory
    ):
        self.source, self.jobs, self.kept = source, jobs, kept
        self.max_pixels, self.memory = max_pixels, memory

    def run(self, number: int, wanted: Sequence[Wanted]) -> Task:
        task = Task(len(self.jobs))
        for one in wanted:
            try:
                self._one(number, one, task)
            except BadPicture as error:
                task.failed.append(Failure(one.picture.id, str(error)))
        return task

    def _one(self, number: int, wanted: Wanted, task: Task) -> None:
        picture = wanted.picture
        data = self.source.read(picture)
        header = read_header(data)
        check_size(header, self.max_pixels)
        content, vectors = None, wanted.vectors
        if self.kept.store is not None:
            content = sha256(data).digest()
            before = vectors if content == wanted.content else self.kept.none
            vectors = self.kept.find(content, before)
        missing = [j for j, vector in zip(self.jobs, vectors, strict=True) if vector is None]
        items: dict[int, Any] = {}
        white = None
        if missing:
            items, white = self._items(number, data, header, missing, task)
        if content is not None and content != wanted.content:
            task.seen.append(Seen(picture, content, header.pixels, white))
        for job, vector in zip(self.jobs, vectors, strict=True):
            entry = Entry(picture.id, content, None, vector)
            if vector is None:
                made = items[job.number]
                if isinstance(made, Exception):
                    entry.reason = reason(job.recipe, made)
                else:
                    entry.item = made
            task.entries[job.number].append(entry)

    def _items(
        self, number: int, data: bytes, header: Header, jobs: Sequence[Job], task: Task
    ) -> tuple[dict[int, Any], bool | None]:
        """What these jobs prepare of a picture, within the budget; and if its border is white."""
        scales = {job.recipe.pixels for job in jobs}
        needed = len(data) + max(working_bytes(header, pixels) for pixels in scales)
        if needed < SMALL:
            needed = 0
        self.memory.acquire(number, needed)
        held, kept = needed, 0
        try:
            images = self._decoded(data, header, scales)
            image = next(iter(images.values()))
            white = has_white_border(image) if self.kept.remembers else None
            items = _prepared(images, jobs)
            kept = sum(getattr(item, "nbytes", 0) for item in items.values())
            kept = kept if kept >= TINY else 0
            if kept > held:
                self.memory.acquire(number, kept - held)
                held = kept
            return items, white
        except MemoryError:
            size = f"{header.width}×{header.height}"
            raise BadPicture(f"not enough memory for {size} pixels") from None
        finally:
            self.memory.release(held - kept)
            task.held += kept

    def _decoded(self, data: bytes, header: Header, scales: Iterable[int | None]) -> Decoded:
        images = {
            pixels: decode(data, pixels, max_pixels=self.max_pixels, header=header)
            for pixels in sorted(scales, key=lambda pixels: pixels or 0)
        }
        for image in images.values():
            image.flags.writeable = False  # several recipes may look at it
        return images


def _prepared(images: Mapping[int | None, Image], jobs: Sequence[Job]) -> dict[int, Any]:
    """By job, what it prepares of the picture, or the exception that it raised."""
    turned: dict[tuple[int | None, str], Image] = {}
    items: dict[int, Any] = {}
    for job in jobs:
        key = job.recipe.pixels, job.transform
        if key not in turned:
            turned[key] = TRANSFORMS[job.transform](images[job.recipe.pixels])
            turned[key].flags.writeable = False
        try:
            items[job.number] = job.recipe.prepare(turned[key], job.transform == ORIGINAL)
        except MemoryError:
            raise
        except Exception as error:  # a plug-in may raise anything; the run must go on
            if isinstance(error, CbirError) and not isinstance(error, BadPicture):
                raise
            items[job.number] = error
    return items


def in_order(reader: Reader, work: Iterable[Task | list[Wanted]], threads: int) -> Iterator[Task]:
    """Runs what is to be read in threads, some ahead, and gives all results in order."""
    remaining = iter(work)
    waiting: deque[Future[Task]] = deque()
    started = finished = 0
    pool = ThreadPoolExecutor(threads, "cbir-read")
    try:
        with _one_thread_each(threads):
            while True:
                while len(waiting) < 3 * threads and (some := next(remaining, None)) is not None:
                    waiting.append(_under_way(pool, reader, started, some))
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


def _under_way(
    pool: ThreadPoolExecutor, reader: Reader, number: int, work: Task | list[Wanted]
) -> Future[Task]:
    if isinstance(work, list):
        return pool.submit(reader.run, number, work)
    done: Future[Task] = Future()
    done.set_result(work)
    return done


def task_size(reader: Reader, pictures: Iterable[Picture], threads: int) -> int:
    """How many pictures a task has."""
    if not all(job.recipe.prepares for job in reader.jobs):
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
