"""Networks run by Keras itself: on a GPU, or where a network can't be said in ONNX."""

from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from cbir.errors import BadSpec
from cbir.networks.applications import build
from cbir.networks.batches import Batches
from cbir.networks.network import Network
from cbir.networks.quiet import with_keras
from cbir.types import Vectors

NVIDIA = Path("/dev/nvidiactl"), Path("/dev/dxg")  # the second is Windows' own Linux
ON_GPU, ON_CPU = 64, 8


def sees_gpu() -> bool:
    """Whether TensorFlow has a GPU to run on. Loads it only where there may be one."""
    return any(path.exists() for path in NVIDIA) and with_keras(_prepare_gpus)


def _prepare_gpus(keras: ModuleType) -> bool:
    """Takes memory as it is needed, and keeps to float32: TF32 changes the third digit."""
    if keras.config.backend() != "tensorflow":
        return False
    import tensorflow

    gpus = tensorflow.config.list_physical_devices("GPU")
    try:
        for gpu in gpus:
            tensorflow.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:  # somebody uses it already, as they want it
        pass
    tensorflow.config.experimental.enable_tensor_float_32_execution(False)
    return bool(gpus)


class KerasEngine:
    """Pixels (n, size, size, 3) uint8 to vectors (n, d), always in batches of one shape.

    What is computed depends on the batch's shape in its last digits; so a short one is filled up.
    """

    def __init__(self, network: Network, on_gpu: bool):
        self.built, self.pool = build(network), network.pool
        self.batches = Batches(self._run, ON_GPU if on_gpu else ON_CPU)

    def __call__(self, pixels: NDArray[np.uint8]) -> Vectors:
        return self.batches(pixels)

    def _run(self, pixels: NDArray[np.uint8]) -> Vectors:
        batch = np.zeros((self.batches.most, *pixels.shape[1:]), np.float32)
        batch[: len(pixels)] = pixels
        made = self.built.model.predict_on_batch(self.built.preprocess(batch))
        return pooled(np.asarray(made)[: len(pixels)], self.pool)


def pooled(maps: NDArray[np.float32], pool: str) -> Vectors:
    """(n, h, w, c) to (n, d); vectors stay as they are."""
    if maps.ndim == 2:
        return maps
    if maps.ndim != 4:
        raise BadSpec(f"that layer gives values of shape {maps.shape[1:]}, not maps or vectors")
    if pool == "flatten":
        return maps.reshape(len(maps), -1)
    if pool == "max":
        return maps.max(axis=(1, 2))
    if pool == "gem":
        return np.cbrt(np.power(np.maximum(maps, 1e-6), 3).mean(axis=(1, 2)))
    return maps.mean(axis=(1, 2))
