"""Pictures about pictures. Every function returns an image, or writes one that it is given."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cbir.errors import BadOutput
from cbir.files import check_output, make_folder, replacing
from cbir.opencv import cv2
from cbir.sources import drawings
from cbir.types import Image

TILE = 224
GAP = 20
MARGIN = 28
CAPTION = 50
COLUMNS = 5

PAPER, PANEL, LINE = (255, 255, 255), (244, 244, 241), (214, 214, 208)
INK, QUIET, ACCENT = (34, 34, 38), (120, 120, 124), (196, 71, 36)
FORMATS = {
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 92],
    ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, 92],
    ".png": [],
    ".webp": [cv2.IMWRITE_WEBP_QUALITY, 92],
}
TALLEST = 65_500  # pixels, JPEG's limit
TALLEST_WEBP = 16_383
MOST_SHOWN = 100
"""Results of a query: nobody looks at more, and thousands would fit into no picture."""


class Tile(NamedTuple):
    """A picture (None where it can't be shown), a strong and a quiet word, and its name."""

    image: Image | None
    strong: str
    quiet: str
    name: str


def search_sheet(rows: Sequence[tuple[Tile, Sequence[Tile]]]) -> Image:
    """Queries, each set apart on the left, with their results in order on the right."""
    most = max((len(results) for _, results in rows), default=0)
    columns = min(max(most, 1), COLUMNS)
    strips = [_strip(query, results, columns) for query, results in rows]
    return np.concatenate(strips) if strips else _paper(MARGIN, MARGIN)


def fits(results: Sequence[int], path: Path | None = None) -> bool:
    """Whether one sheet has room for queries with so many results each, in this file's format."""
    height = sum(_height(_lines(count)) for count in results)
    webp = path is not None and path.suffix.lower() == ".webp"
    return height <= (TALLEST_WEBP if webp else TALLEST)


def check_format(path: Path) -> None:
    """BadOutput when an image can't be written under this name; asked before the work."""
    if path.suffix.lower() not in FORMATS:
        raise BadOutput(f"{path}: a picture's name must end in {', '.join(FORMATS)}")


def check_place(path: Path) -> None:
    """BadOutput when an image can't be written there at all; asked before the work."""
    check_format(path)
    check_output(path)


def write_image(path: Path, image: Image) -> None:
    """The image as a file, whole or not at all; its folder is made if need be.

    Walks pass over drawings in this folder from then on.
    """
    check_format(path)
    suffix = path.suffix.lower()
    good, encoded = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), FORMATS[suffix])
    if not good:
        raise BadOutput(f"{path} can't be encoded")
    data = encoded.tobytes()
    make_folder(path.parent)
    with replacing(path) as file:
        file.write(drawings.signed(data))
    drawings.mark(path.parent)


def _strip(query: Tile, results: Sequence[Tile], columns: int) -> Image:
    lines = _lines(len(results), columns)
    cell = TILE + CAPTION
    divider = MARGIN + TILE + GAP
    left = divider + GAP
    height = _height(lines)
    sheet = _paper(height, left + columns * TILE + (columns - 1) * GAP + MARGIN)
    _tile(sheet, MARGIN, MARGIN, query, border=ACCENT)
    cv2.line(sheet, (divider, MARGIN), (divider, height - MARGIN), LINE, 1)
    if not results:
        _write(sheet, "nothing that near", left, MARGIN + TILE // 2, 17, QUIET)
    for number, result in enumerate(results):
        line, column = divmod(number, columns)
        x, y = left + column * (TILE + GAP), MARGIN + line * (cell + GAP)
        _tile(sheet, x, y, result, border=None)
    return sheet


def _lines(results: int, columns: int = COLUMNS) -> int:
    return max(1, -(-results // columns))


def _height(lines: int) -> int:
    """Pixels that a query with so many lines of results takes."""
    return 2 * MARGIN + lines * (TILE + CAPTION) + (lines - 1) * GAP


def _tile(sheet: Image, x: int, y: int, tile: Tile, border: tuple[int, int, int] | None) -> None:
    panel = sheet[y : y + TILE, x : x + TILE]
    panel[:] = PANEL
    if tile.image is None:
        _write(sheet, "not found", x + TILE // 2 - 34, y + TILE // 2 + 6, 16, QUIET)
    else:
        shown = _fit(tile.image, TILE)
        height, width = shown.shape[:2]
        top, left = (TILE - height) // 2, (TILE - width) // 2
        panel[top : top + height, left : left + width] = shown
    if border:
        cv2.rectangle(sheet, (x - 4, y - 4), (x + TILE + 3, y + TILE + 3), border, 2)
    end = _write(sheet, tile.strong, x, y + TILE + 21, 16, ACCENT if border else INK, 700)
    _write(sheet, tile.quiet, end + 10, y + TILE + 21, 16, QUIET)
    _write(sheet, elide(tile.name, TILE, 14), x, y + TILE + 43, 14, INK)


def _fit(image: Image, side: int) -> Image:
    """Scaled so that the long side is `side`, never enlarged more than four times."""
    height, width = image.shape[:2]
    scale = min(side / height, side / width, 4.0)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def elide(text: str, width: int, size: int) -> str:
    """The text cut in its middle so far that it fits: both ends of a file's name tell most."""
    text = "".join(c if c.isprintable() else "·" for c in text)
    if _width(text, size) <= width:
        return text
    low, high = 1, len(text)
    while low < high:  # the most characters that fit
        keep = (low + high + 1) // 2
        low, high = (keep, high) if _width(_cut(text, keep), size) <= width else (low, keep - 1)
    return _cut(text, low)


def _cut(text: str, keep: int) -> str:
    end = keep // 2
    return text[: keep - end] + "…" + (text[-end:] if end else "")


def _paper(height: int, width: int) -> Image:
    return np.full((height, width, 3), PAPER, np.uint8)


def _write(
    sheet: Image,
    text: str,
    x: int,
    y: int,
    size: int,
    colour: tuple[int, int, int],
    weight: int = 400,
) -> int:
    """Draws text from its baseline's left end; returns where it ends."""
    cv2.putText(sheet, text, (x, y), colour, _font(), size, weight)
    return x + _width(text, size, weight)


def _width(text: str, size: int, weight: int = 400) -> int:
    return int(cv2.getTextSize((0, 0), text, (0, 0), _font(), size, weight)[2]) if text else 0


@cache
def _font() -> Any:
    return cv2.FontFace("sans")
