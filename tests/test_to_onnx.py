"""Networks written as ONNX say what they say in Keras."""

from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from cbir.networks import quiet
from cbir.networks.applications import SIZES
from cbir.networks.onnx_engine import OnnxEngine, session
from cbir.networks.to_onnx import Unsupported, to_onnx
from cbir.networks.to_onnx.preprocessing import affine
from cbir.types import Vectors
from tests.keras_models import pixels, preprocessing, said, seeded

SMALLEST = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}
# Together they have all kinds of layers but those of NASNet, which `every_kind` has.
QUICK = [
    "ConvNeXtTiny",
    "EfficientNetB0",
    "InceptionResNetV2",
    "MobileNetV2",
    "MobileNetV3Small",
    "ResNet50V2",
    "Xception",
]


def raw(values: Any) -> Any:
    return values


def check(ours: Vectors, theirs: Vectors) -> None:
    """The last digits of float32 differ, and that is nothing beside what two pictures differ in."""
    assert ours.shape == theirs.shape
    apart = np.abs(ours - theirs).max()
    assert apart < 1e-5 * np.abs(theirs).max()
    assert apart < 0.02 * np.abs(theirs[0] - theirs[1]).max()


def check_network(name: str) -> None:
    size = SMALLEST.get(name, 64)

    def both(keras: ModuleType) -> tuple[Vectors, Vectors]:
        model = seeded(keras, name, size)
        run = OnnxEngine(
            partial(session, to_onnx(model, preprocessing(keras, name), "flatten", {}))
        )
        return run(pixels(size)), said(keras, name, model, pixels(size)).reshape(2, -1)

    check(*quiet.with_keras(both))


@pytest.mark.parametrize("name", QUICK)
def test_one_of_each_kind(name: str) -> None:
    check_network(name)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(set(SIZES) - set(QUICK)))
def test_all_others(name: str) -> None:
    check_network(name)


def every_kind(keras: ModuleType) -> Any:
    """A small network with what the quick ones lack, in all shapes that padding can take."""
    layers = keras.layers
    shown = keras.Input((23, 23, 3))
    value = layers.Conv2D(8, 3, 2, padding="same", activation="tanh")(shown)
    value = layers.Conv2D(8, (1, 7), padding="same", groups=2, dilation_rate=(1, 2))(value)
    value = layers.Cropping2D(((1, 0), (0, 1)))(layers.ZeroPadding2D(((1, 2), (3, 0)))(value))
    one = layers.AveragePooling2D(3, 2, padding="same")(layers.ZeroPadding2D(1)(value))
    two = layers.MaxPooling2D(2, 2, padding="same")(layers.ZeroPadding2D(1)(value + -9.0))
    value = layers.Concatenate()([one, two * 0.5])
    value = layers.BatchNormalization(scale=False, center=False)(value)
    value = layers.SeparableConv2D(12, 3, 2, depth_multiplier=2, activation="sigmoid")(value)
    value = layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu6")(value)
    inner = keras.Sequential([layers.ReLU(max_value=0.4), layers.Dense(10, activation="silu")])
    value = layers.Dropout(0.5)(inner(value))
    long = layers.Dense(24, activation="gelu")(layers.Flatten()(value))
    map_again = layers.Reshape((2, 3, 4))(long)
    most = layers.GlobalMaxPooling2D(keepdims=True)(map_again)
    value = layers.Multiply()([map_again, most])
    return keras.Model(shown, layers.Activation("softmax")(layers.LayerNormalization()(value)))


def test_other_kinds_and_shapes() -> None:
    def both(keras: ModuleType) -> tuple[Vectors, Vectors]:
        keras.utils.set_random_seed(3)
        model = every_kind(keras)
        run = OnnxEngine(partial(session, to_onnx(model, raw, "flatten", {})))
        fed = pixels(23).astype(np.float32)
        return run(pixels(23)), np.asarray(model(fed, training=False)).reshape(2, -1)

    check(*quiet.with_keras(both))


@pytest.mark.parametrize("kind", ["UpSampling2D", "LeakyReLU"])
def test_what_can_not_be_said(kind: str) -> None:
    def convert(keras: ModuleType) -> bytes:
        layer = getattr(keras.layers, kind)()
        return to_onnx(keras.Sequential([keras.Input((8, 8, 3)), layer]), raw, "avg", {})

    with pytest.raises(Unsupported, match=kind):
        quiet.with_keras(convert)


@pytest.mark.parametrize("name", SIZES)
def test_preprocessing_is_keras_own(name: str) -> None:
    pictures = pixels(16, 4).astype(np.float32)

    def both(keras: ModuleType) -> tuple[Vectors, Vectors]:
        own = preprocessing(keras, name)
        found = affine(own)
        return pictures @ found.matrix.T + found.offset, own(pictures.copy())

    ours, theirs = quiet.with_keras(both)
    assert np.abs(ours - theirs).max() < 1e-6 * np.abs(theirs).max()


def test_other_preprocessing_is_left_to_keras() -> None:
    with pytest.raises(Unsupported):
        affine(np.sqrt)
