"""Networks run by onnxruntime: the same digits in any batch, and ready in no time."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbir.errors import MissingPackage
from cbir.networks.batches import Batches
from cbir.threads import cores
from cbir.types import Vectors

Pixels = NDArray[np.uint8]

FATAL = 4

AHEAD = 8
"""Calls a core that are handed over together: the last of them find no partner."""


def session(model: bytes, threads: int) -> Any:
    """An onnxruntime session; whatever onnxruntime raises when it can't make one."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackage(
            f"networks need onnxruntime, and it can't be loaded ({error}); pip install onnxruntime"
        ) from error
    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(FATAL)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait busily take from those that decode the next pictures: 8.2 ms against 7.2.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Sessions:
    """Sessions of one network, opened when they are first wanted.

    One picture is run by all threads together, so that a query is answered soon. Several are run
    side by side, a thread each: threads that share a picture wait for each other at every layer.
    """

    def __init__(self, open: Callable[[int], Any]):
        """`open`: from a number of threads to a session."""
        self._open, self._opened, self._lock = open, dict[int, Any](), threading.Lock()

    def run(self, call: Callable[[Any, Pixels], Vectors], pixels: Pixels) -> Vectors:
        """The vectors (n, d) of n pictures, by `call(session, pixels of one)`."""
        one_by_one = partial(call, self._session(cores() if len(pixels) == 1 else 1))
        if len(pixels) == 1:
            return Batches(one_by_one, 1)(pixels)
        with ThreadPoolExecutor(cores(), "cbir-network") as pool:

            def side_by_side(some: Pixels) -> Vectors:
                return np.concatenate(list(pool.map(one_by_one, some[:, None])))

            return Batches(side_by_side, AHEAD * cores())(pixels)

    def _session(self, threads: int) -> Any:
        with self._lock:
            if threads not in self._opened:
                self._opened[threads] = self._open(threads)
            return self._opened[threads]


class OnnxEngine:
    """Calls an exported network: `pixels` (n, size, size, 3) uint8 to vectors (n, d).

    Always one picture a call, so that a vector has the same bits whatever is described beside it:
    in a batch, the digits of a matrix product depend on how many rows it has.
    """

    def __init__(self, open: Callable[[int], Any]):
        self._sessions = Sessions(open)

    def __call__(self, pixels: Pixels) -> Vectors:
        return self._sessions.run(_call, pixels)


def _call(session: Any, pixels: Pixels) -> Vectors:
    vectors: Vectors = session.run(None, {"pixels": pixels})[0]
    return vectors
