"""`index`: every flag of the contract, as a person types it and as a program reads it."""

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from cbir.__main__ import main
from cbir.vector_index import VectorIndex
from tests.conftest import ROOT, Done, cbir, encoded, picture
from tests.test_vector_index import SPEC, header_of

FIELDS = ["index", "spec", "pictures", "new", "unchanged", "removed", "failed", "seconds"]


@pytest.fixture
def index(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., Done]:
    """The command in this process and in the folder above the pictures, as the README has it."""
    monkeypatch.chdir(tmp_path)

    def run(*flags: str | Path) -> Done:
        capfd.readouterr()
        status = main(["index", "--dataset", "photos", *map(str, flags)])
        return Done(flags, status, *capfd.readouterr())

    return run


def records(done: Done) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_person_is_told_what_was_done(
    photos: Path, tmp_path: Path, index: Callable[..., Done]
) -> None:
    done = index()
    assert (done.returncode, done.stdout) == (0, "")
    start = "index.csv: 8 pictures by hsv (8 new, 0 unchanged, 0 removed) in "
    assert done.stderr.startswith(start)
    assert done.stderr.count("\n") == 1
    assert files(tmp_path) == {"photos", "index.csv", "index.csv.vectors"}
    found = VectorIndex.read(tmp_path / "index.csv")
    assert (found.spec, found.distance, len(found)) == (SPEC, "chi2", 8)
    assert header_of(tmp_path / "index.csv")["root"] == "photos"


def test_json_has_the_fields_of_the_contract(
    photos: Path, tmp_path: Path, index: Callable[..., Done]
) -> None:
    done = index("--json", "--index", "sub/mine.csv")
    (record,) = records(done)
    assert list(record) == FIELDS
    assert record["index"] == "sub/mine.csv"
    assert [record[key] for key in FIELDS[1:-1]] == [SPEC, 8, 8, 0, 0, 0]
    assert isinstance(record["seconds"], float)


def test_the_second_run_tells_what_has_changed(
    photos: Path, tmp_path: Path, index: Callable[..., Done]
) -> None:
    assert index().returncode == 0
    (photos / "a.jpg").unlink()
    (photos / "b.jpg").unlink()
    (photos / "c.jpg").write_bytes(encoded(picture(100)))
    (photos / "sub").mkdir()
    (photos / "sub/new.png").write_bytes(encoded(picture(101), ".png"))
    (photos / "d.jpg").write_bytes(b"damaged since")
    done = index("--json")
    assert done.returncode == 1
    (record,) = records(done)
    assert [record[key] for key in FIELDS[2:-1]] == [6, 2, 4, 3, 1]
    found = VectorIndex.read(tmp_path / "index.csv")
    assert list(found.ids) == [*(f"{c}.jpg" for c in "cefgh"), "sub/new.png"]


def test_quiet_says_nothing(photos: Path, tmp_path: Path, index: Callable[..., Done]) -> None:
    done = index("--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_quiet_leaves_errors(photos: Path, tmp_path: Path, index: Callable[..., Done]) -> None:
    (photos / "bad.jpg").write_bytes(b"")
    done = index("--quiet")
    assert (done.returncode, done.stdout) == (1, "")
    assert "1 picture left out" in done.stderr


@pytest.mark.parametrize(
    "flags", [["-d", "hsv", "hsv-regions"], ["-d", "hsv", "-d", "hsv-regions"]]
)
def test_several_descriptors_write_an_index_each(
    photos: Path, tmp_path: Path, flags: list[str], index: Callable[..., Done]
) -> None:
    done = index(*flags, "--json")
    assert [record["index"] for record in records(done)] == [
        "index.hsv.csv",
        "index.hsv-regions.csv",
    ]
    assert not (tmp_path / "index.csv").exists()
    assert VectorIndex.read(tmp_path / "index.hsv-regions.csv").dim == 1440
    # One beside the other or alone: the same bytes.
    assert index().returncode == 0
    assert (tmp_path / "index.csv").read_bytes() == (tmp_path / "index.hsv.csv").read_bytes()


def test_the_slug_goes_before_the_suffix_and_tells_settings(
    photos: Path, tmp_path: Path, index: Callable[..., Done]
) -> None:
    done = index("--descriptor", "hsv", "hsv:norm=l2", "--index", "a.b/x.y.csv", "--json")
    first, second = (str(record["index"]) for record in records(done))
    assert first == "a.b/x.y.hsv.csv"
    assert second.startswith("a.b/x.y.hsv-l2-")
    assert second.endswith(".csv")


def test_failures_are_listed_in_a_file_of_their_own(
    photos: Path, tmp_path: Path, index: Callable[..., Done]
) -> None:
    (photos / "z, 1.jpg").write_bytes(b"no picture")
    (photos / "empty.jpg").write_bytes(b"")
    done = index("--index", "out/i.csv")
    assert done.returncode == 1
    lines = (tmp_path / "out/failures.csv").read_text().splitlines()
    assert lines[0] == "id,reason"
    assert lines[1].startswith("empty.jpg,")
    assert lines[2].startswith('"z, 1.jpg",')
    assert len(lines) == 3
    assert "2 pictures left out (listed in out/failures.csv)" in done.stderr
    assert "empty.jpg: " in done.stderr
    # A later run without failures takes the list away.
    (photos / "z, 1.jpg").unlink()
    (photos / "empty.jpg").unlink()
    assert index("--index", "out/i.csv").returncode == 0
    assert files(tmp_path / "out") == {"i.csv", "i.csv.vectors"}


def test_failures_go_where_one_wants_them(
    photos: Path, tmp_path: Path, index: Callable[..., Done]
) -> None:
    (photos / "bad.jpg").write_bytes(b"no picture")
    assert index("--failures", "lists/f.csv").returncode == 1
    assert (tmp_path / "lists/f.csv").read_text().startswith("id,reason\nbad.jpg,")
    assert not (tmp_path / "failures.csv").exists()


def test_somebody_elses_failures_csv_is_not_removed(
    photos: Path, tmp_path: Path, index: Callable[..., Done]
) -> None:
    (tmp_path / "failures.csv").write_text("machine,hours\npress,3\n")
    assert index().returncode == 0
    assert (tmp_path / "failures.csv").read_text() == "machine,hours\npress,3\n"


def test_somebody_elses_failures_csv_is_not_overwritten(
    photos: Path, tmp_path: Path, index: Callable[..., Done]
) -> None:
    (tmp_path / "failures.csv").write_text("machine,hours\npress,3\n")
    (photos / "bad.jpg").write_bytes(b"no picture")
    index()
    assert (tmp_path / "failures.csv").read_text() == "machine,hours\npress,3\n"


@pytest.mark.parametrize("content", [None, b"no picture"], ids=["no pictures", "all damaged"])
def test_nothing_to_index_leaves_the_old_index(
    photos: Path, tmp_path: Path, content: bytes | None, index: Callable[..., Done]
) -> None:
    assert index().returncode == 0
    before = (tmp_path / "index.csv").read_bytes()
    for path in photos.iterdir():
        path.write_bytes(content) if content else path.unlink()
    done = index()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("cbir index: nothing to index in photos: ")
    assert (tmp_path / "index.csv").read_bytes() == before


def test_the_last_word_is_one_line_even_when_all_is_damaged(
    photos: Path, tmp_path: Path, index: Callable[..., Done]
) -> None:
    for path in photos.iterdir():
        path.write_bytes(b"no picture")
    done = index()
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--ann"], "--ann is not supported yet"),
        (["--ann", "HNSW32"], "--ann is not supported yet"),
        (["--augment", "--plain"], "--plain files have no place for the transforms"),
        (["--distributed", "ray"], "--distributed is not supported yet"),
        (["--distributed", "ray:localhost"], "--distributed is not supported yet"),
        (["--index", "lance:x"], "vector databases are not supported yet"),
        (["--index", "lance:some/folder"], "vector databases are not supported yet"),
        (["--indx", "x.csv"], "there is no flag --indx; did you mean --index?"),
        (["--work"], "there is no flag --work"),  # no abbreviations: they break with new flags
        (["--workers", "0"], "not a whole number of at least 1"),
        (["--workers", "many"], "not a whole number of at least 1"),
        (["--batch-size", "-1"], "--batch-size"),
        (["--batch-size", "²"], "not a whole number of at least 1"),
        (["-d"], "expected at least one argument"),
        (["-d", "hvs"], "did you mean hsv?"),
        (["-d", "hsv:nrom=l1"], "did you mean norm?"),
        (["-d", "hsv:norm=l3"], "norm=l3 is not l1 or l2"),
        (["-d", "hsv", "hsv"], "named twice"),
        (["-d", "hsv", "hsv:norm=l1"], "named twice"),
        (["-d", "hsv*0.5+hsv-regions*x"], "x is not a weight"),
        (["-d", "onnx"], "onnx needs model=: write onnx:model=FILE"),
        (["-d", "onnx:model=gone.onnx"], "model=gone.onnx is not a file's name (can't read"),
        (["-d", "vgg19:weights=imagnet"], "weights=imagnet is not imagenet or a file's name"),
        (["-d", "hsv:background=blur"], "background=blur is not keep or remove"),
        (["-d", "hsv:fit=stretch"], "fit=stretch is not squash or pad or crop"),
        (["--store", ""], "--store '' is not a file's name"),
        (["--store", "."], "."),
        (["--store", "index.csv"], "--store index.csv is the index's own file"),
        (["--store", "./index.csv.vectors"], "is the index's own file"),
        (["-d", "hsv*1e-200+hsv-regions"], "as good as nothing"),
        (["-d", 'hsv:bins="\\ud800"'], "can't read the quoted value"),
        (["--store", "x.db", "--no-store"], "not allowed with"),
        (["--max-megapixels", "0"], "megapixels"),
        (["stray"], "belongs to no flag"),
        (["--limt", "3"], "there is no flag --limt"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_fit_is_refused_in_one_line(
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    flags: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(photos.parent)
    assert main(["index", "--dataset", "photos", *flags]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("cbir index: ")
    assert words in err
    assert files(photos.parent) == {"photos"}


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ("nowhere", "there is no folder or data set 'nowhere'"),
        ("data/text.md", "neither a folder nor a table"),
        ("data/empty", "it holds no pictures"),
    ],
)
def test_data_sets_that_are_none(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    dataset: str,
    words: str,
) -> None:
    (tmp_path / "data/empty").mkdir(parents=True)
    (tmp_path / "data/text.md").write_text("no table")
    monkeypatch.chdir(tmp_path)
    assert main(["index", "--dataset", dataset]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err
    assert not (tmp_path / "index.csv").exists()


def test_a_data_set_is_required(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["index"]) == 2
    assert "the following arguments are required: --dataset" in capfd.readouterr().err


def test_a_data_set_may_be_called_by_its_name(shop: Path, tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    assert main(["index", "--dataset", "shop", "--index", str(path), "--quiet"]) == 0
    found = VectorIndex.read(path)
    assert len(found) == len(list(shop.iterdir()))
    assert found.root == shop


def test_a_table_of_paths_is_a_data_set(photos: Path, tmp_path: Path) -> None:
    (photos / "list.csv").write_text("shelf,picture\n1,b.jpg\n1,a.jpg\n2,gone.jpg\n")
    done = cbir("index", "--dataset", "photos/list.csv", "--json", cwd=tmp_path)
    (record,) = records(done)
    assert (done.returncode, record["pictures"], record["failed"]) == (1, 2, 1)
    assert header_of(tmp_path / "index.csv")["root"] == "photos"


def test_the_store_is_where_the_flag_says(
    photos: Path, tmp_path: Path, own_home: Path, index: Callable[..., Done]
) -> None:
    assert index("--store", "kept/features.db").returncode == 0
    assert files(tmp_path) == {"photos", "index.csv", "index.csv.vectors", "kept"}
    assert (tmp_path / "kept/features.db").exists()
    assert not (own_home / "features.db").exists()


def test_without_a_flag_the_store_is_at_home(
    photos: Path, tmp_path: Path, own_home: Path, index: Callable[..., Done]
) -> None:
    assert index().returncode == 0
    assert files(tmp_path) == {"photos", "index.csv", "index.csv.vectors"}
    assert (own_home / "features.db").exists()


def test_no_store(photos: Path, tmp_path: Path, own_home: Path, index: Callable[..., Done]) -> None:
    assert index("--no-store").returncode == 0
    assert files(tmp_path) == {"photos", "index.csv", "index.csv.vectors"}
    assert not (own_home / "features.db").exists()


@pytest.mark.parametrize(("folder", "place"), [("data", "data/database"), ("other", "cbir")])
def test_where_the_store_goes_by_itself(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, place: str
) -> None:
    """Into the working folder if that is a project's, else among the user's own data."""
    monkeypatch.delenv("CBIR_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    (tmp_path / folder).mkdir()
    done = cbir("index", "--dataset", "photos", cwd=tmp_path)
    assert done.returncode == 0
    root = tmp_path if folder == "data" else tmp_path / "user"
    assert (root / place / "features.db").exists() or sys.platform != "linux"


def test_a_store_that_fails_by_itself_is_done_without(
    photos: Path, tmp_path: Path, own_home: Path, index: Callable[..., Done]
) -> None:
    (own_home / "features.db").write_bytes(b"no database" * 1000)
    done = index()
    assert done.returncode == 0
    assert "going on without a feature store" in done.stderr
    assert len(VectorIndex.read(tmp_path / "index.csv")) == 8
    done = index("--store", str(own_home / "features.db"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_large_pictures_can_be_left_out(
    photos: Path, tmp_path: Path, index: Callable[..., Done]
) -> None:
    (photos / "large.jpg").write_bytes(encoded(picture(1, 400, 400)))
    done = index("--max-megapixels", "0.1")
    assert done.returncode == 1
    assert "large.jpg: " in done.stderr
    assert len(VectorIndex.read(tmp_path / "index.csv")) == 8


def test_names_can_not_take_over_the_terminal(
    photos: Path, tmp_path: Path, index: Callable[..., Done]
) -> None:
    (photos / "\x1b[31mred\nline\x07.jpg").write_bytes(b"no picture")
    done = index()
    assert done.returncode == 1
    assert "\\x1b[31mred\\nline\\x07.jpg: " in done.stderr
    assert "\x1b" not in done.stderr
    assert "\x07" not in done.stderr


def test_a_name_that_is_not_utf8_is_a_failure_in_its_escaped_form(
    photos: Path, tmp_path: Path, index: Callable[..., Done]
) -> None:
    shutil.copy(photos / "a.jpg", os.fsdecode(os.fsencode(photos) + b"/caf\xe9.jpg"))
    done = index()
    assert done.returncode == 1
    assert r"caf\xe9.jpg" in (tmp_path / "failures.csv").read_text()
    assert len(VectorIndex.read(tmp_path / "index.csv")) == 8


def test_index_py_runs_from_any_folder(photos: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "index.py", "--dataset", "photos", "--index", "index1.csv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "index1.csv").exists()


def test_the_tutorials_call_then_another_place(photos: Path, tmp_path: Path) -> None:
    """Index and pictures move together, and are found there."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.move(photos, home / "photos")
    assert cbir("index", "--dataset", "photos", cwd=home).returncode == 0
    shutil.move(home, tmp_path / "away")
    done = cbir("search", "--query", "away/photos/a.jpg", "--index", "away/index.csv", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[1].split() == ["1", "0.0000", "a.jpg"]
    assert "could not be drawn" not in done.stderr
    assert cbir("check", "away/index.csv", cwd=tmp_path).returncode == 0


def on_a_terminal(arguments: list[str], folder: Path) -> tuple[int, str]:
    """Exit status, and what a terminal got from standard error."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, ROOT / "index.py", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    seen = b""
    try:
        while some := os.read(ours, 65536):
            seen += some
    except OSError:  # so Linux says that the other side is closed
        pass
    finally:
        os.close(ours)
    process.communicate(timeout=60)
    return process.returncode, seen.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_progress_is_for_terminals(photos: Path, tmp_path: Path) -> None:
    status, seen = on_a_terminal(["--dataset", "photos"], tmp_path)
    assert status == 0
    assert "indexing" in seen
    assert "8/8" in seen
    assert "index.csv: 8 pictures by hsv" in seen
    status, seen = on_a_terminal(["--dataset", "photos", "--quiet"], tmp_path)
    assert (status, seen) == (0, "")


def test_no_progress_on_a_pipe(photos: Path, tmp_path: Path) -> None:
    done = cbir("index", "--dataset", "photos", cwd=tmp_path)
    assert "indexing" not in done.stderr
    assert "\r" not in done.stderr
    assert "\x1b" not in done.stderr


def test_vectors_are_those_of_the_descriptor(
    photos: Path, tmp_path: Path, index: Callable[..., Done]
) -> None:
    """Whatever way they took: each row sums to one and is its own picture's."""
    assert index("--batch-size", "3").returncode == 0
    found = VectorIndex.read(tmp_path / "index.csv")
    vectors = found.vectors(found.ids)
    assert np.allclose(vectors.sum(axis=1), 1)
    assert len(np.unique(vectors, axis=0)) == 8


def test_failures_take_the_place_of_nothing_but_a_list_of_failures(
    photos: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("machine,failures\npress,3\n")
    index = str(tmp_path / "index.csv")
    for place in (mine, tmp_path / "index.csv", tmp_path / "index.csv.vectors"):
        arguments = ["--dataset", str(photos), "--index", index, "--failures", str(place)]
        assert main(["index", *arguments]) == 2
    assert mine.read_text() == "machine,failures\npress,3\n"
    assert not (tmp_path / "index.csv").exists()


@pytest.mark.parametrize("name", [".", "somewhere/", ""])
def test_an_index_needs_a_file_s_name(
    photos: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    specs = ["-d", "hsv", "hsv-regions"]
    assert main(["index", "--dataset", str(photos), "--index", name, *specs]) == 2
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_removing_backgrounds_says_how_often_it_could_not(
    photos: Path, tmp_path: Path, index: Callable[..., Done]
) -> None:
    grey = np.full((120, 160, 3), 128, np.uint8)
    (photos / "wall.jpg").write_bytes(encoded(grey))
    object_on_it = cv2.circle(grey.copy(), (80, 60), 30, (200, 30, 30), -1)
    (photos / "ball.jpg").write_bytes(encoded(object_on_it))
    for name in "abcdefgh":
        (photos / f"{name}.jpg").unlink()
    done = index("-d", "hsv:background=remove")
    assert done.returncode == 0
    said = "hsv: background removed from 1 of the 2 pictures that were new to it; in 1 no object"
    assert said in done.stderr
    found = VectorIndex.read(tmp_path / "index.csv")
    assert found.spec.endswith(",background=remove,background-version=1,version=1")
    ball, wall = found.vectors(["ball.jpg", "wall.jpg"])
    grey_bin = int(wall.argmax())
    assert (wall[grey_bin], ball[grey_bin]) == (1, pytest.approx(0, abs=0.1))
    assert "background removed" not in index("-d", "hsv:background=remove").stderr  # all is known
    (photos / "wall.jpg").unlink()
    done = index("-d", "hsv:background=remove", "--augment", "--no-store")
    assert "removed from 1 of the 1 pictures that were new to it\n" in done.stderr


def test_a_sum_is_one_index(photos: Path, tmp_path: Path, index: Callable[..., Done]) -> None:
    assert index("-d", "hsv*0.25+hsv-regions*0.75", "--json").returncode == 0
    found = VectorIndex.read(tmp_path / "index.csv")
    assert (found.dim, found.distance) == (288 + 1440, "cosine")
    done = index("-d", "hsv", "hsv+hsv-regions")
    assert done.returncode == 0
    assert {"index.hsv.csv"} < {path.name for path in tmp_path.glob("index.hsv*.csv")}
