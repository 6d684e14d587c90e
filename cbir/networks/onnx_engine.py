"""Networks run by onnxruntime: the same digits in any batch, and ready in no time."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbir.errors import MissingPackage
from cbir.networks.batches import Batches, Run
from cbir.threads import cores
from cbir.types import Vectors

FATAL = 4

AHEAD = 8
"""Calls a core that are handed over together: the last of them find no partner."""


def session(model: bytes) -> Any:
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
    options.intra_op_num_threads = cores()
    options.inter_op_num_threads = 1
    # Threads that wait busily take from those that decode the next pictures: 8.2 ms against 7.2.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class OnnxEngine:
    """Calls an exported network: `pixels` (n, size, size, 3) uint8 to vectors (n, d)."""

    def __init__(self, session: Any):
        # No method of this object: a network is large, and should go with its last user.
        self.run = partial(_run, session)

    def __call__(self, pixels: NDArray[np.uint8]) -> Vectors:
        return side_by_side(self.run, pixels)


def side_by_side(run: Run, pixels: NDArray[np.uint8]) -> Vectors:
    """One picture a call, as many calls at a time as there are cores.

    So a vector has the same bits whatever is described beside it: in a batch, the digits of a
    matrix product depend on how many rows it has. It is no slower: each call keeps to itself,
    where the threads of a batch wait for each other at every layer.
    """
    if len(pixels) == 1:
        return Batches(run, 1)(pixels)
    with ThreadPoolExecutor(cores(), "cbir-network") as pool:

        def each(some: NDArray[np.uint8]) -> Vectors:
            return np.concatenate(list(pool.map(run, some[:, None])))

        return Batches(each, AHEAD * cores())(pixels)


def _run(session: Any, pixels: NDArray[np.uint8]) -> Vectors:
    vectors: Vectors = session.run(None, {"pixels": pixels})[0]
    return vectors
