"""From a network's name to an onnxruntime session: kept on disk, so that Keras is needed once."""

import json
import logging
from typing import Any

from cbir.errors import CbirError
from cbir.networks import kept
from cbir.networks.applications import build
from cbir.networks.network import Network
from cbir.networks.onnx_engine import session
from cbir.networks.quiet import with_keras
from cbir.networks.to_onnx import to_onnx
from cbir.networks.weights import keras_file

VERSION = 1
"""Of the conversion to ONNX: networks kept by another one are made again."""

SOURCE = "cbir.weights"


class Exported:
    """A network in ONNX: on disk or, where nothing can be written, in memory.

    Unsupported when it can't be said in ONNX.
    """

    def __init__(self, network: Network):
        words = [network.model, network.layer, network.pool, str(network.size)]
        identity = json.dumps([*words, str(network.weights), VERSION])
        self.network, self.path = network, kept.path_for(words, identity)
        self._unkept: bytes | None = None
        if not self.path.exists():
            self._make()

    def open(self, threads: int) -> Any:
        """A session that takes `pixels`."""
        model = self._unkept or kept.read(self.path)
        ready = None if model is None else _session_of_kept(model, threads)
        return session(self._make(), threads) if ready is None else ready

    def _make(self) -> bytes:
        logging.getLogger("cbir").info("preparing %s for quick starts, once", self.network.model)
        model = kept.write(self.path, _export(self.network))
        self._unkept = None if self.path.exists() else model
        return model


def _session_of_kept(model: bytes, threads: int) -> Any | None:
    """None when it does not run, or when the weights that it was made of have changed."""
    try:
        ready = session(model, threads)
    except CbirError:
        raise
    except Exception:  # onnxruntime's own, of many kinds; the network is made again
        return None
    said = ready.get_modelmeta().custom_metadata_map.get(SOURCE, "{}")
    source = json.loads(said)
    if source and keras_file(source["file"]).exists() and source != _source(source["file"]):
        return None
    return ready


def _source(name: str) -> dict[str, Any]:
    """What tells a file of weights from a later one."""
    status = keras_file(name).stat()
    return {"file": name, "size": status.st_size, "mtime": status.st_mtime_ns}


def _export(network: Network) -> bytes:
    built = build(network)
    source = _source(built.file.name) if network.weights == "imagenet" else {}
    about = {SOURCE: json.dumps(source)}
    return with_keras(lambda keras: to_onnx(built.model, built.preprocess, network.pool, about))
