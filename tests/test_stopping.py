"""Ctrl-C ends each command with what it leaves behind, and not with another command's words."""

import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from cbir.__main__ import main
from cbir.commands.stopping import told_when_stopped
from cbir.sources import Folder
from tests.conftest import ROOT
from tests.web_server import WebServer, in_turn, silent
from tests.web_server import picture as whole

STORED = "; what was described is in the feature store"


def told(
    describing: Namespace | None = None,
    left: str | Callable[[], str] = "the table is as it was",
    stop: str = "",
) -> str:
    with pytest.raises(KeyboardInterrupt) as stopped, told_when_stopped(left, describing):
        raise KeyboardInterrupt(*([stop] if stop else []))
    return str(stopped.value)


def test_what_is_told() -> None:
    assert told() == "stopped; the table is as it was"
    assert told(Namespace(no_store=False)) == f"stopped; the table is as it was{STORED}"
    assert told(Namespace(no_store=True)) == "stopped; the table is as it was"
    assert told(left=lambda: "3 pictures stay") == "stopped; 3 pictures stay"


def test_of_two_the_inner_one_s_words_count() -> None:
    assert told(stop="stopped; 3 pictures stay") == "stopped; 3 pictures stay"


def test_other_ends_are_left_alone() -> None:
    with told_when_stopped("nothing"):
        pass
    with pytest.raises(ValueError, match="mine"), told_when_stopped("nothing"):
        raise ValueError("mine")


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


def started(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "cbir", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def stopped(running: "subprocess.Popen[str]") -> str:
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130
    return said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit"], f"the list of similar items is whole, as it was or new{STORED}"),
        (["similar", "--no-store"], "each drawing is whole, as it was or new"),
        (["visual-search", "--image", "a.jpg"], f"each drawing is whole, as it was or new{STORED}"),
        (
            ["compare", "--labels", "items", "-d", "hsv"],
            f"the results are as they were{STORED}",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_while_pictures_are_described(
    photos: Path, server: WebServer, arguments: Sequence[str], words: str
) -> None:
    urls = [server.on(f"{name}_1.jpg", silent(60)) for name in "ab"]
    (photos / "urls.csv").write_text("\n".join(["picture", *urls]) + "\n")
    running = started(photos, *arguments, "--dataset", "urls.csv", "--allow-local")
    while not server.requests:
        assert running.poll() is None
        time.sleep(0.02)
    assert stopped(running) == f"cbir {arguments[0]}: stopped; {words}\n"
    assert [path.name for path in photos.iterdir() if path.suffix != ".jpg"] == ["urls.csv"]


def test_while_pictures_are_drawn(photos: Path, server: WebServer) -> None:
    """Downloads for a drawing end at once, too."""
    urls = [
        server.on(
            f"{name}_1.jpg", in_turn(whole((photos / f"{name}.jpg").read_bytes()), silent(60))
        )
        for name in "abcdefgh"
    ]
    (photos / "urls.csv").write_text("\n".join(["picture", *urls]) + "\n")
    flags = ("--dataset", "urls.csv", "--allow-local", "--item", "a", "--no-store")
    running = started(photos, "similar", *flags)
    while len(server.requests) < 8 + 6:
        assert running.poll() is None
        time.sleep(0.02)
    began = time.monotonic()
    said = stopped(running)
    assert time.monotonic() - began < 10
    assert said == "cbir similar: stopped; each drawing is whole, as it was or new\n"


def test_while_a_table_is_printed(tmp_path: Path) -> None:
    """Nobody reads it, so that it waits when the pipe is full."""
    for number in range(2000):
        (tmp_path / f"{number:0100}.jpg").touch()
    running = started(tmp_path, "list-images", ".", "-o", "-")
    assert running.stdout is not None
    running.stdout.read(1)
    assert stopped(running) == ("cbir list-images: stopped; the table was not printed to its end\n")


def test_while_a_folder_is_walked(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: Folder) -> Iterator[None]:
        raise KeyboardInterrupt
        yield

    monkeypatch.chdir(photos)
    monkeypatch.setattr(Folder, "pictures", interrupted)
    assert main(["list-images", "."]) == 130
    said = "cbir list-images: stopped; the table is whole, as it was or new\n"
    assert capsys.readouterr().err == said
    assert not (photos / "images.csv").exists()
