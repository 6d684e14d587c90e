"""Steps on the picture: fit, the neutral fill, and descriptors that let only a mask count."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cbir.descriptors.hsv import Hsv, HsvRegions
from cbir.steps import apply, fill, fit
from cbir.steps.fill import NEUTRAL
from tests.conftest import picture

Image = NDArray[np.uint8]
SHAPES = [(160, 120), (121, 160), (90, 91), (3, 1), (1, 200)]


def blob(image: Image, seed: int = 3) -> Image:
    """A mask of the shape of the image, of values that are all but 255 where they count."""
    values = np.random.default_rng(seed).integers(0, 4, image.shape[:2], dtype=np.uint8)
    values[: len(values) // 3] = 0
    return values


def with_object(width: int = 160, height: int = 120) -> Image:
    """A red box with a yellow bar, before blue."""
    image = np.full((height, width, 3), (40, 60, 190), np.uint8)
    image[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = (200, 30, 30)
    image[height // 2 :][: height // 8, width // 4 : 3 * width // 4] = (230, 210, 40)
    return image


@pytest.mark.parametrize("how", ["squash", "pad", "crop"])
def test_a_square_stays_as_it_is(how: str) -> None:
    image = picture(1, 80, 80)
    same, mask = fit(image, how)  # type: ignore[arg-type]
    assert np.array_equal(same, image)
    assert mask is None


@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_squash_leaves_the_shape_to_the_descriptor(width: int, height: int) -> None:
    image = picture(1, width, height)
    same, mask = fit(image, "squash", blob(image))
    assert np.array_equal(same, image)
    assert np.array_equal(mask, blob(image))  # type: ignore[arg-type]


@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_crop_is_the_square_in_the_middle(width: int, height: int) -> None:
    image = picture(1, width, height)
    square, mask = fit(image, "crop", blob(image))
    side = min(width, height)
    top, left = (height - side) // 2, (width - side) // 2
    assert np.array_equal(square, image[top : top + side, left : left + side])
    assert mask is not None
    assert np.array_equal(mask, blob(image)[top : top + side, left : left + side])
    assert fit(image, "crop")[1] is None


@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_pad_is_the_picture_in_a_neutral_square_and_says_where(width: int, height: int) -> None:
    image = picture(1, width, height)
    square, mask = fit(image, "pad")
    side = max(width, height)
    assert square.shape == (side, side, 3)
    assert mask is not None
    assert np.array_equal(square[mask == 255], image.reshape(-1, 3))
    assert np.all(square[mask == 0] == NEUTRAL)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    assert len(rows) == height
    assert len(columns) == width
    assert abs(rows[0] - (side - 1 - rows[-1])) <= 1
    assert abs(columns[0] - (side - 1 - columns[-1])) <= 1


def test_fill_changes_what_does_not_count_and_nothing_else() -> None:
    image = picture(2)
    before, mask = image.copy(), blob(image)
    filled = fill(image, mask)
    assert np.array_equal(filled[mask > 0], image[mask > 0])
    assert np.all(filled[mask == 0] == NEUTRAL)
    assert np.array_equal(image, before)


def test_without_steps_nothing_happens() -> None:
    image = picture(2)
    assert apply(image, "keep", "squash") == (image, None, False)


def test_the_object_is_found_first_and_padding_is_outside_of_it() -> None:
    image = with_object()
    found, whole = apply(image, "remove", "squash"), apply(image, "remove", "pad")
    assert found.mask is not None
    assert whole.mask is not None
    assert whole.image.shape == (160, 160, 3)
    assert np.array_equal(whole.mask[20:140], found.mask)
    assert not whole.mask[:20].any()
    assert not whole.mask[140:].any()
    assert not found.kept_whole
    assert not whole.kept_whole


def test_without_an_object_the_whole_picture_counts_but_never_the_padding() -> None:
    plain = np.full((120, 160, 3), 90, np.uint8)
    image, mask, kept_whole = apply(plain, "remove", "squash")
    assert np.array_equal(image, plain)
    assert mask is None
    assert kept_whole
    _, mask, kept_whole = apply(plain, "remove", "pad")
    assert mask is not None
    assert (mask > 0).sum() == plain.size // 3
    assert kept_whole


def test_a_crop_without_the_object_counts_whole() -> None:
    image = np.full((100, 400, 3), 200, np.uint8)
    image[30:70, 60:100] = (200, 30, 30)
    found = apply(image, "remove", "squash").mask
    assert found is not None
    assert not found[:, 150:250].any()
    cropped = apply(image, "remove", "crop")
    assert cropped.image.shape == (100, 100, 3)
    assert cropped.mask is None
    assert cropped.kept_whole


@pytest.mark.parametrize("kind", [Hsv, HsvRegions])
def test_a_mask_of_everything_changes_nothing(kind: type[Hsv | HsvRegions]) -> None:
    for seed, (width, height) in enumerate(SHAPES):
        image = picture(seed, width, height)
        whole = np.full(image.shape[:2], 255, np.uint8)
        assert np.array_equal(kind().prepare(image, whole), kind().prepare(image))


@pytest.mark.parametrize("kind", [Hsv, HsvRegions])
def test_only_what_is_in_the_mask_counts(kind: type[Hsv | HsvRegions]) -> None:
    image = picture(4)
    mask = blob(image)
    other = np.where(mask[..., None] > 0, image, picture(5))
    assert not np.array_equal(kind().prepare(image), kind().prepare(other))
    counts = kind().prepare(image, mask)
    assert np.array_equal(counts, kind().prepare(other, mask))
    assert counts.sum() == (mask > 0).sum()


@pytest.mark.parametrize("kind", [Hsv, HsvRegions])
def test_padding_does_not_count(kind: type[Hsv | HsvRegions]) -> None:
    image = picture(4, 160, 90)
    assert np.array_equal(kind().prepare(*fit(image, "pad")), kind().prepare(image))


def test_regions_go_with_the_object_wherever_it_stands() -> None:
    object_ = picture(6, 50, 40)
    vectors = []
    for top, left in ((0, 0), (61, 17), (80, 110)):
        image, mask = picture(top), np.zeros((120, 160), np.uint8)
        image[top : top + 40, left : left + 50] = object_
        mask[top : top + 40, left : left + 50] = 255
        vectors.append(HsvRegions().describe([HsvRegions().prepare(image, mask)])[0])
    assert np.array_equal(vectors[0], vectors[1])
    assert np.array_equal(vectors[0], vectors[2])


@pytest.mark.parametrize("kind", [Hsv, HsvRegions])
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_what_is_empty_is_zero(kind: type[Hsv | HsvRegions], norm: str) -> None:
    descriptor = kind(norm=norm)  # type: ignore[arg-type]
    image = picture(7)
    nothing, corner = np.zeros((120, 160), np.uint8), np.zeros((120, 160), np.uint8)
    corner[10, 20] = 1
    empty, one = descriptor.describe(
        [descriptor.prepare(image, mask) for mask in (nothing, corner)]
    )
    assert not empty.any()
    assert np.flatnonzero(one).size == 1
    assert one.sum() == 1
