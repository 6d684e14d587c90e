"""A whole data set as indexes in memory: what a file would hold, and what failed."""

from pathlib import Path

import numpy as np
import pytest

from cbir.images.transforms import TRANSFORMS
from cbir.pipeline import Settings, gather
from cbir.recipe import parse
from cbir.sources import Folder
from cbir.store import Store
from cbir.vector_index import VectorIndex
from tests.conftest import Run


def test_it_is_what_index_writes(photos: Path, tmp_path: Path, run: Run) -> None:
    (photos / "text.jpg").write_text("no picture")
    run("index", "--dataset", photos, "--index", "index.csv", cwd=tmp_path)
    written = VectorIndex.read(tmp_path / "index.csv")
    told: list[tuple[int, int | None]] = []
    recipes = [parse("hsv"), parse("hsv-regions")]
    made = gather(
        Folder(photos), recipes, Settings(), progress=lambda done, total: told.append((done, total))
    )
    hsv, regions = made.indexes
    assert list(hsv.ids) == list(written.ids) == list(regions.ids)
    assert np.array_equal(hsv.vectors(hsv.ids), written.vectors(written.ids))
    assert (hsv.spec, hsv.distance, hsv.root) == (written.spec, "chi2", photos)
    assert [failure.id for failure in made.failures] == ["text.jpg"]
    assert [picture.id for picture in made.pictures] == [*written.ids, "text.jpg"]
    assert told[-1] == (9, 9)


@pytest.mark.parametrize("count", [1, 2])
def test_transforms_and_the_store(photos: Path, tmp_path: Path, count: int) -> None:
    with Store.open(tmp_path / "features.db") as store:
        for _ in range(count):
            made = gather(Folder(photos), [parse("hsv")], Settings(), store, tuple(TRANSFORMS))
    (index,) = made.indexes
    assert index.augmented
    assert len(index) == 8 * len(TRANSFORMS)


def test_nothing_makes_an_empty_index(tmp_path: Path) -> None:
    made = gather(Folder(tmp_path), [parse("hsv")], Settings())
    assert (len(made.indexes[0]), made.indexes[0].dim, made.failures) == (0, 288, [])
