"""Compiled loops, and when they have earned their start.

Importing numba and loading a kernel costs about half a second, which a short command never earns
back. So work begins on the plain path, which counts what it spends; once that is as much as the
start would have cost, the compiled path takes over. So the total is about twice the best
at worst. Loops whose compiled form gains little, or takes much memory, set a higher price.

The other modules here hold the loops; each imports numba, and is imported by `Compiled` alone.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Literal, TypeVar

Kernels = TypeVar("Kernels")
Engine = Literal["auto", "plain", "compiled"]

START_SECONDS = 0.6


class Compiled(Generic[Kernels]):
    """Kernels that load when they pay: `ready()` gives them, or None while plain is better."""

    def __init__(self, load: Callable[[], Kernels], worth_seconds: float = START_SECONDS):
        self._load = load
        self._worth = worth_seconds
        self._kernels: Kernels | None = None
        self._failed = False
        self._spent = 0.0
        self._lock = threading.Lock()

    def ready(self, engine: Engine = "auto", expected_seconds: float = 0.0) -> Kernels | None:
        """The kernels if they are loaded, or due. `expected_seconds`: what plain would take now."""
        if engine == "plain":
            return None
        if self._kernels is None and not self._failed:
            due = self._spent + expected_seconds >= self._worth
            if engine == "compiled" or due:
                self._start()
        return self._kernels

    @contextmanager
    def plain(self) -> Iterator[None]:
        """Counts the time of one piece of work on the plain path."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._spent += time.perf_counter() - started

    def _start(self) -> None:
        with self._lock:
            if self._kernels is not None or self._failed:
                return
            try:
                self._kernels = self._load()
            except (ImportError, RuntimeError):
                # No numba, or a numba that does not run here: slower, and just as right.
                self._failed = True
