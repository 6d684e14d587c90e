"""Our own drawings are no pictures of a data set, and everything else is."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from cbir.__main__ import main
from cbir.images import decode
from cbir.plots import write_image
from cbir.sources import Folder, is_drawing
from cbir.sources.drawings import COMMENT, MARK, mark, signed
from tests.conftest import Run, encoded, picture


def ids(folder: Path) -> list[str]:
    return [picture.id for picture in Folder(folder).pictures()]


def test_a_signed_picture_is_the_same_picture(tmp_path: Path) -> None:
    data = encoded(picture(1))
    for jpeg in (data, data[:2] + data[20:]):  # with JFIF's segment, and without
        made = signed(jpeg)
        assert made.replace(COMMENT, b"") == jpeg
        decoded = [cv2.imdecode(np.frombuffer(one, np.uint8), 1) for one in (jpeg, made)]
        assert (decoded[0] == decoded[1]).all()
        (tmp_path / "a.jpg").write_bytes(made)
        assert is_drawing(tmp_path / "a.jpg")


@pytest.mark.parametrize("ending", [".png", ".webp"])
def test_other_formats_are_signed_too(tmp_path: Path, ending: str) -> None:
    write_image(tmp_path / f"results/sheet{ending}", picture(1))
    written = tmp_path / f"results/sheet{ending}"
    assert is_drawing(written)
    assert ids(tmp_path) == []
    data = written.read_bytes()
    plain = encoded(picture(1), ending, *([cv2.IMWRITE_WEBP_QUALITY, 92] * (ending == ".webp")))
    assert len(data) > len(plain)
    assert (decode(data) == decode(plain)).all()
    (tmp_path / f"results/mine{ending}").write_bytes(plain)
    assert ids(tmp_path) == [f"results/mine{ending}"]


@pytest.mark.parametrize("command", ["index", "duplicates", "fit", "list-images"])
def test_a_folder_of_drawings_only(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    write_image(tmp_path / "set/sheet.jpg", picture(1))
    monkeypatch.chdir(tmp_path)
    assert main([command, *(["--dataset"] * (command != "list-images")), "set"]) == 2
    assert "in set: it holds only drawings of cbir's own" in capsys.readouterr().err


def test_what_is_no_drawing(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded(picture(1)))
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to("nowhere.jpg")
    assert not any(map(is_drawing, [*tmp_path.iterdir(), tmp_path / "gone.jpg"]))


def test_drawings_in_folders_of_results_are_passed_over(tmp_path: Path) -> None:
    write_image(tmp_path / "results/deep/sheet.jpg", picture(1))
    (tmp_path / "results/deep/mine.jpg").write_bytes(encoded(picture(2)))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/sheet.jpg").write_bytes((tmp_path / "results/deep/sheet.jpg").read_bytes())
    (tmp_path / "elsewhere").symlink_to("results/deep")
    assert ids(tmp_path) == ["mine/sheet.jpg", "results/deep/mine.jpg"]
    assert ids(tmp_path / "results") == ["deep/mine.jpg"]
    assert ids(tmp_path / "results/deep") == ["mine.jpg"]


def test_a_mark_is_made_once(tmp_path: Path) -> None:
    (tmp_path / MARK).write_text("mine")
    mark(tmp_path)
    mark(tmp_path / "gone")
    assert (tmp_path / MARK).read_text() == "mine"


@pytest.mark.parametrize("again", ["similar", "visual-search", "index"])
def test_what_commands_draw_joins_no_data_set(photos: Path, run: Run, again: str) -> None:
    (photos / "copy.jpg").write_bytes((photos / "a.jpg").read_bytes())
    flags = {
        "similar": ("--item", "a", "--number", "99"),
        "visual-search": ("--image", "a.jpg", "--number", "99"),
        "index": ("--json", "--index", "index.csv"),
    }
    before = run(again, "--dataset", ".", *flags[again], cwd=photos)
    assert run("duplicates", "--dataset", ".", cwd=photos).returncode == 0
    assert run("similar", "--dataset", ".", "--item", "b", cwd=photos).returncode == 0
    assert {path.name for path in (photos / "results").rglob("*.jpg")} >= {
        *("duplicates.jpg", "b.jpg")
    }
    after = run(again, "--dataset", ".", *flags[again], cwd=photos)
    if again == "index":
        assert '"pictures": 9, "new": 0, "unchanged": 9' in after.stdout
    else:
        assert after.stdout == before.stdout
