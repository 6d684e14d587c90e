"""What `search` draws: queries beside their results, in files and in windows."""

import os
import re
import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from cbir import plots
from cbir.commands.options import Usage
from cbir.commands.terminal import Terminal
from cbir.errors import BadPicture, BadSource
from cbir.images import decode
from cbir.images.transforms import ORIGINAL, TRANSFORMS
from cbir.opencv import cv2
from cbir.plots import Tile
from cbir.sources import Files, Folder
from cbir.types import Hit, Image, Picture, Source
from cbir.vector_index import VectorIndex

STDIN_NAME = "standard input"
RESULTS = Path("results")


class Montage:
    """Draws results: a picture a query, or all queries in the one picture that was asked for."""

    def __init__(self, args: Namespace, index: VectorIndex, queries: Files, terminal: Terminal):
        self.index, self.max_pixels = index, round(args.max_megapixels * 1e6)
        self.show = args.show and _display_answers()
        if args.show and not self.show:
            terminal.error("--show needs a display, and there is none here")
        self.file = Path(args.montage) if args.montage else None
        self.save = not args.no_montage
        if self.file and args.no_montage:
            raise Usage("--montage and --no-montage exclude each other")
        if self.save:  # now, and not after some results
            plots.check_place(self.file or RESULTS / "query.jpg")
        root = args.result_path or index.root or Path(args.index).parent
        if args.result_path and not Path(root).is_dir():
            raise BadSource(f"--result-path {root} is not a folder")
        self.folder, self.queries = Folder(root), queries
        self.rows: list[tuple[Tile, list[Tile]]] = []
        self.taken: set[Path] = set()
        self.missing = 0

    def add(self, terminal: Terminal, name: str, hits: Sequence[Hit]) -> None:
        if not (self.save or self.show):
            return
        query = Tile(self._thumbnail(self.queries, name), "query", "", name)
        tiles = [
            Tile(self._shown(hit), str(rank), _quiet_words(hit), hit.id)
            for rank, hit in enumerate(hits, start=1)
        ]
        self.missing += sum(tile.image is None for tile in tiles)
        if self.file:
            self.rows.append((query, tiles))
            return
        sheet = plots.search_sheet([(query, tiles)])
        if self.save:
            path = self._free_path(name)
            plots.write_image(path, sheet)
            terminal.note(f"drawn in {path}")
        if self.show:
            _show(terminal, sheet, name)

    def finish(self, terminal: Terminal) -> None:
        if self.file:
            if self._is_a_picture(self.file):
                raise Usage(f"--montage {self.file} is one of the pictures; give another name")
            sheet = plots.search_sheet(self.rows)
            plots.write_image(self.file, sheet)
            terminal.note(f"drawn in {self.file}")
            if self.show:
                _show(terminal, sheet, str(self.file))
        if self.missing:
            results = "1 result" if self.missing == 1 else f"{self.missing} results"
            terminal.note(
                f"{results} could not be drawn from {self.folder.root}; "
                "--result-path DIR says where they are"
            )

    def _shown(self, hit: Hit) -> Image | None:
        # An index may come from a stranger: its ids must not lead out of the folder.
        if os.path.isabs(hit.id) or ".." in Path(hit.id).parts:
            return None
        image = self._thumbnail(self.folder, hit.id)
        return None if image is None else TRANSFORMS[hit.transform](image)

    def _thumbnail(self, source: Source, id: str) -> Image | None:
        try:
            data = source.read(Picture(id, ""))
            return decode(data, plots.TILE, max_pixels=self.max_pixels)
        except BadPicture:
            return None

    def _is_a_picture(self, path: Path) -> bool:
        """Whether a drawing there would take the place of a query or of an indexed picture."""
        if not path.exists():
            return False
        if any(os.path.exists(q) and os.path.samefile(q, path) for q in self.queries.named):
            return True
        inside = os.path.relpath(os.path.realpath(path), os.path.realpath(self.folder.root))
        return Path(inside).as_posix() in self.index

    def _free_path(self, query: str) -> Path:
        """The query's name in the results; with a number if it was used, or is a picture's."""
        stem = Path(query).stem if query != STDIN_NAME else "stdin"
        clean = re.sub(r"[\x00-\x1f/\\]", "_", stem).encode("utf-8", "replace")[:200]
        stem = clean.decode("utf-8", "ignore") or "query"
        path, number = RESULTS / f"{stem}.jpg", 1
        while path in self.taken or self._is_a_picture(path):
            number += 1
            path = RESULTS / f"{stem}-{number}.jpg"
        self.taken.add(path)
        return path


def _quiet_words(hit: Hit) -> str:
    turned = "" if hit.transform == ORIGINAL else f"  {hit.transform}"
    return f"{hit.distance:.4f}{turned}"


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
