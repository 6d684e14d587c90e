"""Descriptors that are networks of Keras: settings, preparation, MobileNet's real weights."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from cbir import registry
from cbir.descriptors.keras_networks import (
    InceptionResNetV2,
    InceptionV3,
    Keras,
    MobileNet,
    Vgg19,
    squashed,
)
from cbir.errors import BadSpec
from cbir.images import decode
from cbir.networks import quiet
from cbir.types import Vectors
from cbir.user_files import UserFile
from tests.conftest import ROOT, Run, picture
from tests.keras_models import saved

NAMED = {"vgg19": 512, "inception-resnet-v2": 1536, "inception-v3": 2048, "mobilenet": 1024}


@pytest.mark.parametrize("name", NAMED)
def test_dimensions_are_known_before_anything_is_loaded(name: str) -> None:
    cls = registry.find(name)[1]
    assert cls().dim == cls(pool="gem").dim == NAMED[name]
    assert cls(pool="flatten").dim is None
    assert cls(layer="block4_pool").dim is None


def test_usual_sizes() -> None:
    assert Vgg19().pixels == MobileNet().pixels == 224
    assert InceptionResNetV2().pixels == InceptionV3().pixels == 299
    assert Keras("EfficientNetB3").pixels == 300


def test_inception_is_a_short_name() -> None:
    assert registry.find("inception")[1] is InceptionResNetV2


def test_any_network_by_its_name_in_any_case() -> None:
    assert Keras("resnet50v2") == Keras("ResNet50V2", size=224)
    with pytest.raises(BadSpec, match="did you mean xception"):
        Keras("Exception")


@pytest.mark.parametrize("size", [0, -3, 100_000])
def test_sizes_that_are_none(size: int) -> None:
    with pytest.raises(BadSpec, match="224 is usual"):
        MobileNet(size=size)


def test_listing_descriptors_loads_no_framework() -> None:
    script = (
        "import sys; from cbir import recipe; recipe.parse('keras:model=resnet50')\n"
        "loaded = {'keras', 'tensorflow', 'onnx', 'onnxruntime', 'h5py'} & set(sys.modules)\n"
        "sys.exit(f'loads {loaded}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shape", [(500, 400), (100, 100), (225, 3000), (40, 900), (1, 1)])
def test_pictures_are_squashed(shape: tuple[int, int]) -> None:
    made = squashed(picture(1, shape[1], shape[0]), 224)
    assert (made.shape, made.dtype) == ((224, 224, 3), np.uint8)
    assert made.flags["C_CONTIGUOUS"]


def test_a_picture_of_the_size_stays_as_it_is() -> None:
    image = picture(1, 96, 96)
    np.testing.assert_array_equal(MobileNet(size=96).prepare(image), image)


@pytest.mark.long
def test_a_large_network(tmp_path: Path) -> None:
    weights = UserFile.of(saved(tmp_path, "InceptionResNetV2"))
    descriptor = InceptionResNetV2(size=75, weights=weights)
    vectors = descriptor.describe([descriptor.prepare(picture(seed)) for seed in (1, 2)])
    assert (vectors.shape, vectors.dtype) == ((2, descriptor.dim), np.float32)


def test_the_layers_of_earlier_tools(tmp_path: Path) -> None:
    weights = UserFile.of(saved(tmp_path, "VGG19"))
    pooled = Vgg19(layer="block4_pool", weights=weights)
    assert pooled.describe([pooled.prepare(picture(1))]).shape == (1, 512)
    flat = Vgg19(layer="block5_conv4", pool="flatten", weights=weights)
    assert flat.describe([flat.prepare(picture(1))]).shape == (1, 100_352)


def images(folder: Path) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """The pictures below a folder, prepared, and what is on each."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    prepared = [MobileNet().prepare(decode(path.read_bytes(), 224)) for path in files]
    classes = [
        path.parent.name if path.parent != folder else re.match(r"\D*", path.name)[0]
        for path in files
    ]
    return prepared, classes


@pytest.mark.shared
def test_real_weights_say_what_keras_says(shared: Path) -> None:
    prepared, _ = images(shared / "food/train")
    batch = np.stack(prepared)

    def predicted(keras: ModuleType) -> Vectors:
        mobilenet = keras.applications.mobilenet
        file = shared.parent / "keras/models/mobilenet_1_0_224_tf_no_top.h5"
        model = mobilenet.MobileNet(
            weights=str(file), include_top=False, pooling="avg", input_shape=(224, 224, 3)
        )
        return model.predict(mobilenet.preprocess_input(batch.astype(np.float32)), verbose=0)

    theirs = quiet.with_keras(predicted)
    ours = MobileNet().describe(prepared)
    assert np.abs(ours - theirs).max() < 1e-5 * theirs.max()
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    assert ((ours * theirs).sum(axis=1) / lengths).min() > 1 - 1e-6


def scores(
    queries: Vectors, gallery: Vectors, asked: Sequence[str], shown: Sequence[str], alone: bool
) -> tuple[float, float]:
    """Precision at 1 and mean average precision by cosine; `alone` leaves each query out."""
    similar = normal(queries) @ normal(gallery).T
    if alone:
        np.fill_diagonal(similar, -2)
    firsts, averages = [], []
    for row, own in zip(similar, asked, strict=True):
        order = np.argsort(-row, kind="stable")[: len(row) - alone]
        good = np.array([shown[i] == own for i in order])
        firsts.append(good[0])
        averages.append((np.cumsum(good) / np.arange(1, len(good) + 1))[good].mean())
    return float(np.mean(firsts)), float(np.mean(averages))


def normal(vectors: Vectors) -> Vectors:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.shared
def test_food_is_found_as_well_as_it_can_be(shared: Path) -> None:
    prepared, dishes = images(shared / "food/train")
    vectors = MobileNet().describe(prepared)
    found = scores(vectors, vectors, dishes, dishes, alone=True)
    assert found == pytest.approx((0.92, 0.90), abs=0.02)


@pytest.mark.shared
def test_clothing_is_found_as_well_as_it_can_be(shared: Path) -> None:
    gallery, shown = images(shared / "clothing/gallery")
    queries, asked = images(shared / "clothing/queries")
    vectors = MobileNet().describe(gallery), MobileNet().describe(queries)
    found = scores(vectors[1], vectors[0], asked, shown, alone=False)
    assert found == pytest.approx((0.59, 0.37), abs=0.02)


@pytest.mark.shared
def test_one_line_says_which_weights_are_missing(
    run: Run, photos: Path, tmp_path: Path, shared: Path
) -> None:
    home = tmp_path / "empty"
    done = run(
        *("index", "--dataset", photos, "-d", "mobilenet:size=160", "--index", tmp_path / "i.csv"),
        env={"KERAS_HOME": str(home), "HTTPS_PROXY": "http://127.0.0.1:9", "CBIR_HOME": str(home)},
    )
    assert done.returncode == 2
    [*_, line] = done.stderr.splitlines()
    assert "put mobilenet_1_0_160_tf_no_top.h5 into" in line
    assert "weights=FILE" in line


@pytest.mark.shared
def test_from_files_to_an_index(run: Run, photos: Path, tmp_path: Path, shared: Path) -> None:
    done = run(
        *("index", "--dataset", photos, "-d", "mobilenet", "--index", tmp_path / "i.csv", "--json")
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pictures"] == 8
    assert "oneDNN" not in done.stderr
