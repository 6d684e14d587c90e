"""`match`: every flag as a person types it, over files and HTTP, and tables that mean harm."""

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from cbir.__main__ import main
from cbir.errors import BadPicture
from cbir.matching import matches
from cbir.sources import Waiting
from cbir.tables import read_table
from cbir.types import Fetched
from tests.conftest import Done, Run, encoded, picture
from tests.web_server import WebServer, page, redirect, status

Match = Callable[..., Done]
OUT = "result_similarity.tsv"


def listed(path: Path, header: list[str], *rows: list[object]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def folder(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tables a.csv (b to e, and b again) and b.csv (d, c, f) of `photos`, worked in."""
    folder = photos.parent
    names = {"a": ["b", "c", "d", "e", "b"], "b": ["d", "c", "f"]}
    for table, pictures in names.items():
        rows = [[number, f"photos/{name}.jpg"] for number, name in enumerate(pictures, 1)]
        listed(folder / f"{table}.csv", ["id", "path"], *rows)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def match(folder: Path, capfd: pytest.CaptureFixture[str]) -> Match:
    """The command in this process, which saves the start of one for each call."""

    def run(*flags: str | Path) -> Done:
        capfd.readouterr()
        code = main(["match", *map(str, flags)])
        done = Done(flags, code, *capfd.readouterr())
        assert "Traceback" not in done.stderr
        assert "unexpected error" not in done.stderr
        return done

    return run


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


def lines(path: str = OUT) -> list[list[str]]:
    with open(path, newline="") as file:
        return list(csv.reader(file, delimiter="\t" if path.endswith(".tsv") else ","))


def refused(done: Done, *words: str) -> None:
    """Status 2, one line that says why, and nothing written."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    for word in words:
        assert word in line
    assert not Path(OUT).exists()


# --- what it writes


def test_the_best_match_of_each_row(match: Match) -> None:
    done = match("a.csv", "b.csv", "-d", "hsv", "--threshold", "0.01")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(
        f"{OUT}: 2 of the 5 rows of a have a match among the 3 of b (distance at most 0.01) in "
    )
    assert lines() == [
        ["a_id", "a_path", "b_id", "b_path", "distance"],
        ["2", "photos/c.jpg", "2", "photos/c.jpg", "0.00000"],
        ["3", "photos/d.jpg", "1", "photos/d.jpg", "0.00000"],
    ]


def test_without_a_threshold_every_row_has_a_match_but_by_cosine(match: Match) -> None:
    match("a.csv", "b.csv", "-d", "hsv")
    assert [line[0] for line in lines()[1:]] == ["1", "2", "3", "4", "5"]
    done = match("a.csv", "b.csv", "-d", "hsv", "--distance", "cosine")
    assert "(similarity at least 0.845)" in done.stderr
    assert [line[2::2] for line in lines()] == [
        ["b_id", "similarity"],
        ["2", "1.00000"],
        ["1", "1.00000"],
    ]


def test_several_matches_a_row_nearest_first(match: Match) -> None:
    match(
        "a.csv",
        "b.csv",
        "-d",
        "hsv",
        "--top",
        "2",
        "--distance",
        "cosine",
        "--min-similarity",
        "-1",
    )
    found = lines()[1:]
    assert [line[0] for line in found] == ["1", "1", "2", "2", "3", "3", "4", "4", "5", "5"]
    assert [line[1:] for line in found[:2]] == [line[1:] for line in found[-2:]]  # the same picture
    for first, second in zip(found[::2], found[1::2], strict=True):
        assert float(first[4]) >= float(second[4])


def test_more_matches_than_there_are_rows(match: Match) -> None:
    for flags in ([], ["--mutual"]):
        assert match("a.csv", "b.csv", "-d", "hsv", "--top", "9" * 23, *flags).returncode == 0
        assert len(lines()) == 1 + 5 * 3


def test_mutual_pairs(match: Match) -> None:
    match("a.csv", "b.csv", "-d", "hsv", "--mutual")
    mutual = {tuple(line[:4:2]) for line in lines()[1:]}
    match("a.csv", "b.csv", "-d", "hsv")
    there = {tuple(line[:4:2]) for line in lines()[1:]}
    match("b.csv", "a.csv", "-d", "hsv")
    back = {tuple(line[2::-2]) for line in lines()[1:]}
    assert mutual == there & back
    assert {("2", "2"), ("3", "1")} <= mutual


def test_no_match_is_an_answer(match: Match) -> None:
    listed(Path("c.csv"), ["path"], ["photos/h.jpg"])
    done = match("a.csv", "c.csv", "-d", "hsv", "--threshold", "0")
    assert done.returncode == 0
    assert "0 of the 5 rows of a" in done.stderr
    assert lines() == [["id", "a_path", "c_path", "distance"]]
    assert match("a.csv", "b.csv", "-d", "hsv").returncode == 0  # which may take its place


def test_formats_and_columns(match: Match) -> None:
    columns = ["--columns", "b_id=other", "--columns", "a_id"]
    assert (
        match(
            "a.csv", "b.csv", "-d", "hsv", "--threshold", "0", "--out", "m.csv", *columns
        ).returncode
        == 0
    )
    assert lines("m.csv") == [
        ["other", "a_id", "distance"],
        ["2", "2", "0.00000"],
        ["1", "3", "0.00000"],
    ]
    assert (
        match("a.csv", "b.csv", "-d", "hsv", "--threshold", "0", "--out", "m.parquet").returncode
        == 0
    )
    table = read_table("m.parquet")
    assert table.column("distance").to_pylist() == [0.0, 0.0]
    assert table.column("a_id").to_pylist() == ["2", "3"]


def test_json_has_an_object_a_match(match: Match) -> None:
    done = match("a.csv", "b.csv", "-d", "hsv", "--threshold", "0", "--json", "--quiet")
    assert done.stderr == ""
    first, second = map(json.loads, done.stdout.splitlines())
    assert first == {
        **{"a_id": "2", "a_path": "photos/c.jpg", "b_id": "2", "b_path": "photos/c.jpg"},
        "distance": 0.0,
    }
    assert second["b_id"] == "1"


def test_json_has_no_numbers_that_are_none(match: Match) -> None:
    prices = [1.5, float("nan"), float("inf")]
    table = pa.table({"price": prices, "path": [f"photos/{name}.jpg" for name in "cdf"]})
    parquet.write_table(table, "p.parquet")
    done = match("p.parquet", "b.csv", "-d", "hsv", "--threshold", "0", "--json", "--quiet")
    told = [json.loads(line, parse_constant=pytest.fail) for line in done.stdout.splitlines()]
    assert [one["price"] for one in told] == [1.5, None, None]


def test_the_matrix(match: Match) -> None:
    done = match("a.csv", "b.csv", "-d", "hsv", "--distance", "cosine", "--matrix", "m.npy")
    assert done.returncode == 0
    matrix = np.load("m.npy", allow_pickle=False)
    assert matrix.shape == (5, 3)
    assert matrix[[1, 2], [1, 0]] == pytest.approx([1, 1], abs=1e-6)
    np.testing.assert_allclose(matrix[4], matrix[0], atol=1e-6)  # the same picture


# --- what a side may be


def test_folders_tables_and_indexes_match_alike(match: Match, folder: Path) -> None:
    for name, letters in (("left", "bcde"), ("right", "cdf")):
        (folder / name).mkdir()
        for letter in letters:
            shutil.copy(folder / f"photos/{letter}.jpg", folder / name)
        assert main(["index", "--dataset", name, "--index", f"{name}.csv", "--quiet"]) == 0
    match("left", "right", "-d", "hsv", "--threshold", "0")
    assert lines() == [
        ["left_name", "left_path", "right_name", "right_path", "distance"],
        ["c", "left/c.jpg", "c", "right/c.jpg", "0.00000"],
        ["d", "left/d.jpg", "d", "right/d.jpg", "0.00000"],
    ]
    for right in ("right.csv", "right"):
        assert match("left.csv", right, "--threshold", "0", "--quiet").stderr == ""
        assert [line[0] for line in lines()[1:]] == ["c.jpg", "d.jpg"]


def test_an_augmented_index_counts_as_it_is(match: Match, folder: Path) -> None:
    assert main(["index", "--dataset", "photos", "--augment", "--quiet"]) == 0
    match("index.csv", "a.csv", "--threshold", "0", "--out", "m.csv")
    assert [line[0] for line in lines("m.csv")[1:]] == ["b.jpg", "c.jpg", "d.jpg", "e.jpg"]


def test_an_index_without_a_header(match: Match) -> None:
    """As tutorials write them, and search reads them."""
    assert main(["index", "--dataset", "photos", "--plain", "--quiet"]) == 0
    done = match("index.csv", "a.csv", "--threshold", "0", "--out", "m.csv")
    assert done.returncode == 0
    assert [line[0] for line in lines("m.csv")[1:]] == ["b.jpg", "c.jpg", "d.jpg", "e.jpg"]
    refused(match("index.csv", "a.csv", "-d", "hsv"), "was made by hsv:", "size=full")


def test_an_index_of_no_pictures(match: Match) -> None:
    assert main(["index", "--dataset", "photos", "--quiet"]) == 0
    header = Path("index.csv").read_text().splitlines(keepends=True)[:2]
    Path("index.csv").write_text("".join(header))
    for sides in (["index.csv", "a.csv"], ["a.csv", "index.csv"]):
        refused(match(*sides), "nothing to match in index.csv: it holds no pictures")


def test_names_that_are_not_utf_8(run: Run, folder: Path) -> None:
    """Of a folder and of a table, with the store and without; a process's own arguments."""
    name = os.fsdecode(b"caf\xe9")
    shutil.copytree("photos", name)
    shutil.copy("a.csv", f"{name}.csv")
    for number, flags in enumerate([["--no-store"], ["--save-features", f"{name}-kept"]]):
        flags += ["-d", "hsv", "--threshold", "0", "--out", f"{number}.csv"]
        done = run("match", f"{name}.csv", name, *flags, cwd=folder)
        assert done.returncode == 0, done.stderr
        found = lines(f"{number}.csv")
        assert found[0] == ["id", "caf\\xe9-1_path", "name", "caf\\xe9-2_path", "distance"]
        assert [line[2] for line in found[1:]] == ["b", "c", "d", "e", "b"]
    kept = [f"{name}-kept/_caf\\xe9-{side}_feature.h5" for side in (1, 2)]
    assert run("match", *kept, "--out", "2.csv", cwd=folder).returncode == 0
    os.rename(kept[0], f"{name}_feature.h5")
    os.rename(kept[0].replace("feature.h5", "fields.csv"), f"{name}_fields.csv")
    assert run("match", f"{name}_feature.h5", kept[1], "--out", "3.csv", cwd=folder).returncode == 0


def test_an_index_of_another_descriptor(match: Match) -> None:
    assert main(["index", "--dataset", "photos", "-d", "hsv:norm=l2", "--quiet"]) == 0
    done = match("index.csv", "a.csv", "-d", "hsv")
    refused(done, "index.csv was made by hsv:", "norm=l2", "can't be compared")


def test_features_are_kept_and_used_again(match: Match) -> None:
    flags = ["--threshold", "0.5", "--top", "2"]
    match("a.csv", "b.csv", "-d", "hsv", *flags, "--save-features", "kept", "--out", "1.csv")
    with h5py.File("kept/_a_feature.h5") as file:
        assert file["data"].shape == (5, 288)
    assert lines("kept/_a_fields.csv") == lines("a.csv")
    shutil.rmtree("photos")
    done = match("kept/_a_feature.h5", "kept/_b_feature.h5", *flags, "--out", "2.csv")
    assert done.returncode == 0
    assert lines("2.csv") == lines("1.csv")
    refused(match("kept/_a_feature.h5", "kept/_b_feature.h5", "-d", "hsv:norm=l2"), "was made by")
    Path("kept/_a_fields.csv").write_text("id\n1\n")
    refused(match("kept/_a_feature.h5", "b.csv"), "_a_fields.csv beside it is not as it was saved")


def test_features_of_two_sides_with_one_name(match: Match) -> None:
    Path("other").mkdir()
    listed(Path("other/a.csv"), ["id", "path"], [7, "../photos/c.jpg"])
    flags = ["-d", "hsv", "--threshold", "0", "--allow-local", "--save-features", "kept"]
    assert match("a.csv", "other/a.csv", *flags).returncode == 0
    assert lines()[0] == ["a-1_id", "a-1_path", "a-2_id", "a-2_path", "distance"]
    assert sorted(path.name for path in Path("kept").iterdir()) == [
        *("_a-1_feature.h5", "_a-1_fields.csv", "_a-2_feature.h5", "_a-2_fields.csv")
    ]


def test_delimiters_and_image_columns(match: Match) -> None:
    Path("c.csv").write_text("path|price\nphotos/c.jpg|1,50\nphotos/h.jpg|2\n")
    flags = ["-d", "hsv", "--threshold", "0"]
    match("c.csv", "b.csv", *flags, "--image-column", "path")
    assert lines()[1] == ["photos/c.jpg", "1,50", "2", "photos/c.jpg", "0.00000"]
    Path("c.csv").write_text("file;price\nphotos/c.jpg;1,50\n")
    done = match("c.csv", "b.csv", *flags, "--image-column", "file", "--image-column", "path")
    assert done.returncode == 0
    Path("c.csv").write_text("file^price\nphotos/c.jpg^1,50\n")
    Path("d.csv").write_text("n^file\n7^photos/c.jpg\n")
    match("c.csv", "d.csv", *flags, "--image-column", "file", "--delimiter", "^")
    assert lines()[1] == ["photos/c.jpg", "1,50", "7", "photos/c.jpg", "0.00000"]


def test_parquet_keeps_its_types(match: Match) -> None:
    table = pa.table({"price": [1.5, None], "path": ["photos/c.jpg", "photos/d.jpg"]})
    parquet.write_table(table, "p.parquet")
    flags = ["-d", "hsv", "--threshold", "0", "--out", "m.parquet"]
    assert match("p.parquet", "b.csv", *flags).returncode == 0
    assert read_table("m.parquet").column("price").to_pylist() == [1.5, None]


def test_a_picture_of_several_rows_is_read_once(match: Match, server: WebServer) -> None:
    url = server.give("c.jpg", encoded(picture(2)))
    listed(Path("u.csv"), ["n", "url"], [1, url], [2, url], [3, url])
    done = match("u.csv", "b.csv", "-d", "hsv", "--threshold", "0", "--allow-local")
    assert done.returncode == 0
    assert [line[0] for line in lines()[1:]] == ["1", "2", "3"]
    assert len(server.requests) == 1


# --- rows that fail


def test_a_failing_row_is_reported_and_the_rest_goes_on(match: Match, server: WebServer) -> None:
    good = server.give("d.jpg", encoded(picture(3)))
    bad = [server.on("b.jpg", status(404)), server.on("p.jpg", page())]
    Path("broken.jpg").write_bytes(b"no picture")
    names = [bad[0], good, "", "broken.jpg", bad[1], "photos/c.jpg", "photos/none.jpg", bad[0]]
    listed(Path("u.csv"), ["n", "url"], *enumerate(names, 1))
    done = match("u.csv", "b.csv", "-d", "hsv", "--threshold", "0", "--allow-local")
    assert done.returncode == 1
    assert [line[0] for line in lines()[1:]] == ["2", "6"]
    told = {line[0]: line[1] for line in lines("failures.csv")[1:]}
    assert set(told) == {*bad, "u, row 3", "broken.jpg", "photos/none.jpg"}
    assert "404" in told[bad[0]]
    assert told[bad[0]].endswith("(u, row 1)")
    assert told["photos/none.jpg"] == "it is not there (u, row 7)"
    assert told["u, row 3"] == "it names no picture"
    assert "5 pictures left out (listed in failures.csv)" in done.stderr
    assert "2 of the 8 rows of u" in done.stderr
    features = ["--save-features", "kept", "--matrix", "m.npy", "--failures", "f.csv"]
    match("u.csv", "b.csv", "-d", "hsv", "--threshold", "0", "--allow-local", *features)
    matrix = np.load("m.npy")
    assert matrix.shape == (8, 3)
    assert np.isfinite(matrix).all(axis=1).tolist() == [row in (1, 5) for row in range(8)]
    assert matrix[1].argmin() == 0
    assert [line[0] for line in lines("kept/_u_fields.csv")] == ["n", "2", "6"]
    assert lines("f.csv") == lines("failures.csv")


def test_failures_of_both_sides_are_told_apart(match: Match) -> None:
    for side in "ab":
        Path(side).mkdir()
        listed(Path(side, "list.csv"), ["path"], ["../photos/a.jpg"], ["gone.jpg"])
    flags = ["-d", "hsv", "--allow-local"]
    assert match("a/list.csv", "b/list.csv", *flags).returncode == 1
    where = [["gone.jpg", f"it is not there (list-{n}, row 2)"] for n in (1, 2)]
    assert lines("failures.csv")[1:] == where
    listed(Path("b/list.csv"), ["path"], ["gone.jpg"])
    assert match("a/list.csv", "b/list.csv", *flags).returncode == 2
    assert lines("failures.csv")[1:] == [
        ["gone.jpg", f"it is not there (list-{n}, row {row})"] for n, row in ((1, 2), (2, 1))
    ]


def test_columns_that_are_no_cells(match: Match) -> None:
    """Lists are left out, and said to be; bytes are refused before any work."""
    parquet.write_table(
        pa.table({"path": ["photos/a.jpg"], "vector": [[1.0]], "raw": [b"\xff"], "n": [1]}),
        "p.parquet",
    )
    flags = ["p.parquet", "b.csv", "-d", "hsv", "--image-column", "path", "--image-column", "path"]
    refused(match(*flags), "column 'raw' holds binary, which is no text; write Parquet")
    refused(match(*flags, "--columns", "vector"), "the result has no column 'vector'")
    done = match(*flags, "--columns", "n", "id")
    assert done.returncode == 0
    assert "p.parquet: columns of lists or structures are left out: vector" in done.stderr
    assert match(*flags, "--out", "o.parquet").returncode == 0
    done = match(*flags, "--out", "o.parquet", "--save-features", "kept")
    assert done.returncode == 2
    assert "no text; --save-features keeps fields as text; leave it away" in done.stderr
    assert parquet.read_table("o.parquet").column("raw").to_pylist() == [b"\xff"]


def test_tables_with_different_delimiters(match: Match) -> None:
    Path("s.csv").write_text("n$where\n1$photos/a.jpg\n")
    Path("t.csv").write_text("n%where\n1%photos/b.jpg\n")
    flags = ["s.csv", "t.csv", "-d", "hsv", "--columns", "s_n=a", "t_n=b"]
    refused(match(*flags, *["--delimiter", "$"] * 3), "--delimiter is given once, or once for A")
    assert match(*flags, "--delimiter", "$", "--delimiter", "%").returncode == 0
    assert lines()[0][:2] == ["a", "b"]


def test_more_matches_than_a_table_may_have(match: Match, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matches, "MOST", 5)
    flags = ["a.csv", "b.csv", "-d", "hsv", "--top", "3"]
    words = "matches are more than a table may have rows (5); ask for fewer of each row"
    refused(match(*flags), words)
    refused(match(*flags, "--threshold", "2"), words)
    assert match("a.csv", "b.csv", "-d", "hsv").returncode == 0


def test_features_of_another_table_of_that_name_stay(match: Match, folder: Path) -> None:
    flags = ["b.csv", "-d", "hsv", "--save-features", "kept"]
    for _ in range(2):
        assert match("a.csv", *flags).returncode == 0
    before = Path("kept/_a_feature.h5").read_bytes()
    Path("other").mkdir()
    listed(Path("other/a.csv"), ["path"], ["../photos/a.jpg"])
    done = match("other/a.csv", *flags, "--allow-local")
    assert done.returncode == 2
    assert f"_a_feature.h5 has the features of {folder / 'a.csv'}; give another" in done.stderr
    assert Path("kept/_a_feature.h5").read_bytes() == before


def test_a_side_without_any_picture(match: Match) -> None:
    listed(Path("u.csv"), ["path"], ["none.jpg"], ["nor-this.jpg"])
    refused(
        match("u.csv", "b.csv", "-d", "hsv"),
        "every picture failed (none.jpg: it is not there (u, row 1)); all are listed in",
    )
    assert [line[0] for line in lines("failures.csv")] == ["id", "none.jpg", "nor-this.jpg"]
    Path("empty").mkdir()
    refused(match("empty", "b.csv", "-d", "hsv"), "nothing to match in empty")
    refused(match("nowhere", "b.csv", "-d", "hsv"), "there is no folder or data set 'nowhere'")


# --- tables that mean harm


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"id,path\n1," + b"x" * 1_000_000 + b"\n", ["131,072 characters"]),
        (b"id,path\n1,a\0b.jpg\n", ["NUL"]),
        (b"id,path\n1,caf\xe9.jpg\n", ["UTF-8"]),
        (b"path,path\na.jpg,b.jpg\n", ["two columns 'path'"]),
        (b"id,file\n1,a.jpg\n", ["no column 'path'"]),
        (b"id,path\n", ["no rows"]),
        (b"", ["a.csv"]),
        (b"\x89PNG\r\n\x1a\n\0\0\0", ["a.csv"]),
        (b"id,path\n1,a.jpg,more\n", ["a.csv"]),
    ],
)
def test_tables_that_are_none(match: Match, data: bytes, words: list[str]) -> None:
    Path("a.csv").write_bytes(data)
    refused(match("a.csv", "b.csv", "-d", "hsv", "--image-column", "path"), *words)


def test_formulas_reach_no_spreadsheet(match: Match) -> None:
    rows = [
        ["=cmd|' /C calc'!A0", "photos/c.jpg"],
        ["+1+2", "photos/d.jpg"],
        ["-7.5", "photos/f.jpg"],
    ]
    listed(Path("x.csv"), ["=id", "path"], *rows)
    done = match("x.csv", "b.csv", "-d", "hsv", "--threshold", "0")
    assert [line[0] for line in lines()] == ["'=id", "'=cmd|' /C calc'!A0", "'+1+2", "-7.5"]
    assert "3 cells begin as a formula does" in done.stderr


def test_what_a_table_may_not_name(match: Match, server: WebServer, folder: Path) -> None:
    """Without the flag no row leads out of the table's folder, and nobody is asked."""
    secret = folder / "secret.jpg"
    secret.write_bytes(encoded(picture(2)))
    (folder / "below").mkdir()
    shutil.copy(folder / "photos/d.jpg", folder / "below/d.jpg")
    url = server.give("c.jpg", encoded(picture(2)))
    server.on("away.jpg", redirect(url))
    names = [
        *("../secret.jpg", str(secret), secret.as_uri(), url, server.url("away.jpg")),
        *("below/../../secret.jpg", "http://10.0.0.1/a.jpg", "http://[::1]/a.jpg", "d.jpg"),
    ]
    listed(folder / "below/x.csv", ["n", "path"], *enumerate(names))
    done = match("below/x.csv", "b.csv", "-d", "hsv", "--threshold", "0")
    assert done.returncode == 1
    assert [line[0] for line in lines()[1:]] == ["8"]
    told = {line[0]: line[1] for line in lines("failures.csv")[1:]}
    assert len(told) == len(set(names)) - 2  # all but d.jpg; two of them are the same path
    assert all("--allow-local" in reason for reason in told.values()), told
    assert server.requests == []


def test_a_redirect_does_not_lead_where_the_table_may_not(match: Match, folder: Path) -> None:
    """Even when what is local is allowed, a server that sends to file:// is not followed."""
    secret = folder / "secret.jpg"
    secret.write_bytes(encoded(picture(2)))
    with WebServer() as server:
        url = server.on("x.jpg", redirect(secret.as_uri()))
        listed(folder / "x.csv", ["n", "path"], [1, url], [2, "photos/d.jpg"])
        done = match("x.csv", "b.csv", "-d", "hsv", "--threshold", "0", "--allow-local")
    assert done.returncode == 1
    assert [line[0] for line in lines()[1:]] == ["2"]


def test_what_both_sides_name_at_urls_is_asked_for_once(
    match: Match, server: WebServer, folder: Path
) -> None:
    """Also what is not to be had; and the second run asks whether it is still the same."""
    names = [server.give(f"{n}.jpg", encoded(picture(n))) for n in range(4)]
    names.append(server.url("gone.jpg"))
    listed(folder / "x.csv", ["n", "url"], *enumerate(names))
    listed(folder / "y.csv", ["m", "url"], *enumerate([*reversed(names[1:]), names[1]]))
    flags = ("x.csv", "y.csv", "-d", "hsv", "--threshold", "0", "--allow-local")
    for more in ([], [], ["--no-store"]):
        server.requests.clear()
        assert match(*flags, *more).returncode == 1
        pairs = [(line[0], line[2]) for line in lines()[1:]]
        assert pairs == [("1", "3"), ("2", "2"), ("3", "1")]
        where = [[names[4], f"404 Not Found ({row})"] for row in ("x, row 5", "y, row 1")]
        assert lines("failures.csv")[1:] == where
        sent = [one for one in server.requests if one.status != 304]
        assert len({one.path for one in sent}) == len(sent)
        assert [len(server.asked(name)) for name in ("0.jpg", "gone.jpg")] == [1, 1]


def test_what_finds_no_room_on_the_disk_is_fetched_again(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path, {"a", "b"})
    waiting.put("a", Fetched(b"one", "1"))
    assert waiting.get("a") == Fetched(b"one", "1")
    waiting.put("other", Fetched(b"unwanted", "2"))
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, waiting._file.fileno())
    os.close(full)
    waiting.put("b", Fetched(b"two", "3"))
    assert waiting.get("b") is None
    assert waiting.get("other") is None
    waiting.put_failure("b", "why")
    with pytest.raises(BadPicture, match="why"):
        waiting.get("b")
    waiting.close()


def test_nothing_is_written_over(match: Match, folder: Path) -> None:
    before = (folder / "a.csv").read_bytes()
    flags = ["a.csv", "b.csv", "-d", "hsv"]
    refused(match(*flags, "--out", "a.csv"), "--out a.csv is read or written as something else")
    Path("mine.csv").write_text("id,similarity\n1,0.90000\n")
    refused(match(*flags, "--out", "mine.csv"), "mine.csv was not written by cbir match")
    refused(match(*flags, "--matrix", "a.csv"), ".npy")
    np.save("m.npy", np.eye(3))
    refused(match(*flags, "--matrix", "m.npy"), "m.npy was not written by cbir")
    refused(match(*flags, "--failures", "b.csv"), "another file's name")
    refused(match(*flags, "--failures", OUT), "another file's name")
    refused(match(*flags, "--save-features", "a.csv"), "can't make the folder a.csv")
    assert (folder / "a.csv").read_bytes() == before


@pytest.mark.parametrize("out", ["new.csv", "new.tsv", "new.parquet"])
def test_results_take_the_place_of_results(match: Match, folder: Path, out: str) -> None:
    """Whatever their columns are called; not once a person has changed them."""
    flags = ["a.csv", "b.csv", "-d", "hsv", "--out", out, "--matrix", "new.npy"]
    assert match(*flags, "--columns", "a_id", "distance=how far").returncode == 0
    assert match(*flags).returncode == 0
    assert match(*flags, "--threshold", "0").returncode == 0
    before = Path(out).read_bytes()
    for name in (out, "new.npy"):
        whole = Path(name).read_bytes()
        Path(name).write_bytes(whole + b"mine")
        refused(match(*flags), f"{name} was not written by cbir match, or was changed since")
        Path(name).write_bytes(whole)
    assert match(*flags).returncode == 0
    assert match(*flags, "--threshold", "0").returncode == 0
    assert Path(out).read_bytes() == before


def test_what_is_read_is_not_written_over(match: Match, folder: Path) -> None:
    """Under whatever name, even if it is a table of matches itself."""
    assert match("a.csv", "b.csv", "-d", "hsv", "--columns", "a_path", "a_id").returncode == 0
    first = Path(OUT).read_bytes()
    flags = ["-d", "hsv", "--image-column", "a_path", "--image-column", "path"]
    for out in ([], ["--out", f"photos/../{OUT}"], ["--failures", OUT]):
        done = match(OUT, "b.csv", *flags, *out)
        assert done.returncode == 2
        assert Path(OUT).read_bytes() == first
    Path(OUT).rename("m.tsv")
    kept = ["--save-features", "kept"]
    assert match("m.tsv", "b.csv", *flags, *kept, "--columns", "m_a_path").returncode == 2
    assert match("m.tsv", "b.csv", *flags, *kept, "--columns", "a_path").returncode == 0
    before = Path("kept/_m_fields.csv").read_bytes()
    refused_out = ["--out", "kept/_m_fields.csv"]
    assert match("kept/_m_feature.h5", "b.csv", *refused_out).returncode == 2
    assert match("m.tsv", "b.csv", *flags, *kept, *refused_out).returncode == 2
    assert match("m.tsv", "b.csv", *flags, *kept, "--out", "kept/_b_fields.csv").returncode == 2
    assert Path("kept/_m_fields.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "name a descriptor"),
        (["-d", "hsv", "mobilenet"], "belongs to no flag"),
        (["-d", ""], "no descriptor is called ''"),
        (["-d", "hvs"], "did you mean hsv"),
        (["-d", "hsv", "--min-similarity", "0.9"], "with chi2, give a threshold"),
        (["-d", "hsv", "--min-similarity", "1.5"], "not a similarity"),
        (["-d", "hsv", "--threshold", "nan"], "not a distance"),
        (["-d", "hsv", "--threshold", "0.1", "--min-similarity", "0.9"], "not allowed with"),
        (["-d", "hsv", "--top", "0"], "at least 1"),
        (["-d", "hsv", "--distance", "cosin"], "did you mean cosine"),
        (["-d", "hsv", "--columns", "id"], "write a_id or b_id"),
        (["-d", "hsv", "--out", "m.xlsx"], ".parquet"),
        (["-d", "hsv", "--out", "m/"], "not a file's name"),
        (["-d", "hsv", "--out", "no/m.tsv"], "can't write no/m.tsv: its folder does not exist"),
        (["-d", "hsv", "--matrix", "no/m.npy"], "can't write no/m.npy: its folder does not exist"),
        (
            ["-d", "hsv", "--image-column", "x", "--image-column", "y", "--image-column", "z"],
            "once",
        ),
        (["-d", "hsv", "--image-column", "pth"], "did you mean path"),
        (["-d", "hsv", "--delimiter", "ab"], "can't be a delimiter"),
        (["-d", "hsv", "--mutal"], "did you mean --mutual"),
    ],
)
def test_what_does_not_fit_is_said(match: Match, flags: list[str], words: str) -> None:
    refused(match("a.csv", "b.csv", *flags), words)


# --- six book covers


def expected(found: list[list[str]]) -> None:
    pairs = [(line[0], line[2]) for line in found[1:]]
    assert pairs == [("1", "3"), ("2", "3"), ("3", "3"), ("4", "4"), ("5", "5"), ("6", "5")]
    assert all(float(line[4]) >= 0.845 for line in found[1:])


@pytest.mark.shared
def test_six_book_covers_from_files_and_over_http(
    run: Run, shared: Path, tmp_path: Path, server: WebServer
) -> None:
    """The earlier tool's own example: from files, and the very same over HTTP."""
    covers = shared / "url_matching"
    out = tmp_path / "files.tsv"
    done = run("match", covers / "test1.csv", covers / "test2.csv", "-d", "mobilenet", "--out", out)
    assert done.returncode == 0, done.stderr
    expected(lines(str(out)))
    for number in (1, 2):
        rows = lines(str(covers / f"test{number}.csv"))[1:]
        urls = [server.give(path, (covers / path).read_bytes()) for _, path in rows]
        listed(
            tmp_path / f"test{number}.csv",
            ["id", "url"],
            *zip([r[0] for r in rows], urls, strict=True),
        )
    tables = [tmp_path / "test1.csv", tmp_path / "test2.csv"]
    web = tmp_path / "web.tsv"
    flags = ["-d", "mobilenet", "--allow-local", "--no-store", "--out", web]
    done = run("match", *tables, *flags)
    assert done.returncode == 0, done.stderr
    expected(lines(str(web)))
    assert [line[4] for line in lines(str(web))] == [line[4] for line in lines(str(out))]
    assert run("match", *tables, "-d", "mobilenet", "--out", tmp_path / "x.tsv").returncode == 2
