"""Convolutions of all kinds in ONNX, and Dense, which is one."""

from typing import Any

from numpy.typing import NDArray

from cbir.networks.to_onnx.activations import activated
from cbir.networks.to_onnx.call import Call, Converter, numbers, pads, require, require_map
from cbir.networks.to_onnx.graph import Graph


def convolved(graph: Graph, value: str, kernel: NDArray, bias: Any, **how: Any) -> str:
    """A convolution with a kernel (out, in / group, h, w)."""
    inputs = [value, graph.constant(kernel)]
    if bias is not None:
        inputs.append(graph.constant(numbers(bias)))
    return graph.add("Conv", *inputs, kernel_shape=kernel.shape[2:], **how)


def window(call: Call) -> dict[str, Any]:
    """How a convolution moves over its map."""
    layer = call.layer
    strides, dilation = tuple(layer.strides), tuple(layer.dilation_rate)
    around = pads(call, tuple(layer.kernel_size), strides, dilation)
    return {"strides": strides, "dilations": dilation, "pads": around}


def depthwise(kernel: NDArray) -> NDArray:
    """(h, w, in, times) to (in·times, 1, h, w)."""
    height, width = kernel.shape[:2]
    return kernel.transpose(2, 3, 0, 1).reshape(-1, 1, height, width)


def conv(graph: Graph, call: Call) -> str:
    require_map(call)
    layer = call.layer
    kernel = numbers(layer.kernel).transpose(3, 2, 0, 1)
    how = window(call) | {"group": layer.groups}
    made = convolved(graph, call.inputs[0], kernel, layer.bias, **how)
    return activated(graph, made, layer.activation)


def depthwise_conv(graph: Graph, call: Call) -> str:
    require_map(call)
    layer = call.layer
    how = window(call) | {"group": call.shapes[0][-1]}
    kernel = depthwise(numbers(layer.kernel))
    made = convolved(graph, call.inputs[0], kernel, layer.bias, **how)
    return activated(graph, made, layer.activation)


def separable_conv(graph: Graph, call: Call) -> str:
    require_map(call)
    layer = call.layer
    how = window(call) | {"group": call.shapes[0][-1]}
    kernel = depthwise(numbers(layer.depthwise_kernel))
    made = convolved(graph, call.inputs[0], kernel, None, **how)
    kernel = numbers(layer.pointwise_kernel).transpose(3, 2, 0, 1)
    made = convolved(graph, made, kernel, layer.bias)
    return activated(graph, made, layer.activation)


def dense(graph: Graph, call: Call) -> str:
    """As a 1×1 convolution: a matrix product of a batch has other last digits than one of a row."""
    layer, value = call.layer, call.inputs[0]
    flat = len(call.shapes[0]) == 1
    require(flat or len(call.shapes[0]) == 3, "Dense on other than vectors and maps")
    if flat:
        value = graph.add("Reshape", value, graph.shape(0, -1, 1, 1))
    kernel = numbers(layer.kernel).T[:, :, None, None]
    made = convolved(graph, value, kernel, layer.bias)
    if flat:
        made = graph.add("Flatten", made)
    return activated(graph, made, layer.activation)


CONVOLUTIONS: dict[str, Converter] = {
    "Conv2D": conv,
    "DepthwiseConv2D": depthwise_conv,
    "SeparableConv2D": separable_conv,
    "Dense": dense,
}
