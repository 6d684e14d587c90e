"""Find the pictures of an index that are most like a query, and draw them beside it."""

import os
import re
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from cbir import plots
from cbir.commands import options
from cbir.commands.options import Parser, Usage
from cbir.commands.terminal import Terminal
from cbir.errors import BadIndex, BadPicture, BadSource, BadSpec
from cbir.files import LARGEST_FILE
from cbir.images import decode
from cbir.pipeline import Described, Settings, describe
from cbir.plots import Tile
from cbir.recipe import Recipe, parse
from cbir.searcher import Searcher
from cbir.sources import Files, Folder
from cbir.types import Failure, Hit, Image, Picture, Source, Vectors
from cbir.vector_index import VectorIndex

EXAMPLES = """examples:
  python search.py --query queries/boot-red_query.jpg
  python search.py --query queries --limit 5 --json
  python search.py --query photo.jpg --index index1.csv --result-path dataset --show
  curl -s https://example.org/a.jpg | python search.py --query -
"""
STDIN = "-"
STDIN_NAME = "standard input"
RESULTS = Path("results")


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--query",
        required=True,
        action="extend",
        nargs="+",
        metavar="IMAGE|DIR|-",
        help="pictures to search for: files, folders of them, or - for standard input",
    )
    parser.add_argument(
        "--index", default="index.csv", metavar="F", help="which index (default: %(default)s)"
    )
    parser.add_argument(
        "--limit",
        type=options.positive,
        default=3,
        metavar="N",
        help="results a query (default: %(default)s)",
    )
    parser.add_argument(
        "--distance", metavar="NAME", help="chi2, cosine, … (default: the index's own)"
    )
    parser.add_argument(
        "--threshold", type=_threshold, metavar="X", help="only results at most this distance away"
    )
    parser.add_argument(
        "--result-path", metavar="DIR", help="the folder in which the index's ids are found"
    )
    parser.add_argument(
        "--montage", metavar="FILE", help="where to draw (default: results/QUERY.jpg for each)"
    )
    parser.add_argument("--no-montage", action="store_true", help="draw nothing")
    parser.add_argument("--show", action="store_true", help="open the drawing in a window")
    options.add_max_megapixels(parser)
    options.add_output(parser)
    options.not_yet(parser, "--ann")


def run(args: Namespace, terminal: Terminal) -> int:
    index = VectorIndex.read(options.refuse_schemes(args.index))
    recipe = _recipe_of(index, args.index)
    searcher = Searcher(index, args.distance or index.distance)
    queries = _queries(args.query)
    montage = _Montage(args, index, queries)
    found, failures = 0, list[Failure]()
    with terminal.progress("searching") as progress, terminal.without_chatter():
        pictures = list(queries.pictures())
        settings = Settings(max_pixels=round(args.max_megapixels * 1e6))
        for result in describe(queries, pictures, [recipe], settings):
            if isinstance(result, Described):
                for name, hits in _search(searcher, result.ids, result.vectors, args):
                    _report(terminal, name, recipe, searcher.distance, hits)
                    montage.add(terminal, name, hits)
                    found += 1
            else:
                failures += result.failures
            progress(found + len(failures), len(pictures))
    failures = [*queries.failures, *failures]
    if not found:
        reason = "; ".join(f"{name}: {reason}" for name, reason in failures[:3])
        raise BadSource(f"nothing to search for: {reason}")
    montage.finish(terminal)
    terminal.failures(failures)
    return 1 if failures else 0


def _recipe_of(index: VectorIndex, path: str) -> Recipe:
    """The installed descriptor that made the index; BadIndex if there is none that did."""
    try:
        recipe = parse(index.spec)
    except BadSpec as error:
        raise BadIndex(
            f"{path} was made by {index.spec}, which can't be used here: {error}"
        ) from error
    if recipe.dim is not None and recipe.dim != index.dim:
        raise BadIndex(
            f"{path} holds vectors of {index.dim} values, and {recipe.name} makes {recipe.dim}; "
            "index the pictures again"
        )
    return recipe


def _queries(names: Sequence[str]) -> Files:
    if names.count(STDIN) > 1:
        raise Usage("standard input can be a query only once")
    if STDIN not in names:
        return Files(names)
    if sys.stdin is None or sys.stdin.isatty():
        raise BadSource("--query - reads a picture from standard input, and nothing is piped there")
    data = sys.stdin.buffer.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise BadSource("standard input is larger than a picture file may be (1024 MB)")
    return Files([STDIN_NAME if n == STDIN else n for n in names], {STDIN_NAME: data})


def _search(
    searcher: Searcher, names: Sequence[str], vectors: Vectors, args: Namespace
) -> Iterator[tuple[str, list[Hit]]]:
    for name, hits in zip(names, searcher.search(vectors, args.limit), strict=True):
        if args.threshold is not None:
            hits = [hit for hit in hits if hit.distance <= args.threshold]
        yield name, hits


def _report(
    terminal: Terminal, name: str, recipe: Recipe, distance: str, hits: Sequence[Hit]
) -> None:
    records = []
    terminal.result(name)
    for rank, hit in enumerate(hits, start=1):
        record = {"rank": rank, "id": hit.id, "distance": hit.distance}
        if distance == "cosine":
            record["similarity"] = 1 - hit.distance
        records.append(record)
        terminal.result(f"{rank:>4}  {hit.distance:.4f}  {hit.id}")
    if not hits:
        terminal.result("      nothing that near")
    terminal.record({"query": name, "spec": recipe.spec, "distance": distance, "hits": records})


class _Montage:
    """Draws results: a picture a query, or all queries in the one picture that was asked for."""

    def __init__(self, args: Namespace, index: VectorIndex, queries: Files):
        self.show = args.show
        self.file = Path(args.montage) if args.montage else None
        self.save = not args.no_montage
        if self.file and args.no_montage:
            raise Usage("--montage and --no-montage exclude each other")
        if self.file:
            plots.check_format(self.file)
        root = args.result_path or index.root or Path(args.index).parent
        if args.result_path and not Path(root).is_dir():
            raise BadSource(f"--result-path {root} is not a folder")
        self.folder, self.queries = Folder(root), queries
        self.rows: list[tuple[Tile, list[Tile]]] = []
        self.taken: set[str] = set()
        self.missing = 0

    def add(self, terminal: Terminal, name: str, hits: Sequence[Hit]) -> None:
        if not (self.save or self.show):
            return
        query = Tile(_thumbnail(self.queries, name), "query", "", name)
        tiles = [
            Tile(self._shown(hit.id), str(rank), f"{hit.distance:.4f}", hit.id)
            for rank, hit in enumerate(hits, start=1)
        ]
        self.missing += sum(tile.image is None for tile in tiles)
        if self.file:
            self.rows.append((query, tiles))
            return
        sheet = plots.search_sheet([(query, tiles)])
        path = RESULTS / f"{self._free_name(name)}.jpg"
        if self.save:
            plots.write_image(path, sheet)
            terminal.note(f"drawn in {path}")
        if self.show:
            _show(terminal, sheet, name)

    def finish(self, terminal: Terminal) -> None:
        if self.file:
            sheet = plots.search_sheet(self.rows)
            plots.write_image(self.file, sheet)
            terminal.note(f"drawn in {self.file}")
            if self.show:
                _show(terminal, sheet, str(self.file))
        if self.missing:
            terminal.note(
                f"{self.missing} results could not be drawn: they are not in {self.folder.root}; "
                "--result-path DIR says where they are"
            )

    def _shown(self, id: str) -> Image | None:
        # An index may come from a stranger: its ids must not lead out of the folder.
        if os.path.isabs(id) or ".." in Path(id).parts:
            return None
        return _thumbnail(self.folder, id)

    def _free_name(self, query: str) -> str:
        """The query's name for a file; a second query of that name gets a number."""
        stem = Path(query).stem if query != STDIN_NAME else "stdin"
        clean = re.sub(r"[\x00-\x1f/\\]", "_", stem).encode("utf-8", "replace")[:200]
        stem = clean.decode("utf-8", "ignore") or "query"
        name, number = stem, 1
        while name in self.taken:
            number += 1
            name = f"{stem}-{number}"
        self.taken.add(name)
        return name


def _thumbnail(source: Source, id: str) -> Image | None:
    try:
        return decode(source.read(Picture(id, "")), plots.TILE)
    except BadPicture:
        return None


def _show(terminal: Terminal, sheet: Image, title: str) -> None:
    """A window until a key is pressed. Without a display OpenCV would abort the whole process."""
    from cbir.opencv import cv2

    if sys.platform == "linux" and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        terminal.error("--show needs a display, and there is none here")
        return
    try:
        cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE)
        cv2.imshow(title, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
        while cv2.waitKey(100) < 0 and cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) > 0:
            pass
        cv2.destroyWindow(title)
    except cv2.error:
        terminal.error("--show needs the opencv-python package; the headless one has no windows")


def _threshold(text: str) -> float:
    if text.startswith("auto"):
        raise Usage("--threshold auto is not supported yet; give a distance")
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not number >= 0:
        raise Usage(f"--threshold {text} is not a distance; give a number that is not negative")
    return number
