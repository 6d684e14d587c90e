"""`search`: every flag of the contract, as a person types it and as a program reads it."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from cbir import plots
from cbir.__main__ import main
from cbir.distances import DISTANCES
from cbir.plots import CAPTION, GAP, MARGIN, TILE
from cbir.sources import Folder
from cbir.sources.drawings import MARK
from cbir.vector_index import VectorIndex
from tests.conftest import ROOT, Done, cbir, encoded, picture
from tests.test_vector_index import SPEC, histograms, names

ROW = 2 * MARGIN + TILE + CAPTION
NO_DISPLAY = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}


@pytest.fixture
def home(photos: Path) -> Path:
    """A folder with `photos`, their `index.csv`, and `query.jpg`, which is like photos/c.jpg."""
    folder = photos.parent
    arguments = ["--dataset", str(photos), "--index", str(folder / "index.csv"), "--quiet"]
    assert main(["index", *arguments]) == 0
    (folder / "query.jpg").write_bytes(encoded(picture(2), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 60))
    return folder


@pytest.fixture
def search(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """The command in this process, which saves the start of one for each call."""
    monkeypatch.chdir(home)

    def run(*flags: str | Path) -> Done:
        capfd.readouterr()
        status = main(["search", *map(str, flags)])
        return Done(flags, status, *capfd.readouterr())

    return run


def records(done: Done) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {MARK}


def sheet_shape(path: Path) -> tuple[int, ...]:
    return cv2.imread(str(path)).shape


def width(columns: int) -> int:
    return MARGIN + TILE + 2 * GAP + columns * TILE + (columns - 1) * GAP + MARGIN


def test_a_person_sees_ranks_distances_and_names(home: Path, search: Callable[..., Done]) -> None:
    done = search("--query", "query.jpg")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "query.jpg"
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "3"]
    assert lines[1].split()[2] == "c.jpg"
    assert all(re.fullmatch(r" +\d  \d\.\d{4}  [a-h]\.jpg", line) for line in lines[1:])
    assert done.stderr == "drawn in results/query.jpg\n"
    assert sheet_shape(home / "results/query.jpg") == (ROW, width(3), 3)


def test_json_has_the_fields_of_the_contract(home: Path, search: Callable[..., Done]) -> None:
    done = search("--query", "query.jpg", "--json", "--no-montage", "--limit", "20")
    (record,) = records(done)
    assert list(record) == ["query", "spec", "distance", "hits"]
    assert (record["query"], record["spec"], record["distance"]) == ("query.jpg", SPEC, "chi2")
    hits = record["hits"]
    assert all(list(hit) == ["rank", "id", "distance"] for hit in hits)
    assert [hit["rank"] for hit in hits] == list(range(1, 9))
    assert hits == sorted(hits, key=lambda hit: (hit["distance"], hit["id"]))
    assert {hit["id"] for hit in hits} == files(home / "photos")
    assert (done.returncode, done.stderr) == (0, "")


def reference(name: str, a: np.ndarray, b: np.ndarray) -> float:
    """The distance as its formula is written in the contract."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    both = np.where(a + b > 0, a + b, 1)
    formulas = {
        "chi2": 0.5 * ((a - b) ** 2 / both).sum(),
        "cosine": 1 - a @ b / np.sqrt((a @ a) * (b @ b)),
        "euclidean": np.sqrt(((a - b) ** 2).sum()),
        "manhattan": np.abs(a - b).sum(),
        "hellinger": np.sqrt(0.5 * ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()),
        "intersection": 1 - np.minimum(a, b).sum() / max(a.sum(), b.sum()),
    }
    return float(formulas[name])


def test_the_contracts_distances_are_all_there_are() -> None:
    assert set(DISTANCES) == {
        *("chi2", "cosine", "euclidean", "manhattan", "hellinger", "intersection")
    }


@pytest.mark.parametrize("name", DISTANCES)
def test_every_distance(
    home: Path, name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(home)
    flags = ["--query", "photos/a.jpg", "--distance", name, "--json", "--no-montage"]
    assert main(["search", *flags, "--limit", "8"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert record["distance"] == name
    index = VectorIndex.read("index.csv")
    query = index.vectors(["a.jpg"])[0]
    assert len(record["hits"]) == 8
    for hit in record["hits"]:
        expected = reference(name, query, index.vectors([hit["id"]])[0])
        assert hit["distance"] == pytest.approx(expected, abs=1e-5)
        assert ("similarity" in hit) == (name == "cosine")
        if name == "cosine":
            assert list(hit) == ["rank", "id", "distance", "similarity"]
            assert hit["similarity"] == pytest.approx(1 - hit["distance"])


def test_limit(home: Path, search: Callable[..., Done]) -> None:
    for limit, count in (("1", 1), ("5", 5), ("1000000", 8)):
        done = search("--query", "query.jpg", "--limit", limit, "--json", "--no-montage")
        assert len(records(done)[0]["hits"]) == count


def test_threshold_keeps_what_is_near(home: Path, search: Callable[..., Done]) -> None:
    flags = ["--query", "photos/c.jpg", "--json", "--no-montage", "--limit", "8"]
    hits = records(search(*flags))[0]["hits"]
    middle = hits[3]["distance"]
    kept = records(search(*flags, "--threshold", repr(middle)))[0]["hits"]
    assert kept == hits[:4]  # at most this distance: the limit itself is near enough
    assert len(records(search(*flags, "--threshold", "0"))[0]["hits"]) == 1


def test_nothing_near_is_an_answer(home: Path, search: Callable[..., Done]) -> None:
    done = search("--query", "query.jpg", "--threshold", "0")
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["query.jpg", "      nothing that near"]
    assert sheet_shape(home / "results/query.jpg") == (ROW, width(1), 3)


def test_no_montage_writes_nothing(home: Path, search: Callable[..., Done]) -> None:
    before = files(home)
    done = search("--query", "query.jpg", "--no-montage")
    assert (done.returncode, done.stderr) == (0, "")
    assert files(home) == before


def test_one_montage_has_a_row_for_each_query(home: Path, search: Callable[..., Done]) -> None:
    done = search("--query", "query.jpg", "photos/a.jpg", "--query", "photos/b.jpg",
        "--montage", "out/sheet.png", "--limit", "2",
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr == "drawn in out/sheet.png\n"
    assert done.stdout.count(".jpg") == 3 + 6
    assert sheet_shape(home / "out/sheet.png") == (3 * ROW, width(2), 3)
    assert not (home / "results").exists()


def test_results_go_below_the_working_folder(home: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    done = cbir("search", "--query", home / "query.jpg", "--index", home / "index.csv", cwd=work)
    assert done.returncode == 0
    assert files(work) == {"results"}
    assert files(work / "results") == {"query.jpg"}


def test_queries_of_one_name_do_not_overwrite_each_other(
    home: Path, search: Callable[..., Done]
) -> None:
    for name in ("x/photo.jpg", "y/photo.jpg", "y/photo.png", "y/photo-2.jpg"):
        (home / name).parent.mkdir(exist_ok=True)
        shutil.copy(home / "query.jpg", home / name)
    done = search("--query", "x", "y", "--limit", "1")
    assert done.returncode == 0
    assert len(files(home / "results")) == 4
    assert {f"results/{name}" for name in files(home / "results")} == {
        line.removeprefix("drawn in ") for line in done.stderr.splitlines()
    }


def test_a_folder_stands_for_its_pictures(home: Path, search: Callable[..., Done]) -> None:
    done = search("--query", "photos", "--json", "--no-montage", "--limit", "1")
    found = {record["query"]: record["hits"][0]["id"] for record in records(done)}
    assert found == {f"photos/{c}.jpg": f"{c}.jpg" for c in "abcdefgh"}


def test_standard_input_is_a_query(home: Path) -> None:
    data = (home / "query.jpg").read_bytes()
    done = cbir("search", "--query", "-", "--json", cwd=home, input=data)
    (record,) = records(done)
    assert record["hits"][0]["id"] == "c.jpg"
    assert files(home / "results") == {"stdin.jpg"}


@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_standard_input_that_is_no_picture(home: Path, data: bytes) -> None:
    done = cbir("search", "--query", "-", cwd=home, input=data)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "standard input: " in done.stderr


def test_a_picture_can_be_found_elsewhere_by_result_path(
    home: Path, search: Callable[..., Done]
) -> None:
    """The folder overrides the index's own; what is missing there is said."""
    (home / "photos").rename(home / "moved")
    done = search("--query", "query.jpg")
    assert done.returncode == 0
    assert "3 results could not be drawn from photos; --result-path DIR" in done.stderr
    without = (home / "results/query.jpg").read_bytes()
    done = search("--query", "query.jpg", "--result-path", "moved")
    assert done.stderr == "drawn in results/query.jpg\n"
    assert (home / "results/query.jpg").read_bytes() != without


def test_missing_pictures_are_counted(home: Path, search: Callable[..., Done]) -> None:
    (home / "photos/c.jpg").unlink()
    done = search("--query", "query.jpg", "--montage", "m.jpg")
    assert done.returncode == 0
    assert "1 result could not be drawn" in done.stderr


@pytest.mark.parametrize("id", ["../secret.jpg", "sub/../../secret.jpg", "{home}/secret.jpg"])
def test_ids_do_not_lead_out_of_the_folder(
    home: Path, id: str, search: Callable[..., Done]
) -> None:
    """An index may come from a stranger, and a montage may be sent back to them."""
    shutil.copy(home / "query.jpg", home / "secret.jpg")
    id = id.format(home=home)
    VectorIndex(ids=[id], vectors=histograms(1), spec=SPEC, root=home / "photos").write(
        home / "evil.csv"
    )
    done = search("--query", "query.jpg", "--index", "evil.csv")
    assert done.returncode == 0
    assert "1 result could not be drawn" in done.stderr


def test_show_without_a_display_says_so(home: Path) -> None:
    done = cbir("search", "--query", "query.jpg", "--show", cwd=home, env=NO_DISPLAY)
    assert "cbir search: --show needs a display, and there is none here" in done.stderr
    assert len(done.stdout.splitlines()) == 4
    assert (home / "results/query.jpg").exists()
    assert done.returncode in (0, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="X11 only")
def test_show_with_a_display_that_does_not_answer_says_so(home: Path) -> None:
    """As over ssh with a DISPLAY that is left over. OpenCV aborts the process in such a case."""
    done = cbir("search", "--query", "query.jpg", "--show", cwd=home, env={"DISPLAY": ":4711"})
    assert done.returncode in (0, 1), done.stderr
    assert "--show" in done.stderr


def test_one_bad_query_among_good_ones(home: Path, search: Callable[..., Done]) -> None:
    (home / "bad.jpg").write_bytes(b"no picture")
    done = search("--query", "bad.jpg", "gone.jpg", "query.jpg", "--no-montage")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "query.jpg"
    assert "2 pictures left out" in done.stderr
    assert "cbir search: gone.jpg: it is not there" in done.stderr
    assert "cbir search: bad.jpg: " in done.stderr


def test_quiet_leaves_results_and_errors(home: Path, search: Callable[..., Done]) -> None:
    done = search("--query", "query.jpg", "gone.jpg", "--quiet")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 4
    assert done.stderr.splitlines()[0] == "cbir search: 1 picture left out"
    assert len(done.stderr.splitlines()) == 2


REFUSED = [
    (["--query", "gone.jpg"], "nothing to search for: gone.jpg: it is not there"),
    (["--query", "empty"], "a folder without pictures"),
    (["--query", "query.jpg", "--index", "gone.csv"], "gone.csv: it is not there; index.py"),
    (["--query", "query.jpg", "--index", "lance:x"], "vector databases are not supported yet"),
    (["--query", "query.jpg", "--ann"], "--ann is not supported yet"),
    (["--query", "query.jpg", "--threshold", "auto"], "cbir compare with labels writes them"),
    (["--query", "query.jpg", "--threshold", "auto:2"], "give the share of false matches"),
    (["--query", "query.jpg", "--threshold", "auto:"], "give the share of false matches"),
    (["--query", "query.jpg", "--threshold", "autos"], "--threshold autos is not a distance"),
    (["--query", "query.jpg", "--threshold", "-1"], "--threshold"),
    (["--query", "query.jpg", "--threshold", "nan"], "--threshold nan is not a distance"),
    (["--query", "query.jpg", "--threshold", "far"], "--threshold far is not a distance"),
    (["--query", "query.jpg", "--limit", "0"], "not a whole number of at least 1"),
    (["--query", "query.jpg", "--limit", "1.5"], "not a whole number of at least 1"),
    (["--query", "query.jpg", "--distance", "chi"], "did you mean chi2?"),
    (["--query", "query.jpg", "--distance", "l7"], "choose one of chi2, cosine"),
    (["--query", "query.jpg", "--montage", "m.gif"], "must end in .jpg"),
    (["--query", "query.jpg", "--montage", "m.jpg", "--no-montage"], "exclude each other"),
    (["--query", "query.jpg", "--result-path", "gone"], "--result-path gone is not a folder"),
    (["--query", "query.jpg", "--limt", "3"], "there is no flag --limt; did you mean --limit?"),
    (["--query", "query.jpg", "--lim", "3"], "there is no flag --lim"),
    (["--query", "-", "-"], "standard input can be a query only once"),
    (["--query"], "expected at least one argument"),
    ([], "the following arguments are required: --query"),
]


@pytest.mark.parametrize(("flags", "words"), REFUSED, ids=[" ".join(f) for f, _ in REFUSED])
def test_what_does_not_fit_is_refused_in_one_line(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    flags: list[str],
    words: str,
) -> None:
    (home / "empty").mkdir()
    before = files(home)
    monkeypatch.chdir(home)
    assert main(["search", *flags]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("cbir search: ")
    assert words in err
    assert files(home) == before


def test_both_kinds_of_store_flags_are_accepted(home: Path, search: Callable[..., Done]) -> None:
    done = search("--query", "query.jpg", "--no-montage", "--no-store")
    assert (done.returncode, done.stderr) == (0, "")
    done = search("--query", "query.jpg", "--no-montage", "--store", "features.db")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "there is no feature store features.db" in done.stderr
    assert not (home / "features.db").exists()


def test_a_search_leaves_no_trace_in_the_store(
    home: Path, own_home: Path, search: Callable[..., Done]
) -> None:
    before = {path.name: path.read_bytes() for path in own_home.glob("features.db*")}
    assert "features.db" in before
    assert search("--query", "query.jpg", "--no-montage").returncode == 0
    assert {path.name: path.read_bytes() for path in own_home.glob("features.db*")} == before
    (own_home / "features.db").unlink()
    assert search("--query", "query.jpg", "--no-montage").returncode == 0
    assert not list(own_home.glob("features.db*"))


def test_a_query_that_the_store_knows_is_not_described(
    home: Path, own_home: Path, search: Callable[..., Done]
) -> None:
    """Vectors that are changed in the store by hand show up; without it they don't."""
    flags = ("--query", "photos/c.jpg", "--no-montage", "--json")
    with closing(sqlite3.connect(own_home / "features.db")) as connection, connection:
        changed = "UPDATE descriptions SET data = (SELECT data FROM descriptions LIMIT 1)"
        connection.execute(changed)
    connection.close()
    assert records(search(*flags))[0]["hits"][0]["id"] == "a.jpg"
    assert records(search(*flags, "--no-store"))[0]["hits"][0]["id"] == "c.jpg"


@pytest.mark.parametrize("content", [b"", b"no database at all" * 500])
def test_a_store_that_is_none_does_not_disturb_a_search(
    home: Path, own_home: Path, search: Callable[..., Done], content: bytes
) -> None:
    (own_home / "features.db").write_bytes(content)
    done = search("--query", "query.jpg", "--no-montage")
    assert done.returncode == 0
    if content:
        assert "going on without a feature store" in done.stderr
        done = search("--query", "query.jpg", "--no-montage", "--store", own_home / "features.db")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_a_home_that_can_not_be_looked_into(
    home: Path, own_home: Path, search: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_home / "file").write_bytes(b"")
    monkeypatch.setenv("CBIR_HOME", str(own_home / "file"))
    assert search("--query", "query.jpg", "--no-montage").returncode == 0


def test_naming_what_made_the_index_changes_nothing(
    home: Path, search: Callable[..., Done]
) -> None:
    flags = ("--query", "query.jpg", "--no-montage")
    assert search(*flags, "-d", "hsv").stdout == search(*flags).stdout
    done = search(*flags, "-d", "hsv:norm=l2")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "was made by hsv:bins=8x12x3,norm=l1,size=128,version=1" in done.stderr
    assert "leave -d away" in done.stderr
    assert search(*flags, "-d", "hvs").returncode == 2


def write_index(path: Path, spec: str, dim: int = 288) -> None:
    VectorIndex(
        ids=names(3), vectors=histograms(3, dim), spec=spec, distance="chi2", root=path.parent
    ).write(path)


@pytest.mark.parametrize(
    ("spec", "dim", "words"),
    [
        ("somebody-elses:x=1,version=1", 288, "no descriptor is called 'somebody-elses'"),
        (SPEC.replace("version=1", "version=99"), 288, "version 99 of hsv is asked for"),
        ("hsv:colour=yes", 288, "has no setting 'colour'"),
        (SPEC, 144, "holds vectors of 144 values, and hsv makes 288"),
        ("\x1b[31mred\n", 288, r"\x1b[31mred\n"),
    ],
)
def test_an_index_that_nothing_here_made(
    home: Path, spec: str, dim: int, words: str, search: Callable[..., Done]
) -> None:
    write_index(home / "other.csv", spec, dim)
    done = search("--query", "query.jpg", "--index", "other.csv")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert words in done.stderr
    assert "\x1b" not in done.stderr


def test_an_empty_index_has_nothing_near(home: Path, search: Callable[..., Done]) -> None:
    VectorIndex(ids=[], vectors=np.zeros((0, 288)), spec=SPEC).write(home / "none.csv")
    done = search("--query", "query.jpg", "--index", "none.csv", "--json", "--no-montage")
    assert (done.returncode, records(done)[0]["hits"]) == (0, [])


def test_distances_for_histograms_are_refused_on_negative_vectors(
    home: Path, search: Callable[..., Done]
) -> None:
    vectors = histograms(3)
    vectors[1, 0] = -0.5
    VectorIndex(ids=names(3), vectors=vectors, spec=SPEC).write(home / "neg.csv")
    done = search("--query", "query.jpg", "--index", "neg.csv", "--no-montage")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "use cosine, euclidean or manhattan" in done.stderr
    flags = ["--index", "neg.csv", "--distance", "manhattan", "--no-montage"]
    assert search("--query", "query.jpg", *flags).returncode == 0


def test_names_can_not_take_over_the_terminal(home: Path, search: Callable[..., Done]) -> None:
    name = "\x1b[31mred\nline\x07\u202e.jpg"
    shutil.copy(home / "photos/c.jpg", home / "photos" / name)
    assert cbir("index", "--dataset", "photos", cwd=home).returncode == 0
    done = search("--query", f"photos/{name}", "--limit", "2")
    assert done.returncode == 0
    for text in (done.stdout, done.stderr):
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert len(done.stdout.splitlines()) == 3
    assert r"\x1b[31mred\nline\x07\u202e.jpg" in done.stdout
    assert len(files(home / "results")) == 1
    # A program gets the true name.
    done = search("--query", "photos/c.jpg", "--limit", "2", "--json", "--no-montage")
    assert name in {hit["id"] for hit in records(done)[0]["hits"]}


def test_a_query_whose_name_is_not_utf8(home: Path, search: Callable[..., Done]) -> None:
    query = os.fsencode(home) + b"/caf\xe9.jpg"
    shutil.copy(home / "query.jpg", os.fsdecode(query))
    done = search("--query", os.fsdecode(b"caf\xe9.jpg"))
    assert done.returncode == 0
    assert r"caf\udce9.jpg" in done.stdout
    assert len(files(home / "results")) == 1


def test_long_names_of_queries_still_get_a_montage(home: Path, search: Callable[..., Done]) -> None:
    name = "漢" * 80 + ".jpg"
    shutil.copy(home / "query.jpg", home / name)
    done = search("--query", name)
    assert done.returncode == 0
    (sheet,) = files(home / "results")
    assert sheet_shape(home / "results" / sheet) == (ROW, width(3), 3)


def test_more_results_than_a_line_holds(home: Path, search: Callable[..., Done]) -> None:
    search("--query", "query.jpg", "--limit", "8")
    height = 2 * MARGIN + 2 * (TILE + CAPTION) + GAP
    assert sheet_shape(home / "results/query.jpg") == (height, width(plots.COLUMNS), 3)


def test_results_can_not_be_drawn_where_a_file_is_in_the_way(
    home: Path, search: Callable[..., Done]
) -> None:
    (home / "results").write_text("mine")
    done = search("--query", "query.jpg")
    assert done.returncode in (1, 2)
    assert "results is not a folder" in done.stderr
    assert (home / "results").read_text() == "mine"


def test_nothing_like_progress_on_a_pipe(home: Path, search: Callable[..., Done]) -> None:
    done = search("--query", "photos", "--no-montage")
    assert done.stderr == ""


def test_search_py_is_the_same_face(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "search.py", "--query", "query.jpg", "--index", "index.csv",
         "--result-path", "photos", "--limit", "2"],
        cwd=home,
        capture_output=True,
        text=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    assert (home / "results/query.jpg").exists()


def test_the_same_picture_is_at_distance_zero_in_every_format(
    home: Path, search: Callable[..., Done]
) -> None:
    """A query takes the very way that the index's pictures took."""
    image = picture(50)
    (home / "photos/new.png").write_bytes(encoded(image, ".png"))
    assert cbir("index", "--dataset", "photos", cwd=home).returncode == 0
    for suffix in (".bmp", ".tiff"):
        (home / f"q{suffix}").write_bytes(encoded(image, suffix))
    done = search("--query", "q.bmp", "q.tiff", "--json", "--no-montage", "--limit", "1")
    for record in records(done):
        assert record["hits"] == [{"rank": 1, "id": "new.png", "distance": 0.0}]


def test_a_drawing_never_takes_the_place_of_a_query(
    home: Path, search: Callable[..., Done]
) -> None:
    mine = home / "results/mine.jpg"
    mine.parent.mkdir()
    shutil.copy(home / "query.jpg", mine)
    before = mine.read_bytes()
    assert search("--query", mine).returncode == 0
    assert mine.read_bytes() == before
    assert (home / "results/mine-2.jpg").exists()
    done = search("--query", mine, "--montage", mine)
    assert done.returncode == 2
    assert "is a file that cbir has not drawn" in done.stderr
    assert mine.read_bytes() == before


def test_a_drawing_never_takes_the_place_of_an_indexed_picture(
    home: Path, search: Callable[..., Done]
) -> None:
    before = (home / "photos/a.jpg").read_bytes()
    (home / "link.jpg").symlink_to("photos/a.jpg")
    for name in ("photos/a.jpg", "link.jpg"):
        done = search("--query", "query.jpg", "--montage", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert "is a file that cbir has not drawn" in done.stderr
    assert (home / "photos/a.jpg").read_bytes() == before
    for name in ("photos/new.png", "photos/results/new.jpg"):
        assert search("--query", "query.jpg", "--montage", name).returncode == 0
    assert not [one.id for one in Folder(home / "photos").pictures() if "new" in one.id]


def test_a_drawing_that_nobody_named_replaces_only_drawings(
    home: Path, search: Callable[..., Done]
) -> None:
    (home / "results").mkdir()
    (home / "results/query.jpg").write_text("notes")
    for _ in range(2):
        assert search("--query", "query.jpg").returncode == 0
        assert files(home / "results") == {"query.jpg", "query-2.jpg"}
    assert (home / "results/query.jpg").read_text() == "notes"


def test_a_place_that_can_not_be_drawn_to_is_known_before_the_first_result(
    home: Path, search: Callable[..., Done]
) -> None:
    (home / "results").write_text("a file")
    done = search("--query", "query.jpg")
    assert done.returncode == 2
    assert not done.stdout


def test_an_index_whose_spec_leaves_something_out_is_refused(
    home: Path, search: Callable[..., Done]
) -> None:
    """Today's defaults need not be those that it was made with."""
    path = home / "index.csv"
    path.write_text(path.read_text().replace("norm=l1,", "", 1))
    done = search("--query", "query.jpg")
    assert done.returncode == 2
    assert "index the pictures again" in done.stderr
