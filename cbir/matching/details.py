"""Pictures in grey and small, but large enough to tell slides of one frame from each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cbir.matching.spool import Numbers, Spool
from cbir.opencv import cv2
from cbir.recipe import Recipe
from cbir.types import Image, Vectors

SIDE = 256

Details = NDArray[np.float32]
"""(n, 256, 256), grey, from 0 to 255."""


@dataclass(frozen=True)
class Detail:
    """All of a picture on a square, in grey.

    A descriptor like others, but for no index: it is not registered under its name.
    """

    distance = "cosine"
    version = 1
    pixels = SIDE
    dim = SIDE * SIDE

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        enough = min(image.shape[:2]) > SIDE
        how = cv2.INTER_AREA if enough else cv2.INTER_CUBIC
        small = cv2.resize(image, (SIDE, SIDE), interpolation=how)
        return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).ravel()

    def describe(self, batch: Sequence[NDArray[np.uint8]]) -> Vectors:
        return np.stack(batch).astype(np.float32)


DETAIL = Recipe("detail", Detail())


class Detailed:
    """The details of some pictures, by number, and how many pixels their shorter sides have."""

    def __init__(self, spool: Spool, places: Mapping[int, int], short_sides: Mapping[int, int]):
        """The spool has the details of each picture at its place."""
        self._spool = spool
        self._numbers = np.array(sorted(places), np.intp)
        ordered = self._numbers.tolist()
        self._places = np.array([places[number] for number in ordered], np.intp)
        self._short_sides = np.array([short_sides[number] for number in ordered], np.intp)

    def images(self, numbers: Numbers) -> Details:
        places = self._places[np.searchsorted(self._numbers, numbers)]
        return self._spool.vectors(places).reshape(-1, SIDE, SIDE)

    def short_sides(self, numbers: Numbers) -> Numbers:
        return self._short_sides[np.searchsorted(self._numbers, numbers)]
