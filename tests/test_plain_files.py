"""Files without a header, as tutorials write them: read if their rows tell how, else refused."""

import csv
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from cbir.__main__ import main
from cbir.errors import BadIndex
from cbir.pipeline import describe_one
from cbir.recipe import parse
from cbir.searcher import Searcher
from cbir.types import Vectors
from cbir.vector_index import VectorIndex, sidecar
from tests.conftest import ROOT
from tests.test_vector_index import histograms


def normalised(count: int, blocks: int, norm: str, seed: int = 0) -> Vectors:
    """Rows whose every block of 288 has sum 1 (l1) or length 1 (l2)."""
    values = histograms(count * blocks, 288, seed).astype(np.float64)
    whole = values.sum(1) if norm == "l1" else np.sqrt(np.square(values).sum(1))
    return (values / whole[:, None]).reshape(count, -1).astype(np.float32)


def write_rows(path: Path, vectors: Vectors, ids: list[str] | None = None) -> None:
    ids = ids or [f"{number}.jpg" for number in range(len(vectors))]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        for id, row in zip(ids, vectors, strict=True):
            writer.writerow([id, *map(str, row)])


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize(("blocks", "name"), [(1, "hsv"), (5, "hsv-regions")])
def test_what_made_it_is_inferred(tmp_path: Path, blocks: int, name: str, norm: str) -> None:
    path = tmp_path / "index.csv"
    vectors = normalised(6, blocks, norm)
    write_rows(path, vectors)
    index = VectorIndex.read(path)
    assert index.spec == f"{name}:bins=8x12x3,norm={norm},size=full,version=1"
    assert (index.distance, index.root, index.dim) == ("chi2", None, 288 * blocks)
    assert np.array_equal(index.vectors([f"{i}.jpg" for i in range(6)]), vectors)


def test_rows_in_any_order_and_names_alone_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    ids = ["z.png", "a, b.png", 'say "hi".png', "é.png", "10.png"]
    vectors = normalised(5, 1, "l2")
    write_rows(path, vectors, ids)
    index = VectorIndex.read(path)
    assert list(index.ids) == sorted(ids)
    assert np.array_equal(index.vectors(ids), vectors)


def test_rounding_as_tutorials_round_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    write_rows(path, normalised(5, 1, "l2").round(6))
    assert "norm=l2" in VectorIndex.read(path).spec


def test_a_region_without_pixels_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    vectors = normalised(4, 5, "l1")
    vectors[2, 288:576] = 0
    write_rows(path, vectors)
    assert "norm=l1" in VectorIndex.read(path).spec


def test_the_second_reading_is_from_a_sidecar_that_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    write_rows(path, normalised(4, 1, "l2"))
    first = VectorIndex.read(path)
    assert sidecar.place(path).exists()
    second = VectorIndex.read(path)
    assert (second.spec, list(second.ids)) == (first.spec, list(first.ids))


def mixed() -> Vectors:
    return np.concatenate([normalised(3, 1, "l1"), normalised(3, 1, "l2")])


def negative() -> Vectors:
    vectors = normalised(3, 1, "l2")
    vectors[1, 0] = -0.1
    return vectors


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [
        (mixed(), "neither all of sum 1 nor all of length 1"),
        (normalised(3, 1, "l1") * 40_000, "neither all of sum 1 nor all of length 1"),
        (negative(), "negative numbers, so these are no histograms"),
        (np.full((2, 288), np.nan), "neither|not a finite number"),
        (np.full((2, 288), 1e39), "neither|not a finite number"),
        (normalised(3, 1, "l1")[:, :287], "287 numbers a row"),
        (normalised(3, 5, "l1")[:, :576], "576 numbers a row"),
        (np.ones((3, 1)), "1 numbers a row"),
    ],
    ids=["mixed", "counts", "negative", "nan", "too large", "287", "576", "1"],
)
def test_what_can_not_be_told_is_refused_with_its_reason(
    tmp_path: Path, vectors: Vectors, reason: str
) -> None:
    path = tmp_path / "index.csv"
    write_rows(path, vectors)
    with pytest.raises(BadIndex, match=reason):
        VectorIndex.read(path)
    assert not sidecar.place(path).exists()


def test_one_row_among_many_decides_too(tmp_path: Path) -> None:
    """Rows are read in pieces; the last row of the last piece counts as much as the first."""
    path = tmp_path / "index.csv"
    vectors = normalised(3000, 1, "l2")
    vectors[-1] /= vectors[-1].sum()
    write_rows(path, vectors)
    with pytest.raises(BadIndex, match="neither"):
        VectorIndex.read(path)


@pytest.mark.parametrize("row", ["b.jpg,0.5", "b.jpg" + ",x" * 288, "b.jpg" + ",0" * 289])
def test_damaged_rows_are_refused(tmp_path: Path, row: str) -> None:
    path = tmp_path / "index.csv"
    write_rows(path, normalised(1, 1, "l2"))
    path.write_text(path.read_text() + row + "\n")
    with pytest.raises(BadIndex, match="a row is damaged"):
        VectorIndex.read(path)


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    write_rows(path, normalised(2, 1, "l2"), ["a.jpg", "a.jpg"])
    with pytest.raises(BadIndex, match=r"'a\.jpg' stands twice"):
        VectorIndex.read(path)


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_both_line_ends_are_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "index.csv"
    vectors = normalised(3, 1, "l2")
    lines = [f"{i}.jpg," + ",".join(map(str, row)) for i, row in enumerate(vectors)]
    path.write_bytes(ending.join([*lines, ""]).encode())
    assert np.array_equal(VectorIndex.read(path).vectors(["2.jpg"]), vectors[2:])


def ranking(index: Path, query: Path) -> list[tuple[str, float]]:
    """All pictures of an index in the order of `search`, with their distances."""
    read = VectorIndex.read(index)
    vector = describe_one(query.read_bytes(), parse(read.spec))
    (hits,) = Searcher(read, read.distance).search(vector, len(read))
    return [(hit.id, round(hit.distance, 5)) for hit in hits]


@pytest.mark.parametrize("spec", ["hsv", "hsv-regions:norm=l2"])
def test_plain_ranks_as_size_full_does(shop: Path, tmp_path: Path, spec: str) -> None:
    plain, full = tmp_path / "plain.csv", tmp_path / "full.csv"
    size = f"{spec},size=full" if ":" in spec else f"{spec}:size=full"
    for path, flags in ((plain, ["-d", spec, "--plain"]), (full, ["-d", size])):
        assert main(["index", "--dataset", str(shop), "--index", str(path), *flags]) == 0
    lines = plain.read_bytes().splitlines()
    assert lines[0].startswith(b'"bag-brown_1.jpg",')
    assert len(lines) == len(list(shop.glob("*.jpg")))
    assert not sidecar.place(plain).exists()
    query = ROOT / "queries/boot-red_query.jpg"
    assert ranking(plain, query) == ranking(full, query)


@pytest.mark.parametrize(
    "spec",
    [
        "hsv:size=128",
        "hsv:bins=4x4x4",
        "hsv:bins=4x4x4,size=full",
        "hsv:background=remove",
        "hsv-regions:fit=pad,size=full",
        "hsv+hsv-regions",
    ],
)
def test_plain_files_that_could_not_be_read_are_not_written(
    photos: Path, tmp_path: Path, spec: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "index.csv"
    flags = ["--dataset", str(photos), "--index", str(path), "--plain"]
    assert main(["index", "-d", spec, *flags]) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert "--plain" in err
    assert not path.exists()


def test_a_name_with_a_line_break_stays_readable(photos: Path, tmp_path: Path) -> None:
    """What --plain writes, search reads, and index.py replaces."""
    (photos / "a.jpg").rename(photos / "a\nb.jpg")
    path = tmp_path / "index.csv"
    for _ in range(2):
        assert main(["index", "--dataset", str(photos), "--plain", "--index", str(path)]) == 0
    assert "a\nb.jpg" in VectorIndex.read(path)


def tutorial_index(folder: Path, path: Path) -> None:
    """As written by many a tutorial: names alone, OpenCV's own histogram, its L2 normalisation."""
    with open(path, "w") as file:
        for picture in folder.glob("*.jpg"):
            hsv = cv2.cvtColor(cv2.imread(str(picture)), cv2.COLOR_BGR2HSV)
            histogram = cv2.calcHist([hsv], [0, 1, 2], None, [8, 12, 3], [0, 180, 0, 256, 0, 256])
            features = cv2.normalize(histogram, histogram).flatten()
            csv.writer(file).writerow([picture.name, *(str(value) for value in features)])


def test_a_tutorials_index_is_searched_by_the_tutorials_call(shop: Path, tmp_path: Path) -> None:
    tutorial_index(shop, tmp_path / "index1.csv")
    query = ROOT / "queries/boot-red_query.jpg"
    done = subprocess.run(
        [sys.executable, ROOT / "search.py", "--index", "index1.csv", "--query", query,
         "--result-path", shop],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results/boot-red_query.jpg").exists()
    assert "could not be drawn" not in done.stderr
    # The same numbers as our own, so the same pictures in the same order.
    ours = tmp_path / "ours.csv"
    flags = ["--dataset", str(shop), "-d", "hsv:norm=l2,size=full", "--index", str(ours)]
    assert main(["index", *flags]) == 0
    assert ranking(tmp_path / "index1.csv", query) == ranking(ours, query)
