"""Six ways to look at a picture."""

import numpy as np
import pytest

from cbir.images.transforms import ORIGINAL, TRANSFORMS
from tests.conftest import picture

TOY = np.array([[[1], [2], [3]], [[4], [5], [6]]], np.uint8).repeat(3, axis=2)

EXPECTED = {
    "original": [[1, 2, 3], [4, 5, 6]],
    "flip-left-right": [[3, 2, 1], [6, 5, 4]],
    "flip-up-down": [[4, 5, 6], [1, 2, 3]],
    "rotate-90": [[3, 6], [2, 5], [1, 4]],
    "rotate-180": [[6, 5, 4], [3, 2, 1]],
    "rotate-270": [[4, 1], [5, 2], [6, 3]],
}


def test_these_are_all_in_this_order() -> None:
    assert list(TRANSFORMS) == list(EXPECTED)
    assert ORIGINAL == "original"


@pytest.mark.parametrize("name", EXPECTED)
def test_pixels_go_where_they_should(name: str) -> None:
    made = TRANSFORMS[name](TOY)
    assert made[:, :, 0].tolist() == EXPECTED[name]
    assert (made == made[:, :, :1]).all()  # a picture's channels are not mixed


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (64, 48)])
def test_results_are_contiguous_and_the_image_stays_as_it_is(
    name: str, shape: tuple[int, int]
) -> None:
    image = picture(1, *shape)
    before = image.copy()
    image.flags.writeable = False  # as the images of a pipeline are
    made = TRANSFORMS[name](image)
    assert (made.dtype, made.flags.c_contiguous) == (np.uint8, True)
    turned = name in ("rotate-90", "rotate-270")
    assert made.shape == ((shape[0], shape[1], 3) if turned else (shape[1], shape[0], 3))
    assert np.array_equal(image, before)


@pytest.mark.parametrize(
    ("name", "back"),
    [
        ("flip-left-right", "flip-left-right"),
        ("flip-up-down", "flip-up-down"),
        ("rotate-90", "rotate-270"),
        ("rotate-180", "rotate-180"),
    ],
)
def test_each_can_be_undone(name: str, back: str) -> None:
    image = picture(2)
    assert np.array_equal(TRANSFORMS[back](TRANSFORMS[name](image)), image)
    assert not np.array_equal(TRANSFORMS[name](image), image)
