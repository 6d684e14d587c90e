"""An ONNX model, loaded from its one file and run on one picture at a time."""

import io
import threading
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from cbir.descriptors.onnx.header import Damaged, names_other_files
from cbir.descriptors.onnx.mean_std import NONE, numbers
from cbir.descriptors.onnx.pruning import part
from cbir.descriptors.onnx.signature import RANKS, Layout, Signature, signature
from cbir.errors import BadSpec, CbirError
from cbir.files import why_not
from cbir.networks.batches import out_of_memory
from cbir.networks.onnx_engine import Sessions, session
from cbir.types import Vectors
from cbir.user_files import UserFile

LARGEST = (1 << 31) - 1
"""Bytes that protobuf can read."""


class Choice(NamedTuple):
    """A model and everything about how it is run."""

    model: UserFile
    size: int
    mean: str
    std: str
    layout: Layout
    output: str


_loaded: WeakValueDictionary[Choice, "Network"] = WeakValueDictionary()
_lock = threading.Lock()


def load(choice: Choice) -> "Network":
    """The network, ready to run. One that somebody here still uses is not loaded twice."""
    with _lock:
        network = _loaded.get(choice)
        if network is None:
            network = _loaded[choice] = Network(choice)
        return network


class Network:
    """Calls a model: pixels (n, size, size, 3) uint8 to vectors (n, d)."""

    def __init__(self, choice: Choice):
        self.choice, self.path = choice, choice.model.need()
        data = _read(self.path)
        self.signature = signature(io.BytesIO(data), self.path, choice.layout, choice.size)
        self.signature.check(choice.mean, choice.std)
        self.output = self.signature.output(choice.output)
        self.sessions = Sessions(partial(_opened, choice.model, self.signature, self.output))
        if choice.mean != NONE:
            mean, std = np.array(numbers("mean", choice.mean)), np.array(numbers("std", choice.std))
            self.scale = (1 / (255 * std)).astype(np.float32)
            self.offset = (-mean / std).astype(np.float32)

    def __call__(self, pixels: NDArray[np.uint8]) -> Vectors:
        return self.sessions.run(self._run, pixels)

    def _run(self, session: Any, pixels: NDArray[np.uint8]) -> Vectors:
        fed = self._fed(pixels)
        try:
            made = session.run([self.output], {self.signature.input: fed})[0]
        except Exception as error:  # onnxruntime's own, of many kinds
            if out_of_memory(error):
                raise
            size = self.choice.size
            raise BadSpec(f"{self.path} can't be run with size={size}: {_line(error)}") from error
        return self._vectors(made, len(fed))

    def _fed(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """What the model takes of a picture: (1, …), or its fixed number with zeros behind it."""
        values: NDArray[Any] = pixels
        if self.choice.mean != NONE:
            values = pixels * self.scale + self.offset
        if self.choice.layout == "nchw":
            values = values.transpose(0, 3, 1, 2)
        fed = np.zeros((self.signature.batch or 1, *values.shape[1:]), self.signature.dtype)
        fed[:1] = values
        return fed

    def _vectors(self, made: Any, count: int) -> Vectors:
        """The first picture's vector, (1, d): of tokens the first, of a map its mean."""
        real = isinstance(made, np.ndarray) and made.dtype.kind == "f"
        shape: tuple[int, ...] = made.shape if real else ()
        if len(shape) not in RANKS or shape[0] != count or 0 in shape:
            what = f"of shape {shape}" if shape else "no array of real numbers"
            others = [value.name for value in self.signature.outputs if value.name != self.output]
            hint = f"; give output= one of {', '.join(others)}" if others else ""
            raise BadSpec(f"{self.path}: the output {self.output} is {what}, not vectors{hint}")
        first = made[:1].astype(np.float32)
        if first.ndim == 3:
            first = first[:, 0]
        elif first.ndim == 4:
            first = first.mean(axis=(2, 3) if self.choice.layout == "nchw" else (1, 2))
        return first


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        if names_other_files(io.BytesIO(data)):
            raise BadSpec(
                f"{path} keeps its weights in another file, which its digest does not tell; save "
                "it as one file: onnx.save(onnx.load('MODEL'), 'ONE.onnx')"
            )
    except OSError as error:
        raise BadSpec(f"can't read {path}: {why_not(error)}") from error
    except Damaged as error:
        raise BadSpec(f"{path} is not an ONNX model, or is damaged") from error
    if len(data) > LARGEST:
        raise BadSpec(f"{path} has more than 2 GB, which is more than a model in one file can have")
    return data


def _alone(data: bytes, whole: Signature, output: str) -> bytes:
    """The model without its other inputs, if the output can do without them."""
    try:
        data, others = part(data, whole.input, output)
    except CbirError:
        raise
    except Exception as error:  # protobuf's own, from what is damaged
        raise BadSpec(f"{whole.path} is damaged: {_line(error)}") from error
    if others:
        raise BadSpec(
            f"{whole.path} makes its output {output} of {', '.join(others)}, too; export its "
            "image encoder alone, or name an output that needs pictures only: output=image_embeds"
        )
    return data


def _opened(model: UserFile, signature: Signature, output: str, threads: int) -> Any:
    path = model.need()  # which looks whether it is still the same
    data = _read(path)
    if signature.others:
        data = _alone(data, signature, output)
    try:
        return session(data, threads)
    except CbirError:
        raise
    except Exception as error:  # onnxruntime's own
        raise BadSpec(f"onnxruntime can't run {path}: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
