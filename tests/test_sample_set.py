"""The sample set: complete, small, drawn by its script, and neither hopeless nor trivial."""

import csv
import re
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from cbir import pipeline, recipe
from cbir.distances import pairwise
from cbir.images import decode
from cbir.sources import Folder
from tests.conftest import ROOT

SHOP, QUERIES = ROOT / "data/dataset/shop", ROOT / "queries"


def item(name: str) -> str:
    return name.split("_")[0]


def described(folder: Path) -> tuple[list[str], np.ndarray]:
    source = Folder(folder)
    results = pipeline.describe(
        source, source.pictures(), [recipe.parse("hsv")], pipeline.Settings()
    )
    found = [result for result in results if isinstance(result, pipeline.Described)]
    return [id for part in found for id in part.ids], np.concatenate([p.vectors for p in found])


def test_forty_products_with_two_to_four_pictures_each() -> None:
    names = sorted(path.name for path in SHOP.glob("*.jpg"))
    assert all(re.fullmatch(r"[a-z]+-[a-z]+_[1-4]\.jpg", name) for name in names)
    pictures = Counter(item(name) for name in names)
    assert 110 <= len(names) <= 130
    assert 38 <= len(pictures) <= 42
    assert set(pictures.values()) == {2, 3, 4}


def test_every_query_names_an_item_of_the_set() -> None:
    items = {item(path.name) for path in SHOP.glob("*.jpg")}
    with open(QUERIES / "relevance.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0].keys() == {"query", "item"}
    assert sorted(row["query"] for row in rows) == sorted(p.name for p in QUERIES.glob("*.jpg"))
    assert len(rows) == 12
    assert {row["item"] for row in rows} <= items
    assert all(item(row["query"]) == row["item"] for row in rows)


def test_it_is_small() -> None:
    files = [*SHOP.iterdir(), *QUERIES.iterdir()]
    assert sum(file.stat().st_size for file in files) < 2_000_000


def test_colour_histograms_are_right_often_but_not_always() -> None:
    ids, vectors = described(SHOP)
    distances = pairwise(vectors, vectors)
    np.fill_diagonal(distances, np.inf)
    right = [item(ids[i]) == item(ids[j]) for i, j in enumerate(distances.argmin(axis=1))]
    assert 0.6 <= np.mean(right) <= 0.9
    queries, query_vectors = described(QUERIES)
    best = pairwise(query_vectors, vectors).argmin(axis=1)
    assert 7 <= sum(item(q) == item(ids[j]) for q, j in zip(queries, best, strict=True)) <= 11


@pytest.fixture(scope="module")
def drawing() -> object:
    sys.path.insert(0, str(ROOT / "data"))
    try:
        import shop_drawing

        yield shop_drawing
    finally:
        sys.path.remove(str(ROOT / "data"))


@pytest.mark.parametrize("name", ["boot-red_1.jpg", "mug-dots_2.jpg"])
def test_the_script_draws_what_is_there(drawing: object, name: str) -> None:
    """The same twice, and but for JPEG's losses the picture in the repository."""
    view = int(name.split("_")[1][0])
    image, _ = drawing.draw_view(item(name), view)  # type: ignore[attr-defined]
    again, _ = drawing.draw_view(item(name), view)  # type: ignore[attr-defined]
    assert np.array_equal(image, again)
    kept = decode((SHOP / name).read_bytes())
    assert kept.shape == image.shape
    assert np.abs(kept.astype(int) - image).mean() < 4


def test_the_true_mask_is_known(drawing: object) -> None:
    """The object stands inside the picture, and is the same before any background."""
    _, mask = drawing.draw_view("mug-dots", 1, "plain")  # type: ignore[attr-defined]
    _, busy = drawing.draw_view("mug-dots", 1, "busy")  # type: ignore[attr-defined]
    assert set(np.unique(mask)) <= {0, 255}
    assert 0.05 < (mask == 255).mean() < 0.7
    assert np.array_equal(mask, busy)
    assert cv2.countNonZero(mask[:2]) == 0
