"""The part of a model that makes one output of one input: the picture's half of CLIP."""

from collections.abc import Iterator
from typing import Any

from cbir.errors import MissingPackage


def part(model: bytes, image: str, output: str) -> tuple[bytes, list[str]]:
    """The model without what the output does not need, and the other inputs that it does need."""
    try:
        import onnx
    except ImportError as error:
        raise MissingPackage(
            f"a model with several inputs needs the package onnx ({error}); pip install onnx"
        ) from error
    whole = onnx.ModelProto.FromString(model)
    graph = whole.graph
    needed, nodes = {output}, []
    for node in reversed(graph.node):  # a node stands after those that it reads from
        if needed.intersection(node.output):
            needed.update(_read(node))
            nodes.append(node)
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    given = {image, *(tensor.name for tensor in weights)}
    inputs = [value for value in graph.input if value.name in needed]
    small = onnx.ModelProto(ir_version=whole.ir_version)
    small.opset_import.extend(whole.opset_import)
    small.functions.extend(whole.functions)
    small.graph.name = graph.name
    small.graph.node.extend(reversed(nodes))
    small.graph.input.extend(inputs)
    small.graph.initializer.extend(weights)
    small.graph.output.extend(value for value in graph.output if value.name == output)
    return small.SerializeToString(), [v.name for v in inputs if v.name not in given]


def _read(node: Any) -> Iterator[str]:
    """The names of the values that a node reads, those in the graphs inside it too."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            yield from (value.name for value in graph.output)
            for inner in graph.node:
                yield from _read(inner)
