"""Pictures of any shape for descriptors that want squares: as they are, padded or cropped."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cbir.opencv import cv2
from cbir.steps.fill import NEUTRAL
from cbir.types import Image

Fit = Literal["squash", "pad", "crop"]

Mask = NDArray[np.uint8]


def fit(image: Image, how: Fit, mask: Mask | None = None) -> tuple[Image, Mask | None]:
    """The image and its mask (None: every pixel counts) in the shape that is asked for.

    `squash` leaves the shape to the descriptor, `crop` takes the centred square of the short side,
    `pad` centres the picture in a square of its long side, whose rest is outside the mask.
    """
    height, width = image.shape[:2]
    if how == "squash" or height == width:
        return image, mask
    if how == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = (slice(top, top + side), slice(left, left + side))
        return np.ascontiguousarray(image[square]), None if mask is None else mask[square].copy()
    if mask is None:
        mask = np.full((height, width), 255, np.uint8)
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    edges = (top, side - height - top, left, side - width - left)
    padded = cv2.copyMakeBorder(image, *edges, cv2.BORDER_CONSTANT, value=NEUTRAL)
    return padded, cv2.copyMakeBorder(mask, *edges, cv2.BORDER_CONSTANT, value=0)
