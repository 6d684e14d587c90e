"""Pictures in grey and small, but large enough to tell slides of one frame from each other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cbir.matching.spool import Numbers, Spool
from cbir.opencv import cv2
from cbir.recipe import Recipe
from cbir.types import Image, Vectors

SIDE, LARGE = 256, 512
"""The larger one is for few pictures, which are read again for it."""

KEPT = 64
"""Large ones, of which a page may be wanted again with the next page."""

Grey = NDArray[np.float32]
"""(side, side), or a part of that."""

Details = NDArray[np.float32]
"""(n, side, side), grey, from 0 to 255."""


@dataclass(frozen=True)
class Detail:
    """All of a picture on a square, in grey.

    A descriptor like others, but for no index: it is not registered under its name.
    """

    side: int = SIDE

    distance = "cosine"
    version = 1

    @property
    def pixels(self) -> int:
        return self.side

    @property
    def dim(self) -> int:
        return self.side * self.side

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        enough = min(image.shape[:2]) > self.side
        how = cv2.INTER_AREA if enough else cv2.INTER_CUBIC
        small = cv2.resize(image, (self.side, self.side), interpolation=how)
        return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).ravel()

    def describe(self, batch: Sequence[NDArray[np.uint8]]) -> Vectors:
        return np.stack(batch).astype(np.float32)


DETAIL = Recipe("detail", Detail())


class Detailed:
    """The details of some pictures, by number, and how many pixels they have."""

    def __init__(
        self,
        spool: Spool,
        places: Mapping[int, int],
        pixels: Mapping[int, int],
        read: Callable[[int], Image],
    ):
        """The spool has the details of each picture at its place; `read` reads it again.

        `pixels`: of a side, if it were a square. BadPicture if a picture can't be read any more.
        """
        self._spool, self._read = spool, read
        self._numbers = np.array(sorted(places), np.intp)
        ordered = self._numbers.tolist()
        self._places = np.array([places[number] for number in ordered], np.intp)
        self._pixels = np.array([pixels[number] for number in ordered], np.intp)
        self._large = lru_cache(KEPT)(self._read_large)

    def images(self, numbers: Numbers) -> Details:
        places = self._places[np.searchsorted(self._numbers, numbers)]
        return self._spool.vectors(places).reshape(-1, SIDE, SIDE)

    def large(self, numbers: Numbers) -> Details:
        """The same, twice as large."""
        return np.stack([self._large(number) for number in numbers.tolist()])

    def pixels(self, numbers: Numbers) -> Numbers:
        return self._pixels[np.searchsorted(self._numbers, numbers)]

    def _read_large(self, number: int) -> Grey:
        return Detail(LARGE).prepare(self._read(number)).reshape(LARGE, LARGE).astype(np.float32)
