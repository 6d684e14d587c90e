"""Pooling, padding and cropping of maps in ONNX."""

from typing import Any

import numpy as np

from cbir.networks.to_onnx.call import Call, Converter, pads, require, require_map
from cbir.networks.to_onnx.graph import Graph


def _pool(graph: Graph, call: Call, kind: str, **how: Any) -> str:
    """Zeros around the map are no part of an average, in Keras and in ONNX alike."""
    require_map(call)
    window, strides = tuple(call.layer.pool_size), tuple(call.layer.strides)
    around = pads(call, window, strides)
    value = call.inputs[0]
    if graph.kind_of(value) == "Pad":
        # Else onnxruntime merges the two, and a maximum sees minus infinity instead of zeros.
        value = graph.add("Max", value, graph.constant(np.finfo(np.float32).min))
    return graph.add(kind, value, kernel_shape=window, strides=strides, pads=around, **how)


def average_pool(graph: Graph, call: Call) -> str:
    return _pool(graph, call, "AveragePool", count_include_pad=0)


def max_pool(graph: Graph, call: Call) -> str:
    return _pool(graph, call, "MaxPool")


def _global_pool(graph: Graph, call: Call, kind: str) -> str:
    require_map(call)
    pooled = graph.add(kind, call.inputs[0])
    return pooled if call.layer.keepdims else graph.add("Flatten", pooled)


def global_average_pool(graph: Graph, call: Call) -> str:
    return _global_pool(graph, call, "GlobalAveragePool")


def global_max_pool(graph: Graph, call: Call) -> str:
    return _global_pool(graph, call, "GlobalMaxPool")


def zero_padding(graph: Graph, call: Call) -> str:
    require_map(call)
    (top, bottom), (left, right) = call.layer.padding
    sides = graph.shape(0, 0, top, left, 0, 0, bottom, right)
    return graph.add("Pad", call.inputs[0], sides, graph.constant(0.0))


def cropping(graph: Graph, call: Call) -> str:
    require_map(call)
    (top, bottom), (left, right) = call.layer.cropping
    height, width = call.shapes[0][:2]
    starts, ends = graph.shape(top, left), graph.shape(height - bottom, width - right)
    return graph.add("Slice", call.inputs[0], starts, ends, graph.shape(2, 3))


def vectors(graph: Graph, value: str, dimensions: int, pool: str) -> str:
    """A network's output as one vector a picture. Outputs that are vectors stay as they are."""
    if dimensions == 1:
        return value
    require(dimensions == 3, f"an output of {dimensions} dimensions")
    if pool == "flatten":
        return graph.add("Flatten", graph.to_nhwc(value))  # in Keras's order
    if pool == "gem":
        return graph.add("Flatten", _generalised_mean(graph, value))
    kind = {"avg": "GlobalAveragePool", "max": "GlobalMaxPool"}[pool]
    return graph.add("Flatten", graph.add(kind, value))


def _generalised_mean(graph: Graph, value: str) -> str:
    """The third root of the mean of cubes."""
    positive = graph.add("Max", value, graph.constant(1e-6))
    cubes = graph.add("Pow", positive, graph.constant(3.0))
    return graph.add("Pow", graph.add("GlobalAveragePool", cubes), graph.constant(1 / 3))


POOLING: dict[str, Converter] = {
    "AveragePooling2D": average_pool,
    "MaxPooling2D": max_pool,
    "GlobalAveragePooling2D": global_average_pool,
    "GlobalMaxPooling2D": global_max_pool,
    "ZeroPadding2D": zero_padding,
    "Cropping2D": cropping,
}
