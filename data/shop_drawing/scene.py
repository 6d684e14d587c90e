"""Photographs of the products: viewpoint, background, shadows, light and camera faults."""

import zlib
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .backgrounds import PLACES, STUDIO_PAPERS, Background, studio
from .canvas import MARGIN, PIXELS_PER_UNIT, Canvas
from .catalogue import HANGING, ITEMS, KINDS
from .paints import vector
from .surfaces import Field, Light

BackgroundChoice = Literal["plain", "busy"]

SUPERSAMPLING = 2
SIZES = ((240, 240), (280, 280), (240, 300), (300, 240), (320, 280), (256, 320))
SAME_PAPER = 0.93  # how often an item is photographed before its usual paper


class Cutout(NamedTuple):
    """A product as it lies in the picture: its colours, coverage and footprint."""

    rgb: Field
    alpha: Field
    footprint: Field


def draw_view(
    item: str, view: int, background: BackgroundChoice = "plain"
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw one picture of an item of the catalogue.

    Answers the RGB image (height, width, 3) and the mask of the product (height, width):
    255 on the product, 0 on the background and on the shadow.  The same arguments always
    give the same picture; `background` changes nothing but what is behind the product.
    """
    rng = np.random.default_rng(zlib.crc32(f"{item}_{view}".encode()))
    width, height = SIZES[rng.integers(len(SIZES))]
    full = (width * SUPERSAMPLING, height * SUPERSAMPLING)
    mirrored = bool(rng.random() < 0.3)
    light = _lamp(rng)
    product = _product(item, light, mirrored, rng)
    cutout = _placed(product, _viewpoint(full, item.split("-")[0], mirrored, rng), full)
    grade = _grade(full, rng)
    scenery_rng = np.random.default_rng(zlib.crc32(f"{item}_{view}_{background}".encode()))
    scenery = _scenery(item, background, scenery_rng)(full[1], full[0], scenery_rng)
    hanging = item.split("-")[0] in HANGING
    shaded = scenery * (1 - _shadow(cutout, light, hanging))[..., None]
    opaque = cutout.alpha[..., None]
    picture = (shaded + (cutout.rgb - shaded) * opaque) * grade
    image = _photographed(picture, (width, height), rng)
    small = cv2.resize(cutout.alpha, (width, height), interpolation=cv2.INTER_AREA)
    return image, np.where(small >= 0.5, 255, 0).astype(np.uint8)


def _lamp(rng: np.random.Generator) -> Light:
    """A lamp above, on the left or on the right, more or less to the side."""
    side = rng.choice([-1.0, 1.0], p=[0.7, 0.3])
    direction = np.array([side * rng.uniform(0.25, 0.6), -rng.uniform(0.4, 0.65), 0.7])
    x, y, z = direction / np.linalg.norm(direction)
    return Light(float(x), float(y), float(z))


def _product(item: str, light: Light, mirrored: bool, rng: np.random.Generator) -> Canvas:
    """The product on its canvas, lit so that the lamp is in place after mirroring."""
    canvas = Canvas(light._replace(x=-light.x) if mirrored else light)
    KINDS[item.split("-")[0]](canvas, ITEMS[item].finish, rng)
    return canvas


def _viewpoint(
    size: tuple[int, int], kind: str, mirrored: bool, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The perspective that lays the product's 100 x 100 units into the picture."""
    side = min(size) * rng.uniform(0.8, 0.92)
    hanging = kind in HANGING
    middle = np.array([0.5, 0.5 if hanging else 0.53]) * size
    middle += rng.uniform(-0.35, 0.35, 2) * (np.array(size) - side) * (1.0, 0.5)
    turn = np.radians(rng.uniform(-14, 14) if hanging else rng.uniform(-4, 4))
    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    corners += rng.uniform(-0.035, 0.035, (4, 2))
    if mirrored:
        corners[:, 0] *= -1
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    target = (corners @ rotation * side + middle).astype(np.float32)
    low, high = MARGIN * PIXELS_PER_UNIT, (MARGIN + 100) * PIXELS_PER_UNIT
    source = np.array([(low, low), (high, low), (high, high), (low, high)], np.float32)
    return np.asarray(cv2.getPerspectiveTransform(source, target), np.float64)


def _placed(canvas: Canvas, matrix: NDArray[np.float64], size: tuple[int, int]) -> Cutout:
    """The canvas warped into the picture."""
    # Colours travel multiplied by coverage, so that the empty canvas does not bleed in.
    layers = np.dstack([canvas.rgb * canvas.alpha[..., None], canvas.alpha, canvas.footprint])
    warped = [cv2.warpPerspective(np.ascontiguousarray(layers[..., i]), matrix, size)
              for i in range(5)]  # fmt: skip
    alpha = np.clip(warped[3], 0, 1)
    colour = np.dstack(warped[:3]) / np.maximum(alpha, 1e-3)[..., None]
    return Cutout(np.clip(colour, 0, 1).astype(np.float32), alpha, warped[4])


def _scenery(item: str, choice: BackgroundChoice, rng: np.random.Generator) -> Background:
    """The item's busy place, or studio paper: mostly its usual one, now and then another."""
    if choice == "busy":
        return PLACES[ITEMS[item].place]
    other = str(rng.choice(list(STUDIO_PAPERS)))
    return studio(ITEMS[item].paper if rng.random() < SAME_PAPER else other)


def _shadow(cutout: Cutout, light: Light, hanging: bool) -> Field:
    """How dark the background is made, 0..1, by the product's shadow."""
    height, width = cutout.alpha.shape
    if hanging:
        reach = 0.03 * height
        shift = np.array([[1, 0, -light.x * reach], [0, 1, -light.y * reach]], np.float32)
        shadow = cv2.warpAffine(cutout.alpha, shift, (width, height))
        near = cv2.GaussianBlur(shadow, (0, 0), 0.009 * height)
        return 0.20 * near + 0.24 * cv2.GaussianBlur(shadow, (0, 0), 0.03 * height)
    near = cv2.GaussianBlur(cutout.footprint, (0, 0), 0.008 * height)
    wide = cv2.GaussianBlur(cutout.footprint, (0, 0), 0.03 * height)
    return np.clip(0.5 * near + 0.35 * wide + 0.22 * _cast(cutout, light), 0, 0.8)


def _cast(cutout: Cutout, light: Light) -> Field:
    """The product's outline thrown flat on the floor, away from the lamp."""
    height, width = cutout.alpha.shape
    rows = np.flatnonzero((cutout.footprint > 0.5).any(axis=1))
    ground = float(rows.mean()) if len(rows) else height * 0.9
    lean, flatten = 0.75 * light.x, 0.2
    fold = np.array(
        [[1, lean, -lean * ground], [0, flatten, ground * (1 - flatten)]], dtype=np.float32
    )
    shadow = cv2.warpAffine(cutout.alpha, fold, (width, height))
    return cv2.GaussianBlur(shadow, (0, 0), 0.02 * height)


def _grade(size: tuple[int, int], rng: np.random.Generator) -> Field:
    """Colour and brightness of the light, and its fall-off across the picture."""
    # Mostly the studio lamps; sometimes a yellow bulb or the blue of a window.
    warmth = rng.choice([0.0, 0.05, -0.04], p=[0.9, 0.06, 0.04]) + rng.normal(0, 0.003)
    tone = vector([1 + warmth, 1, 1 - 1.3 * warmth])
    level = rng.choice([1.0, 0.95, 0.8], p=[0.7, 0.24, 0.06])
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-0.5 : 0.5 : size[1] * 1j, -0.5 : 0.5 : size[0] * 1j].astype(np.float32)
    fall = 1 - rng.uniform(0, 0.1) * (0.5 + x * np.cos(angle) + y * np.sin(angle))
    return (level * fall)[..., None] * tone


def _photographed(
    picture: Field, size: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The picture at its final size, a little soft and with sensor noise."""
    small = cv2.resize(picture.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.25, 0.6))
    grain = rng.normal(0, rng.uniform(0.6, 1.5) / 255, small.shape)
    return np.rint(np.clip(small + grain, 0, 1) * 255).astype(np.uint8)
