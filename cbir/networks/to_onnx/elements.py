"""Layers that work on each number, or put numbers elsewhere, in ONNX."""

from typing import Any

import numpy as np

from cbir.networks.to_onnx import activations
from cbir.networks.to_onnx.call import Call, Converter, numbers, require
from cbir.networks.to_onnx.graph import Graph


def same(graph: Graph, call: Call) -> str:
    """What does something in training only."""
    return call.inputs[0]


def activation(graph: Graph, call: Call) -> str:
    return activations.activated(graph, call.inputs[0], call.layer.activation)


def relu(graph: Graph, call: Call) -> str:
    layer = call.layer
    require(not layer.negative_slope and not layer.threshold, "a leaky ReLU")
    return activations.relu(graph, call.inputs[0], layer.max_value)


def _constant(graph: Graph, call: Call, values: Any) -> str:
    """One number, or one a channel, to be combined with a map or with vectors."""
    array = np.asarray(values, np.float32)
    if array.size == 1:
        return graph.constant(array.reshape(()))
    channels = call.shapes[0][-1]
    require(array.shape[-1] == array.size == channels, f"numbers of shape {array.shape}")
    return graph.per_channel(array) if call.on_map else graph.constant(array.ravel())


def batch_normalization(graph: Graph, call: Call) -> str:
    layer = call.layer
    axis = layer.axis[0] if isinstance(layer.axis, list | tuple) else layer.axis
    require(axis in (-1, len(call.shapes[0])), "BatchNormalization along another axis")
    mean, variance = numbers(layer.moving_mean), numbers(layer.moving_variance)
    scale = numbers(layer.gamma) if layer.scale else np.ones_like(mean)
    shift = numbers(layer.beta) if layer.center else np.zeros_like(mean)
    four = [graph.constant(values) for values in (scale, shift, mean, variance)]
    return graph.add("BatchNormalization", call.inputs[0], *four, epsilon=layer.epsilon)


def layer_normalization(graph: Graph, call: Call) -> str:
    layer = call.layer
    axis = layer.axis[0] if isinstance(layer.axis, list | tuple) else layer.axis
    require(axis in (-1, len(call.shapes[0])), "LayerNormalization along another axis")
    require(not getattr(layer, "rms_scaling", False), "LayerNormalization by the mean square")
    channels = call.shapes[0][-1]
    scale = numbers(layer.gamma) if layer.scale else np.ones(channels)
    shift = numbers(layer.beta) if layer.center else np.zeros(channels)
    value = graph.to_nhwc(call.inputs[0]) if call.on_map else call.inputs[0]
    two = graph.constant(scale), graph.constant(shift)
    made = graph.add("LayerNormalization", value, *two, axis=-1, epsilon=layer.epsilon)
    return graph.to_nchw(made) if call.on_map else made


def normalization(graph: Graph, call: Call) -> str:
    layer = call.layer
    require(not layer.invert, "an inverted Normalization")
    mean, variance = numbers(layer.mean), numbers(layer.variance)
    centred = graph.add("Sub", call.inputs[0], _constant(graph, call, mean))
    deviation = np.maximum(np.sqrt(variance), 1e-7)
    return graph.add("Div", centred, _constant(graph, call, deviation))


def rescaling(graph: Graph, call: Call) -> str:
    scaled = graph.add("Mul", call.inputs[0], _constant(graph, call, call.layer.scale))
    return graph.add("Add", scaled, _constant(graph, call, call.layer.offset))


def layer_scale(graph: Graph, call: Call) -> str:
    return graph.add("Mul", call.inputs[0], _constant(graph, call, numbers(call.layer.gamma)))


def scaled_residual(graph: Graph, call: Call) -> str:
    scale = graph.constant(call.layer.scale)
    return graph.add("Add", call.inputs[0], graph.add("Mul", call.inputs[1], scale))


def _combine(kind: str) -> Converter:
    def combine(graph: Graph, call: Call) -> str:
        require(len(set(map(len, call.shapes))) == 1, f"{kind} of values of different dimensions")
        values = call.inputs + [_constant(graph, call, number) for number in call.arguments]
        made = values[0]
        for value in values[1:]:
            made = graph.add(kind, made, value)
        return made

    return combine


def concatenate(graph: Graph, call: Call) -> str:
    require(call.layer.axis in (-1, len(call.shapes[0])), "concatenation along another axis")
    return graph.add("Concat", *call.inputs, axis=1)


def reshape(graph: Graph, call: Call) -> str:
    value = graph.to_nhwc(call.inputs[0]) if call.on_map else call.inputs[0]
    made = graph.add("Reshape", value, graph.shape(0, *call.shape))
    return graph.to_nchw(made) if len(call.shape) == 3 else made


ELEMENTS: dict[str, Converter] = {
    "Dropout": same,
    "StochasticDepth": same,
    "Activation": activation,
    "ReLU": relu,
    "BatchNormalization": batch_normalization,
    "LayerNormalization": layer_normalization,
    "Normalization": normalization,
    "Rescaling": rescaling,
    "LayerScale": layer_scale,
    "CustomScaleLayer": scaled_residual,
    "Add": _combine("Add"),
    "Multiply": _combine("Mul"),
    "Concatenate": concatenate,
    "Flatten": reshape,
    "Reshape": reshape,
}
