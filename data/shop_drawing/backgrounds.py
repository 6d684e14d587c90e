"""What stands behind the products: plain studio paper and busy places.

Every background is a function of (height, width, rng) that answers float colours in 0..1.
A standing product gets a floor under it, a hanging or lying one an upright surface.
"""

from collections.abc import Callable

import cv2
import numpy as np

from .materials import bricks, cloud, planks, tiles, wooden_board
from .paints import RGB, darker, lighter, mix, rgb, vector
from .surfaces import Field

Background = Callable[[int, int, np.random.Generator], Field]

HORIZON = 0.6  # the share of the picture above the floor's far edge
STUDIO_PAPERS = {
    "white": rgb("f9f5f2"),
    "ice": rgb("f1f5f9"),
    "cream": rgb("f7ead8"),
    "sky": rgb("d9eaf7"),
    "rose": rgb("f7dade"),
    "mint": rgb("dbf2e6"),
    "lilac": rgb("e4daf5"),
    "lemon": rgb("f7f0d2"),
}
BOOK_COLOURS = ("a33b33", "2f5572", "d8a441", "48745a", "e8dcc4", "6b4b7a", "33363f", "c96f4a")


def studio(paper: str) -> Background:
    """Paper that bends from wall to table, a little brighter behind the product."""

    def background(height: int, width: int, rng: np.random.Generator) -> Field:
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        away = np.hypot(x / width - 0.5, (y / height - 0.45) * 0.9)
        fall = 0.05 * np.clip(away / 0.7, 0, 1) ** 2
        table = 0.025 * np.clip((y / height - HORIZON) / 0.06, 0, 1)
        return vector(STUDIO_PAPERS[paper]) * (1.0 - fall - table)[..., None]

    return background


def room(wall: Background, floor: Background) -> Background:
    """A floor before a wall, the wall a little out of focus, with a shade where they meet."""

    def background(height: int, width: int, rng: np.random.Generator) -> Field:
        line = int(height * HORIZON)
        picture = cv2.GaussianBlur(wall(height, width, rng), (0, 0), 2.6)
        picture[line:] = _laid_down(floor(height, width, rng), height - line)
        y = np.arange(height, dtype=np.float32)[:, None, None]
        return picture * (1 - 0.38 * np.exp(-np.abs(y - line) / (0.035 * height)))

    return background


def _laid_down(upright: Field, floor_height: int) -> Field:
    """The upright surface seen as a floor that widens towards the viewer."""
    height, width = upright.shape[:2]
    source = vector([[0, 0], [width, 0], [width, height], [0, height]])
    target = vector(
        [[0, 0], [width, 0], [1.55 * width, floor_height], [-0.55 * width, floor_height]]
    )
    matrix = cv2.getPerspectiveTransform(source, target)
    return cv2.warpPerspective(
        upright,
        matrix,
        (width, floor_height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )


def meadow(height: int, width: int, rng: np.random.Generator) -> Field:
    """Grass in front of out-of-focus trees."""
    line = int(height * 0.5)
    leaf = cloud(rng, height, width, 7, 8)[..., None] * 0.5 + 0.5
    picture: Field = vector(rgb("5d8a4c")) + (vector(rgb("c6d79a")) - 0.4) * leaf * 0.55
    ground = np.linspace(0.62, 0.36, height - line, dtype=np.float32)[:, None, None]
    picture[line:] = vector(rgb("7fb04c")) * (ground + 0.3)
    picture = cv2.GaussianBlur(np.clip(picture, 0, 1), (0, 0), 6)
    for i in range(1500):
        nearness = i / 1500
        foot = (rng.uniform(0, width), line + 6 + nearness * (height - line + 20))
        length = (0.035 + 0.075 * nearness) * height
        tip = (foot[0] + rng.normal(0, 0.35) * length, foot[1] - length * rng.uniform(0.6, 1))
        green = mix(rgb("3f7429"), rgb("a9cf5e"), rng.random() * (0.45 + 0.5 * nearness))
        _blade(picture, foot, tip, green, 1 + round(2 * nearness))
    return picture


def _blade(
    picture: Field, foot: tuple[float, float], tip: tuple[float, float], colour: RGB, thick: int
) -> None:
    """One blade of grass, drawn onto the picture."""
    start, stop = ((round(x), round(y)) for x, y in (foot, tip))
    cv2.line(picture, start, stop, colour, thick, cv2.LINE_AA)


def evening_lights(height: int, width: int, rng: np.random.Generator) -> Field:
    """A table before a dark street whose lamps have become round blurs."""
    night = rgb(str(rng.choice(["232a44", "2f2438", "1f3436"])))
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    picture = vector(night) * (1.25 - 0.35 * y) + np.zeros((height, width, 3), np.float32)
    for _ in range(34):
        spot = np.zeros((height, width), np.float32)
        centre = (int(rng.uniform(0, width)), int(height * rng.uniform(0.0, HORIZON)))
        cv2.circle(spot, centre, int(width * rng.uniform(0.025, 0.075)), 1.0, -1, cv2.LINE_AA)
        glow = rgb(str(rng.choice(["ffcf7a", "ff9d5c", "ffe9b8", "8fc6ff", "ff7d8a"])))
        picture += cv2.GaussianBlur(spot, (0, 0), 1.6)[..., None] * vector(glow) * 0.3
    line = int(height * HORIZON)
    table = _laid_down(planks(height, width, rng), height - line)
    picture[line:] = table * np.linspace(0.5, 0.95, height - line, dtype=np.float32)[:, None, None]
    return np.clip(picture, 0, 1)


def bookshelf(height: int, width: int, rng: np.random.Generator) -> Field:
    """A shelf board with a row of books behind the product, softly out of focus."""
    picture: Field = np.empty((height, width, 3), np.float32)
    picture[:] = rgb("d9cdb8")
    for top, bottom in ((-0.25, 0.04), (0.1, HORIZON)):
        _book_row(picture, int(top * height), int(bottom * height), rng)
    board = vector(rgb("94683f"))
    picture[int(0.04 * height) : int(0.085 * height)] = board
    picture[int(0.085 * height) : int(0.12 * height)] *= 0.6
    picture = cv2.GaussianBlur(picture, (0, 0), 3.2)
    line = int(height * HORIZON)
    deck = wooden_board(width, height - line, rgb("a67647"), rng).transpose(1, 0, 2)
    picture[line:] = deck * np.linspace(0.7, 1.05, height - line, dtype=np.float32)[:, None, None]
    return np.clip(picture, 0, 1)


def _book_row(picture: Field, top: int, bottom: int, rng: np.random.Generator) -> None:
    """Books of differing height and thickness, with a title band on each back."""
    width = picture.shape[1]
    x = 0
    while x < width:
        thick = int(width * rng.uniform(0.035, 0.085))
        crown = max(int(top + (bottom - top) * rng.uniform(0.05, 0.4)), 0)
        cover = rgb(str(rng.choice(BOOK_COLOURS)))
        across = np.sin(np.linspace(0.35, 2.9, thick))[None, :, None].astype(np.float32)
        book = picture[crown:bottom, x : x + thick]
        book[:] = (vector(cover) * (0.62 + 0.38 * across))[:, : book.shape[1]]
        band = crown + (bottom - crown) // 5
        picture[band : band + max((bottom - crown) // 12, 2), x : x + thick] = lighter(cover, 0.6)
        picture[crown:bottom, x + thick - 2 : x + thick] *= 0.5
        x += thick


def painted_wall(height: int, width: int, rng: np.random.Generator) -> Field:
    """A painted wall with a pale skirting board along its foot."""
    paint = rgb(str(rng.choice(["9db4ab", "c9a98d", "8aa0b8", "d3c08f"])))
    picture = vector(paint) * (1 + 0.015 * cloud(rng, height, width, 9, 9))[..., None]
    top, bottom = int(height * (HORIZON - 0.09)), int(height * HORIZON)
    picture[top:bottom] = lighter(paint, 0.7)
    picture[top - 3 : top] = darker(paint, 0.25)
    return picture.astype(np.float32)


PLACES: dict[str, Background] = {
    "bricks": room(bricks, planks),
    "kitchen": room(tiles, planks),
    "hall": room(painted_wall, tiles),
    "meadow": meadow,
    "lights": evening_lights,
    "shelf": bookshelf,
    # The upright ones, for what hangs or lies.
    "planks": planks,
    "brick wall": bricks,
    "tile wall": tiles,
}
