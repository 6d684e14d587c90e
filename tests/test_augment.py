"""`index.py --augment`: a query that is mirrored or turned finds its picture."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas
import pytest

from cbir.images import decode
from cbir.images.transforms import TRANSFORMS
from cbir.vector_index.check import check
from tests.conftest import Run, encoded, picture

# What undoes each: a query so turned is found at that transform.
TURNS = {
    "flip-left-right": lambda image: image[:, ::-1],
    "flip-up-down": lambda image: image[::-1],
    "rotate-180": lambda image: image[::-1, ::-1],
}


def hits(run: Run, index: Path, queries: Path, *flags: str) -> dict[str, list[dict]]:
    done = run(*("search", "--query", queries, "--index", index, "--no-montage", "--json", *flags))
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {Path(row["query"]).stem: row["hits"] for row in found}


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    (tmp_path / "gallery").mkdir()
    for seed in range(40):
        data = encoded(picture(seed, 160, 120), ".png")
        (tmp_path / f"gallery/{seed:02}.png").write_bytes(data)
    return tmp_path / "gallery"


def turned(gallery: Path, turn) -> Path:  # type: ignore[no-untyped-def]
    folder = gallery.parent / "turned"
    folder.mkdir()
    for file in gallery.iterdir():
        image = np.ascontiguousarray(turn(decode(file.read_bytes())))
        (folder / file.name).write_bytes(encoded(image, ".png"))
    return folder


def found_first(found: dict[str, list[dict]]) -> float:
    return float(np.mean([rows[0]["id"].split(".")[0] == name for name, rows in found.items()]))


@pytest.mark.parametrize("quarters", [1, 3])
def test_queries_turned_by_90_degrees_find_their_picture(
    gallery: Path, run: Run, quarters: int
) -> None:
    for flags in ((), ("--augment",)):
        index = gallery.parent / f"index{len(flags)}.csv"
        done = run("index", "--dataset", gallery, "-d", "hsv-regions", "--index", index, *flags)
        assert done.returncode == 0
    queries = turned(gallery, lambda image: np.rot90(image, quarters))
    without = hits(run, gallery.parent / "index0.csv", queries)
    augmented = hits(run, gallery.parent / "index1.csv", queries)
    assert found_first(without) < 0.5
    assert found_first(augmented) == 1
    transforms = {rows[0]["transform"] for rows in augmented.values()}
    assert len(transforms) == 1
    assert transforms < {"rotate-90", "rotate-270"}
    assert all(rows[0]["distance"] < 0.02 for rows in augmented.values())
    assert all("transform" not in row for rows in without.values() for row in rows)


@pytest.mark.parametrize("name", TURNS)
def test_each_transform_is_found_by_its_name(gallery: Path, run: Run, name: str) -> None:
    index = gallery.parent / "index.csv"
    specs = ("-d", "hsv-regions", "--index", str(index), "--augment")
    assert run("index", "--dataset", gallery, *specs).returncode == 0
    found = hits(run, index, turned(gallery, TURNS[name]))
    assert found_first(found) == 1
    assert {rows[0]["transform"] for rows in found.values()} == {name}


def test_each_picture_is_reported_once(gallery: Path, run: Run) -> None:
    index = gallery.parent / "index.csv"
    assert run("index", "--dataset", gallery, "--index", index, "--augment").returncode == 0
    for rows in hits(run, index, gallery, "--limit", "100").values():
        ids = [row["id"] for row in rows]
        assert len(ids) == 40 == len(set(ids))
        assert [row["rank"] for row in rows] == list(range(1, 41))
    # Colours alone are the same however a picture is turned; the original comes before others.
    first = hits(run, index, gallery / "07.png")["07"][0]
    assert (first["id"], first["distance"]) == ("07.png", 0)


def test_the_file_has_a_row_for_each_transform(gallery: Path, run: Run) -> None:
    index = gallery.parent / "index.csv"
    done = run("index", "--dataset", gallery, "--index", index, "--augment", "--json")
    fields = json.loads(done.stdout)
    assert (fields["pictures"], fields["new"], fields["unchanged"]) == (40, 40, 0)
    table = pandas.read_csv(index, comment="#", index_col=[0, 1], keep_default_na=False)
    assert table.index.names == ["id", "transform"]
    assert len(table) == 40 * len(TRANSFORMS)
    assert list(table.index) == sorted(table.index)
    assert set(table.index.get_level_values("transform")) == set(TRANSFORMS)
    assert check(index, lambda done, total: None).problems == []
    assert run("check", index).returncode == 0
    again = run("index", "--dataset", gallery, "--index", index, "--augment", "--json")
    fields = json.loads(again.stdout)
    assert (fields["pictures"], fields["new"], fields["unchanged"]) == (40, 0, 40)


def test_plain_files_have_no_place_for_it(gallery: Path, run: Run) -> None:
    index = gallery.parent / "index.csv"
    done = run("index", "--dataset", gallery, "--index", index, "--augment", "--plain")
    assert done.returncode == 2
    assert "--plain" in done.stderr
    assert "--augment" in done.stderr
    assert not index.exists()


def test_the_answer_says_how_it_was_turned(gallery: Path, run: Run) -> None:
    index = gallery.parent / "index.csv"
    specs = ("-d", "hsv-regions", "--index", str(index), "--augment")
    assert run("index", "--dataset", gallery, *specs).returncode == 0
    query = turned(gallery, lambda image: cv2.rotate(image, cv2.ROTATE_180)) / "11.png"
    sheet = gallery.parent / "sheet.png"
    done = run("search", "--query", query, "--index", index, "--montage", sheet)
    assert "11.png  (rotate-180)" in done.stdout
    assert sheet.exists()


@pytest.mark.shared
def test_with_a_network_on_real_photos(tmp_path: Path, shared: Path, run: Run) -> None:
    """A network finds turned photos again as it is; with it, it knows them for the same."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for file in sorted((shared / "clothing/gallery").rglob("*.jpg"))[::8]:
        (folder / f"{file.parent.name}-{file.name}").write_bytes(file.read_bytes())
    queries = tmp_path / "turned"
    queries.mkdir()
    for file in folder.iterdir():
        image = np.ascontiguousarray(np.rot90(decode(file.read_bytes())))
        (queries / f"{file.stem}.png").write_bytes(encoded(image, ".png"))
    for flags in ((), ("--augment",)):
        index = tmp_path / f"index{len(flags)}.csv"
        done = run("index", "--dataset", folder, "-d", "mobilenet", "--index", index, *flags)
        assert done.returncode == 0, done.stderr
    without = hits(run, tmp_path / "index0.csv", queries)
    augmented = hits(run, tmp_path / "index1.csv", queries)
    assert found_first(augmented) == 1
    assert {rows[0]["transform"] for rows in augmented.values()} == {"rotate-90"}
    assert max(rows[0]["distance"] for rows in augmented.values()) < 0.02
    assert min(rows[0]["distance"] for rows in without.values()) > 0.05
