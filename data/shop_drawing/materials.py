"""Upright surfaces that fill a picture: planks, bricks and tiles, in float colours 0..1."""

from itertools import pairwise

import cv2
import numpy as np

from .paints import RGB, lighter, mix, rgb, vector
from .surfaces import Field


def cloud(rng: np.random.Generator, height: int, width: int, rows: int, columns: int) -> Field:
    """Smooth noise around 0 with about rows x columns blobs."""
    grid = rng.normal(0, 1, (rows + 1, columns + 1)).astype(np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


def planks(height: int, width: int, rng: np.random.Generator) -> Field:
    """Upright boards with grain, each in its own tone, dark gaps between them."""
    tone = rgb(str(rng.choice(["b98a5c", "8f6844", "cdb491", "9aa1a0"])))
    count = int(rng.integers(4, 7))
    picture = np.empty((height, width, 3), np.float32)
    edges = np.linspace(0, width, count + 1).astype(int)
    for left, right in pairwise(edges):
        board = wooden_board(
            height, right - left, mix(tone, rgb("59402c"), rng.uniform(0, 0.3)), rng
        )
        picture[:, left:right] = board
    for edge in edges[1:-1]:
        picture[:, edge - 2 : edge + 2] *= 0.45
        picture[:, edge + 2 : edge + 5] *= 1.08
    return np.clip(picture, 0, 1)


def wooden_board(height: int, width: int, tone: RGB, rng: np.random.Generator) -> Field:
    """One board: wavy growth rings and fine fibres along its length."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    bend = cloud(rng, height, width, 3, 2) * 14
    rings = np.sin((x + bend) * (0.22 + 0.1 * rng.random()) + 0.004 * y)
    fibres = cloud(rng, height, width, 6, max(width // 3, 2))
    return vector(tone) * (1.0 + 0.06 * rings + 0.05 * fibres)[..., None]


def bricks(height: int, width: int, rng: np.random.Generator) -> Field:
    """A brick wall in running bond with pale mortar."""
    tone = rgb(str(rng.choice(["a8553f", "b0715a", "cfc8be"])))
    long, high = width / rng.uniform(3.6, 5.0), height / rng.uniform(9.0, 12.0)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    row = np.floor(y / high)
    shifted = x / long + 0.5 * (row % 2)
    column = np.floor(shifted)
    tones = rng.normal(0, 0.08, 997)
    own = tones[((row * 31 + column * 17) % 997).astype(int)]
    into_x = np.minimum(shifted - column, 1 - shifted + column) * long
    into_y = np.minimum(y / high - row, 1 - y / high + row) * high
    depth = np.minimum(into_x, into_y) + cloud(rng, height, width, height // 8, width // 8) * 0.7
    face = np.clip((depth - 3.0) / 2.0, 0, 1)[..., None]
    rough = 1 + own + 0.04 * cloud(rng, height, width, height // 5, width // 5)
    lit_edge = 1 + 0.10 * np.exp(-(((y / high - row) * high - 6) ** 2) / 6)
    brick = vector(tone) * (rough * lit_edge)[..., None]
    mortar = vector(lighter(tone, 0.62)) * 0.86
    return np.clip(mortar + (brick - mortar) * face, 0, 1).astype(np.float32)


def tiles(height: int, width: int, rng: np.random.Generator) -> Field:
    """Glazed square tiles with a bright upper edge and grey grout."""
    tone = rgb(str(rng.choice(["9fc5c9", "e9e4da", "7f9fc4", "b9cfae"])))
    side = width / rng.uniform(5.0, 7.0)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    row, column = np.floor(y / side), np.floor(x / side)
    own = rng.normal(0, 0.035, 499)[((row * 13 + column * 7) % 499).astype(int)]
    fx, fy = (x / side - column) * side, (y / side - row) * side
    border = np.minimum(np.minimum(fx, side - fx), np.minimum(fy, side - fy))
    gloss = 0.10 * np.exp(-(((fy - 7) / 4) ** 2)) + 0.06 * (1 - (fx + fy) / (2 * side))
    glazed = vector(tone) * (1 + own + gloss)[..., None]
    face = np.clip((border - 2.2) / 1.6, 0, 1)[..., None]
    grout = vector(rgb("c9c6bf"))
    return np.clip(grout + (glazed - grout) * face, 0, 1).astype(np.float32)
