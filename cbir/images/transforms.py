"""The six ways in which an augmented index holds each picture."""

from collections.abc import Callable

from cbir.opencv import cv2
from cbir.types import Image

ORIGINAL = "original"

# OpenCV, because NumPy takes six to thirty times as long to put the pixels in order.
TRANSFORMS: dict[str, Callable[[Image], Image]] = {
    ORIGINAL: lambda image: image,
    "flip-left-right": lambda image: cv2.flip(image, 1),
    "flip-up-down": lambda image: cv2.flip(image, 0),
    "rotate-90": lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
    "rotate-180": lambda image: cv2.rotate(image, cv2.ROTATE_180),
    "rotate-270": lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
}
"""By name, an image (h, w, 3) to an image, which is (w, h, 3) after a quarter turn.

Rotations are counter-clockwise. Results are contiguous arrays of their own, except for the
original, which is the image itself.
"""
