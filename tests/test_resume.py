"""Whenever index.py is killed, the next run takes up where it was, to the very same index."""

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import ROOT, Run, encoded, picture

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")

KILLS = 30
DESCRIPTORS = ("hsv", "mobilenet")


def index_py(folder: Path, *specs: str) -> "subprocess.Popen[bytes]":
    """Starts index.py on `pictures` in `folder`, with the store there."""
    command = [sys.executable, ROOT / "index.py", "--dataset", "pictures", "--store", "features.db"]
    return subprocess.Popen([*command, "-d", *specs], cwd=folder, stderr=subprocess.DEVNULL)


def indexes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("index*.csv")}


def forget(folder: Path, *, store: bool) -> None:
    for path in folder.glob("index*"):
        path.unlink()
    for path in folder.glob("features.db*") if store else ():
        path.unlink(missing_ok=True)


def stored(folder: Path) -> int:
    """How many vectors the store holds; its file must be sound whatever happened."""
    if not (folder / "features.db").exists():
        return 0
    with closing(sqlite3.connect(folder / "features.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        try:
            return int(connection.execute("SELECT count(*) FROM vectors").fetchone()[0])
        except sqlite3.OperationalError:  # killed before there was a table
            return 0


@pytest.fixture
def photos_to_index(tmp_path: Path, shared: Path) -> Path:
    """Real photos, and some of them under two names."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    files = sorted((shared / "clothing/gallery").rglob("*.jpg"))[::6]
    for number, file in enumerate([*files, *files[:5]]):
        shutil.copy(file, folder / f"{number:03}.jpg")
    return tmp_path


@pytest.mark.shared
def test_killed_at_thirty_moments(photos_to_index: Path) -> None:
    folder = photos_to_index
    assert index_py(folder, *DESCRIPTORS).wait() == 0  # exports the network, if need be
    wanted = indexes(folder)
    assert set(wanted) == {"index.hsv.csv", "index.mobilenet.csv"}
    forget(folder, store=True)
    started = time.monotonic()
    assert index_py(folder, *DESCRIPTORS).wait() == 0
    seconds = time.monotonic() - started
    generator = random.Random(30)
    killed = 0
    for _ in range(KILLS):
        forget(folder, store=generator.random() < 0.5)  # else a kill follows a kill
        process = index_py(folder, *DESCRIPTORS)
        time.sleep(generator.uniform(0.05, 0.8) * seconds)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        before = stored(folder)
        assert index_py(folder, *DESCRIPTORS).wait() == 0
        assert indexes(folder) == wanted
        assert stored(folder) >= before
    assert killed >= KILLS // 4  # on a busy machine, the first run may take longer than others


@pytest.fixture
def slow_to_index(tmp_path: Path) -> Path:
    """Pictures that take some seconds: large ones, at full size."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(12):
        data = encoded(picture(number, 2000, 1500), ".png")
        for copy in range(20):
            # The same pixels in other bytes: what follows a PNG's end is not looked at.
            (folder / f"{number:02}-{copy:02}.png").write_bytes(data + bytes([number, copy]))
    return tmp_path


def test_only_the_last_seconds_are_lost(slow_to_index: Path) -> None:
    folder = slow_to_index
    process = index_py(folder, "hsv:size=full")
    deadline = time.monotonic() + 60
    while not stored_without_looking(folder) and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before anything was stored"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = stored(folder)
    assert 0 < kept < 240
    assert not list(folder.glob("index*.csv"))
    # What is kept is not described again: vectors that are put in its place by hand show up.
    with closing(sqlite3.connect(folder / "features.db")) as connection, connection:
        connection.execute("UPDATE descriptions SET data = zeroblob(length(data))")
    assert index_py(folder, "hsv:size=full").wait() == 0
    rows = (folder / "index.csv").read_text().splitlines()[2:]
    assert len(rows) == 240
    assert sum(set(row.split(",")[1:]) == {"0"} for row in rows) == kept


def stored_without_looking(folder: Path) -> int:
    """The same while a run is at work."""
    try:
        place = f"file:{folder / 'features.db'}?mode=ro"
        with closing(sqlite3.connect(place, uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM vectors").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.mark.parametrize(
    "specs", [("hsv", "hsv"), ("hsv", "hsv-regions"), ("hsv", "hsv:size=full")]
)
def test_two_runs_at_once_on_one_store(tmp_path: Path, specs: tuple[str, str], run: Run) -> None:
    (tmp_path / "pictures").mkdir()
    for number in range(150):
        (tmp_path / f"pictures/{number:03}.jpg").write_bytes(encoded(picture(number)))
    two = []
    for number, spec in enumerate(specs):
        command = [sys.executable, ROOT / "index.py", "--dataset", "pictures", "-d", spec]
        extra = ["--store", "features.db", "--index", f"{number}.csv"]
        two.append(subprocess.Popen([*command, *extra], cwd=tmp_path, stderr=subprocess.PIPE))
    said = [process.communicate(timeout=60)[1].decode() for process in two]
    assert [process.returncode for process in two] == [0, 0], said
    for number, spec in enumerate(specs):
        alone = run("index", "--dataset", "pictures", "-d", spec, "--no-store", cwd=tmp_path)
        assert alone.returncode == 0
        wanted = (tmp_path / "index.csv").read_bytes()
        assert (tmp_path / f"{number}.csv").read_bytes() == wanted
    assert stored(tmp_path) == 150 * len(set(specs))
