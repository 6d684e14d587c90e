"""The folder of a comparison: never half, never two, never a stranger's."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, Run, encoded, picture

OUT = Path("results/compare")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Six items in two views each."""
    (tmp_path / "items").mkdir()
    for item in range(6):
        for view in range(2):
            data = encoded(picture(item + 10 * view), ".png")
            (tmp_path / f"items/item{item}_{view}.png").write_bytes(data)
    return tmp_path


COMPARE = ("compare", "--dataset", "items", "--labels", "items", "-d")


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    "flags",
    [
        ("--labels", "item"),
        ("--labels", "gone.csv"),
        ("--dataset", "nowhere"),
        ("-d", "hsv:bins=9"),
        ("--item-rule", "stem"),
    ],
    ids=" ".join,
)
def test_what_fails_changes_nothing(home: Path, run: Run, flags: tuple[str, str]) -> None:
    assert run(*COMPARE, "hsv", cwd=home).returncode == 0
    before = files(home / OUT)
    done = run(*COMPARE, "hsv", *flags, cwd=home)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert files(home / OUT) == before
    assert sorted(path.name for path in (home / OUT).iterdir() if path.name[0] == ".") == []


def test_what_fails_at_first_leaves_no_folder(home: Path, run: Run) -> None:
    (home / "mine").mkdir()
    for out in ("results/compare", "mine/compare"):
        assert run(*COMPARE, "hsv", "--queries", "nowhere", "--out", out, cwd=home).returncode == 2
    assert not (home / "results").exists()
    assert list((home / "mine").iterdir()) == []


def test_a_kill_leaves_the_results_as_they_were(home: Path, run: Run) -> None:
    assert run(*COMPARE, "hsv", cwd=home).returncode == 0
    before = files(home / OUT)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    # Nothing later: by the last file's time, what is new may be on its way to its place.
    for moment in ("runs", "summary.csv"):
        process = subprocess.Popen(
            [sys.executable, "-m", "cbir", *COMPARE, "hsv", "hsv-regions"], cwd=home, env=env
        )
        while process.poll() is None and not list((home / OUT).glob(f".filling-*/{moment}*")):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            pytest.fail("it ended before it could be killed")
        left = {name: data for name, data in files(home / OUT).items() if name[0] != "."}
        assert left == before
    done = run("compare", "--from-runs", OUT, "--out", "again", cwd=home)
    assert done.returncode == 0
    assert run(*COMPARE, "hsv", cwd=home).returncode == 0
    assert not list((home / OUT).glob(".filling-*"))


KILLED = """
import os, signal, sys
from cbir.__main__ import main
from cbir.evaluation import results

move, left = os.replace, int(sys.argv[1])

def replace(path, place):
    global left
    if ".replacing-" in str(path):
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
    move(path, place)

rmtree = results.shutil.rmtree
results.shutil.rmtree = lambda path, **more: (
    os.kill(os.getpid(), signal.SIGKILL) if ".replacing-" in str(path) else rmtree(path, **more)
)
results.os.replace = replace
main(sys.argv[2:])
"""


@pytest.mark.parametrize("moved", [0, 3, 1000])
def test_a_kill_while_they_are_put_in_place_is_mended(home: Path, run: Run, moved: int) -> None:
    """Whoever comes next, to read them or to write others, finds the new ones whole."""
    assert run(*COMPARE, "hsv", cwd=home).returncode == 0
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = [*COMPARE, "hsv", "hsv-regions"]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(moved), *arguments], cwd=home, env=env
    )
    assert killed.returncode == -signal.SIGKILL
    shutil.copytree(home / OUT, home / "other")
    assert run("compare", "--from-runs", OUT, "--out", "again", cwd=home).returncode == 0
    expected = files(home / OUT)
    assert not [name for name in expected if name.startswith(".")]
    assert {name for name in expected if name.startswith("runs/")} == {
        "runs/hsv-chi2.trec",
        "runs/hsv-regions-chi2.trec",
    }
    assert run(*arguments, "--out", "other", cwd=home).returncode == 0
    assert files(home / "other").keys() == expected.keys()


def test_two_at_once_do_not_mix(home: Path, run: Run) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    flags = ("--labels", "edits", "-d", "hsv", "--dataset", "items")
    first = subprocess.Popen([sys.executable, "-m", "cbir", "compare", *flags], cwd=home, env=env)
    while first.poll() is None and not list((home / OUT).glob(".filling-*")):
        time.sleep(0.002)
    second = run(*COMPARE, "hsv", cwd=home)
    assert (second.returncode, second.stderr.count("\n")) == (2, 1)
    assert "another run is writing to results/compare" in second.stderr
    assert first.wait() == 0
    assert json.loads((home / OUT / "comparison.json").read_text())["synthetic"] is True


@pytest.mark.parametrize(
    "name", ["summary.csv", "qrels.trec", "report.html", "runs/hsv-chi2.trec", "cutoffs", "runs"]
)
def test_a_stranger_s_files_are_not_replaced(home: Path, run: Run, name: str) -> None:
    path = home / OUT / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    done = run(*COMPARE, "hsv", cwd=home)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "give --out another" in done.stderr
    assert files(home / OUT) == {name: b"mine"}


def test_a_report_does_not_replace_another_comparison(home: Path, run: Run) -> None:
    assert run(*COMPARE, "hsv", "--out", "one", cwd=home).returncode == 0
    assert run(*COMPARE, "hsv-regions", "--out", "two", cwd=home).returncode == 0
    before = files(home / "two")
    done = run("compare", "--from-runs", "one", "--out", "two", cwd=home)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "holds another comparison" in done.stderr
    (home / "labels.csv").write_text("query,item\nitem0_0.png,item0_1.png\n")
    done = run("compare", "--from-runs", "one", "--out", "one", "--labels", "labels.csv", cwd=home)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "need another folder" in done.stderr
    assert files(home / "two") == before
    for _ in range(2):  # into its own folder, and into that of an earlier report
        for out in ("two", "report"):
            done = run("compare", "--from-runs", "two", "--out", out, cwd=home)
            assert done.returncode == 0, done.stderr
    kept = {name: data for name, data in before.items() if name.split(".")[0] != "report"}
    assert kept.items() <= files(home / "two").items()


def test_a_broken_picture_is_listed_and_the_rest_is_compared(home: Path, run: Run) -> None:
    (home / "items/aaa_1.png").write_text("no picture")
    done = run(*COMPARE, "hsv", cwd=home)
    assert done.returncode == 1
    (row,) = csv.DictReader((home / OUT / "failures.csv").read_text().splitlines())
    assert row["id"] == "aaa_1.png"
    assert (home / OUT / "report.html").exists()
    (home / "items/aaa_1.png").unlink()
    done = run(*COMPARE, "hsv", "--failures", "mine.csv", cwd=home)
    assert done.returncode == 0


def test_too_large_for_the_limit_is_left_out_of_edits_too(home: Path, run: Run) -> None:
    (home / "items/large_0.png").write_bytes(encoded(picture(50, 600, 400), ".png"))
    flags = ("--labels", "edits", "--max-megapixels", "0.1")
    done = run("compare", "--dataset", "items", "-d", "hsv", *flags, cwd=home)
    assert done.returncode == 1, done.stderr
    assert "large_0.png" in done.stderr
