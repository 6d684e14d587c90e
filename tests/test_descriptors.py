"""The colour histograms against OpenCV's own functions."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cbir.distances import pairwise
from cbir.errors import BadSpec
from cbir.images import decode
from cbir.pipeline import describe_one
from cbir.recipe import parse
from tests.conftest import encoded, picture

SIZES = [(160, 120), (121, 77), (33, 200), (2, 2), (1, 1), (5, 1), (1, 5)]
Image = NDArray[np.uint8]


def normalised(counts: NDArray[np.float32], norm: str) -> NDArray[np.float64]:
    flat = counts.flatten().astype(np.float64)
    if norm == "l2":
        return cv2.normalize(flat, None, norm_type=cv2.NORM_L2).flatten()
    return flat / max(flat.sum(), 1)


def histogram(image: Image, bins: tuple[int, ...], norm: str, mask: Image | None) -> NDArray:
    """As every tutorial does it."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    counts = cv2.calcHist([hsv], [0, 1, 2], mask, list(bins), [0, 180, 0, 256, 0, 256])
    return normalised(counts, norm)


def regions(height: int, width: int) -> list[Image]:
    """Masks of the four quarters, each less the ellipse, clockwise from top-left; the ellipse."""
    ellipse = np.zeros((height, width), np.uint8)
    axes = (int(width * 0.75) // 2, int(height * 0.75) // 2)
    cv2.ellipse(ellipse, (width // 2, height // 2), axes, 0, 0, 360, 255, -1)
    rows, columns = np.mgrid[:height, :width]
    top, left = rows < height // 2, columns < width // 2
    quarters = [top & left, top & ~left, ~top & ~left, ~top & left]
    return [np.where(quarter & (ellipse == 0), 255, 0).astype(np.uint8) for quarter in quarters] + [
        ellipse
    ]


def described(spec: str, image: Image) -> NDArray[np.float32]:
    return describe_one(encoded(image, ".png"), parse(spec))[0]


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("bins", [(8, 12, 3), (4, 4, 4), (1, 1, 1), (180, 2, 5), (7, 11, 256)])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_hsv_is_opencvs_histogram(
    width: int, height: int, bins: tuple[int, ...], norm: str
) -> None:
    image = picture(1, width, height)
    spec = f"hsv:size=full,norm={norm},bins={'x'.join(map(str, bins))}"
    want = histogram(image, bins, norm, None)
    np.testing.assert_allclose(described(spec, image), want, rtol=0, atol=1e-6)
    assert parse(spec).dim == len(want)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("bins", [(8, 12, 3), (4, 4, 4), (16, 2, 5)])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_regions_are_opencvs_histograms_under_masks(
    width: int, height: int, bins: tuple[int, ...], norm: str
) -> None:
    image = picture(2, width, height)
    spec = f"hsv-regions:size=full,norm={norm},bins={'x'.join(map(str, bins))}"
    masks = regions(height, width)
    want = np.concatenate([histogram(image, bins, norm, mask) for mask in masks])
    np.testing.assert_allclose(described(spec, image), want, rtol=0, atol=1e-6)
    assert parse(spec).dim == len(want)


def test_regions_cover_every_pixel_once_with_the_ellipse_in_the_middle() -> None:
    """Four corners of their own colours, and a centre, are told apart."""
    image = np.zeros((200, 300, 3), np.uint8)
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255)]
    for mask, colour in zip(regions(200, 300), colours, strict=True):
        image[mask > 0] = colour
    blocks = described("hsv-regions:size=full", image).reshape(5, 288)
    assert (blocks.max(axis=1) == 1).all()
    assert len(set(blocks.argmax(axis=1).tolist())) == 5
    x, y = np.meshgrid((np.arange(300) - 150) / 112.5, (np.arange(200) - 100) / 75)
    inside = (regions(200, 300)[4] > 0).mean()
    assert inside == pytest.approx((x**2 + y**2 <= 1).mean(), rel=0.01)


@pytest.mark.parametrize("size", ["full", "128", "16"])
@pytest.mark.parametrize("seed", range(5))
def test_every_histogram_has_length_one(seed: int, size: str) -> None:
    image = picture(seed, 300, 280)
    assert described(f"hsv:size={size}", image).sum() == pytest.approx(1, abs=1e-5)
    assert described(f"hsv-regions:size={size}", image).sum() == pytest.approx(5, abs=1e-5)
    assert np.linalg.norm(described(f"hsv:norm=l2,size={size}", image)) == pytest.approx(1)
    blocks = described(f"hsv-regions:norm=l2,size={size}", image).reshape(5, 288)
    np.testing.assert_allclose(np.linalg.norm(blocks, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 1), (1, 5), (2, 3)])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_tiny_pictures(width: int, height: int, suffix: str) -> None:
    """A region may hold no pixel at all; then it is all zeros, and nothing is divided by zero."""
    data = encoded(picture(0, width, height), suffix)
    assert describe_one(data, parse("hsv")).sum() == pytest.approx(1)
    for norm in ("l1", "l2"):
        blocks = describe_one(data, parse(f"hsv-regions:norm={norm}")).reshape(5, 288)
        assert np.isfinite(blocks).all()
        totals = blocks.sum(axis=1) if norm == "l1" else np.linalg.norm(blocks, axis=1)
        assert {round(float(total), 5) for total in totals} <= {0.0, 1.0}


def test_size_reduces_before_counting() -> None:
    """`size` is the short side that must remain: steps of 2, 4 and 8 that keep as much."""
    data = encoded(picture(3, 400, 300), ".png")
    for size, step in ((301, 1), (151, 1), (150, 2), (75, 4), (38, 8), (1, 8)):
        recipe = parse(f"hsv:size={size}")
        small = decode(data, recipe.pixels)
        assert small.shape == (-(-300 // step), -(-400 // step), 3)
        assert min(small.shape[:2]) >= min(size, 300)
        want = histogram(small, (8, 12, 3), "l1", None)
        np.testing.assert_allclose(describe_one(data, recipe)[0], want, atol=1e-6)


@pytest.mark.parametrize("name", ["hsv", "hsv-regions"])
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("bins=8x12", "give three numbers such as 8x12x3"),
        ("bins=0x1x1", "give three numbers"),
        ("bins=181x1x1", "at most 180x256x256"),
        ("bins=1x257x1", "at most 180x256x256"),
        ("bins=1x1x257", "at most 180x256x256"),
        ("bins=-8x12x3", "give three numbers"),
        ("bins=8x12xthree", "give three numbers"),
        ('bins=""', "give three numbers"),
        ("bins=²x2x2", "give three numbers"),
        ("size=0", "short side in pixels, or full"),
        ("size=-5", "short side in pixels, or full"),
        ("size=half", "not a whole number or full"),
        ("norm=L1", "not l1 or l2"),
        ("norm=max", "not l1 or l2"),
    ],
)
def test_settings_that_make_no_sense(name: str, setting: str, message: str) -> None:
    with pytest.raises(BadSpec, match=message):
        parse(f"{name}:{setting}")


@pytest.fixture(scope="module")
def photos() -> list[Image]:
    """One shot of each of several items of the sample data set."""
    shop = Path(__file__).parent.parent / "data/dataset/shop"
    files = sorted(shop.glob("*_1.jpg"))[:12]
    assert len(files) == 12
    return [decode(file.read_bytes()) for file in files]


@pytest.mark.parametrize("name", ["hsv", "hsv-regions"])
@pytest.mark.parametrize(
    ("width", "height", "how", "suffix", "part"),
    [
        (2000, 1800, cv2.INTER_CUBIC, ".jpg", 0.05),
        (2000, 1800, cv2.INTER_CUBIC, ".png", 0.05),
        (36, 36, cv2.INTER_AREA, ".png", 0.4),
        (36, 36, cv2.INTER_AREA, ".jpg", 0.8),  # JPEG blurs the colours of 2 by 2 pixels
    ],
)
def test_a_picture_of_another_size_is_nearly_the_same(
    name: str, width: int, height: int, how: int, suffix: str, part: float, photos: list[Image]
) -> None:
    """It is nearer than any other picture, at most `part` as far."""
    recipe = parse(name)

    def vectors(images: list[Image]) -> NDArray[np.float32]:
        return np.concatenate([describe_one(encoded(image, suffix), recipe) for image in images])

    sized = vectors([cv2.resize(photo, (width, height), interpolation=how) for photo in photos])
    distances = pairwise(sized, vectors(photos))
    others = distances + np.diag(np.full(len(photos), np.inf, np.float32))
    assert (distances.diagonal() < part * others.min(axis=1)).all()


def test_mirrored_corners_change_places() -> None:
    image = picture(6, 200, 140)
    blocks = described("hsv-regions:size=full", image).reshape(5, 288)
    mirrored = described("hsv-regions:size=full", image[:, ::-1]).reshape(5, 288)
    swapped = blocks[[1, 0, 3, 2, 4]]
    assert pairwise(mirrored, swapped).diagonal().max() < 0.02
    assert pairwise(mirrored, blocks).diagonal()[:4].min() > 0.05
