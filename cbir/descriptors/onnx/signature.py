"""How a picture goes into an ONNX model, and where its vector comes out."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from cbir.descriptors.onnx.header import Damaged, Value, read
from cbir.descriptors.onnx.mean_std import NONE
from cbir.errors import BadSpec, did_you_mean
from cbir.files import why_not

Layout = Literal["nchw", "nhwc"]

# ONNX's numbers for the types that pixels may have.
TYPES = {1: "float32", 2: "uint8", 10: "float16", 11: "float64"}

# What exporters call the one vector of a picture, the more telling names first.
EMBEDDINGS = (
    "image_embeds",
    "image_embeddings",
    "image_features",
    "embeddings",
    "embedding",
    "sentence_embedding",
    "pooler_output",
)
RANKS = (2, 3, 4)
"""Of an output: vectors, tokens, a map. Vectors are asked for first."""


@dataclass(frozen=True)
class Signature:
    """What a model takes and gives. A size of None is for the person to choose.

    `others` are inputs that are no pictures; `batch` is a number of pictures when it is fixed.
    """

    path: Path
    input: str
    dtype: str
    batch: int | None
    layout: Layout
    size: int | None
    others: list[str]
    outputs: list[Value]

    def check(self, mean: str, std: str) -> None:
        """BadSpec unless mean and standard deviation are given for just those that need them."""
        if self.dtype == "uint8" and (mean, std) != (NONE, NONE):
            raise BadSpec(f"{self.path} takes pixels as they are; leave mean and std out")
        if self.dtype != "uint8" and NONE in (mean, std):
            raise BadSpec(f"{self.path} takes normalised pixels; give mean= and std= as numbers")

    def output(self, wanted: str) -> str:
        """The name of the output that makes the vectors, "auto" or by name."""
        names = [value.name for value in self.outputs]
        if wanted != "auto":
            if wanted not in names:
                raise BadSpec(f"{self.path} has no output {wanted!r}{did_you_mean(wanted, names)}")
            return wanted
        for name in EMBEDDINGS:
            if name in names:
                return name
        ranks = [len(value.shape) if value.shape else None for value in self.outputs]
        for rank in (*RANKS, None):
            if rank in ranks:
                return names[ranks.index(rank)]
        raise BadSpec(f"{self.path} makes no vectors: its outputs are {_listed(self.outputs)}")


def signature(file: BinaryIO, path: Path, layout: Layout | None, size: int | None) -> Signature:
    """The signature of a model, given what the person wants; BadSpec when that does not fit."""
    try:
        header = read(file)
    except Damaged as error:
        raise BadSpec(f"{path} is not an ONNX model, or is damaged") from error
    image = _image(path, header.inputs)
    shape = image.shape or (None,) * 4
    layout = layout or ("nhwc" if shape[1] != 3 and shape[3] == 3 else "nchw")
    channels, *sides = (shape[1], *shape[2:]) if layout == "nchw" else (shape[3], *shape[1:3])
    if channels not in (3, None):
        raise BadSpec(f"{path} takes {channels} channels and not the 3 of a picture ({layout})")
    fixed = {side for side in sides if side}
    if len(fixed) > 1:
        raise BadSpec(f"{path} takes pictures of {sides[0]} × {sides[1]}; only squares can be had")
    if size is not None and fixed - {size}:
        raise BadSpec(f"{path} takes pictures of size={fixed.pop()} only; leave size out")
    return Signature(
        path,
        image.name,
        TYPES[image.type],
        shape[0],
        layout,
        next(iter(fixed), size),
        [value.name for value in header.inputs if value is not image],
        header.outputs,
    )


def signature_of(path: Path, layout: Layout | None, size: int | None) -> Signature:
    """The same of a file, of which only a little is read."""
    try:
        with path.open("rb") as file:
            return signature(file, path, layout, size)
    except OSError as error:
        raise BadSpec(f"can't read {path}: {why_not(error)}") from error


def _image(path: Path, inputs: list[Value]) -> Value:
    """The one input that can be a picture."""
    images = [
        value
        for value in inputs
        if value.type in TYPES
        and (len(inputs) == 1 if value.shape is None else len(value.shape) == 4)
    ]
    if len(images) != 1:
        what = "no picture" if not images else f"{len(images)} pictures"
        raise BadSpec(f"{path} takes {what}, and must take one: {_listed(inputs)}")
    return images[0]


def _listed(values: list[Value]) -> str:
    """Inputs or outputs for a person: `pixel_values (1 × 3 × 224 × 224)`."""
    texts = [
        f"{value.name} ({' × '.join(str(side or '?') for side in value.shape or ())})"
        for value in values[:8]
    ]
    return ", ".join(texts) or "it takes nothing"
