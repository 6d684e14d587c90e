"""Queries for people without labels: their own pictures, edited. The right answer is the original.

That tells how robust a descriptor is to edits, and no more.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.random import Generator

from cbir.errors import BadPicture
from cbir.images import decode
from cbir.opencv import cv2
from cbir.steps import find_object
from cbir.types import Failure, Image, Picture, Source

Edit = Callable[[Image, Generator], Image]

MOST = 200  # pictures that are edited, unless somebody asks for more
PIXELS = 512  # of the short side, about: more than any network looks at
SOFT = 0.01  # of the short side: how wide the object's edge is before another background


def crop(image: Image, random: Generator) -> Image:
    """Four fifths of each side, from about the middle."""
    height, width = image.shape[:2]
    down, across = random.uniform(0.05, 0.15, 2)
    top, left = int(height * down), int(width * across)
    return image[top : top + -(-height * 4 // 5), left : left + -(-width * 4 // 5)].copy()


def rotation(image: Image, random: Generator) -> Image:
    """Turned by 10 to 15 degrees; its own reflection fills the corners."""
    height, width = image.shape[:2]
    angle = random.uniform(10, 15) * random.choice([-1, 1])
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1)
    return cv2.warpAffine(
        image, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )


def quarter_turn(image: Image, random: Generator) -> Image:
    """Lying on one side."""
    sides = (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE)
    return cv2.rotate(image, sides[int(random.integers(2))])


def mirror(image: Image, _: Generator) -> Image:
    return cv2.flip(image, 1)


def jpeg(image: Image, _: Generator) -> Image:
    """As quality 30 leaves it."""
    return decode(_encoded(image, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, 30]))


def recolour(image: Image, random: Generator) -> Image:
    """Other hues, by 30 to 60 degrees, in a light that is warmer or colder."""
    hue, saturation, value = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
    turn = random.integers(15, 31) * random.choice([-1, 1])  # OpenCV's hues end at 180
    hue = ((hue.astype(np.int16) + turn) % 180).astype(np.uint8)
    turned = cv2.cvtColor(cv2.merge([hue, saturation, value]), cv2.COLOR_HSV2RGB)
    warmth = random.uniform(0.08, 0.16) * random.choice([-1, 1])
    lit = turned * np.array([1 + warmth, 1, 1 - warmth], np.float32)
    return np.clip(np.rint(lit), 0, 255).astype(np.uint8)


def blur(image: Image, _: Generator) -> Image:
    """Out of focus, by one per cent of its short side."""
    return cv2.GaussianBlur(image, (0, 0), max(0.7, 0.01 * min(image.shape[:2])))


def background(image: Image, random: Generator) -> Image:
    """Its object, or its middle where none is found, in another place."""
    height, width = image.shape[:2]
    mask = find_object(image)
    if mask is None:
        mask = np.zeros((height, width), np.uint8)
        axes = round(0.375 * width), round(0.375 * height)
        cv2.ellipse(mask, (width // 2, height // 2), axes, 0, 0, 360, 255, -1)
    soft = cv2.GaussianBlur(mask, (0, 0), max(0.5, SOFT * min(height, width)))
    # Only inwards: what is just outside the object shows the old place.
    share = np.clip(soft[..., None].astype(np.float32) / 127.5 - 1, 0, 1)
    mixed = image * share + _place(height, width, random) * (1 - share)
    return np.rint(mixed).astype(np.uint8)


def _place(height: int, width: int, random: Generator) -> Image:
    """A wall and a floor, each of a quiet colour with patches of light, and some grain."""
    wall, floor = random.uniform(80, 215, (2, 1)) + random.uniform(-25, 25, (2, 3))
    rows = np.arange(height)[:, None, None]
    place = np.where(rows < height * random.uniform(0.55, 0.75), wall, floor)
    patches = random.uniform(-30, 30, (4, 5)).astype(np.float32)
    light = cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC)
    lit = place + light[..., None] + random.normal(0, 4, (height, width, 1))
    return np.clip(lit, 0, 255).astype(np.uint8)


EDITS: dict[str, Edit] = {
    "background": background,
    "blur": blur,
    "crop": crop,
    "jpeg": jpeg,
    "mirror": mirror,
    "quarter-turn": quarter_turn,
    "recolour": recolour,
    "rotation": rotation,
}
"""By kind: an image (h, w, 3) and a generator of random numbers to a new image."""


class Edited:
    """Every kind of edit of these pictures, as a source: ids are `<kind>/<id>`, the bytes PNG.

    An edit depends on the seed, its kind, and the picture's id and bytes. Nothing is kept: a
    picture is read from its source again for each of its edits.
    """

    def __init__(self, source: Source, pictures: Sequence[Picture], seed: int = 0):
        self.source, self.seed = source, seed
        self.originals = {picture.id: picture for picture in pictures}
        self.failures: list[Failure] = []

    @property
    def connections(self) -> int:
        """How many originals can be asked for at a time."""
        return getattr(self.source, "connections", 0)

    def close(self) -> None:
        """Ends what the originals are being asked for."""
        if hasattr(self.source, "close"):
            self.source.close()

    def pictures(self) -> Iterator[Picture]:
        for name in sorted(f"{kind}/{id}" for kind in EDITS for id in self.originals):
            yield Picture(name, "")

    def read(self, picture: Picture) -> bytes:
        kind, id = apart(picture.id)
        image = decode(self.source.read(self.originals[id]), PIXELS)
        random = np.random.default_rng(_number(self.seed, picture.id))
        try:
            # Fast rather than small: these bytes are read once.
            return _encoded(EDITS[kind](image, random), ".png", [cv2.IMWRITE_PNG_COMPRESSION, 1])
        except cv2.error as error:  # its sides are too long to be turned
            raise BadPicture(f"{image.shape[1]}×{image.shape[0]} can't be edited") from error


def apart(query: str) -> tuple[str, str]:
    """The kind of an edited picture, and the original's id."""
    kind, _, id = query.partition("/")
    return kind, id


def sample(pictures: Sequence[Picture], most: int = MOST, seed: int = 0) -> list[Picture]:
    """At most so many of the pictures, by id; one more or less among them changes one at most."""
    chosen = sorted(pictures, key=lambda picture: _number(seed, picture.id))[:most]
    return sorted(chosen, key=lambda picture: picture.id)


def _encoded(image: Image, suffix: str, how: list[int]) -> bytes:
    good, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), how)
    if not good:  # its sides are too long, even for JPEG
        raise BadPicture(f"{image.shape[1]}×{image.shape[0]} can't be edited")
    return data.tobytes()


def _number(seed: int, name: str) -> int:
    """A number that seems random, the same at every run."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return int.from_bytes(digest[:16], "big")
