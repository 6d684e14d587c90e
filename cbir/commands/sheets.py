"""Where drawings of results go: a file for each query, or one for all, and windows."""

import os
import re
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from cbir import plots
from cbir.commands.options import Parser, Usage
from cbir.commands.terminal import Terminal
from cbir.errors import BadPicture
from cbir.images import decode
from cbir.opencv import cv2
from cbir.plots import Tile
from cbir.types import Image, Picture, Source

RESULTS = Path("results")
DRAWINGS_ARE_WHOLE = "each drawing is whole, as it was or new"


def add_montage(parser: Parser, default: str) -> None:
    parser.add_argument(
        "--montage", metavar="FILE", help=f"where to draw (default: {RESULTS}/{default}.jpg)"
    )
    parser.add_argument("--no-montage", action="store_true", help="draw nothing")


class Sheets:
    """Queries beside their results: a sheet each, or all rows in the one that was asked for.

    `is_picture` tells whether a file is one of the pictures, which no drawing replaces.
    """

    def __init__(
        self,
        args: Namespace,
        terminal: Terminal,
        is_picture: Callable[[Path], bool],
        show: bool = False,
    ):
        self.terminal, self.is_picture = terminal, is_picture
        self.show = show and _display_answers()
        if show and not self.show:
            terminal.error("--show needs a display, and there is none here")
        self.file = Path(args.montage) if args.montage else None
        self.save = not args.no_montage
        if self.file and args.no_montage:
            raise Usage("--montage and --no-montage exclude each other")
        if self.save:  # now, and not after some results
            plots.check_place(self.file or RESULTS / "query.jpg")
        self.rows: list[tuple[Tile, Sequence[Tile]]] = []
        self.taken: set[Path] = set()

    @property
    def wanted(self) -> bool:
        """Whether anything is to be drawn at all."""
        return self.save or self.show

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

    def check(self) -> None:
        """Refuses to draw in a picture's place, as soon as it is known what is one."""
        if self.file and self.is_picture(self.file):
            raise Usage(f"--montage {self.file} is one of the pictures; give another name")

    def finish(self) -> None:
        """Draws what was asked for as one."""
        if not self.file:
            return
        self.check()
        sheet = plots.search_sheet(self.rows)
        plots.write_image(self.file, sheet)
        self.terminal.note(f"drawn in {self.file}")
        if self.show:
            _show(self.terminal, sheet, str(self.file))

    def _free_path(self, query: str) -> Path:
        """The query's name in the results; with a number if it was used, or is a picture's."""
        clean = re.sub(r"[\x00-\x1f/\\]", "_", query).encode("utf-8", "replace")[:200]
        stem = clean.decode("utf-8", "ignore") or "query"
        path, number = RESULTS / f"{stem}.jpg", 1
        while path in self.taken or self.is_picture(path):
            number += 1
            path = RESULTS / f"{stem}-{number}.jpg"
        self.taken.add(path)
        return path


def thumbnail(source: Source, id: str, max_pixels: int) -> Image | None:
    """A picture at the size of a tile; None if it can't be had."""
    try:
        return decode(source.read(Picture(id, "")), plots.TILE, max_pixels=max_pixels)
    except BadPicture:
        return None


def is_listed(path: Path, root: str | os.PathLike[str], has: Callable[[str], bool]) -> bool:
    """Whether a file is one of the pictures of which `has` knows the ids.

    An id is a path below the root, or, where a table may name what is local, any path or URL.
    """
    if not path.exists():
        return False
    real = Path(os.path.realpath(path))
    ids = {Path(os.path.relpath(real, os.path.realpath(root))).as_posix()}
    for whole in (real, Path(os.path.abspath(path))):
        ids |= {whole.as_posix(), whole.as_uri()}
    return any(map(has, ids))


def is_among(path: Path, named: Sequence[str]) -> bool:
    """Whether a file is one of those that were named, under whatever name."""
    return path.exists() and any(
        os.path.exists(name) and os.path.samefile(name, path) for name in named
    )


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
