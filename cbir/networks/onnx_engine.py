"""Networks run by onnxruntime: the same digits in any batch, and ready in no time."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbir.errors import MissingPackage
from cbir.networks.batches import Batches
from cbir.threads import cores
from cbir.types import Vectors

AT_A_TIME = 4 * 224 * 224
"""Pixels in one call. More do not run faster, and take more memory."""

FATAL = 4


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
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class OnnxEngine:
    """Calls an exported network: `pixels` (n, size, size, 3) uint8 to vectors (n, d)."""

    def __init__(self, session: Any):
        size = session.get_inputs()[0].shape[1]
        # No method of this object: a network is large, and should go with its last user.
        self.batches = Batches(partial(_run, session), max(1, AT_A_TIME // size**2))

    def __call__(self, pixels: NDArray[np.uint8]) -> Vectors:
        return self.batches(pixels)


def _run(session: Any, pixels: NDArray[np.uint8]) -> Vectors:
    vectors: Vectors = session.run(None, {"pixels": pixels})[0]
    return vectors
