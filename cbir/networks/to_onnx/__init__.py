"""Keras networks written as ONNX, natively: maps are (n, c, h, w), and a network is a function of
uint8 pixels (n, size, size, 3). Keras's own export takes a minute and 11 GB for InceptionResNetV2.
"""

from typing import Any

from cbir.networks.to_onnx.call import Call, require
from cbir.networks.to_onnx.convolutions import CONVOLUTIONS
from cbir.networks.to_onnx.elements import ELEMENTS
from cbir.networks.to_onnx.graph import Graph, Unsupported
from cbir.networks.to_onnx.pooling import POOLING, vectors
from cbir.networks.to_onnx.preprocessing import Preprocess, affine

__all__ = ["Unsupported", "to_onnx"]

FLOAT32 = 1  # as ONNX numbers its types
CONVERTERS = CONVOLUTIONS | ELEMENTS | POOLING


def to_onnx(model: Any, preprocess: Preprocess, pool: str, about: dict[str, str]) -> bytes:
    """A Keras model of maps of features as an ONNX file's content, pixels to vectors.

    Unsupported when it has a layer that is not in the tables.
    """
    graph = Graph()
    size = model.inputs[0].shape[1]
    value = graph.add("Cast", graph.to_nchw("pixels"), to=FLOAT32)
    value = affine(preprocess).add_to(graph, value)
    [value] = walk(graph, model, [value])
    value = vectors(graph, value, len(model.outputs[0].shape) - 1, pool)
    return graph.model(size, value, about)


def walk(graph: Graph, model: Any, inputs: list[str]) -> list[str]:
    """Adds all layers of a functional model, in their order; the names of the results."""
    model = getattr(model, "_functional", None) or model  # what is inside a Sequential
    require(hasattr(model, "_nodes_by_depth"), f"{type(model).__name__} as a model")
    names = dict(zip(map(id, model.inputs), inputs, strict=True))
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if not node.is_input:
                [output] = node.outputs
                names[id(output)] = add(graph, node, names)
    return [names[id(output)] for output in model.outputs]


def add(graph: Graph, node: Any, names: dict[int, str]) -> str:
    layer = node.operation
    tensors = node.arguments.keras_tensors
    inputs = [names[id(tensor)] for tensor in tensors]
    if hasattr(layer, "layers"):
        [value] = walk(graph, layer, inputs)
        return value
    kind = type(layer).__name__
    require(kind in CONVERTERS, f"layers of the kind {kind}")
    shapes = [tuple(tensor.shape[1:]) for tensor in tensors]
    numbers = [argument for argument in node.arguments.args if isinstance(argument, int | float)]
    call = Call(layer, inputs, shapes, tuple(node.outputs[0].shape[1:]), numbers)
    return CONVERTERS[kind](graph, call)
