"""The object is found: before drawn places of several kinds, and in real photos."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cbir.distances import pairwise
from cbir.images import decode
from cbir.recipe import parse
from cbir.steps import find_object
from tests.conftest import ROOT, encoded

Image = NDArray[np.uint8]
View = tuple[Image, Image]
Draw = Callable[[str, Literal["plain", "busy"]], View]

VIEW = 21  # which the sample set does not hold
ITEMS = (
    "bag-flowers",
    "ball-beach",
    "boot-brown",
    "bottle-stripes",
    "chair-teal",
    "clock-mint",
    "hat-green",
    "lamp-mustard",
    "mug-sky",
    "shirt-checks",
    "teapot-brown",
    "umbrella-dots",
)


@pytest.fixture(scope="module")
def draw() -> Iterator[Draw]:
    sys.path.insert(0, str(ROOT / "data"))
    try:
        from shop_drawing import draw_view

        yield cache(lambda item, place: draw_view(item, VIEW, place))
    finally:
        sys.path.remove(str(ROOT / "data"))


def surface(kind: str, height: int, width: int, seed: int = 0) -> Image:
    """A background that is nothing like the sample set's."""
    random = np.random.default_rng(seed)
    down, across = np.mgrid[:height, :width].astype(np.float32)
    one, other = random.integers(0, 256, (2, 3)).astype(np.float32)
    share = {
        "gradient": across / width * 0.7 + down / height * 0.3,
        "checks": (down // 16 + across // 16) % 2,
        "stripes": (across + down) // 13 % 2,
        "grain": random.normal(0.5, 0.25, (height, width)),
    }
    if kind == "clouds":
        coarse = random.integers(0, 256, (7, 7, 3), dtype=np.uint8)
        return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    mixed = one + (other - one) * share[kind][..., None]
    return np.clip(mixed, 0, 255).astype(np.uint8)


SURFACES = ("gradient", "checks", "stripes", "grain", "clouds")


def before(surface: Image, image: Image, mask: Image) -> Image:
    """The object of a picture, cut out with a soft edge, before a surface."""
    edge = cv2.GaussianBlur(cv2.erode(mask, np.ones((3, 3), np.uint8)), (0, 0), 0.7)
    opaque = edge[..., None] / 255.0
    return np.rint(image * opaque + surface * (1 - opaque)).astype(np.uint8)


def overlap(found: Image | None, true: Image) -> float:
    """Intersection over union; of the whole picture where nothing was found."""
    counts = np.ones(true.shape, bool) if found is None else found > 0
    return float((counts & (true > 0)).sum() / (counts | (true > 0)).sum())


def test_before_busy_places(draw: Draw) -> None:
    overlaps = [overlap(find_object(image), mask) for image, mask in views(draw, "busy")]
    assert np.mean(overlaps) >= 0.8
    assert np.mean(np.array(overlaps) < 0.5) <= 0.1


def test_before_plain_paper(draw: Draw) -> None:
    overlaps = [overlap(find_object(image), mask) for image, mask in views(draw, "plain")]
    assert np.mean(overlaps) >= 0.9


@pytest.mark.parametrize("kind", SURFACES)
def test_before_surfaces(draw: Draw, kind: str) -> None:
    overlaps = []
    for seed, (image, mask) in enumerate(views(draw, "plain")):
        pasted = before(surface(kind, *mask.shape, seed), image, mask)
        overlaps.append(overlap(find_object(pasted), mask))
    assert np.mean(overlaps) >= 0.8


def views(draw: Draw, place: Literal["plain", "busy"]) -> list[View]:
    return [draw(item, place) for item in ITEMS]


@pytest.mark.parametrize("kind", SURFACES)
def test_a_surface_without_an_object_counts_whole(kind: str) -> None:
    found = [find_object(surface(kind, 200, 240, seed)) for seed in range(4)]
    assert sum(mask is None for mask in found) >= 3


@pytest.mark.parametrize("colour", [0, 90, 255])
def test_one_colour_is_no_object(colour: int) -> None:
    assert find_object(np.full((100, 140, 3), colour, np.uint8)) is None


def test_the_mask_has_the_pictures_size(draw: Draw) -> None:
    image, true = draw("mug-sky", "plain")
    for width, height in ((600, 700), (90, 100), (41, 37)):
        smaller = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        mask = find_object(smaller)
        assert mask is not None
        assert mask.dtype == np.uint8
        assert set(np.unique(mask)) == {0, 255}
        assert overlap(mask, cv2.resize(true, (width, height))) > 0.75


def test_pictures_of_any_shape() -> None:
    """Also those that have no room for an object."""
    random = np.random.default_rng(0)
    for height, width in [(1, 1), (2, 3), (12, 12), (5, 900), (900, 5), (13, 40), (30, 2000)]:
        for image in (
            random.integers(0, 256, (height, width, 3), dtype=np.uint8),
            np.zeros((height, width, 3), np.uint8),
            surface("checks", height, width),
        ):
            mask = find_object(image)
            assert mask is None or (mask.shape == (height, width) and mask.any())


def test_an_object_that_fills_the_picture_is_found(draw: Draw) -> None:
    image, true = draw("mug-sky", "plain")
    left, top, width, height = cv2.boundingRect(true)
    tight = (slice(top - 5, top + height + 5), slice(left - 5, left + width + 5))
    assert overlap(find_object(image[tight]), true[tight]) > 0.8


def test_a_mask_depends_on_the_picture_alone(draw: Draw) -> None:
    """Not on the thread, what it did before, or how many others there are."""
    images = [image for image, _ in views(draw, "busy")]
    before_threads = cv2.getNumThreads()

    def found(number: int) -> bytes:
        cv2.setRNGSeed(number)
        mask = find_object(images[number % len(images)])
        return b"" if mask is None else mask.tobytes()

    try:
        cv2.setNumThreads(1)
        want = [found(number) for number in range(len(images))]
        cv2.setNumThreads(4)
        with ThreadPoolExecutor(4) as pool:
            got = list(pool.map(found, reversed(range(2 * len(images)))))
    finally:
        cv2.setNumThreads(before_threads)
    assert got[::-1] == want + want


def test_searching_from_busy_places(draw: Draw) -> None:
    """`remove` helps histograms much there, and does no harm before plain paper."""
    paths = sorted((ROOT / "data/dataset/shop").glob("*_[12].jpg"))
    queries = {
        place: [encoded(image, ".png") for image, _ in views(draw, place)]
        for place in ("plain", "busy")
    }

    keep, remove = (
        {place: precision(spec, paths, files) for place, files in queries.items()}
        for spec in ("hsv", "hsv:background=remove")
    )
    assert remove["busy"] >= keep["busy"] + 0.2
    assert remove["plain"] >= keep["plain"] - 0.05


def precision(spec: str, paths: list[Path], queries: list[bytes]) -> float:
    """Mean average precision of one query an item among these pictures."""
    names = np.array([path.name.split("_")[0] for path in paths])
    index = described(spec, [path.read_bytes() for path in paths])
    each = []
    for item, distances in zip(ITEMS, pairwise(described(spec, queries), index), strict=True):
        ranks = 1 + np.flatnonzero(names[distances.argsort(kind="stable")] == item)
        each.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    return float(np.mean(each))


def described(spec: str, files: list[bytes]) -> NDArray[np.float32]:
    recipe = parse(spec)
    prepared = [recipe.prepare(decode(data, recipe.pixels)) for data in files]
    return recipe.describe(prepared)


@pytest.mark.shared
def test_real_products_are_found(shared: Path) -> None:
    """Photos by ordinary people; nearly all of them show an object that can be told apart."""
    paths = sorted((shared / "clothing/queries").glob("*/*"))[::8]
    masks = [find_object(decode(path.read_bytes(), 128)) for path in paths]
    assert np.mean([mask is None for mask in masks]) <= 0.05
    shares = [mask.mean() / 255 for mask in masks if mask is not None]
    assert 0.3 < np.median(shares) < 0.55


@pytest.mark.shared
def test_food_on_white_loses_the_white(shared: Path) -> None:
    kept, left = [], []
    for path in sorted((shared / "food/train").glob("*"))[::2]:
        image = decode(path.read_bytes(), 128)
        mask = find_object(image)
        assert mask is not None
        white = image.min(axis=2) > 225
        kept.append(white[mask > 0].mean())
        left.append(white[mask == 0].mean())
    assert np.mean(left) > 0.75
    assert np.mean(kept) < 0.1


@pytest.mark.shared
def test_a_thin_object_is_found(shared: Path) -> None:
    """A hockey stick covers a few hundredths of its picture."""
    mask = find_object(decode((shared / "hockey_products/hockeystick1.jpeg").read_bytes(), 128))
    assert mask is not None
    assert 0.02 < mask.mean() / 255 < 0.2
