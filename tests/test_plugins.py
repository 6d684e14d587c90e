"""Other packages' descriptors: real ones, built and installed by pip, in the real command line."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import ROOT, Done, cbir, encoded, picture

Install = Callable[..., Path]
PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "cbir-{name}"
version = "1.0"
[project.entry-points."cbir.descriptors"]
{entries}
[tool.setuptools]
py-modules = ["cbir_{name}"]
"""

BROKEN = "import a_package_that_nobody_has\n"

ODD = '''
"""Plug-ins that do what they must not."""
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
import numpy as np

@dataclass(frozen=True)
class Good:
    version: ClassVar[int] = 1
    distance: ClassVar[str] = "euclidean"
    pixels: ClassVar[int] = 16
    def describe(self, batch):
        return np.stack([image.mean(axis=(0, 1)) for image in batch]).astype(np.float32)

class Flat(Good):
    def describe(self, batch):
        return np.ones(len(batch), np.float32)

class Nan(Good):
    def describe(self, batch):
        vectors = super().describe(batch)
        vectors[vectors.max(axis=1) < 5] = np.nan
        return vectors

class Raises(Good):
    def describe(self, batch):
        if min(image.max() for image in batch) < 5:
            raise KeyError("too dark\\nto see")
        return super().describe(batch)

class Whole(Good):
    """Height, width, depth of what it is given."""
    pixels = None
    def describe(self, batch):
        assert all(image.dtype == np.uint8 for image in batch)
        return np.array([image.shape for image in batch], np.float32)

class Negative(Good):
    distance = "chi2"
    def describe(self, batch):
        return -1 - super().describe(batch)

class UnknownDistance(Good):
    distance = "nearness"

@dataclass(frozen=True)
class VersionField:
    """As the protocol is written, and as a newcomer would copy it."""
    version: int = 1
    distance: str = "euclidean"
    pixels: int | None = 16
    describe = Good.describe

@dataclass(frozen=True)
class Needy(Good):
    model: str

@dataclass(frozen=True)
class StrangeSetting(Good):
    model: Path = Path("a.onnx")

@dataclass(frozen=True)
class Optional(Good):
    most: int | None = None

@dataclass(frozen=True)
class BadHint(Good):
    size: "NotImported" = 3

@dataclass(frozen=True)
class Init(Good):
    size: int = 3
    def __post_init__(self):
        raise KeyError("no licence")

class Dim(Good):
    @property
    def dim(self):
        raise OSError("no file")

def function(): ...
'''
ODD_ONES = [
    "function",
    "Missing",
    "VersionField",
    "Needy",
    "StrangeSetting",
    "BadHint",
    "Init",
    "Dim",
]


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Builds and installs a distribution into a folder of its own."""

    def do(source: Path) -> Path:
        place = tmp_path_factory.mktemp("site")
        copy = tmp_path_factory.mktemp("source") / "it"  # building leaves files behind
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--no-compile"]
        command = [sys.executable, "-m", "pip", "install", *options, "--target", place, copy]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return place

    return do


@pytest.fixture(scope="session")
def toy(install: Install) -> Path:
    return install(ROOT / "tests/toy_plugin")


def distribution(folder: Path, name: str, code: str, entries: dict[str, str]) -> Path:
    lines = "\n".join(f'{key} = "cbir_{name}:{value}"' for key, value in entries.items())
    (folder / "pyproject.toml").write_text(PYPROJECT.format(name=name, entries=lines))
    (folder / f"cbir_{name}.py").write_text(code)
    return folder


@pytest.fixture(scope="session")
def broken(install: Install, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("broken")
    return install(distribution(folder, "broken", BROKEN, {"broken": "Broken"}))


@pytest.fixture(scope="session")
def odd(install: Install, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The odd ones, without an entry point; `one_of` gives each its own."""
    return install(distribution(tmp_path_factory.mktemp("odd"), "odd", ODD, {"odd-good": "Good"}))


def one_of(odd: Path, tmp_path: Path, value: str, name: str = "odd") -> Path:
    """A copy of the installed odd distribution that offers just this."""
    place = tmp_path / "site"
    shutil.copytree(odd, place)
    (entries,) = place.glob("*.dist-info/entry_points.txt")
    entries.write_text(f"[cbir.descriptors]\n{name} = cbir_odd:{value}\n")
    return place


def with_plugins(*places: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(map(str, [ROOT, *places]))}


def index(photos: Path, out: Path, *specs: str, places: tuple[Path, ...] = ()) -> Done:
    arguments = ["index", "--dataset", photos, "-d", *specs, "--index", out / "index.csv"]
    return cbir(*arguments, cwd=out, env=with_plugins(*places))


def search(query: Path, out: Path, *places: Path, name: str = "index.csv") -> Done:
    arguments = ["search", "--query", query, "--index", out / name, "--no-montage", "--json"]
    return cbir(*arguments, cwd=out, env=with_plugins(*places))


def assert_one_line(done: Done, status: int, *words: str) -> None:
    assert done.returncode == status, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


def listed(*places: Path) -> tuple[Done, dict[str, dict]]:
    done = cbir("descriptors", "--json", env=with_plugins(*places))
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return done, {record["name"]: record for record in records}


class TestToy:
    def test_is_listed_with_its_settings(self, toy: Path) -> None:
        done, found = listed(toy)
        assert (done.returncode, done.stderr) == (0, "")
        assert list(found) == sorted(found)
        assert {"hsv", "hsv-regions"} < set(found)
        assert found["toy"]["settings"] == {"grid": 1, "colours": "rgb"}
        assert found["toy"]["spec"] == "toy:grid=1,colours=rgb,version=1"
        assert found["toy"]["distance"] == "euclidean"
        assert found["toy"]["dim"] is None
        assert found["toy"]["about"].startswith("The mean colour")

    def test_is_listed_for_people(self, toy: Path) -> None:
        lines = cbir("descriptors", env=with_plugins(toy)).stdout.splitlines()
        at = next(n for n, line in enumerate(lines) if line.startswith("toy:"))
        assert "euclidean" in lines[at]
        assert "grid=1, colours=rgb" in lines[at + 2]

    def test_is_not_listed_where_it_is_not_installed(self) -> None:
        done, found = listed()
        assert done.returncode == 0
        assert "toy" not in found

    def test_indexes_and_searches(self, toy: Path, photos: Path, tmp_path: Path) -> None:
        done = index(photos, tmp_path, "toy", places=(toy,))
        assert done.returncode == 0, done.stderr
        found = json.loads(search(photos / "c.jpg", tmp_path, toy).stdout)
        assert found["spec"] == "toy:grid=1,colours=rgb,version=1"
        assert found["distance"] == "euclidean"
        assert found["hits"][0]["id"] == "c.jpg"
        assert found["hits"][0]["distance"] == pytest.approx(0, abs=1e-6)
        assert len(found["hits"]) == 3

    def test_has_the_values_that_it_computes(self, toy: Path, photos: Path, tmp_path: Path) -> None:
        index(photos, tmp_path, "toy:grid=2,colours=grey", places=(toy,))
        lines = (tmp_path / "index.csv").read_text().splitlines()
        assert "toy:grid=2,colours=grey,version=1" in lines[0]
        found = [float(value) for value in lines[2].split(",")[1:]]
        image = cv2.imread(str(photos / "a.jpg"), cv2.IMREAD_REDUCED_COLOR_2)
        assert image.shape[:2] == (60, 80)
        cells = [image[y : y + 30, x : x + 40] for y in (0, 30) for x in (0, 40)]
        assert found == pytest.approx([cell.mean() / 255 for cell in cells], abs=1e-5)

    def test_works_beside_ours(self, toy: Path, photos: Path, tmp_path: Path) -> None:
        done = index(photos, tmp_path, "hsv", "toy:grid=3", places=(toy,))
        assert done.returncode == 0, done.stderr
        (name,) = [file.name for file in tmp_path.glob("index.toy-*.csv")]
        for file in ("index.hsv.csv", name):
            hits = json.loads(search(photos / "b.jpg", tmp_path, toy, name=file).stdout)["hits"]
            assert hits[0]["id"] == "b.jpg"
        alone = tmp_path / "alone"
        alone.mkdir()
        index(photos, alone, "hsv")
        rows = [
            (folder / file).read_text().splitlines()[1:]
            for folder, file in ((alone, "index.csv"), (tmp_path, "index.hsv.csv"))
        ]
        assert rows[0] == rows[1]

    @pytest.mark.parametrize(
        ("spec", "word"), [("toy:gird=2", "did you mean grid"), ("toy:grid=two", "whole number")]
    )
    def test_has_its_settings_checked(
        self, spec: str, word: str, toy: Path, photos: Path, tmp_path: Path
    ) -> None:
        assert_one_line(index(photos, tmp_path, spec, places=(toy,)), 2, word)

    def test_is_missed_in_one_line(self, toy: Path, photos: Path, tmp_path: Path) -> None:
        index(photos, tmp_path, "toy", places=(toy,))
        assert_one_line(search(photos / "a.jpg", tmp_path), 2, "index.csv", "toy:grid=1", "'toy'")
        before = (tmp_path / "index.csv").read_bytes()
        assert_one_line(index(photos, tmp_path, "toy"), 2, "no descriptor is called 'toy'")
        assert (tmp_path / "index.csv").read_bytes() == before


class TestBroken:
    def test_is_named_and_the_others_are_listed(self, broken: Path, toy: Path) -> None:
        done, found = listed(broken, toy)
        assert_one_line(done, 1, "'broken'", "cbir-broken", "a_package_that_nobody_has")
        assert {"hsv", "hsv-regions", "toy"} <= set(found)

    def test_harms_only_who_asks_for_it(
        self, broken: Path, toy: Path, photos: Path, tmp_path: Path
    ) -> None:
        done = index(photos, tmp_path, "hsv", "toy", places=(broken, toy))
        assert done.returncode == 0
        assert "broken" not in done.stderr
        done = search(photos / "a.jpg", tmp_path, broken, toy, name="index.hsv.csv")
        assert (done.returncode, done.stderr) == (0, "")
        done = index(photos, tmp_path, "broken", places=(broken, toy))
        assert_one_line(done, 2, "'broken'", "can't be loaded", "a_package_that_nobody_has")


@pytest.fixture
def with_a_dark_one(photos: Path) -> Path:
    (photos / "dark.png").write_bytes(encoded(np.zeros((60, 60, 3), np.uint8), ".png"))
    return photos


@pytest.mark.parametrize(
    ("value", "reason"),
    [("Nan", "values that are not finite"), ("Raises", "the descriptor odd failed: KeyError")],
)
def test_a_picture_that_it_fails_for_is_listed(
    value: str, reason: str, odd: Path, with_a_dark_one: Path, tmp_path: Path
) -> None:
    place = one_of(odd, tmp_path, value)
    done = index(with_a_dark_one, tmp_path, "hsv", "odd", places=(place,))
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "dark.png" in line]
    assert reason in line
    assert reason in (tmp_path / "failures.csv").read_text()
    assert len((tmp_path / "index.odd.csv").read_text().splitlines()) == 2 + 8
    assert len((tmp_path / "index.hsv.csv").read_text().splitlines()) == 2 + 9
    done = search(with_a_dark_one / "dark.png", tmp_path, place, name="index.odd.csv")
    assert_one_line(done, 2, reason)


def test_wrong_shapes_stop_the_run_in_one_line(odd: Path, photos: Path, tmp_path: Path) -> None:
    done = index(photos, tmp_path, "odd", places=(one_of(odd, tmp_path, "Flat"),))
    assert_one_line(done, 2, "the descriptor odd returned float32 of shape (8,)")
    assert not list(tmp_path.glob("index*"))


def test_without_prepare_it_gets_whole_images(odd: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sizes"
    folder.mkdir()
    for width, height in ((7, 5), (640, 300)):
        (folder / f"{width}.png").write_bytes(encoded(picture(1, width, height), ".png"))
    done = index(folder, tmp_path, "odd", places=(one_of(odd, tmp_path, "Whole"),))
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "index.csv").read_text().splitlines()[2:]
    values = [[float(value) for value in row.split(",")[1:]] for row in rows]
    assert values == [[300, 640, 3], [5, 7, 3]]


def test_negative_values_can_not_be_searched_by_chi2(
    odd: Path, photos: Path, tmp_path: Path
) -> None:
    place = one_of(odd, tmp_path, "Negative")
    index(photos, tmp_path, "odd", places=(place,))
    assert_one_line(search(photos / "a.jpg", tmp_path, place), 2, "chi2", "negative", "cosine")


@pytest.mark.parametrize("value", [*ODD_ONES, "Optional", "UnknownDistance"])
def test_what_can_not_work_is_refused_in_one_line_before_pictures_are_read(
    value: str, odd: Path, photos: Path, tmp_path: Path
) -> None:
    """Or it works to the end: an index that is written can be searched."""
    place = one_of(odd, tmp_path, value)
    done = index(photos, tmp_path, "odd", places=(place,))
    if done.returncode == 0:
        assert search(photos / "a.jpg", tmp_path, place).returncode == 0
    else:
        assert_one_line(done, 2, "odd")
        assert not list(tmp_path.glob("index*"))


@pytest.mark.parametrize("value", ODD_ONES)
def test_one_that_is_odd_does_not_keep_the_others_from_the_list(
    value: str, odd: Path, tmp_path: Path
) -> None:
    done, found = listed(one_of(odd, tmp_path, value, name="a-first"))
    assert {"hsv", "hsv-regions"} <= set(found)
    if "a-first" not in found:
        assert_one_line(done, 1, "a-first")


def test_ours_win_over_the_same_name(odd: Path, photos: Path, tmp_path: Path) -> None:
    place = one_of(odd, tmp_path, "Good", name="hsv")
    done, found = listed(place)
    assert done.returncode == 0
    assert found["hsv"]["dim"] == 288
