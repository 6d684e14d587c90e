"""Threads that carry out some tasks ahead, and results in the tasks' order."""

from collections import deque
from collections.abc import Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from cbir.opencv import cv2
from cbir.pipeline.jobs import Task, Wanted
from cbir.pipeline.reading import Reader
from cbir.types import Picture

TASK = 32
"""Pictures a task, at most: handing each over by itself would cost a tenth of the time."""


def in_order(reader: Reader, work: Iterable[Task | list[Wanted]], threads: int) -> Iterator[Task]:
    """Runs what is to be read in threads, some ahead, and gives all results in order.

    For each picture that can be asked for at a time there is a thread more, which waits for it.
    """
    threads += reader.connections
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
        reader.close()
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
    # One that has to be asked for keeps all in its task waiting, and one that is not made small
    # stays whole until it is described.
    if reader.connections or not all(job.recipe.prepares for job in reader.jobs):
        return 1
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
