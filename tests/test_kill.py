"""Whenever a run is stopped, the index is the old one or the new one, and nothing else is left."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cbir.vector_index.check import check
from tests.conftest import ROOT, encoded, picture

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

PICTURES = 300


def index_py(folder: Path, dataset: str = "all", *flags: str) -> "subprocess.Popen[str]":
    """Starts index.py in `folder`, which holds the pictures and gets the index."""
    return subprocess.Popen(
        [sys.executable, ROOT / "index.py", "--dataset", dataset, *flags],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def partials(folder: Path) -> list[Path]:
    return list(folder.glob(".*.partial"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some hundred pictures in `all`, every second of them in `half`, and the index of each.

    The pictures are twelve under many names: drawing them would take longer than the tests.
    """
    folder = tmp_path_factory.mktemp("kill")
    drawn = [encoded(picture(seed)) for seed in range(12)]
    for name in ("all", "half"):
        (folder / name).mkdir()
    for number in range(PICTURES):
        (folder / f"all/{number:03}.jpg").write_bytes(drawn[number % 12])
    for number in range(0, PICTURES, 2):
        os.link(folder / f"all/{number:03}.jpg", folder / f"half/{number:03}.jpg")
    for name in ("half", "all"):
        assert finish(index_py(folder, name))[0] == 0
        for suffix in ("", ".vectors"):
            shutil.copy2(folder / f"index.csv{suffix}", folder / f"{name}.csv{suffix}")
    return folder


def restore(folder: Path) -> None:
    """The old index, without what an earlier kill has left."""
    for path in (*partials(folder), folder / "index.csv", folder / "index.csv.vectors"):
        path.unlink(missing_ok=True)
    for suffix in ("", ".vectors"):
        shutil.copy2(folder / f"half.csv{suffix}", folder / f"index.csv{suffix}")


def whole_run(folder: Path) -> float:
    restore(folder)
    started = time.monotonic()
    assert finish(index_py(folder))[0] == 0
    return time.monotonic() - started


def wait_for_the_commit(process: "subprocess.Popen[str]", folder: Path) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and not partials(folder) and time.monotonic() < deadline:
        time.sleep(0.0005)


def moments(count: int, seconds: float) -> Iterator[tuple[bool, float]]:
    """(after the commit has begun, and how long after): half of them anywhere, half late."""
    generator = random.Random(20_240)
    for number in range(count):
        late = number % 2 == 1
        yield late, generator.uniform(0, 0.03 if late else seconds)


def kill_at(folder: Path, late: bool, delay: float) -> str:
    """Kills a run; returns which index is there afterwards."""
    restore(folder)
    process = index_py(folder)
    if late:
        wait_for_the_commit(process, folder)
    time.sleep(delay)
    process.kill()
    finish(process)
    content = (folder / "index.csv").read_bytes()
    assert check(folder / "index.csv", lambda done, total: None).problems == []
    if content == (folder / "half.csv").read_bytes():
        return "old"
    assert content == (folder / "all.csv").read_bytes(), f"neither old nor new ({late}, {delay})"
    return "new"


def kill_many_times(folder: Path, count: int) -> None:
    seconds = whole_run(folder)
    found = [kill_at(folder, late, delay) for late, delay in moments(count, seconds)]
    assert "old" in found  # else no kill came in time
    assert finish(index_py(folder))[0] == 0
    assert (folder / "index.csv").read_bytes() == (folder / "all.csv").read_bytes()
    assert partials(folder) == []


def test_a_kill_leaves_the_old_index_or_the_new_one(folder: Path) -> None:
    kill_many_times(folder, 12)


@pytest.mark.long
def test_a_hundred_kills_leave_the_old_index_or_the_new_one(folder: Path) -> None:
    kill_many_times(folder, 100)


def test_what_a_kill_leaves_is_swept_by_the_next_run(folder: Path) -> None:
    """The unlikely moment, made certain: a partial file whose writer is dead."""
    restore(folder)
    for name in ("index.csv", "index.csv.vectors"):
        (folder / f".{name}.4194304-0.partial").write_bytes(b"half of it")
    assert finish(index_py(folder))[0] == 0
    assert partials(folder) == []


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose indexing takes seconds: one large picture under many names, and an index."""
    folder = tmp_path_factory.mktemp("slow")
    (folder / "all").mkdir()
    (folder / "all/000.jpg").write_bytes(encoded(picture(1, 2400, 1800)))
    assert finish(index_py(folder))[0] == 0
    for number in range(1, 400):
        os.link(folder / "all/000.jpg", folder / f"all/{number:03}.jpg")
    return folder


def wait_until_at_work(process: "subprocess.Popen[str]") -> None:
    """Until the nameless file for the vectors is there."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it could be stopped"
        for handle in Path(f"/proc/{process.pid}/fd").iterdir():
            try:
                if os.readlink(handle).endswith("(deleted)"):
                    return
            except FileNotFoundError:
                continue
        time.sleep(0.002)
    raise AssertionError("it never began")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_index_as_it_was(slow: Path, number: signal.Signals) -> None:
    before = {p.name: p.read_bytes() for p in slow.iterdir() if p.is_file()}
    process = index_py(slow, "all", "-d", "hsv:size=full")
    wait_until_at_work(process)
    time.sleep(0.2)
    process.send_signal(number)
    status, err = finish(process)
    if number == signal.SIGINT:
        assert status == 130
        assert err == "cbir index: stopped; each index is whole, as it was or new\n"
    else:
        assert status != 0
        assert "Traceback" not in err
    assert {p.name: p.read_bytes() for p in slow.iterdir() if p.is_file()} == before


def test_an_interrupted_search_says_so_too(slow: Path) -> None:
    (slow / "index.csv.vectors").unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, ROOT / "search.py", "--query", "all", "--no-montage"],
        cwd=slow,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()  # it is at work
    process.send_signal(signal.SIGINT)
    status, err = finish(process)
    assert (status, err.count("\n")) == (130, 1)
    assert "stopped" in err


def test_two_runs_at_once_both_finish(folder: Path) -> None:
    restore(folder)
    two = [index_py(folder), index_py(folder)]
    assert [finish(process)[0] for process in two] == [0, 0]
    assert (folder / "index.csv").read_bytes() == (folder / "all.csv").read_bytes()
    assert check(folder / "index.csv", lambda done, total: None).problems == []
    assert partials(folder) == []


def test_two_different_runs_at_once_leave_one_of_the_two(folder: Path) -> None:
    for _ in range(3):
        restore(folder)
        two = [index_py(folder, "all"), index_py(folder, "half")]
        assert [finish(process)[0] for process in two] == [0, 0]
        content = (folder / "index.csv").read_bytes()
        assert content in [(folder / f"{name}.csv").read_bytes() for name in ("all", "half")]
        assert check(folder / "index.csv", lambda done, total: None).problems == []
        assert partials(folder) == []
