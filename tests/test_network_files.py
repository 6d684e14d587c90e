"""Weights and kept networks: found, downloaded, refused, made again."""

import logging
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import h5py
import numpy as np
import pytest

from cbir import places
from cbir.errors import BadSpec
from cbir.networks import Network, kept, load, quiet
from cbir.networks.weights import check
from cbir.user_files import UserFile
from tests.conftest import ROOT
from tests.keras_models import pixels, saved, seeded

SIZE = 128
NAME = "mobilenet_1_0_128_tf_no_top.h5"
IMAGENET = Network("MobileNet", "last", "avg", SIZE, "imagenet")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def mobilenet(weights: Path) -> UserFile:
    return UserFile.of(saved(weights, "MobileNet", SIZE))


@pytest.fixture(scope="module")
def legacy(weights: Path) -> Path:
    """The file that Keras downloads for this size, with seeded weights."""
    file = weights / NAME
    quiet.with_keras(lambda keras: seeded(keras, "MobileNet", SIZE).save(file))
    return file


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, without any weights, and an internet that is not there."""
    monkeypatch.setattr(places, "_home", tmp_path / "home")
    monkeypatch.setattr(places, "_keras", tmp_path / "keras")
    (tmp_path / "keras/models").mkdir(parents=True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        internet(monkeypatch, taken.getsockname()[1])
    return tmp_path


def internet(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """Keras fetches MobileNet's weights from this port."""

    def point(keras: object) -> None:
        module = sys.modules["keras.src.applications.mobilenet"]
        monkeypatch.setattr(module, "BASE_WEIGHT_PATH", f"http://127.0.0.1:{port}/")

    quiet.with_keras(point)


def kept_files() -> list[Path]:
    return sorted((places.cache() / "networks").iterdir())


def using(file: UserFile, size: int = SIZE) -> Network:
    return Network("MobileNet", "last", "avg", size, file)


def test_a_kept_network_needs_no_keras(mobilenet: UserFile, home: Path) -> None:
    first = load(using(mobilenet))(pixels(SIZE))
    np.save(home / "first.npy", first)
    script = (
        "import sys; import numpy as np; from pathlib import Path; from cbir import places\n"
        "from cbir.networks import Network, load; from cbir.user_files import UserFile\n"
        "from tests.keras_models import pixels\n"
        "home, digest, size = sys.argv[1:]; places.configure(home + '/home', home + '/keras')\n"
        "run = load(Network('MobileNet', 'last', 'avg', int(size), UserFile(digest)))\n"
        "again = run(pixels(int(size)))\n"
        "np.testing.assert_array_equal(again, np.load(home + '/first.npy'))\n"
        "loaded = {'keras', 'tensorflow', 'onnx', 'h5py'} & set(sys.modules)\n"
        "sys.exit(f'loads {loaded}' if loaded else 0)"
    )
    command = [sys.executable, "-c", script, str(home), mobilenet.digest, str(SIZE)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("damage", ["cut", "bit", "other", "empty", "folder"])
def test_a_damaged_one_is_made_again(damage: str, mobilenet: UserFile) -> None:
    first = load(using(mobilenet))(pixels(SIZE))
    [file] = kept_files()
    whole = file.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    file.unlink()
    if damage == "folder":
        file.mkdir()
    else:
        damaged = {"cut": whole[:-9], "bit": flipped, "other": b"no model", "empty": b""}
        file.write_bytes(damaged[damage])
    assert kept.read(file) is None
    np.testing.assert_array_equal(load(using(mobilenet))(pixels(SIZE)), first)
    if damage != "folder":
        assert file.read_bytes() == whole


def test_one_that_does_not_run_is_made_again(mobilenet: UserFile) -> None:
    """Sealed by somebody, and still no network."""
    first = load(using(mobilenet))(pixels(SIZE))
    [file] = kept_files()
    kept.write(file, b"no model")
    assert kept.read(file) is not None
    np.testing.assert_array_equal(load(using(mobilenet))(pixels(SIZE)), first)


def test_a_cache_that_can_not_be_written(
    mobilenet: UserFile, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(using(mobilenet))(pixels(SIZE))
    (home / "file").write_text("in the way")
    monkeypatch.setattr(places, "_home", home / "file")
    np.testing.assert_array_equal(load(using(mobilenet))(pixels(SIZE)), first)


def test_a_kept_network_fits_its_weights(legacy: Path, home: Path) -> None:
    """Other weights under the same name are not taken for those that it was made of."""
    place = home / "keras/models" / NAME
    shutil.copy(legacy, place)
    first = load(IMAGENET)(pixels(SIZE))
    with h5py.File(place, "r+") as file:
        file["model_weights/conv1"].visititems(_double)
    second = load(IMAGENET)(pixels(SIZE))
    assert np.abs(second - first).max() > 0.01
    place.unlink()
    np.testing.assert_array_equal(load(IMAGENET)(pixels(SIZE)), second)  # they are not needed


def _double(name: str, item: h5py.Group | h5py.Dataset) -> None:
    if isinstance(item, h5py.Dataset):
        item[...] *= 2


def test_no_weights_and_no_internet(home: Path) -> None:
    with pytest.raises(BadSpec) as caught:
        load(IMAGENET)
    text = str(caught.value)
    assert "\n" not in text
    assert f"put {NAME} into {home / 'keras/models'} or give weights=FILE" in text
    assert list((home / "keras/models").iterdir()) == []


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of files that the internet has."""
    folder = home / "served"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        internet(monkeypatch, running.server_port)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder
        running.shutdown()


def test_weights_are_downloaded_once(
    server: Path,
    legacy: Path,
    home: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(legacy, server / NAME)
    capfd.readouterr()
    with caplog.at_level(logging.INFO, logger="cbir"):
        run = load(IMAGENET)
    assert [path.name for path in (home / "keras/models").iterdir()] == [NAME]
    assert "downloading the weights of MobileNet" in caplog.text
    assert "preparing MobileNet" in caplog.text
    assert capfd.readouterr().out == ""
    own = load(using(UserFile.of(legacy)))
    np.testing.assert_array_equal(run(pixels(SIZE)), own(pixels(SIZE)))


def test_a_file_that_the_internet_lacks(server: Path, home: Path) -> None:
    with pytest.raises(BadSpec, match=r"can't be fetched \(.*404"):
        load(IMAGENET)
    assert list((home / "keras/models").iterdir()) == []


def test_damaged_weights(legacy: Path, home: Path) -> None:
    place = home / "keras/models" / NAME
    place.write_bytes(legacy.read_bytes()[:-100_000])
    with pytest.raises(BadSpec, match=r"damaged; delete that file and try again$"):
        load(IMAGENET)


def test_weights_of_another_network(weights: Path, mobilenet: UserFile) -> None:
    with pytest.raises(BadSpec, match="does not hold MobileNetV2's weights: "):
        load(Network("MobileNetV2", "last", "avg", SIZE, mobilenet))


def test_what_is_no_weight_file(home: Path) -> None:
    file = home / "model.h5"
    file.write_bytes(b"\x80\x04cposix\nsystem\n")
    with pytest.raises(BadSpec, match="is not a weight file"):
        load(using(UserFile.of(file)))


def test_a_name_that_says_no_format(mobilenet: UserFile, home: Path) -> None:
    file = home / "weights.bin"
    shutil.copy(mobilenet.need(), file)
    with pytest.raises(BadSpec, match=r"\.h5"):
        load(using(UserFile.of(file)))


def test_files_that_lead_elsewhere(home: Path) -> None:
    other = home / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = np.ones(3)
    links = {
        "soft": lambda file: file.update({"y": h5py.SoftLink("/x")}),
        "external": lambda file: file.update({"y": h5py.ExternalLink(str(other), "/x")}),
        "outside": lambda file: file.create_dataset("y", (3,), "u1", external=[(other, 0, 3)]),
    }
    for name, link in links.items():
        place = home / f"{name}.h5"
        with h5py.File(place, "w") as file:
            file["x"] = np.ones(3)
            link(file.create_group("below"))
        with pytest.raises(BadSpec, match="not a plain weight file"):
            check(place)
    check(other)


def test_a_small_file_that_says_to_be_large(home: Path) -> None:
    place = home / "bomb.h5"
    with h5py.File(place, "w") as file:
        file.create_dataset("x", (1 << 40,), "f4", chunks=(1 << 20,))
    with pytest.raises(BadSpec, match="says to hold 4194304 MB"):
        check(place)
