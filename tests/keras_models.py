"""Keras's networks with weights drawn from a fixed seed, which only tests can ask for."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbir.networks import quiet
from cbir.types import Vectors
from tests.conftest import picture

# Where keras.applications documents what a network wants done to its pixels.
MODULES = {
    "ConvNeXt": "convnext",
    "DenseNet": "densenet",
    "EfficientNetB": "efficientnet",
    "EfficientNetV2": "efficientnet_v2",
    "InceptionResNetV2": "inception_resnet_v2",
    "InceptionV3": "inception_v3",
    "MobileNetV2": "mobilenet_v2",
    "MobileNetV3": "mobilenet_v3",
    "MobileNet": "mobilenet",
    "NASNet": "nasnet",
    "VGG16": "vgg16",
    "VGG19": "vgg19",
    "Xception": "xception",
}


RANGES = {
    "gamma": (0.5, 1.0),
    "moving_variance": (0.8, 1.2),
    "beta": (-0.1, 0.1),
    "bias": (-0.1, 0.1),
    "moving_mean": (-0.1, 0.1),
}


def pixels(size: int, count: int = 2) -> NDArray[np.uint8]:
    """Pictures that differ, as noise does not: all of it is the same grey to deeper layers."""
    return np.stack([picture(seed, size, size) for seed in range(count)])


def preprocessing(keras: ModuleType, name: str) -> Any:
    """The network's own function, from the module in whose documentation it is."""
    resnet = "resnet_v2" if name.endswith("V2") else "resnet"
    module = next((MODULES[start] for start in MODULES if name.startswith(start)), resnet)
    return getattr(keras.applications, module).preprocess_input


def seeded(keras: ModuleType, name: str, size: int, **how: Any) -> Any:
    """A network in which no number is as it was at its start, and pictures that differ stay so.

    Keras's own start makes signals so small on their way that the shifts are all that is left.
    In the deepest ones, stronger kernels would make the last digits as large as the picture.
    """
    make = getattr(keras.applications, name)
    model = make(**{"weights": None, "include_top": False, "input_shape": (size, size, 3), **how})
    random = np.random.default_rng(1)
    strength = 2 if name.startswith("EfficientNetV2") else 3
    for weight in model.weights:
        kind = weight.path.rsplit("/", 1)[-1]
        shape = tuple(weight.shape)
        if kind in RANGES:
            values = random.uniform(*RANGES[kind], shape)
        elif kind.endswith("kernel"):
            each_for_itself = shape[-1] == 1 or kind.startswith("depthwise")
            fed_by = np.prod(shape[:2] if each_for_itself else shape[:-1])
            values = random.normal(0, np.sqrt(strength / fed_by), shape)
        else:
            continue
        weight.assign(values.astype(np.float32))
    return model


def said(keras: ModuleType, name: str, model: Any, pictures: NDArray[np.uint8]) -> Vectors:
    """What Keras itself makes of the pictures, (n, …)."""
    fed = preprocessing(keras, name)(pictures.astype(np.float32))
    return np.asarray(model(fed, training=False))


def saved(folder: Path, name: str, size: int = 96, **how: Any) -> Path:
    """A file of seeded weights."""
    file = folder / f"{name}{'-top' if how else ''}.weights.h5"
    if not file.exists():
        quiet.with_keras(lambda keras: seeded(keras, name, size, **how).save_weights(file))
    return file
