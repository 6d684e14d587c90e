"""What a network is to the rest of the package."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from cbir.types import Vectors
from cbir.user_files import UserFile

Pool = Literal["avg", "max", "gem", "flatten"]
Weights = Literal["imagenet"] | UserFile


@dataclass(frozen=True)
class Network:
    """Which numbers to compute. `layer` is "last", the output without the top, or a layer's name;
    `pool` makes a vector of a map of features, and nothing of a layer that gives vectors.
    """

    model: str
    layer: str
    pool: Pool
    size: int
    weights: Weights


class Runner(Protocol):
    def __call__(self, pixels: NDArray[np.uint8]) -> Vectors:
        """Pixels (n, size, size, 3), RGB, to vectors (n, d)."""
        ...
