"""The networks of keras.applications: their names, their usual sizes, and how one is built."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cbir.errors import BadSpec, CbirError, did_you_mean
from cbir.networks import weights
from cbir.networks.network import Network
from cbir.networks.quiet import with_keras

# The short side that each was trained with. A test compares these with Keras.
SIZES = {
    "ConvNeXtBase": 224,
    "ConvNeXtLarge": 224,
    "ConvNeXtSmall": 224,
    "ConvNeXtTiny": 224,
    "ConvNeXtXLarge": 224,
    "DenseNet121": 224,
    "DenseNet169": 224,
    "DenseNet201": 224,
    "EfficientNetB0": 224,
    "EfficientNetB1": 240,
    "EfficientNetB2": 260,
    "EfficientNetB3": 300,
    "EfficientNetB4": 380,
    "EfficientNetB5": 456,
    "EfficientNetB6": 528,
    "EfficientNetB7": 600,
    "EfficientNetV2B0": 224,
    "EfficientNetV2B1": 240,
    "EfficientNetV2B2": 260,
    "EfficientNetV2B3": 300,
    "EfficientNetV2L": 480,
    "EfficientNetV2M": 480,
    "EfficientNetV2S": 384,
    "InceptionResNetV2": 299,
    "InceptionV3": 299,
    "MobileNet": 224,
    "MobileNetV2": 224,
    "MobileNetV3Large": 224,
    "MobileNetV3Small": 224,
    "NASNetLarge": 331,
    "NASNetMobile": 224,
    "ResNet101": 224,
    "ResNet101V2": 224,
    "ResNet152": 224,
    "ResNet152V2": 224,
    "ResNet50": 224,
    "ResNet50V2": 224,
    "VGG16": 224,
    "VGG19": 224,
    "Xception": 299,
}


LAST = "last"


def proper_name(name: str) -> str:
    """The name as Keras writes it; BadSpec with a suggestion when there is no such network."""
    folded = {known.casefold(): known for known in SIZES}
    if name.casefold() not in folded:
        hint = did_you_mean(name.casefold(), list(folded))
        raise BadSpec(f"keras.applications has no network {name!r}{hint}")
    return folded[name.casefold()]


class Built(NamedTuple):
    """A Keras model from (n, size, size, 3) float32 to the wanted layer's output.

    `preprocess` is what the network wants done to RGB pixels first; `file` the weights' file.
    """

    model: Any
    preprocess: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    file: Path


def build(network: Network) -> Built:
    """The network up to its layer, with its weights from a file or from Keras."""
    given = None if network.weights == "imagenet" else network.weights.need()
    top = _is_in_top(network)
    try:
        return with_keras(lambda keras: _build(keras, network, top, given))
    except weights.Missing as missing:
        weights.download(missing, network.model)
        return with_keras(lambda keras: _build(keras, network, top, given))


def _is_in_top(network: Network) -> bool:
    """Whether only the network with its classifier has this layer; BadSpec if neither has."""
    known: list[str] = []
    for top in (False, True):
        if network.layer == LAST:
            return False
        known = with_keras(partial(_layers, network=network, top=top))
        if network.layer in known:
            return top
    hint = did_you_mean(network.layer, known)
    if "did you mean" not in hint:  # there are too many to choose from
        hint = f"; it has {', '.join(known[-4:])} and {len(known) - 4} more"
    raise BadSpec(f"{network.model} has no layer {network.layer!r}{hint}")


def _layers(keras: ModuleType, network: Network, top: bool) -> list[str]:
    with _usual_settings(keras):
        return [layer.name for layer in _construct(keras, network, top, None).layers]


def _build(keras: ModuleType, network: Network, top: bool, given: Path | None) -> Built:
    with _usual_settings(keras), weights.answering(given) as asked:
        model = _construct(keras, network, top, asked)
        if network.layer != LAST:
            model = keras.Model(model.input, model.get_layer(network.layer).output)
    return Built(model, _module(keras, network.model).preprocess_input, asked[-1])


def _construct(keras: ModuleType, network: Network, top: bool, asked: list[Path] | None) -> Any:
    """A Keras model; with weights if there is a list to note in which files it asked for."""
    name, size = network.model, network.size
    make = getattr(_module(keras, name), name)
    kind = None if asked is None else "imagenet"
    try:
        return make(include_top=top, weights=kind, input_shape=(size, size, 3))
    except (CbirError, weights.Missing):
        raise
    except Exception as error:  # of many kinds, by what is wrong with a file
        if not asked:
            raise BadSpec(f"{name} can't be built with size={size}: {_line(error)}") from error
        if isinstance(error, OSError):
            raise weights.damaged(asked[-1]) from error
        raise BadSpec(f"{asked[-1]} does not hold {name}'s weights: {_line(error)}") from error


def _module(keras: ModuleType, name: str) -> ModuleType:
    """The module that makes this network and knows how to feed it."""
    make = getattr(keras.applications, name, None)
    if make is None:
        raise BadSpec(f"Keras {keras.__version__} has no {name}; pip install --upgrade keras")
    return sys.modules[make.__module__]


@contextmanager
def _usual_settings(keras: ModuleType) -> Iterator[None]:
    """Whatever a person's keras.json says: weights are float32 and pictures end with colours."""
    before = keras.config.image_data_format(), keras.config.floatx()
    try:
        keras.config.set_image_data_format("channels_last")
        keras.config.set_floatx("float32")
        yield
    finally:
        keras.config.set_image_data_format(before[0])
        keras.config.set_floatx(before[1])


def _line(error: Exception) -> str:
    """The first sentence of what Keras says, on one line."""
    return " ".join(str(error).split()).split(". ")[0][:200]
