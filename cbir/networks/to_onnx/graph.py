"""An ONNX graph as it is written: nodes one after the other, and the numbers that they use."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

OPSET = 18
IR_VERSION = 9

TO_NCHW = (0, 3, 1, 2)
TO_NHWC = (0, 2, 3, 1)


class Unsupported(Exception):
    """Something that this package can't say in ONNX: Keras runs such a network."""


class Graph:
    """Values are known by their names. Maps of features are (n, c, h, w), as ONNX wants them."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.numbers: list[Any] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output, whose name is returned."""
        from onnx import helper

        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def kind_of(self, value: str) -> str:
        """The kind of node that a value comes from; of what comes from none, nothing."""
        return next((node.op_type for node in self.nodes[::-1] if value in node.output), "")

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        from onnx import numpy_helper

        array: NDArray[Any] = np.ascontiguousarray(np.asarray(values, dtype))
        name = f"w{len(self.numbers)}"
        self.numbers.append(numpy_helper.from_array(array, name))
        return name

    def shape(self, *sizes: int) -> str:
        return self.constant(sizes, np.int64)

    def per_channel(self, values: Any) -> str:
        """(c,) numbers, or one, to be combined with a map."""
        return self.constant(np.asarray(values, np.float32).reshape(1, -1, 1, 1))

    def to_nhwc(self, value: str) -> str:
        return self.add("Transpose", value, perm=TO_NHWC)

    def to_nchw(self, value: str) -> str:
        return self.add("Transpose", value, perm=TO_NCHW)

    def model(self, size: int, output: str, about: dict[str, str]) -> bytes:
        """The whole model, from `pixels` (n, size, size, 3) uint8 to `vectors` (n, d)."""
        from onnx import TensorProto, helper

        self.nodes.append(helper.make_node("Identity", [output], ["vectors"]))
        pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", size, size, 3])
        vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", None])
        graph = helper.make_graph(self.nodes, "network", [pixels], [vectors], self.numbers)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(
            graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="cbir"
        )
        helper.set_model_props(model, about)
        return bytes(model.SerializeToString())
