"""The CSV, to the letter; and what happens to files that only pretend to be one."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cbir.__main__ import main
from cbir.errors import BadIndex
from cbir.vector_index import VectorIndex, sidecar
from cbir.vector_index.check import check
from cbir.vector_index.reading import csv_rows
from tests.conftest import ROOT, cbir

HEADER = b'# cbir {"dim": 2, "distance": "cosine", "format": 1, "root": null, "spec": "mine"}\n'
COLUMNS = b"id,v0,v1\n"
START = HEADER + COLUMNS

float32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
text = st.text(st.characters(codec="utf-8"), max_size=20)
COMMON = ["a,b", 'say "hi"', '"', '""', "two\nlines", "\r", "a\r\nb", "", " ", "1", "\t", "\\", "'"]
TELLING = ["#no comment", "# cbir {}", "NA", "nan", "null", "=cmd|' /C calc'!A0", "a" * 5000]
FOREIGN = ["😀", "שלום", "\u202egnp.exe", "é", "e\u0301", "\ufeff", "\u2028"]
awkward = st.sampled_from([*COMMON, *TELLING, *FOREIGN])


def rows_of(path: Path) -> tuple[list[str], np.ndarray]:
    """From the text alone, never from the sidecar."""
    header, pieces = csv_rows(path)
    ids, vectors = [], [np.zeros((0, header.dim), np.float32)]
    for some, rows in pieces:
        ids += some
        vectors.append(rows)
    return ids, np.concatenate(vectors)


def write(path: Path, ids: Sequence[str], values: Sequence[Sequence[float]]) -> np.ndarray:
    """Writes an index; returns its vectors in the order of the file."""
    vectors = np.array(values, np.float32).reshape(len(ids), -1 if len(ids) else 2)
    VectorIndex(ids=ids, vectors=vectors, spec="mine").write(path)
    return vectors[sorted(range(len(ids)), key=ids.__getitem__)]


def test_lines_are_as_designed(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    write(path, ["b.jpg", 'a "1".jpg'], [[0.5, -2], [0.1, 1e-8]])
    lines = path.read_bytes().split(b"\n")
    assert lines[:2] == [HEADER.rstrip(), b"id,v0,v1"]
    assert lines[2].startswith(b'"a ""1"".jpg",0.1,')
    assert lines[3:] == [b'"b.jpg",0.5,-2', b""]


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(text | awkward, float32, float32), unique_by=lambda row: row[0]))
@example([("a", -0.0, 1e-45), ("b", 3.4028234663852886e38, -3.4028234663852886e38)])
@example([("a", 1.1754943508222875e-38, 0.1), ("b", 16777216.0, 1 / 3)])
def test_any_ids_and_any_numbers_come_back_exactly(rows: list[tuple[str, float, float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.csv"
        ids = [id for id, _, _ in rows]
        vectors = write(path, ids, [row[1:] for row in rows])
        found, values = rows_of(path)
        assert found == sorted(ids)
        # Bit by bit: -0.0 equals 0.0, and is not the same.
        assert np.array_equal(values.view(np.uint32), vectors.view(np.uint32))
        mapped = VectorIndex.read(path)
        assert list(mapped.ids) == sorted(ids)
        assert np.array_equal(mapped.vectors(mapped.ids).view(np.uint32), vectors.view(np.uint32))


@settings(deadline=None, max_examples=100)
@given(
    # The names of pictures end in something; "1" alone would become a number for pandas, quoted
    # or not. No file's name has a NUL.
    st.lists(
        st.tuples(
            (text | awkward).map(lambda id: f"{id}.jpg").filter(lambda id: "\0" not in id),
            float32,
            float32,
        ),
        unique_by=lambda row: row[0],
        min_size=1,
    )
)
def test_pandas_reads_the_same(rows: list[tuple[str, float, float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.csv"
        ids = [id for id, _, _ in rows]
        vectors = write(path, ids, [row[1:] for row in rows])
        table = pd.read_csv(path, comment="#", index_col=0, keep_default_na=False)
        assert list(table.index) == sorted(ids)
        assert list(table.columns) == ["v0", "v1"]
        assert np.array_equal(table.to_numpy(np.float32), vectors)


@pytest.mark.parametrize("id", ["NA", "null", "nan", "#x", "=cmd", "-"])
def test_pandas_takes_no_name_for_a_missing_value(tmp_path: Path, id: str) -> None:
    path = tmp_path / "index.csv"
    write(path, [id], [[1, 2]])
    table = pd.read_csv(path, comment="#", index_col=0, keep_default_na=False)
    assert list(table.index) == [id]


def test_the_same_run_gives_the_same_bytes(photos: Path, tmp_path: Path) -> None:
    """Neither threads nor batches leave a trace in the file."""
    ways = [["--workers", "1", "--batch-size", "1"], ["--workers", "4", "--batch-size", "3"], []]
    found = set()
    for number, flags in enumerate(ways):
        path = tmp_path / f"{number}.csv"
        assert main(["index", "--dataset", str(photos), "--index", str(path), *flags]) == 0
        found.add(path.read_bytes())
    again = cbir("index", "--dataset", photos, "--index", tmp_path / "0.csv", "--workers", 2)
    assert again.returncode == 0
    assert found == {(tmp_path / "0.csv").read_bytes()}


HOSTILE = {
    "empty": b"",
    "blank line": b"\n",
    "prose": b"Dear reader,\nthis is no index.\n",
    "binary": bytes(range(256)) * 40,
    "picture": b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(500),
    "header alone": HEADER,
    "header without its line end": HEADER.rstrip(),
    "format 2": HEADER.replace(b'"format": 1', b'"format": 2') + COLUMNS,
    "no format": HEADER.replace(b'"format": 1, ', b"") + COLUMNS,
    "format as text": HEADER.replace(b'"format": 1', b'"format": "1"') + COLUMNS,
    "damaged JSON": b'# cbir {"dim": 2, "dist\n' + COLUMNS,
    "no JSON": b"# cbir \n" + COLUMNS,
    "JSON list": b"# cbir [1]\n" + COLUMNS,
    "JSON number": b"# cbir NaN\n" + COLUMNS,
    "JSON too deep": b"# cbir " + b"[" * 100_000 + b"\n" + COLUMNS,
    "number too long": b'# cbir {"format": ' + b"1" * 5000 + b"}\n" + COLUMNS,
    "JSON not UTF-8": HEADER.replace(b"mine", b"\xff\xfe") + COLUMNS,
    "no spec": HEADER.replace(b', "spec": "mine"', b"") + COLUMNS,
    "no dim": HEADER.replace(b'"dim": 2, ', b"") + COLUMNS,
    "no distance": HEADER.replace(b'"distance": "cosine", ', b"") + COLUMNS,
    "spec a number": HEADER.replace(b'"mine"', b"7") + COLUMNS,
    "root a number": HEADER.replace(b"null", b"7") + COLUMNS,
    "dim 0": HEADER.replace(b'"dim": 2', b'"dim": 0') + COLUMNS,
    "dim negative": HEADER.replace(b'"dim": 2', b'"dim": -2') + COLUMNS,
    "dim a fraction": HEADER.replace(b'"dim": 2', b'"dim": 2.0') + COLUMNS,
    "dim true": HEADER.replace(b'"dim": 2', b'"dim": true') + COLUMNS + b'"a",1\n',
    "wrong dim": HEADER.replace(b'"dim": 2', b'"dim": 3') + COLUMNS + b'"a",1,2\n',
    "short row": START + b'"a",1,2\n"b",1\n',
    "long row": START + b'"a",1,2\n"b",1,2,3\n',
    "text for a number": START + b'"a",1,two\n',
    "empty cell": START + b'"a",1,\n',
    "nan": START + b'"a",1,nan\n',
    "inf": START + b'"a",inf,1\n',
    "too large": START + b'"a",1,1e39\n',
    "NUL in a number": START + b'"a",1\0,2\n',
    "id twice": START + b'"a",1,2\n"a",1,2\n',
    "unsorted": START + b'"b",1,2\n"a",1,2\n',
    "id not UTF-8": START + b'"\xff\xfe",1,2\n',
    "quote left open": START + b'"a",1,2\n"b,1,2\n',
    "first line of 20 MB": b"# cbir " + b" " * (20 << 20) + b"{}\n",
    "20 MB without a line end": b"a" * (20 << 20),
    "no line of names": HEADER + b'"a",1,2\n"b",3,4\n',
    "line of other names": HEADER + b"id,v0\n" + b'"a",1,2\n',
    "CR for line ends": (START + b'"a",1,2\n').replace(b"\n", b"\r"),
    "UTF-16": (START + b'"a",1,2\n').decode().encode("utf-16"),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_index_is_refused_with_a_reason(
    tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "index.csv"
    path.write_bytes(content)
    with pytest.raises(BadIndex) as error:
        VectorIndex.read(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600
    status = main(["search", "--query", "x.jpg", "--index", str(path), "--no-montage"])
    out, err = capfd.readouterr()
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("cbir search: ")
    assert path.read_bytes() == content
    assert not sidecar.place(path).exists()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", ["JSON too deep", "nan", "short row", "no line of names"])
def test_search_py_refuses_them_in_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / "index.csv"
    path.write_bytes(HOSTILE[name])
    query = ROOT / "queries/boot-red_query.jpg"
    done = subprocess.run(
        [sys.executable, ROOT / "search.py", "--query", query, "--index", path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "unexpected" not in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_dim_that_the_rows_do_not_have_takes_no_memory(tmp_path: Path) -> None:
    """A line of text can claim two thousand million columns; believing it fills any machine."""
    path = tmp_path / "index.csv"
    path.write_bytes(HEADER.replace(b'"dim": 2', b'"dim": 2000000000') + COLUMNS + b'"a",1,2\n')
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\n"
        "from cbir.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "search", "--query", "x.jpg", "--index", path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(path) in done.stderr
    assert "unexpected error" not in done.stderr


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (START, []),
        (START + b'"a",1,2\n', ["a"]),
        (START + b'"a",1,2', ["a"]),  # the last line end is missing
        (START + b"a,1,2\nb,3,4\n", ["a", "b"]),  # as written by hand
        ((START + b'"a",1,2\n"b",3,4\n').replace(b"\n", b"\r\n"), ["a", "b"]),
        (START + b'"a",1.0e0, 2 \n', ["a"]),
        (START + b'"a\nb",1,2\n', ["a\nb"]),
    ],
    ids=["no rows", "one row", "no line end", "not quoted", "CRLF", "spaces", "line break in id"],
)
def test_what_is_an_index_all_the_same(tmp_path: Path, content: bytes, ids: list[str]) -> None:
    """Such as one that an editor or a spreadsheet has saved again."""
    path = tmp_path / "index.csv"
    path.write_bytes(content)
    index = VectorIndex.read(path)
    assert list(index.ids) == ids
    if ids:
        assert index.vectors(["a\nb" if "\n" in ids[0] else "a"]).tolist() == [[1, 2]]


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_mutated_files_never_raise_anything_else(data: st.DataObject) -> None:
    good = START + b'"a.jpg",0.25,0.75\n"b.jpg",1,0\n"c ""1"".jpg",0.1,-0.9\n'
    content = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["change", "cut", "insert"]))
        if kind == "change":
            content[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del content[at : at + data.draw(st.integers(1, 20))]
        else:
            content[at:at] = data.draw(st.binary(max_size=8) | st.just(b'"') | st.just(b"\n"))
        if not content:
            break
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.csv"
        path.write_bytes(content)
        with suppress(BadIndex):
            index = VectorIndex.read(path)
            assert list(index.ids) == sorted(set(index.ids))
            assert np.isfinite(index.vectors(index.ids)).all()
        assert path.read_bytes() == content


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_only_regular_files_are_opened(tmp_path: Path, make: object) -> None:
    """A pipe with nobody at its other end would keep a reader for ever."""
    path = tmp_path / "index.csv"
    make(path)  # type: ignore[operator]
    done = subprocess.run(
        [sys.executable, "-m", "cbir", "search", "--query", "x.jpg", "--index", path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_an_index_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadIndex, match=r"it is not there; index\.py --dataset DIR writes one"):
        VectorIndex.read(tmp_path / "index.csv")
    with pytest.raises(BadIndex, match="it is not there"):
        check(tmp_path / "index.csv", lambda done, total: None)
