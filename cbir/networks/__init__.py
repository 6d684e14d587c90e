"""Networks that Keras names and brings the weights of, as functions from pixels to vectors."""

import logging
import threading
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from cbir import places
from cbir.networks.network import Network, Pool, Runner, Weights

__all__ = ["Network", "Pool", "Runner", "Weights", "load"]

_loaded: WeakValueDictionary[tuple[Network, Path], Any] = WeakValueDictionary()
_lock = threading.Lock()


def load(network: Network) -> Runner:
    """The network, ready to run. One that somebody here still uses is not loaded twice."""
    key = network, places.keras()
    with _lock:
        runner = _loaded.get(key)
        if runner is None:
            runner = _loaded[key] = _load(network)
        return runner


def _load(network: Network) -> Runner:
    """On a GPU Keras is the fastest; else onnxruntime is, and starts without Keras."""
    from cbir.networks.exporting import Exported
    from cbir.networks.keras_engine import KerasEngine, sees_gpu
    from cbir.networks.onnx_engine import OnnxEngine
    from cbir.networks.to_onnx import Unsupported

    if sees_gpu():
        return KerasEngine(network, on_gpu=True)
    try:
        return OnnxEngine(Exported(network).open)
    except Unsupported as reason:
        log = logging.getLogger("cbir")
        log.info("Keras itself runs %s here: this package has no %s", network.model, reason)
        return KerasEngine(network, on_gpu=False)
