"""Networks that Keras brings: what a picture shows, as a network trained on ImageNet sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from cbir.errors import BadSpec
from cbir.networks import Network, Pool, Runner, Weights, load
from cbir.networks.applications import LAST, SIZES, proper_name
from cbir.opencv import cv2
from cbir.registry import register
from cbir.types import Image, Vectors

LARGEST_SIZE = 8192


class _KerasNetwork:
    """What all of them do; the classes below say which network, and have the settings."""

    model: str
    layer: str
    pool: Pool
    size: int | Literal["auto"]
    weights: Weights

    version: ClassVar[int] = 1
    distance: ClassVar[str] = "cosine"
    channels: int | None = None  # of the output without the top, where it is known

    def __post_init__(self) -> None:
        usual = SIZES[self.model]
        if self.size == "auto":
            object.__setattr__(self, "size", usual)
        if not 1 <= self.pixels <= LARGEST_SIZE:
            raise BadSpec(f"size={self.size}: give the side in pixels; {usual} is usual")

    @property
    def pixels(self) -> int:
        return int(self.size)

    @property
    def dim(self) -> int | None:
        return self.channels if self.layer == LAST and self.pool != "flatten" else None

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        """The picture squashed to (size, size, 3)."""
        return squashed(image, self.pixels)

    def describe(self, batch: Sequence[NDArray[np.uint8]]) -> Vectors:
        return self._runner(np.stack(batch))

    @cached_property
    def _runner(self) -> Runner:
        return load(Network(self.model, self.layer, self.pool, self.pixels, self.weights))


def squashed(image: Image, size: int) -> NDArray[np.uint8]:
    """The picture at (size, size, 3), whatever its sides were.

    Decoders leave the short side below twice `size`, and so most photos' long side below three
    times. There INTER_LINEAR finds as much as INTER_AREA in a quarter of the time, a tenth of
    MobileNet's. INTER_AREA is for what shrinks more, and enlarges as the reference results want it.
    """
    height, width = image.shape[:2]
    shrinks_little = size <= min(height, width) and max(height, width) <= 3 * size
    how = cv2.INTER_LINEAR if shrinks_little else cv2.INTER_AREA
    return cv2.resize(image, (size, size), interpolation=how)


@register("keras")
@dataclass(frozen=True)
class Keras(_KerasNetwork):
    """Any network of keras.applications, by its name there."""

    model: str
    layer: str = LAST
    pool: Pool = "avg"
    size: int | Literal["auto"] = "auto"
    weights: Weights = "imagenet"

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", proper_name(self.model))
        super().__post_init__()


@dataclass(frozen=True)
class _Named(_KerasNetwork):
    layer: str = LAST
    pool: Pool = "avg"
    size: int = 224
    weights: Weights = "imagenet"


@register("vgg19")
@dataclass(frozen=True)
class Vgg19(_Named):
    """VGG19: 512 values; many have used its layers block4_pool and block5_conv4."""

    model = "VGG19"
    channels = 512


@register("inception-resnet-v2", "inception")
@dataclass(frozen=True)
class InceptionResNetV2(_Named):
    """InceptionResNetV2: 1,536 values; takes twenty times as long as MobileNet."""

    model = "InceptionResNetV2"
    channels = 1536
    size: int = 299


@register("inception-v3")
@dataclass(frozen=True)
class InceptionV3(_Named):
    """InceptionV3: 2,048 values."""

    model = "InceptionV3"
    channels = 2048
    size: int = 299


@register("mobilenet")
@dataclass(frozen=True)
class MobileNet(_Named):
    """MobileNet: 1,024 values; small and quick."""

    model = "MobileNet"
    channels = 1024
