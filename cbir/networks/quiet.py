"""Keras, imported and used without its chatter. The one place that tells it things by environment.

TensorFlow's C++ code writes to file descriptor 2 whatever Python's streams are. Names of layers
("conv2d_7") are counted up in each thread; a thread of its own sees those of a fresh process.
"""

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TypeVar

from cbir.errors import MissingPackage

Result = TypeVar("Result")

_lock = threading.Lock()


def with_keras(work: Callable[[ModuleType], Result]) -> Result:
    """What `work(keras)` returns, done in silence; one such work at a time."""
    with _lock, _silence():
        return _aside(lambda: work(_keras()))


def _keras() -> ModuleType:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import keras
    except ImportError as error:
        raise MissingPackage(
            f"this descriptor needs Keras, and it can't be loaded ({_line(error)}); "
            "pip install tensorflow"
        ) from error
    keras.config.disable_interactive_logging()  # counts for this thread
    return keras


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _aside(work: Callable[[], Result]) -> Result:
    """Runs `work` in a thread of its own, which Ctrl-C need not wait for."""
    done: list[Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="keras", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


@contextmanager
def _silence() -> Iterator[None]:
    """Sends what C++ code writes to standard error nowhere."""
    try:
        kept = os.dup(2)
    except OSError:  # closed: silent already
        kept = None
    try:
        if kept is not None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if kept is not None:
            os.dup2(kept, 2)
            os.close(kept)
