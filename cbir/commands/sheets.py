"""Where drawings of results go: a file for each query, or one for all, and windows."""

import os
import re
import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar

from cbir import plots
from cbir.commands.options import Parser, Usage
from cbir.commands.terminal import Terminal
from cbir.errors import BadPicture
from cbir.images import decode
from cbir.opencv import cv2
from cbir.plots import Tile
from cbir.sources import Folder, is_drawing
from cbir.types import Image, Picture

RESULTS = Path("results")
Result = TypeVar("Result")
DRAWINGS_ARE_WHOLE = "each drawing is whole, as it was or new"


def add_montage(parser: Parser, default: str) -> None:
    parser.add_argument(
        "--montage", metavar="FILE", help=f"where to draw (default: {RESULTS}/{default}.jpg)"
    )
    parser.add_argument("--no-montage", action="store_true", help="draw nothing")


class Sheets:
    """Queries beside their results: a sheet each, or all rows in the one that was asked for.

    They replace nothing but drawings.
    """

    def __init__(self, args: Namespace, terminal: Terminal, show: bool = False):
        self.terminal = terminal
        self.show = show and _display_answers()
        if show and not self.show:
            terminal.error("--show needs a display, and there is none here")
        self.file = Path(args.montage) if args.montage else None
        self.save = not args.no_montage
        if self.file and args.no_montage:
            raise Usage("--montage and --no-montage exclude each other")
        if self.save:  # now, and not after some results
            plots.check_place(self.file or RESULTS / "query.jpg")
            if self.file and self.file.exists() and not is_drawing(self.file):
                raise Usage(
                    f"--montage {self.file} is a file that cbir has not drawn; give another name"
                )
        self.rows: list[tuple[Tile, Sequence[Tile]]] = []
        self.full = False
        self.taken: set[Path] = set()

    @property
    def files(self) -> list[Path]:
        """What will be written, as far as it has a name."""
        return [self.file] if self.file else []

    @property
    def folder(self) -> Path | None:
        """Where drawings are written to, if they are."""
        return (self.file.parent if self.file else RESULTS) if self.save else None

    def keep_out(self, source: object) -> None:
        """Refuses to draw among the pictures of a folder, which the next walk would take in."""
        if self.file and isinstance(source, Folder):
            place = os.path.realpath(self.file)
            if os.path.commonpath([place, source.origin]) == source.origin:
                raise Usage(
                    f"--montage {self.file} would lie among the pictures of {source.root}; give a "
                    "place outside"
                )

    def shown(self, results: Sequence[Result]) -> Sequence[Result] | None:
        """Those of a query's results that are to be drawn; None if it is not drawn at all."""
        if self.full or not (self.save or self.show):
            return None
        some = results[: plots.MOST_SHOWN]
        heights = [*(len(tiles) for _, tiles in self.rows), len(some)]
        if self.file and not plots.fits(heights, self.file):
            self.full = True
            return None
        if len(some) < len(results):
            self.terminal.note(f"the first {len(some)} of {len(results)} results are drawn")
        return some

    def add(self, name: str, query: Tile, results: Sequence[Tile]) -> None:
        """A query and its results. `name` is for the file, and for the window's title."""
        if self.file:
            self.rows.append((query, results))
            return
        sheet = plots.search_sheet([(query, results)])
        if self.save:
            path = self._free_path(name)
            plots.write_image(path, sheet)
            self.terminal.note(f"drawn in {path}")
        if self.show:
            _show(self.terminal, sheet, name)

    def finish(self) -> None:
        """Draws what was asked for as one."""
        if not self.file or not (self.save or self.show):
            return
        sheet = plots.search_sheet(self.rows)
        plots.write_image(self.file, sheet)
        rest = f": the first {len(self.rows)} queries, for more there is no room"
        self.terminal.note(f"drawn in {self.file}{rest if self.full else ''}")
        if self.show:
            _show(self.terminal, sheet, str(self.file))

    def _free_path(self, query: str) -> Path:
        """The query's name in the results; with a number if it is taken by all but a drawing."""
        clean = re.sub(r"[\x00-\x1f/\\]", "_", query).encode("utf-8", "replace")[:200]
        stem = clean.decode("utf-8", "ignore") or "query"
        path, number = RESULTS / f"{stem}.jpg", 1
        while path in self.taken or (os.path.lexists(path) and not is_drawing(path)):
            number += 1
            path = RESULTS / f"{stem}-{number}.jpg"
        self.taken.add(path)
        return path


class Readable(Protocol):
    """Where a picture's bytes come from; a source is such a place."""

    def read(self, picture: Picture) -> bytes: ...


def thumbnail(source: Readable, id: str, max_pixels: int) -> Image | None:
    """A picture at the size of a tile; None if it can't be had."""
    try:
        return decode(source.read(Picture(id, "")), plots.TILE, max_pixels=max_pixels)
    except BadPicture:
        return None


def _show(terminal: Terminal, sheet: Image, title: str) -> None:
    """A window until a key is pressed. Without a display OpenCV would abort the whole process."""
    try:
        cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE)
        cv2.imshow(title, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
        while cv2.waitKey(100) < 0 and cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) > 0:
            pass
        cv2.destroyWindow(title)
    except cv2.error:
        terminal.error("--show needs the opencv-python package; the headless one has no windows")


@cache
def _display_answers() -> bool:
    """Whether a window can be opened. Tried in a process of its own, which OpenCV may abort."""
    if sys.platform == "linux" and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return False
    command = [sys.executable, "-c", "import cv2; cv2.namedWindow('cbir')"]
    try:
        return not subprocess.run(command, capture_output=True, timeout=20).returncode
    except subprocess.TimeoutExpired:
        return False
