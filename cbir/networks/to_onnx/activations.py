"""Activations in ONNX, by the names of Keras's functions."""

import math
from collections.abc import Callable
from typing import Any

from cbir.networks.to_onnx.graph import Graph, Unsupported


def activated(graph: Graph, value: str, function: Any) -> str:
    """A Keras activation function applied to a value."""
    name = getattr(function, "__name__", str(function))
    if name not in ACTIVATIONS:
        raise Unsupported(f"the activation {name}")
    return ACTIVATIONS[name](graph, value)


def relu(graph: Graph, value: str, most: float | None = None) -> str:
    if most is None:
        return graph.add("Relu", value)
    return graph.add("Clip", value, graph.constant(0.0), graph.constant(most))


def relu6(graph: Graph, value: str) -> str:
    return relu(graph, value, 6.0)


def silu(graph: Graph, value: str) -> str:
    return graph.add("Mul", value, graph.add("Sigmoid", value))


def gelu(graph: Graph, value: str) -> str:
    error = graph.add("Erf", graph.add("Div", value, graph.constant(math.sqrt(2))))
    one_more = graph.add("Add", error, graph.constant(1.0))
    return graph.add("Mul", graph.add("Mul", value, one_more), graph.constant(0.5))


def hard_sigmoid(graph: Graph, value: str) -> str:
    return graph.add("HardSigmoid", value, alpha=1 / 6, beta=0.5)


def hard_silu(graph: Graph, value: str) -> str:
    return graph.add("Mul", value, hard_sigmoid(graph, value))


ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "linear": lambda graph, value: value,
    "relu": relu,
    "relu6": relu6,
    "silu": silu,
    "swish": silu,
    "gelu": gelu,
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": hard_silu,
    "hard_swish": hard_silu,
    "sigmoid": lambda graph, value: graph.add("Sigmoid", value),
    "tanh": lambda graph, value: graph.add("Tanh", value),
    "softmax": lambda graph, value: graph.add("Softmax", value, axis=1),
}
