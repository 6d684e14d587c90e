"""Ways to put pictures on their sides, for many small ones at once."""

from collections.abc import Callable, Sequence

import numpy as np

from cbir.images.transforms import ORIGINAL
from cbir.matching.aligning import Images
from cbir.matching.spool import Numbers

TURNS: dict[str, Callable[[Images], Images]] = {
    ORIGINAL: lambda images: images,
    "flip-left-right": lambda images: images[:, :, ::-1],
    "flip-up-down": lambda images: images[:, ::-1],
    "rotate-90": lambda images: np.rot90(images, 1, (1, 2)),
    "rotate-180": lambda images: np.rot90(images, 2, (1, 2)),
    "rotate-270": lambda images: np.rot90(images, 3, (1, 2)),
    "flip-left-right-rotate-90": lambda images: np.rot90(images[:, :, ::-1], 1, (1, 2)),
    "flip-left-right-rotate-270": lambda images: np.rot90(images[:, :, ::-1], 3, (1, 2)),
}
"""The transforms of cbir.images.transforms, for many images (n, side, side, …) at once, and
those two that make all ways to put a picture on its sides."""


def each_turned(images: Images, transforms: Numbers, names: Sequence[str]) -> Images:
    """Each image by the transform whose place among the names is beside it."""
    made = np.empty_like(images)
    for number in np.unique(transforms).tolist():
        some = transforms == number
        made[some] = TURNS[names[number]](images[some])
    return made
