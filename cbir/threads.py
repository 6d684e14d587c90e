"""How many threads this process may keep busy."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Done = TypeVar("Done")


def cores() -> int:
    """The cores that are ours: in a container fewer than the machine has."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def in_threads(work: Callable[[slice], Done], count: int, at_once: int) -> list[Done]:
    """What becomes of so many things, some at a time, in their order; on all our cores."""
    pieces = [slice(start, start + at_once) for start in range(0, count, at_once)]
    if len(pieces) < 2:
        return [work(piece) for piece in pieces]
    with ThreadPoolExecutor(cores(), "cbir-pieces") as pool:
        return list(pool.map(work, pieces))
