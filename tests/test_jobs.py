"""The Python face: the same answers as the command line, and its examples run as they stand."""

import doctest
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import cbir
from cbir import compare, duplicates, fit, index, match, search, visual_search
from cbir.errors import BadIndex, BadOutput, BadSource, BadSpec
from cbir.store import Store
from tests.conftest import ROOT, Run, encoded, picture

MODULES = ["cbir", "cbir.jobs.indexes", "cbir.jobs.items", "cbir.jobs.comparison"]
MODULES += ["cbir.jobs.pairs"]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_the_code_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted
    assert not found.failed


def test_recipes_run_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("data", "queries"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    found = doctest.testfile(str(ROOT / "docs/recipes.md"), module_relative=False)
    assert found.attempted > 20
    assert not found.failed


def test_every_job_is_documented_and_typed() -> None:
    page = (ROOT / "docs/recipes.md").read_text()
    for name in cbir.__all__:
        thing = getattr(cbir, name)
        assert (thing.__doc__ or "").strip(), name
        if name[0].islower():
            assert set(thing.__annotations__) >= {"return"}, name
            assert f"import {name}" in page or re.search(rf"import .*\b{name}\b", page), name


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import cbir, sys; print([m for m in sys.modules if m.startswith(HEAVY)])"
    code = code.replace("HEAVY", "('cv2', 'numpy', 'cbir.')")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="nothing"):
        cbir.nothing  # noqa: B018


def test_index_and_search_are_those_of_the_command_line(
    photos: Path, tmp_path: Path, run: Run
) -> None:
    (photos / "text.jpg").write_text("no picture")
    run("index", "--dataset", photos, "--index", "theirs.csv", cwd=tmp_path)
    made = index(photos, to=tmp_path / "ours.csv")
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()
    assert [failure.id for failure in made.failures] == ["text.jpg"]
    query = tmp_path / "query.jpg"
    query.write_bytes(encoded(picture(3)))
    done = run("search", "--query", query, "--index", "ours.csv", "--json", cwd=tmp_path)
    theirs = [(hit["id"], hit["distance"]) for hit in json.loads(done.stdout)["hits"]]
    for searched in (made.index, tmp_path / "ours.csv"):
        found = search(searched, [query, photos / "text.jpg"])
        assert [tuple(hit)[:2] for hit in found.hits[str(query)]] == theirs
        assert [failure.id for failure in found.failures] == [str(photos / "text.jpg")]
    by_bytes = search(made.index, query.read_bytes(), threshold=theirs[0][1])
    assert [hit.id for hit in by_bytes.hits["query"]] == [theirs[0][0]]
    several = search(made.index, [query, bytearray(query.read_bytes()), photos / "a.jpg"])
    assert list(several.hits) == [str(query), "query-2", str(photos / "a.jpg")]
    assert several.hits["query-2"] == several.hits[str(query)]
    (photos / "query-2").write_bytes(encoded(picture(5)))
    found = search(made.index, [photos / "query-2", encoded(picture(1)), bytes(query.read_bytes())])
    assert list(found.hits) == [str(photos / "query-2"), "query-2", "query-3"]
    with pytest.raises(BadSource, match=r"and not ndarray; cv2\.imencode makes bytes"):
        search(made.index, [picture(3)])  # type: ignore[list-item]


def test_items_are_those_of_the_command_line(shop: Path, tmp_path: Path, run: Run) -> None:
    run("fit", "--dataset", shop, "--out", "model.json", "--number", "3", cwd=tmp_path)
    theirs = json.loads((tmp_path / "model.json").read_text())
    ours = fit(shop, number=3).similar
    (items,) = [
        value for value in theirs.values() if isinstance(value, dict) and "bag-pink" in value
    ]
    assert {item: [near["item"] for near in found] for item, found in items.items()} == {
        item: [near.item for near in found] for item, found in ours.items()
    }
    photo = shop / "bag-pink_1.jpg"
    flags = ("--image", photo, "--number", "4", "--json")
    done = run("visual-search", "--dataset", shop, *flags, cwd=tmp_path)
    found = visual_search(shop, photo, number=4).items[str(photo)]
    assert [hit["item"] for hit in json.loads(done.stdout)["hits"]] == [hit.item for hit in found]


def test_a_comparison_is_that_of_the_command_line(shop: Path, tmp_path: Path, run: Run) -> None:
    flags = ("--labels", "items", "-d", "hsv", "--metrics", "map@3", "--json")
    done = run("compare", "--dataset", shop, *flags, cwd=tmp_path)
    found = compare(shop, ["hsv"], labels="items", metrics=["map@3"], out=tmp_path / "ours")
    theirs = json.loads(done.stdout.splitlines()[0])
    assert {**theirs, **found.systems[0].metrics} == theirs
    assert (tmp_path / "ours/report.html").exists()
    again = compare(shop, "hsv", labels="items")
    assert again.systems[0].metrics == {
        name: value for name, value in found.systems[0].metrics.items() if name != "map@3"
    }


def test_only_pictures_on_white(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(4):
        image = picture(number)
        if number % 2:
            image = cv2.copyMakeBorder(image, 9, 9, 9, 9, cv2.BORDER_CONSTANT, value=(255,) * 3)
        (folder / f"item{number}.png").write_bytes(encoded(image, ".png"))
    photo = encoded(picture(0), ".png")
    found = visual_search(folder, photo, white_background=True).items["query"]
    assert sorted(hit.item for hit in found) == ["item1", "item3"]
    for number in (1, 3):
        (folder / f"item{number}.png").unlink()
    with pytest.raises(BadSource, match="none of the 2 pictures has a white background"):
        visual_search(folder, photo, white_background=True)


def test_turned_pictures_are_looked_at_if_the_store_has_them(tmp_path: Path) -> None:
    """As on the command line; unless told otherwise."""
    folder, photo = tmp_path / "set", np.ascontiguousarray(picture(1)[::-1])
    folder.mkdir()
    for number in range(3):
        (folder / f"item{number}.png").write_bytes(encoded(picture(number), ".png"))

    def far(augment: bool | None) -> float:
        asked = encoded(photo, ".png")
        found = visual_search(folder, asked, "hsv-regions", augment=augment, store=tmp_path / "s")
        return found.items["query"][0].hit.distance

    plain = far(None)
    assert plain > 0.01
    assert far(True) == far(None) == pytest.approx(0, abs=1e-6)
    assert far(False) == plain


def test_pairs_are_those_of_the_command_line(shop: Path, tmp_path: Path, run: Run) -> None:
    flags = ("-d", "hsv", "--threshold", "0.02", "--top", "2", "--json")
    done = run("match", ROOT / "queries", shop, *flags, cwd=tmp_path)
    theirs = [json.loads(line) for line in done.stdout.splitlines()]
    found = match(ROOT / "queries", shop, "hsv", threshold=0.02, top=2, store=tmp_path / "f.db")
    assert found.rows == theirs
    with Store.open(tmp_path / "f.db", read_only=True) as store:
        assert len(store.summary().sources) == 2
    with pytest.raises(BadSpec, match="name a descriptor"):
        match(ROOT / "queries", shop)
    with pytest.raises(BadSpec, match="needs a threshold"):
        duplicates(shop, "hsv")


def test_a_notebook_shows_what_there_is(shop: Path) -> None:
    assert set(cbir.__all__) < set(dir(cbir))
    assert "import_module" not in dir(cbir)
    assert "<VectorIndex of 123 pictures by hsv:bins=8x12x3" in repr(index(shop))


def test_one_text_is_a_list_of_one(shop: Path) -> None:
    found = match(ROOT / "queries", shop, "hsv", threshold=0.005, columns="shop_name")
    assert [row.keys() for row in found.rows] == [{"shop_name", "distance"}] * 2
    compared = compare(shop, "hsv", labels="items", distances="cosine", metrics="map@3")
    assert [one.distance for one in compared.systems] == ["chi2", "cosine"]
    assert "map@3" in compared.systems[0].metrics


def test_an_index_replaces_only_an_index(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BadOutput, match="is not an index"):
        index(photos, to=tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine"
    for _ in range(2):
        index(photos, to=tmp_path / "index.csv")


def test_places_of_the_environment_count(tmp_path: Path) -> None:
    """As on the command line: where weights lie, for instance."""
    code = "import cbir; cbir.index; from cbir import places; print(places.keras(), places.data())"
    environment = {**os.environ, "KERAS_HOME": str(tmp_path / "k"), "CBIR_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment
    )
    assert done.stdout.split() == [str(tmp_path / "k"), str(tmp_path)]


def test_type_hints_reach_users() -> None:
    assert (Path(cbir.__file__).parent / "py.typed").exists()


def test_the_store_is_used_when_there_is_one(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "features.db"
    first = index(photos, augment=True, store=path)
    with Store.open(path, read_only=True) as store:
        (spec,) = store.summary().specs
    assert spec.vectors == 8 * 6
    second = index(photos, augment=True, store=path)
    ids = first.index.pictures
    assert np.array_equal(first.index.vectors(ids), second.index.vectors(ids))


def test_what_is_wrong_is_one_of_our_errors(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadSource, match="nothing could be described"):
        index(tmp_path / "empty")
    with pytest.raises(BadSource, match="nowhere is not there"):
        index(tmp_path / "nowhere")
    with pytest.raises(BadSpec, match="did you mean hsv"):
        index(photos, "hvs")
    with pytest.raises(BadIndex):
        search(tmp_path / "index.csv", photos)
    made = index(photos).index
    with pytest.raises(BadSpec, match="-1 is not a distance"):
        search(made, photos, threshold=-1)
    with pytest.raises(BadSpec, match="nan is not a distance"):
        duplicates(photos, threshold=float("nan"))
    with pytest.raises(BadSpec, match="inf is not a distance"):
        match(photos, photos, "hsv", threshold=float("inf"))
    with pytest.raises(BadSpec, match="2 is not a similarity"):
        match(photos, photos, "hsv", distance="cosine", min_similarity=2)
    with pytest.raises(BadSource, match="labels"):
        compare(photos, ["hsv"], labels=tmp_path / "labels.csv")
    with pytest.raises(BadSource, match="no labels"):  # before anything is looked at
        compare(tmp_path / "nowhere", labels="lables.csv")
    (tmp_path / "labels.csv").write_text("query,item,grade\na,b,x\n")
    with pytest.raises(BadSource, match="is no grade"):
        compare(tmp_path / "nowhere", labels=tmp_path / "labels.csv")
    with pytest.raises(BadSpec, match="no level is called"):
        compare(photos, labels="items", level="foo")  # type: ignore[arg-type]
    for name in (".", ""):
        with pytest.raises(BadIndex, match="is no file's name"):
            search(name, photos)
    with pytest.raises(BadSpec, match="leave --queries away"):
        compare(tmp_path / "nowhere", labels="edits", queries=photos)
    with pytest.raises(BadSpec, match="did you mean mean"):
        fit(photos, aggregate="meen")
