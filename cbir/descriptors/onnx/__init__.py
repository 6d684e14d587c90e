"""Networks of one's own, in ONNX files: CLIP, SigLIP, DINOv2 and others."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from cbir.descriptors.keras_networks import squashed
from cbir.descriptors.onnx import mean_std
from cbir.descriptors.onnx.network import Choice, Network, load
from cbir.descriptors.onnx.signature import Layout, signature_of
from cbir.errors import BadSpec
from cbir.registry import register
from cbir.types import Image, Vectors
from cbir.user_files import UserFile

AUTO: Literal["auto"] = "auto"
USUAL_SIZE = 224
LARGEST_SIZE = 8192


@register("onnx")
@dataclass(frozen=True)
class Onnx:
    """A network in an ONNX file, such as the image encoder of CLIP, SigLIP or DINOv2.

    What is "auto" is found in the model, or beside it, and then part of the spec: who reads the
    spec needs the file only to describe more pictures.
    """

    model: UserFile
    size: int | Literal["auto"] = AUTO
    mean: str = AUTO
    std: str = AUTO
    layout: Layout | Literal["auto"] = AUTO
    output: str = AUTO

    version: ClassVar[int] = 1
    distance: ClassVar[str] = "cosine"

    def __post_init__(self) -> None:
        settings = {"mean": self.mean, "std": self.std}
        if AUTO in (self.size, self.mean, self.std, self.layout, self.output):
            settings = self._found()
        for key in ("mean", "std"):
            settings[key] = mean_std.canonical(key, settings[key])
        for key, value in settings.items():
            object.__setattr__(self, key, value)
        if not 1 <= self.pixels <= LARGEST_SIZE:
            raise BadSpec(f"size={self.size}: give the side in pixels, at most {LARGEST_SIZE}")

    def _found(self) -> dict[str, Any]:
        """All settings but the model, each as given, or as the model says or a file beside it."""
        layout = None if self.layout == AUTO else self.layout
        size = None if self.size == AUTO else self.size
        found = signature_of(self.model.need(), layout, size)
        unsaid = AUTO in (self.mean, self.std) or found.size is None
        usual = mean_std.usual(found.path) if unsaid else mean_std.IMAGENET
        mean, std = (mean_std.NONE,) * 2 if found.dtype == "uint8" else (usual.mean, usual.std)
        mean = mean if self.mean == AUTO else self.mean
        std = std if self.std == AUTO else self.std
        found.check(mean, std)
        sizes = (found.size, usual.size, USUAL_SIZE)
        return {
            "size": next(size for size in sizes if size is not None),
            "mean": mean,
            "std": std,
            "layout": found.layout,
            "output": found.output(self.output),
        }

    @property
    def pixels(self) -> int:
        return int(self.size)

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        """The picture squashed to (size, size, 3)."""
        return squashed(image, self.pixels)

    def describe(self, batch: Sequence[NDArray[np.uint8]]) -> Vectors:
        return self._network(np.stack(batch))

    @cached_property
    def _network(self) -> Network:
        layout: Layout = "nhwc" if self.layout == "nhwc" else "nchw"
        choice = Choice(self.model, self.pixels, self.mean, self.std, layout, self.output)
        return load(choice)
