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


def exported(network: Network) -> Any:
    """A session that takes `pixels`; Unsupported when the network can't be said in ONNX."""
    words = [network.model, network.layer, network.pool, str(network.size)]
    path = kept.path_for(words, json.dumps([*words, str(network.weights), VERSION]))
    model = kept.read(path)
    if model is not None:
        ready = _session_of_kept(model)
        if ready is not None:
            return ready
    del model
    logging.getLogger("cbir").info("preparing %s for quick starts, once", network.model)
    return session(kept.write(path, _export(network)))


def _session_of_kept(model: bytes) -> Any | None:
    """None when it does not run, or when the weights that it was made of have changed."""
    try:
        ready = session(model)
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
