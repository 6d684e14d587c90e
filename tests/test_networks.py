"""Keras's networks, run: layers, pools and batches, against Keras itself; halved and shared."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from cbir.errors import BadPicture, BadSpec
from cbir.networks import Network, Pool, load, quiet
from cbir.networks.applications import SIZES, proper_name
from cbir.networks.batches import Batches
from cbir.networks.keras_engine import KerasEngine, pooled
from cbir.networks.onnx_engine import OnnxEngine
from cbir.types import Vectors
from cbir.user_files import UserFile
from tests.keras_models import pixels, said, saved

POOLS: list[Pool] = ["avg", "max", "gem", "flatten"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files of seeded weights are."""
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def mobilenet(weights: Path) -> UserFile:
    return UserFile.of(saved(weights, "MobileNet"))


def close(ours: Vectors, theirs: Vectors) -> bool:
    """The last digits of float32 differ, and that is nothing beside what two pictures differ in."""
    apart, pictures = np.abs(ours - theirs).max(), np.abs(theirs[0] - theirs[1]).max()
    return bool(apart < 1e-5 * np.abs(theirs).max() and apart < 0.02 * pictures)


def said_by_keras(
    name: str, file: UserFile, layer: str, pictures: NDArray[np.uint8], top: bool = False
) -> Vectors:
    def run(keras: ModuleType) -> Vectors:
        make = getattr(keras.applications, name)
        model = make(weights=file.path, include_top=top, input_shape=pictures.shape[1:])
        if layer != "last":
            model = keras.Model(model.input, model.get_layer(layer).output)
        return said(keras, name, model, pictures)

    return quiet.with_keras(run)


def test_every_network_of_keras_is_known() -> None:
    def known(keras: ModuleType) -> set[str]:
        return {name for name, value in vars(keras.applications).items() if callable(value)}

    assert quiet.with_keras(known) == set(SIZES)


@pytest.mark.long
@pytest.mark.parametrize("name", SIZES)
def test_usual_sizes_are_keras_own(name: str) -> None:
    def usual(keras: ModuleType) -> int | None:
        return getattr(keras.applications, name)(weights=None).input_shape[1]

    any_size = name.startswith("MobileNetV3")  # whose documentation says 224
    assert quiet.with_keras(usual) == (None if any_size else SIZES[name])


@pytest.mark.parametrize("name", ["VGG19", "vgg19", "vGG19"])
def test_names_in_any_case(name: str) -> None:
    assert proper_name(name) == "VGG19"


def test_unknown_names_get_a_hint() -> None:
    with pytest.raises(BadSpec, match="no network 'ResNet5'; did you mean resnet50"):
        proper_name("ResNet5")


def expected(maps: Vectors, pool: Pool) -> Vectors:
    """Maps (n, h, w, c) pooled in double precision."""
    maps = maps.astype(np.float64)
    if pool == "gem":
        return (np.maximum(maps, 1e-6) ** 3).mean(axis=(1, 2)) ** (1 / 3)
    if pool == "flatten":
        return maps.reshape(len(maps), -1)
    return maps.mean(axis=(1, 2)) if pool == "avg" else maps.max(axis=(1, 2))


def test_pools(mobilenet: UserFile) -> None:
    maps = said_by_keras("MobileNet", mobilenet, "last", pixels(80))
    for pool in POOLS:
        run = load(Network("MobileNet", "last", pool, 80, mobilenet))
        assert isinstance(run, OnnxEngine)
        assert close(run(pixels(80)), expected(maps, pool))


@pytest.mark.parametrize(
    ("name", "layer", "pool"),
    [
        ("VGG19", "block4_pool", "avg"),
        ("VGG19", "block5_conv4", "flatten"),
        ("InceptionV3", "conv2d_7", "avg"),
    ],
)
def test_layers_by_name(name: str, layer: str, pool: Pool, weights: Path) -> None:
    file = UserFile.of(saved(weights, name))
    maps = said_by_keras(name, file, layer, pixels(80))
    run = load(Network(name, layer, pool, 80, file))
    assert close(run(pixels(80)), expected(maps, pool))


def test_layers_of_the_top(weights: Path) -> None:
    """They give vectors, which need no pooling, and their weights are in another file.

    A product of a batch with a matrix would have other last digits than a row's; a network that
    ends with one shows that there is none.
    """
    file = UserFile.of(saved(weights, "MobileNetV2", 224, include_top=True))
    run = load(Network("MobileNetV2", "predictions", "avg", 224, file))
    three = run(pixels(224, 3))
    assert close(three, said_by_keras("MobileNetV2", file, "predictions", pixels(224, 3), top=True))
    np.testing.assert_array_equal(three[1:2], run(pixels(224, 3)[1:2]))


@pytest.mark.parametrize("pool", ["avg", "flatten"])
def test_batches_change_no_bit(pool: Pool, mobilenet: UserFile) -> None:
    run = load(Network("MobileNet", "last", pool, 96, mobilenet))
    many = pixels(96, 45)
    whole = run(many)
    np.testing.assert_array_equal(whole, np.concatenate([run(many[i : i + 1]) for i in range(45)]))
    np.testing.assert_array_equal(whole[3:8], run(many[3:8]))


def test_keras_as_the_engine(mobilenet: UserFile) -> None:
    run = KerasEngine(Network("MobileNet", "last", "avg", 64, mobilenet), on_gpu=False)
    for pool in POOLS:
        run.pool = pool
        eleven = run(pixels(64, 11))
        assert close(
            eleven, load(Network("MobileNet", "last", pool, 64, mobilenet))(pixels(64, 11))
        )
        np.testing.assert_array_equal(eleven[:1], run(pixels(64, 11)[:1]))


def test_pooling_of_what_is_no_map() -> None:
    with pytest.raises(BadSpec, match=r"shape \(3, 4\)"):
        pooled(np.zeros((2, 3, 4), np.float32), "avg")


def test_unknown_layer(mobilenet: UserFile) -> None:
    with pytest.raises(BadSpec, match="no layer 'conv_pw13_relu'; did you mean conv_pw_13_relu"):
        load(Network("MobileNet", "conv_pw13_relu", "avg", 64, mobilenet))


def test_too_small_a_size(mobilenet: UserFile) -> None:
    with pytest.raises(BadSpec, match=r"^InceptionV3 can't be built with size=20: .*75"):
        load(Network("InceptionV3", "last", "avg", 20, mobilenet))


def test_a_network_in_use_is_loaded_once(mobilenet: UserFile) -> None:
    first = load(Network("MobileNet", "last", "avg", 64, mobilenet))
    assert load(Network("MobileNet", "last", "avg", 64, mobilenet)) is first
    assert load(Network("MobileNet", "last", "max", 64, mobilenet)) is not first


class Runs:
    """A network on a machine that has room for so many pictures, and counts what it is given."""

    def __init__(self, room: int, error: Exception):
        self.room, self.error = room, error
        self.given: list[int] = []

    def __call__(self, pixels: NDArray[np.uint8]) -> Vectors:
        self.given.append(len(pixels))
        if len(pixels) > self.room:
            raise self.error
        return pixels[:, 0, 0].astype(np.float32)


class ResourceExhaustedError(Exception):
    """As TensorFlow calls it."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ResourceExhaustedError("OOM when allocating tensor"),
        RuntimeError("[ONNXRuntimeError] : 6 : ... Failed to allocate memory for requested buffer"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_a_batch_that_does_not_fit_is_halved(error: Exception) -> None:
    run = Runs(3, error)
    batches = Batches(run, 16)
    many = pixels(4, 20)
    np.testing.assert_array_equal(batches(many), many[:, 0, 0].astype(np.float32))
    assert run.given == [16, 8, 4, 2, *[2] * 9]
    batches(many[:4])
    assert run.given[13:] == [2, 2]  # it is not tried in vain again


def test_a_picture_that_does_not_fit_is_told() -> None:
    with pytest.raises(BadPicture, match=r"not enough memory .* 4×4; give a smaller size="):
        Batches(Runs(0, MemoryError()), 16)(pixels(4, 3))


def test_other_errors_are_not_about_memory() -> None:
    run = Runs(0, ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        Batches(run, 16)(pixels(4, 3))
    assert run.given == [3]
