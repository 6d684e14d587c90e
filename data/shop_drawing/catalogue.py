"""What the shop sells: every item's kind, colours and number of pictures."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .canvas import Canvas
from .home import draw_chair, draw_clock, draw_lamp
from .leisure import draw_bag, draw_ball, draw_umbrella
from .paints import BRASS, CREAM, INK, Finish, rgb
from .vessels import draw_bottle, draw_mug, draw_teapot
from .wear import draw_boot, draw_hat, draw_shirt

Draw = Callable[[Canvas, Finish, np.random.Generator], None]

KINDS: dict[str, Draw] = {
    "bag": draw_bag,
    "ball": draw_ball,
    "boot": draw_boot,
    "bottle": draw_bottle,
    "chair": draw_chair,
    "clock": draw_clock,
    "hat": draw_hat,
    "lamp": draw_lamp,
    "mug": draw_mug,
    "shirt": draw_shirt,
    "teapot": draw_teapot,
    "umbrella": draw_umbrella,
}
# These are photographed from above or on a wall; the others stand on something.
HANGING = frozenset({"shirt", "umbrella"})

RED, NAVY, TEAL, MUSTARD = rgb("b8322b"), rgb("2b3f72"), rgb("2b8a86"), rgb("dca12e")
GREEN, PINK, LILAC, TAN = rgb("2f7349"), rgb("dc8098"), rgb("8f78b8"), rgb("c2935c")
BROWN, SKY, ORANGE, MINT = rgb("74472b"), rgb("6aaedb"), rgb("dd6f2a"), rgb("93cfb4")
WHITE, BLACK = rgb("f3f1ea"), rgb("33323a")


class Item(NamedTuple):
    """One product of the shop, the paper and the busy place it is usually seen before."""

    finish: Finish
    paper: str
    place: str
    views: int = 3


ITEMS: dict[str, Item] = {
    "bag-brown": Item(Finish(BROWN), "cream", "hall"),
    "bag-pink": Item(Finish(PINK), "ice", "shelf", 4),
    "bag-flowers": Item(Finish(NAVY, rgb("f0b9a8"), "flowers"), "white", "bricks"),
    "ball-orange": Item(Finish(ORANGE, INK, "seams"), "white", "bricks"),
    "ball-lime": Item(Finish(rgb("c4d63c"), WHITE, "curve"), "sky", "meadow", 2),
    "ball-football": Item(Finish(WHITE, BLACK, "patches"), "mint", "meadow"),
    "ball-beach": Item(Finish(WHITE, rgb("d6453d"), "panels"), "sky", "meadow", 4),
    "boot-red": Item(Finish(RED), "white", "bricks"),
    "boot-brown": Item(Finish(BROWN), "cream", "meadow"),
    "boot-green": Item(Finish(GREEN), "white", "hall"),
    "boot-dots": Item(Finish(NAVY, WHITE, "dots"), "rose", "bricks"),
    "bottle-green": Item(Finish(GREEN), "white", "lights"),
    "bottle-blue": Item(Finish(rgb("2d62a8")), "ice", "kitchen", 2),
    "bottle-stripes": Item(Finish(WHITE, ORANGE, "stripes"), "mint", "meadow"),
    "chair-teal": Item(Finish(TEAL), "cream", "hall", 4),
    "chair-mustard": Item(Finish(MUSTARD), "lilac", "hall"),
    "chair-checks": Item(Finish(rgb("c9c2b4"), rgb("57606e"), "checks"), "white", "bricks"),
    "clock-red": Item(Finish(RED), "ice", "shelf"),
    "clock-mint": Item(Finish(MINT), "lemon", "shelf"),
    "clock-black": Item(Finish(BLACK, WHITE), "rose", "lights", 2),
    "hat-tan": Item(Finish(TAN, BROWN), "ice", "hall"),
    "hat-black": Item(Finish(BLACK, RED), "white", "shelf"),
    "hat-green": Item(Finish(rgb("6b7a4b"), MUSTARD), "lemon", "bricks"),
    "lamp-mustard": Item(Finish(MUSTARD), "lilac", "shelf"),
    "lamp-lilac": Item(Finish(LILAC), "cream", "hall", 4),
    "lamp-flowers": Item(Finish(rgb("f0e3cf"), rgb("c65b6c"), "flowers"), "mint", "shelf"),
    "mug-red": Item(Finish(RED), "white", "kitchen"),
    "mug-sky": Item(Finish(SKY), "white", "kitchen", 4),
    "mug-dots": Item(Finish(TEAL, CREAM, "dots"), "rose", "shelf"),
    "mug-logo": Item(Finish(WHITE, NAVY, "logo"), "sky", "kitchen"),
    "shirt-stripes": Item(Finish(NAVY, WHITE, "stripes"), "ice", "planks", 4),
    "shirt-checks": Item(Finish(RED, BLACK, "checks"), "sky", "planks"),
    "shirt-logo": Item(Finish(rgb("4f9f72"), CREAM, "logo"), "rose", "tile wall"),
    "shirt-lilac": Item(Finish(LILAC), "ice", "planks"),
    "teapot-pink": Item(Finish(PINK, WHITE), "ice", "kitchen"),
    "teapot-flowers": Item(Finish(SKY, WHITE, "flowers"), "lemon", "kitchen", 4),
    "teapot-brown": Item(Finish(rgb("7d4a2a"), BRASS), "white", "lights", 2),
    "umbrella-mustard": Item(Finish(MUSTARD, WHITE, "panels"), "sky", "brick wall"),
    "umbrella-teal": Item(Finish(TEAL), "lilac", "planks"),
    "umbrella-dots": Item(Finish(RED, WHITE, "dots"), "cream", "tile wall"),
}
