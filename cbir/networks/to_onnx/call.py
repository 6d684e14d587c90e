"""What a converter of one kind of layer is given, and what many of them need."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cbir.networks.to_onnx.graph import Graph, Unsupported

Shape = tuple[int, ...]
"""As Keras has it, without the batch: (h, w, c) for a map."""


class Call(NamedTuple):
    """A layer applied to values: their names, their shapes and the shape of the result.

    `arguments` are those of the call that are no values: the number in `x + 3`.
    """

    layer: Any
    inputs: list[str]
    shapes: list[Shape]
    shape: Shape
    arguments: list[Any]

    @property
    def on_map(self) -> bool:
        return len(self.shapes[0]) == 3


Converter = Callable[[Graph, Call], str]


def numbers(variable: Any) -> NDArray[np.float32]:
    from keras import ops

    return np.asarray(ops.convert_to_numpy(variable), np.float32)


def require(condition: bool, what: str) -> None:
    if not condition:
        raise Unsupported(what)


def require_map(call: Call) -> None:
    """Layers on maps must have their channels last, which is what this package asks Keras for."""
    require(call.on_map, "maps of other than three dimensions")
    require(
        getattr(call.layer, "data_format", "channels_last") == "channels_last", "channels first"
    )


def pads(call: Call, window: Shape, strides: Shape, dilation: Shape = (1, 1)) -> list[int]:
    """Zeros around a map for padding="same", as TensorFlow counts them: the odd one comes last."""
    if call.layer.padding == "valid":
        return [0, 0, 0, 0]
    require(call.layer.padding == "same", f"padding={call.layer.padding}")
    before, after = [], []
    for size, width, stride, gap in zip(call.shapes[0][:2], window, strides, dilation, strict=True):
        steps = -(-size // stride)
        total = max((steps - 1) * stride + (width - 1) * gap + 1 - size, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return before + after
