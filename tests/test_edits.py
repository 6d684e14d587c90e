"""Queries made by editing: each edit does what it says, and hurts whom it should."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from cbir import pipeline, recipe
from cbir.distances import pairwise
from cbir.evaluation import edits
from cbir.evaluation.edits import EDITS, Edited, apart, sample
from cbir.evaluation.labels import by_edits
from cbir.evaluation.relevance import Sides
from cbir.images import decode
from cbir.sources import Folder
from cbir.steps import find_object
from cbir.store import Store
from cbir.types import Picture, Source
from tests.conftest import encoded, picture

KINDS = sorted(EDITS)
RANDOM = {"background", "crop", "recolour", "rotation"}
"""Those that differ with the seed in every picture; a quarter turn knows two ways only."""


def edit(kind: str, image: np.ndarray, seed: int = 0) -> np.ndarray:
    return EDITS[kind](image, np.random.default_rng(seed))


def product(shop: Path) -> np.ndarray:
    return decode((shop / "boot-red_1.jpg").read_bytes())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 60), (60, 1), (3, 2), (15, 14), (120, 161)])
def test_every_picture_can_be_edited(kind: str, shape: tuple[int, int]) -> None:
    image = picture(3, shape[1], shape[0])
    before = image.copy()
    edited = edit(kind, image)
    assert edited.dtype == np.uint8
    assert edited.ndim == 3
    assert edited.shape[2] == 3
    assert edited.size
    assert np.array_equal(image, before)


def test_a_crop_keeps_four_fifths_of_each_side() -> None:
    image = picture(1, 200, 100)
    cut = edit("crop", image)
    assert cut.shape == (80, 160, 3)
    # It is a piece of the picture, and holds the middle.
    places = cv2.minMaxLoc(cv2.matchTemplate(image, cut, cv2.TM_SQDIFF))
    left, top = places[2]
    assert np.array_equal(image[top : top + 80, left : left + 160], cut)
    assert 10 <= left <= 30
    assert 5 <= top <= 15


@pytest.mark.parametrize("seed", range(8))
def test_rotations_are_small_and_leave_no_black_corners(seed: int) -> None:
    image = np.full((90, 120, 3), 200, np.uint8)
    image[45:, :60] = (250, 40, 40)
    turned = edit("rotation", image, seed)
    assert turned.shape == image.shape
    assert turned[..., 0].min() >= 199
    # The edge along the middle is level in the picture; now it leans by 10 to 15 degrees.
    edge = (turned[:, :50, 1] < 120).argmax(axis=0)
    lean = abs(np.degrees(np.arctan(np.polyfit(np.arange(50), edge, 1)[0])))
    assert 9.5 < lean < 15.5


def test_mirror_and_quarter_turns_move_pixels_only() -> None:
    image = picture(2, 30, 20)
    assert np.array_equal(edit("mirror", image), image[:, ::-1])
    turned = {edit("quarter-turn", image, seed).tobytes() for seed in range(20)}
    assert turned == {np.rot90(image, 1).tobytes(), np.rot90(image, 3).tobytes()}


def test_blur_and_compression_keep_the_picture_recognisable(shop: Path) -> None:
    image = product(shop)
    detail = cv2.Laplacian(image, cv2.CV_32F).var()
    for kind in ("blur", "jpeg"):
        change = np.abs(edit(kind, image).astype(int) - image).mean()
        assert 0.3 < change < 6
    assert cv2.Laplacian(edit("blur", image), cv2.CV_32F).var() < detail / 10


@pytest.mark.parametrize("seed", range(5))
def test_recolouring_turns_hues_and_keeps_shapes(shop: Path, seed: int) -> None:
    image = product(shop)
    before, after = (cv2.cvtColor(i, cv2.COLOR_RGB2HSV) for i in (image, edit("recolour", image)))
    vivid = before[..., 1] > 120
    turn = (after[vivid, 0].astype(int) - before[vivid, 0] + 90) % 180 - 90
    assert 10 <= abs(np.median(turn)) <= 35
    grey = [cv2.cvtColor(i, cv2.COLOR_HSV2RGB).max(axis=2).ravel() for i in (before, after)]
    assert np.corrcoef(grey)[0, 1] > 0.95


def test_another_background_leaves_the_object(shop: Path) -> None:
    image = product(shop)
    mask = find_object(image)
    assert mask is not None
    edited = edit("background", image)
    change = np.abs(edited.astype(int) - image).max(axis=2)
    inside = cv2.erode(mask, np.ones((15, 15), np.uint8)) > 0
    assert change[inside].max() <= 1
    assert np.median(change[mask == 0]) > 15


def test_without_an_object_the_middle_stays() -> None:
    surface = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    assert find_object(surface) is None
    change = np.abs(edit("background", surface).astype(int) - surface)
    assert change[30:70, 30:70].max() <= 1
    assert change[:10].mean() > 20


def test_ids_and_pictures(photos: Path) -> None:
    folder = Folder(photos)
    source = Edited(folder, list(folder.pictures())[:3])
    ids = [p.id for p in source.pictures()]
    assert ids == sorted(f"{kind}/{name}.jpg" for kind in KINDS for name in "abc")
    assert {apart(id) for id in ids} == {(k, f"{name}.jpg") for k in KINDS for name in "abc"}
    original = decode((photos / "b.jpg").read_bytes())
    assert np.array_equal(decode(source.read(Picture("mirror/b.jpg", ""))), original[:, ::-1])
    assert not source.failures


def test_ids_with_slashes_are_taken_apart_at_the_first() -> None:
    assert apart("quarter-turn/mirror/x/y.jpg") == ("quarter-turn", "mirror/x/y.jpg")


def test_the_same_at_every_run_and_different_for_every_seed(photos: Path) -> None:
    folder = Folder(photos)
    pictures = list(folder.pictures())[:4]
    first, again, other = (Edited(folder, pictures, seed) for seed in (7, 7, 8))
    for asked in first.pictures():
        data = first.read(asked)
        assert again.read(asked) == data
        if apart(asked.id)[0] in RANDOM:
            assert other.read(asked) != data


def test_pictures_are_edited_differently(photos: Path) -> None:
    """Else one bad crop would be everybody's."""
    (photos / "b.jpg").write_bytes((photos / "a.jpg").read_bytes())
    folder = Folder(photos)
    source = Edited(folder, list(folder.pictures()))
    for kind in RANDOM:
        data = {source.read(Picture(f"{kind}/{name}.jpg", "")) for name in "ab"}
        assert len(data) == 2, kind


def test_large_pictures_are_reduced_first(tmp_path: Path) -> None:
    (tmp_path / "large.jpg").write_bytes(encoded(picture(0, 3000, 2400)))
    folder = Folder(tmp_path)
    source = Edited(folder, list(folder.pictures()))
    assert decode(source.read(Picture("blur/large.jpg", ""))).shape == (600, 750, 3)


def test_what_is_no_picture_or_too_long_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (tmp_path / "long.png").write_bytes(encoded(picture(0, 70_000, 2), ".png"))
    folder = Folder(tmp_path)
    source = Edited(folder, list(folder.pictures()))
    made = pipeline.describe(
        source, list(source.pictures()), [recipe.parse("hsv")], pipeline.Settings(workers=2)
    )
    failed = {
        failure.id: failure.reason
        for part in made
        if isinstance(part, pipeline.Failed)
        for failure in part.failures
    }
    assert {f"{kind}/broken.jpg" for kind in KINDS} <= failed.keys()
    assert failed["jpeg/long.png"] == "70000×2 can't be edited"
    assert "mirror/long.png" not in failed


def test_samples_are_stable(photos: Path) -> None:
    pictures = [Picture(f"{number:03}.jpg", "") for number in range(300)]
    chosen = sample(pictures, 50, seed=1)
    assert len(chosen) == 50
    assert chosen == sorted(chosen, key=lambda p: p.id)
    assert chosen == sample(pictures[::-1], 50, seed=1)
    assert chosen != sample(pictures, 50, seed=2)
    assert len(set(chosen) & set(sample(pictures[1:], 50, seed=1))) >= 49
    assert len(sample(pictures)) == edits.MOST
    assert sample(pictures[:3], 50) == pictures[:3]


def described(
    source: Source, pictures: list[Picture], store: Store | None = None
) -> tuple[list[str], np.ndarray]:
    hsv = recipe.parse("hsv")
    parts = list(pipeline.describe(source, pictures, [hsv], pipeline.Settings(), store))
    assert all(isinstance(part, pipeline.Described) for part in parts)
    return [id for part in parts for id in part.ids], np.concatenate([p.vectors for p in parts])


def precision(source: Folder, edited: Edited) -> dict[str, float]:
    """Mean average precision of `hsv` by kind of edit: one over the original's rank."""
    gallery, vectors = described(source, list(source.pictures()))
    queries, asked = described(edited, list(edited.pictures()))
    right = by_edits(Sides(queries, gallery))
    distances = pairwise(asked, vectors)
    values: dict[str, list[float]] = {}
    for number, kind in enumerate(right.classes or ()):
        original = right.grades(number).argmax()
        rank = 1 + np.count_nonzero(distances[number] < distances[number, original])
        values.setdefault(kind, []).append(1 / rank)
    return {kind: float(np.mean(ranks)) for kind, ranks in values.items()}


def test_histograms_are_hurt_by_recolouring_and_not_by_mirroring(shop: Path) -> None:
    source = Folder(shop)
    found = precision(source, Edited(source, sample(list(source.pictures()), 40)))
    assert found.keys() == EDITS.keys()
    assert found["mirror"] > 0.97
    assert found["quarter-turn"] > 0.97
    assert found["recolour"] < 0.3
    assert found["background"] < 0.7


def test_edits_are_described_once(photos: Path, tmp_path: Path) -> None:
    """The store knows them by their bytes, which are the same at every run."""
    folder = Folder(photos)
    edited = Edited(folder, list(folder.pictures())[:2])
    with Store.open(tmp_path / "features.db") as store:
        ids, vectors = described(edited, list(edited.pictures()), store)
        store.commit()
        known = store.summary()
        again = described(edited, list(edited.pictures()), store)
        store.commit()
        assert store.summary() == known
    assert again[0] == ids
    assert np.array_equal(again[1], vectors)
