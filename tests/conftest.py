"""What many tests share: generated pictures, the real command line, the real photos."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cbir import places

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("CBIR_SHARED", ROOT.parent / "shared"))

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]


@pytest.fixture(scope="session")
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where networks are kept once they are exported, for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_home(
    tmp_path_factory: pytest.TempPathFactory, cache_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A feature store for each test, and Keras's weights where ../shared has some."""
    home = tmp_path_factory.mktemp("home")
    (home / "cache").symlink_to(cache_home)
    (home / "keras").mkdir()
    if (SHARED / "keras/models").is_dir():
        (home / "keras/models").symlink_to(SHARED / "keras/models")
    monkeypatch.setenv("CBIR_HOME", str(home))
    monkeypatch.setenv("KERAS_HOME", str(home / "keras"))
    monkeypatch.setattr(places, "_home", home)
    monkeypatch.setattr(places, "_keras", home / "keras")
    return home


@pytest.fixture
def shared() -> Path:
    """The folder of real photos, which is not part of the project."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"the real photos are not at {SHARED} (CBIR_SHARED tells where)")
    return SHARED / "data"


@pytest.fixture
def shop() -> Path:
    return ROOT / "data/dataset/shop"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 KB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def picture(seed: int = 0, width: int = 160, height: int = 120) -> NDArray[np.uint8]:
    """A smooth colourful RGB picture, different for every seed."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def encoded(image: NDArray, suffix: str = ".jpg", *parameters: int) -> bytes:
    """An RGB picture as a file's bytes."""
    good, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), parameters)
    assert good
    return data.tobytes()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of eight small pictures, a.jpg to h.jpg."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, name in enumerate("abcdefgh"):
        (folder / f"{name}.jpg").write_bytes(encoded(picture(seed)))
    return folder


def cbir(
    *arguments: str | Path,
    cwd: Path | None = None,
    input: bytes | None = None,
    env: dict[str, str] | None = None,
) -> Done:
    """Runs `python -m cbir …` as a person would, and checks what holds for every run."""
    done = subprocess.run(
        [sys.executable, "-m", "cbir", *map(str, arguments)],
        cwd=cwd or ROOT,
        input=input,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        timeout=120,
    )
    text = subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )
    assert "Traceback" not in text.stderr, text.stderr
    assert "unexpected error" not in text.stderr, text.stderr
    return text


@pytest.fixture
def run() -> Callable[..., Done]:
    return cbir
