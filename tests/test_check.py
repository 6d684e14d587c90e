"""`cbir check` finds whatever is wrong with an index, and only that."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cbir.__main__ import main
from cbir.vector_index import VectorIndex, sidecar
from cbir.vector_index.check import Report
from cbir.vector_index.check import check as check_file
from tests.conftest import ROOT, cbir, encoded, picture
from tests.test_sidecar import TAIL, footer_of, rewrite_keeping_the_time, with_footer
from tests.test_vector_index import SPEC, histograms, names


def check(path: Path) -> Report:
    return check_file(path, lambda done, total: None)


@pytest.fixture
def index(photos: Path) -> Path:
    path = photos.parent / "index.csv"
    assert main(["index", "--dataset", str(photos), "--index", str(path), "--quiet"]) == 0
    return path


def flip(path: Path, section: str) -> None:
    """Turns one bit in the middle of a section of the sidecar."""
    place = sidecar.place(path)
    raw = bytearray(place.read_bytes())
    start, length, _ = footer_of(bytes(raw))[1]["sections"][section]
    raw[start + length // 2] ^= 4
    place.write_bytes(raw)


def test_all_is_well(index: Path) -> None:
    assert check(index) == Report(SPEC, 8, [], [])
    done = cbir("check", index)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{index}: 8 pictures by {SPEC}, all is well\n"


def test_json_says_the_same(index: Path) -> None:
    done = cbir("check", index, "--json")
    assert json.loads(done.stdout) == {
        "index": str(index),
        "spec": SPEC,
        "pictures": 8,
        "problems": [],
        "unchecked": [],
    }


@pytest.mark.parametrize("section", ["blocks", "sums", "squares", "ends", "keys"])
def test_a_flipped_bit_in_the_sidecar_is_found(
    index: Path, section: str, capfd: pytest.CaptureFixture[str]
) -> None:
    flip(index, section)
    assert any(section in problem and "checksum" in problem for problem in check(index).problems)
    assert main(["check", str(index)]) == 1
    out, _ = capfd.readouterr()
    assert all(line.startswith("wrong: ") for line in out.splitlines())
    assert section in out


@pytest.mark.parametrize("section", ["blocks", "keys"])
def test_a_sidecar_that_was_damaged_with_its_checksum_is_found_too(
    index: Path, section: str
) -> None:
    import zlib

    flip(index, section)
    place = sidecar.place(index)
    raw = place.read_bytes()
    _, footer = footer_of(raw)
    start, length, _ = footer["sections"][section]
    footer["sections"][section][2] = zlib.crc32(raw[start : start + length])
    text = json.dumps(footer, sort_keys=True).encode()
    raw = with_footer(raw, text)
    checksum = zlib.crc32(text).to_bytes(8, "little")
    place.write_bytes(raw[:-TAIL] + checksum + raw[-TAIL + 8 :])
    # Where it is not even taken for a sidecar any more, nothing can come of the damage.
    found = check(index)
    assert any("differs" in problem for problem in found.problems) or found.unchecked


def test_deleting_the_sidecar_mends_it(index: Path) -> None:
    flip(index, "blocks")
    sidecar.place(index).unlink()
    found = check(index)
    assert found.problems == []
    assert any("sidecar" in note for note in found.unchecked)


def test_a_changed_value_is_found(index: Path) -> None:
    text = index.read_bytes()
    at = text.index(b",0.0", 5000) + 4
    changed = bytes([text[at] + 1 if text[at] < ord("9") else ord("1")])
    rewrite_keeping_the_time(index, text[:at] + changed + text[at + 1 :])
    assert any("in 1 rows" in problem for problem in check(index).problems)


def test_a_changed_id_is_found(index: Path) -> None:
    rewrite_keeping_the_time(index, index.read_bytes().replace(b'"h.jpg"', b'"i.jpg"'))
    assert any("in 1 rows" in problem for problem in check(index).problems)


def test_a_row_that_is_gone_is_found_where_the_sidecar_does_not_know(index: Path) -> None:
    lines = index.read_bytes().splitlines(keepends=True)
    shorter = b"".join(lines[:-1])
    # Blank lines keep the size; they are no rows.
    rewrite_keeping_the_time(index, shorter + b"\n" * len(lines[-1]))
    assert any("sidecar differs" in problem for problem in check(index).problems)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (b'"hsv:', b'"xyz:', "no installed descriptor"),
        (b"version=1", b"version=9", "version 9 of hsv is asked for"),
        (b"size=128", b"size=0.5", "size=0.5"),
        (b"bins=8x12x3", b"bins=4x12x3", "makes 144 values"),
    ],
)
def test_a_spec_that_nothing_here_can_search_is_found(
    index: Path, before: bytes, after: bytes, words: str
) -> None:
    index.write_bytes(index.read_bytes().replace(before, after, 1))
    assert any(words in problem for problem in check(index).problems)
    assert main(["check", str(index)]) == 1


def test_a_spec_that_is_not_canonical_is_found(index: Path) -> None:
    index.write_bytes(index.read_bytes().replace(SPEC.encode(), b"hsv", 1))
    assert any("not canonical" in problem for problem in check(index).problems)


def test_pictures_that_are_gone_are_found(index: Path, photos: Path) -> None:
    for name in "bdfh":
        (photos / f"{name}.jpg").unlink()
    (problem,) = check(index).problems
    assert problem.startswith("4 of its pictures are gone (b.jpg, d.jpg, f.jpg …)")
    assert cbir("check", index).returncode == 1


def test_a_picture_that_has_changed_is_found(index: Path, photos: Path) -> None:
    (photos / "a.jpg").write_bytes(encoded(picture(99)))
    done = cbir("check", index)
    assert done.returncode == 1
    assert "a.jpg is described otherwise now" in done.stdout


def test_a_picture_that_can_not_be_read_any_more_is_found(index: Path, photos: Path) -> None:
    (photos / "a.jpg").write_bytes(b"overwritten")
    done = cbir("check", index)
    assert done.returncode == 1
    assert "a.jpg is in the index and can't be described now" in done.stdout


def test_a_folder_that_is_elsewhere_is_a_note(index: Path, photos: Path) -> None:
    shutil.move(photos, photos.with_name("moved"))
    done = cbir("check", index)
    assert done.returncode == 0
    assert f"not checked: its pictures: their folder {photos} is not there" in done.stderr
    assert cbir("check", index, "--quiet").stderr == ""


@pytest.mark.parametrize("key", ["spec", "distance"])
def test_a_header_that_differs_is_found(index: Path, key: str) -> None:
    before, after = (b"norm=l1", b"norm=l2") if key == "spec" else (b'"chi2"', b'"chi3"')
    rewrite_keeping_the_time(index, index.read_bytes().replace(before, after, 1))
    assert any("header differs" in problem for problem in check(index).problems)


def test_a_distance_that_does_not_exist_is_found(index: Path) -> None:
    index.write_bytes(index.read_bytes().replace(b'"chi2"', b'"chi9"', 1))
    assert any("chi9" in problem for problem in check(index).problems)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-200],
        lambda text: text.replace(b"\n", b"\n\xff", 2),
        lambda text: text + text.splitlines(keepends=True)[-1],
        lambda text: b"prose",
        lambda text: b"",
    ],
    ids=["cut off", "not UTF-8", "row twice", "prose", "empty"],
)
def test_a_damaged_csv_is_a_problem(index: Path, damage: Callable[[bytes], bytes]) -> None:
    index.write_bytes(damage(index.read_bytes()))
    assert len(check(index).problems) == 1
    assert main(["check", str(index)]) == 1


def test_a_plain_file_is_checked_too(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    rows = [",".join([id, *map(str, row)]) for id, row in zip(names(3), histograms(3), strict=True)]
    path.write_text("\n".join(rows))
    found = check(path)
    assert (found.pictures, found.problems) == (3, [])
    assert any("does not say where" in note for note in found.unchecked)


def test_nothing_is_opened_outside_the_index_s_folder(tmp_path: Path) -> None:
    """A stranger's index may name any file of this machine."""
    (tmp_path / "private.jpg").write_bytes(encoded(picture(3)))
    (tmp_path / "photos").mkdir()
    ids = ["../private.jpg", str(tmp_path / "private.jpg"), "a/../../private.jpg"]
    (tmp_path / "photos/a").mkdir()
    path = tmp_path / "index.csv"
    VectorIndex(ids=ids, vectors=histograms(3), spec=SPEC, root=tmp_path / "photos").write(path)
    done = cbir("check", path)
    assert (done.returncode, done.stdout) == (0, f"{path}: 3 pictures by {SPEC}, all is well\n")
    assert "not checked: 3 of its pictures: they lie outside its folder" in done.stderr


def test_ids_that_lead_nowhere_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    ids = ["", "a\0b", "../../etc/passwd", "/etc/passwd", "x" * 5000]
    VectorIndex(ids=ids, vectors=histograms(5), spec=SPEC, root=tmp_path).write(path)
    done = cbir("check", path)
    assert done.returncode == 1
    assert "pictures are gone" in done.stdout


@pytest.mark.parametrize("what", ["missing", "folder", "pipe"])
def test_what_can_not_be_checked_at_all(tmp_path: Path, what: str) -> None:
    path = tmp_path / "index.csv"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    done = subprocess.run(
        [sys.executable, "-m", "cbir", "check", path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_checking_writes_nothing(index: Path) -> None:
    sidecar.place(index).unlink()
    assert check(index).problems == []
    assert not sidecar.place(index).exists()


def test_rows_that_are_zero_of_either_sign_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    vectors = np.zeros((2, 288), np.float32)
    vectors[1] = -0.0
    VectorIndex(ids=["a", "b"], vectors=vectors, spec=SPEC).write(path)
    assert check(path).problems == []
