"""`duplicates`: what it says and writes, and how copies are moved without losing any."""

import csv
import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from cbir.__main__ import main
from cbir.images import read_header
from cbir.matching import contact_sheets, moving
from cbir.matching.contact_sheets import size
from tests.conftest import Done, encoded
from tests.test_matching_duplicates import cut, detailed, scaled
from tests.web_server import WebServer

OUT = Path("results/duplicates")
Duplicates = Callable[..., Done]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `photos`, worked beside: two groups, one of them with the same bytes, and others."""
    folder = tmp_path / "photos"
    (folder / "old").mkdir(parents=True)
    images = {name: detailed(seed, 300, 200) for seed, name in enumerate("abcd")}
    for name, image in images.items():
        (folder / f"{name}.jpg").write_bytes(encoded(image))
    (folder / "old/a.jpg").write_bytes((folder / "a.jpg").read_bytes())
    (folder / "old/cut.jpg").write_bytes(encoded(cut(images["a"], *4 * [0.05])))
    (folder / "large.jpg").write_bytes(scaled(images["b"], 2, 90))
    mirrored = np.ascontiguousarray(images["c"][:, ::-1])
    (folder / "mirrored.jpg").write_bytes(encoded(mirrored, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 50))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def duplicates(folder: Path, capfd: pytest.CaptureFixture[str]) -> Duplicates:
    """The command in this process, which saves the start of one for each call."""

    def run(*flags: str | Path) -> Done:
        capfd.readouterr()
        code = main(["duplicates", *map(str, flags)])
        done = Done(flags, code, *capfd.readouterr())
        assert "Traceback" not in done.stderr
        assert "unexpected error" not in done.stderr
        return done

    return run


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def found(out: Path = OUT) -> list[list[str]]:
    groups = json.loads((out / "duplicates.json").read_text())["groups"]
    return [[picture["id"] for picture in group["pictures"]] for group in groups]


def failures(path: Path = OUT / "failures.csv") -> dict[str, str]:
    with open(path, newline="") as file:
        return dict(list(csv.reader(file))[1:])


GROUPS = [["a.jpg", "old/a.jpg", "old/cut.jpg"], ["large.jpg", "b.jpg"]]


def test_it_reports_and_touches_nothing(duplicates: Duplicates, folder: Path) -> None:
    before = files(folder)
    done = duplicates("--dataset", "photos")
    assert done.returncode == 0
    assert files(folder) == before
    assert found() == GROUPS
    lines = done.stdout.splitlines()
    assert [line.split()[-1] for line in lines if "group" in line] == ["1", "2"]
    assert lines[1].split() == ["300×200", *size(len(before["a.jpg"])).split(), "a.jpg"]
    assert lines[2].split()[3:] == ["old/a.jpg", "same", "bytes"]
    assert lines[3].split()[3] == "old/cut.jpg"
    assert 0 < float(lines[3].split()[4]) < 0.0035
    assert "8 pictures, 2 groups: 3 copies of larger ones (1 with the same bytes)" in done.stderr
    assert "written to results/duplicates: duplicates.json, duplicates.jpg" in done.stderr


def test_the_json_file_says_everything(duplicates: Duplicates, folder: Path) -> None:
    duplicates("--dataset", "photos", "--augment")
    about = json.loads((OUT / "duplicates.json").read_text())
    assert about["spec"] == "thumbnail:side=24,version=1"
    assert (about["distance"], about["threshold"]) == ("aligned", 0.0035)
    assert (about["pictures"], about["failed"]) == (8, 0)
    assert len(about["transforms"]) == 8
    assert about["sheets"] == ["duplicates.jpg"]
    ((first, mirrored),) = [
        group["pictures"] for group in about["groups"] if group["pictures"][0]["id"] == "c.jpg"
    ]
    assert mirrored["id"] == "mirrored.jpg"
    assert mirrored["transform"] == "flip-left-right"
    assert mirrored["bytes"] == (folder / "mirrored.jpg").stat().st_size
    assert (first["width"], first["height"], first["distance"]) == (300, 200, 0)
    assert not first["same_bytes"]
    assert not mirrored["same_bytes"]


def test_json_lines_are_groups(duplicates: Duplicates) -> None:
    done = duplicates("--dataset", "photos", "--json", "--quiet")
    assert done.stderr == ""
    groups = [json.loads(line)["pictures"] for line in done.stdout.splitlines()]
    assert [[picture["id"] for picture in group] for group in groups] == GROUPS


def test_by_another_descriptor(duplicates: Duplicates) -> None:
    done = duplicates("--dataset", "photos", "-d", "hsv", "--threshold", "0.001")
    assert done.returncode == 0
    assert ["a.jpg", "old/a.jpg"] in found()
    about = json.loads((OUT / "duplicates.json").read_text())
    assert (about["distance"], about["threshold"]) == ("chi2", 0.001)
    duplicates("--dataset", "photos", "-d", "hsv", "--threshold", "0.001", "--distance", "cosine")
    assert json.loads((OUT / "duplicates.json").read_text())["distance"] == "cosine"


def test_the_store_is_used(duplicates: Duplicates, monkeypatch: pytest.MonkeyPatch) -> None:
    duplicates("--dataset", "photos")
    first = (OUT / "duplicates.json").read_bytes()
    monkeypatch.setattr("cbir.matching.thumbnail.Thumbnail.prepare", None)  # made no more
    assert duplicates("--dataset", "photos").returncode == 0
    assert (OUT / "duplicates.json").read_bytes() == first


def test_nothing_is_there_twice(duplicates: Duplicates, folder: Path) -> None:
    duplicates("--dataset", "photos")
    shutil.rmtree(folder / "old")
    (folder / "large.jpg").unlink()
    done = duplicates("--dataset", "photos")
    assert (done.returncode, done.stdout, found()) == (0, "", [])
    assert "none of them a copy" in done.stderr
    names = {path.name for path in OUT.iterdir() if not path.name.startswith(".")}
    assert names == {"duplicates.json"}  # no old sheet


def test_a_full_disk_is_one_line(duplicates: Duplicates, shop: Path, small_disk: Path) -> None:
    for flags in ([], ["-d", "hsv", "--threshold", "0.1"]):
        out = str(small_disk / "out")
        done = duplicates("--dataset", str(shop), "--no-store", "--out", out, *flags)
        assert done.returncode == 2
        assert done.stderr.endswith("meanwhile: the disk is full; what was there is as it was\n")
        assert done.stderr.count("\n") == 1


def test_a_picture_in_a_sheet_s_place_is_somebody_s(duplicates: Duplicates, folder: Path) -> None:
    mine = encoded(detailed(9))
    duplicates("--dataset", "photos")
    (OUT / "duplicates.jpg").write_bytes(mine)
    duplicates("--dataset", "photos")
    assert (OUT / "duplicates.jpg").read_bytes() == mine
    assert (OUT / "duplicates-2.jpg").exists()
    about = json.loads((OUT / "duplicates.json").read_text())
    (OUT / "duplicates.json").write_text(json.dumps({**about, "sheets": ["duplicates.jpg"]}))
    shutil.rmtree(folder / "old")
    (folder / "large.jpg").unlink()
    duplicates("--dataset", "photos")
    assert (OUT / "duplicates.jpg").read_bytes() == mine


def test_pictures_that_fail(duplicates: Duplicates, folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(b"no picture")
    done = duplicates("--dataset", "photos")
    assert done.returncode == 1
    assert found() == GROUPS
    assert set(failures()) == {"broken.jpg"}
    assert "1 picture left out (listed in results/duplicates/failures.csv)" in done.stderr


def test_a_table_of_urls(duplicates: Duplicates, folder: Path) -> None:
    with WebServer() as server:
        urls = [server.give(name, (folder / name).read_bytes()) for name in ("a.jpg", "old/a.jpg")]
        Path("urls.csv").write_text("\n".join(["url", *urls, "photos/old/cut.jpg"]))
        done = duplicates("--dataset", "urls.csv", "--allow-local")
        assert done.returncode == 0
        (group,) = found()
        assert sorted(group) == sorted([*urls, "photos/old/cut.jpg"])
        assert len(server.requests) == 2, "described, looked at closely, and drawn"
        done = duplicates("--dataset", "urls.csv", "--allow-local", "--move-to", "away")
        assert done.returncode == 2
        assert "--move-to is for folders" in done.stderr


# --- the sheets


def test_sheets_show_all_groups_up_to_a_limit(
    duplicates: Duplicates, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_sheets, "GROUPS_A_SHEET", 1)
    for number in range(13):
        (folder / f"old/{number}.jpg").write_bytes((folder / "d.jpg").read_bytes())
    done = duplicates("--dataset", "photos")
    assert len(found()) == 3
    names = [f"duplicates{number}.jpg" for number in ("", "-2", "-3")]
    assert sorted(path.name for path in OUT.glob("*.jpg")) == sorted(names)
    sizes = [read_header((OUT / name).read_bytes()) for name in names]
    assert sizes[1].height > sizes[0].height  # ten copies of d.jpg in two lines, and no more
    assert "and 1 more" not in done.stderr
    monkeypatch.setattr(contact_sheets, "MOST_SHEETS", 2)
    (OUT / "duplicates-9.jpg").write_bytes(b"somebody else's")
    duplicates("--dataset", "photos")
    assert sorted(path.name for path in OUT.glob("*.jpg")) == sorted(
        [*names[:2], "duplicates-9.jpg"]
    )


def test_other_people_s_files_stay(duplicates: Duplicates) -> None:
    OUT.mkdir(parents=True)
    (OUT / "duplicates.jpg").write_bytes(b"somebody else's")
    duplicates("--dataset", "photos")
    assert (OUT / "duplicates.jpg").read_bytes() == b"somebody else's"
    assert json.loads((OUT / "duplicates.json").read_text())["sheets"] == ["duplicates-2.jpg"]
    for text in ("{}", "mine", '{"format": 1, "sheets": ["../a.jpg"]}', "[" * 99_999):
        (OUT / "duplicates.json").write_text(text)
        done = duplicates("--dataset", "photos")
        assert done.returncode == 2
        assert "something else than our findings" in done.stderr
        assert (OUT / "duplicates.json").read_text() == text


def test_sizes_in_words() -> None:
    assert [size(n) for n in (1, 999, 1000, 12_345, 999_499, 1_500_000, 2 * 10**9)] == [
        *("1 bytes", "999 bytes", "1 KB", "12.3 KB", "999 KB", "1.5 MB", "2 GB")
    ]


# --- moving


MOVED = ["b.jpg", "old/a.jpg", "old/cut.jpg"]


def undone(target: str = "away") -> None:
    subprocess.run(["sh", f"{target}/undo.sh"], check=True)


def test_copies_are_moved_and_come_back(duplicates: Duplicates, folder: Path) -> None:
    before = files(folder)
    done = duplicates("--dataset", "photos", "--move-to", "away/copies")
    assert done.returncode == 0
    moved = files(Path("away/copies"))
    assert sorted(moved) == [*MOVED, "undo.sh"]
    assert {name: moved[name] for name in MOVED} == {name: before[name] for name in MOVED}
    assert files(folder) == {n: data for n, data in before.items() if n not in MOVED}
    place = Path("away/copies/undo.sh").resolve()
    assert f"3 copies moved to away/copies; to put them back: sh {place}" in done.stderr
    assert duplicates("--dataset", "photos").stdout == ""
    undone("away/copies")
    assert files(folder) == before


def test_nothing_is_overwritten(duplicates: Duplicates, folder: Path) -> None:
    before = files(folder)
    Path("away/old").mkdir(parents=True)
    Path("away/old/a.jpg").write_bytes(b"mine")
    Path("away/b.jpg").symlink_to("nowhere")
    Path("away/undo.sh").write_text("mine")
    done = duplicates("--dataset", "photos", "--move-to", "away")
    assert done.returncode == 1
    assert Path("away/old/a.jpg").read_bytes() == b"mine"
    assert Path("away/undo.sh").read_text() == "mine"
    assert set(failures()) == {"old/a.jpg", "b.jpg"}
    assert all("there is a file at" in reason for reason in failures().values())
    assert files(folder) == {n: data for n, data in before.items() if n != "old/cut.jpg"}
    subprocess.run(["sh", "away/undo-2.sh"], check=True)
    assert files(folder) == before


def test_undoing_overwrites_nothing(duplicates: Duplicates, folder: Path) -> None:
    duplicates("--dataset", "photos", "--move-to", "away")
    (folder / "b.jpg").write_bytes(b"a new one")
    done = subprocess.run(["sh", "away/undo.sh"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "away/b.jpg: not put back: there is a file at" in done.stderr
    assert done.stdout == "2 put back, 1 not\n"
    assert (folder / "b.jpg").read_bytes() == b"a new one"
    assert Path("away/b.jpg").exists()
    assert (folder / "old/a.jpg").exists()


def test_names_that_a_shell_would_run(duplicates: Duplicates, folder: Path) -> None:
    name = "$(touch oops); 'x'\n-n \"y\".jpg"
    (folder / name).write_bytes(cut_more(folder / "a.jpg"))
    before = files(folder)
    duplicates("--dataset", "photos", "--move-to", "away")
    assert (Path("away") / name).exists()
    undone()
    assert files(folder) == before
    assert not Path("oops").exists()


def cut_more(path: Path) -> bytes:
    """What follows a JPEG's end is not looked at; so it is the same picture, a little smaller."""
    image = cv2.imread(str(path))
    return encoded(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 70)


def no_links(path: str, place: str) -> None:
    raise OSError(errno.EXDEV, "another disk")


def test_across_file_systems(
    duplicates: Duplicates, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(folder)
    os.utime(folder / "b.jpg", (1_000_000, 1_000_000))
    monkeypatch.setattr(moving.os, "link", no_links)
    assert duplicates("--dataset", "photos", "--move-to", "away").returncode == 0
    assert {name: files(Path("away"))[name] for name in MOVED} == {n: before[n] for n in MOVED}
    assert Path("away/b.jpg").stat().st_mtime == 1_000_000
    undone()
    assert files(folder) == before


def test_a_move_that_fails_half_way_loses_nothing(
    duplicates: Duplicates, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(folder)

    def full(source: object, file: object, length: int) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(moving.os, "link", no_links)
    monkeypatch.setattr(moving.shutil, "copyfileobj", full)
    done = duplicates("--dataset", "photos", "--move-to", "away")
    assert done.returncode == 1
    assert files(folder) == before
    assert sorted(files(Path("away"))) == ["undo.sh"]
    assert set(failures()) == set(MOVED)
    assert all("no space left" in reason for reason in failures().values())
    undone()  # which finds nothing to do
    assert files(folder) == before


def test_a_copy_that_came_out_wrong_is_none(
    duplicates: Duplicates, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(folder)
    monkeypatch.setattr(moving.os, "link", no_links)
    monkeypatch.setattr(moving.shutil, "copyfileobj", lambda source, file, length: file.write(b"x"))
    assert duplicates("--dataset", "photos", "--move-to", "away").returncode == 1
    assert files(folder) == before
    assert all("its copy came out wrong" in reason for reason in failures().values())


def test_what_changed_meanwhile_is_not_moved(
    duplicates: Duplicates, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor are copies moved whose group's first picture is not there any more."""
    check = moving.Mover._check

    def changing(self: moving.Mover, copy: moving.Copy) -> Path:
        (folder / "large.jpg").unlink(missing_ok=True)
        (folder / "old/cut.jpg").write_bytes(b"a new one")
        return check(self, copy)

    monkeypatch.setattr(moving.Mover, "_check", changing)
    assert duplicates("--dataset", "photos", "--move-to", "away").returncode == 1
    told = failures()
    assert "it has changed since it was compared" in told["old/cut.jpg"]
    assert "because of the first of its group, large.jpg: it is not there" in told["b.jpg"]
    assert (folder / "b.jpg").exists()
    assert (folder / "old/cut.jpg").read_bytes() == b"a new one"
    assert sorted(files(Path("away"))) == ["old/a.jpg", "undo.sh"]


def test_ctrl_c_says_what_was_moved(
    duplicates: Duplicates, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = moving.Mover.move
    before, rounds = files(folder), list[object]()

    def stopped(self: moving.Mover, group: object) -> None:
        if rounds:
            raise KeyboardInterrupt
        rounds.append(group)
        move(self, group)  # type: ignore[arg-type]

    monkeypatch.setattr(moving.Mover, "move", stopped)
    done = duplicates("--dataset", "photos", "--move-to", "away")
    assert done.returncode == 130
    script = Path("away/undo.sh").resolve()
    assert f"stopped; 2 copies moved to away; to put them back: sh {script}\n" in done.stderr
    undone()
    assert files(folder) == before


def test_links_are_no_copies(duplicates: Duplicates, folder: Path) -> None:
    """Neither to the file itself nor another name of it; nor do they hide copies of it."""
    os.link(folder / "d.jpg", folder / "0-same.jpg")
    (folder / "1-linked.jpg").symlink_to("d.jpg")
    (folder / "2-linked.jpg").symlink_to("old/a.jpg")
    done = duplicates("--dataset", "photos", "--move-to", "away")
    assert done.returncode == 1
    assert "3 names are a link to a file that has another name here, and no copy" in done.stderr
    assert found() == [["a.jpg", "old/a.jpg", "old/cut.jpg"], ["large.jpg", "b.jpg"]]
    why = "not moved: it has another name in the data set, 2-linked.jpg"
    assert failures() == {"old/a.jpg": why}
    assert (folder / "2-linked.jpg").exists()
    undone()


def test_links_stay_where_they_are(duplicates: Duplicates, folder: Path) -> None:
    shutil.move(folder / "old", "elsewhere")
    (folder / "old").symlink_to(Path("elsewhere").resolve())
    before = files(Path("elsewhere"))
    assert duplicates("--dataset", "photos", "--move-to", "away").returncode == 1
    assert files(Path("elsewhere")) == before
    told = failures()
    assert told["old/a.jpg"] == "not moved: it lies outside the data set, behind a link"
    assert sorted(files(Path("away"))) == ["b.jpg", "undo.sh"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--dataset", "photos", "--move-to", "photos/copies"], "lies in the data set"),
        (["--dataset", "photos", "--out", "photos/../photos"], "is the data set itself"),
        (["--dataset", "photos", "--move-to", "photos"], "lies in the data set"),
        (["--dataset", "photos", "--move-to", "photos/a.jpg"], "lies in the data set"),
        (["--dataset", "photos", "--move-to", ""], "--move-to is empty"),
        (["--dataset", "photos", "--out", ""], "--out is empty"),
        (["--dataset", "photos", "--out", "photos/a.jpg"], "can't make the folder"),
        (["--dataset", "photos", "-d", "hsv"], "needs --threshold"),
        (["--dataset", "photos", "-d", "hvs", "--threshold", "1"], "did you mean hsv"),
        (["--dataset", "photos", "--distance", "chi2"], "name one with -d"),
        (["--dataset", "photos", "--threshold", "-1"], "not a distance"),
        (["--dataset", "nowhere"], "there is no folder or data set"),
        (["--dataset", "empty"], "nothing to compare in empty: it holds no pictures"),
        (["--dataset", "broken"], "every picture failed (x.jpg:"),
    ],
)
def test_what_does_not_fit_is_said(
    duplicates: Duplicates, folder: Path, flags: list[str], words: str
) -> None:
    for name in ("empty", "broken"):
        Path(name).mkdir()
    Path("broken/x.jpg").write_bytes(b"no picture")
    before = files(folder)
    done = duplicates(*flags)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert words in line
    assert done.stdout == ""
    assert files(folder) == before
