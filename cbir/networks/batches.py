"""Batches that fit in memory: halved until they do."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cbir.errors import BadPicture
from cbir.types import Vectors

Run = Callable[[NDArray[np.uint8]], Vectors]

WORDS = ("failed to allocate", "bad_alloc", "bad allocation", "out of memory", "oom when")


def out_of_memory(error: Exception) -> bool:
    """Whether this is how Python, TensorFlow or onnxruntime says that memory ran out."""
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return True
    return any(word in str(error).lower() for word in WORDS)


class Batches:
    """Runs a function on at most `most` pictures at a time, and fewer once memory ran out."""

    def __init__(self, run: Run, most: int):
        self.run, self.most = run, most

    def __call__(self, pixels: NDArray[np.uint8]) -> Vectors:
        done: list[Vectors] = []
        start = 0
        while start < len(pixels):
            piece = pixels[start : start + self.most]
            try:
                done.append(self.run(piece))
            except Exception as error:
                if not out_of_memory(error):
                    raise
                if len(piece) == 1:
                    size = "×".join(map(str, pixels.shape[1:3]))
                    raise BadPicture(
                        f"not enough memory for the network on one picture of {size}; "
                        "give a smaller size="
                    ) from error
                self.most = len(piece) // 2
                continue
            start += len(piece)
        return np.concatenate(done)
