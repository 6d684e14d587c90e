"""What `search` draws: queries beside the pictures of an index that were found for them."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from cbir.commands.sheets import Sheets, thumbnail
from cbir.commands.terminal import Terminal
from cbir.commands.thumbnails import thumbnails
from cbir.downloads import Downloader, Web, is_url
from cbir.errors import BadPicture, BadSource
from cbir.images.transforms import ORIGINAL, TRANSFORMS
from cbir.plots import Tile
from cbir.sources import Files, Folder, leads_out
from cbir.types import Hit, Picture
from cbir.vector_index import VectorIndex

STDIN_NAME = "standard input"


class Montage:
    """Draws results: a picture a query, or all queries in the one that was asked for."""

    def __init__(self, args: Namespace, index: VectorIndex, queries: Files, terminal: Terminal):
        self.max_pixels = round(args.max_megapixels * 1e6)
        self.sheets = Sheets(args, terminal, args.show)
        root = Path(args.result_path or index.root or Path(args.index).parent)
        if args.result_path and not root.is_dir():
            raise BadSource(f"--result-path {root} is not a folder")
        self.pictures = _Pictures(root, args.allow_local)
        self.queries = queries
        self.missing = 0

    def add(self, name: str, hits: Sequence[Hit]) -> None:
        shown = self.sheets.shown(hits)
        if shown is None:
            return
        images = thumbnails(self.pictures, [hit.id for hit in shown], self.max_pixels)
        tiles = []
        for rank, (hit, image) in enumerate(zip(shown, images, strict=True), start=1):
            turned = None if image is None else TRANSFORMS[hit.transform](image)
            tiles.append(Tile(turned, str(rank), quiet_words(hit), hit.id))
        self.missing += sum(image is None for image in images)
        query = Tile(thumbnail(self.queries, name, self.max_pixels), "query", "", name)
        self.sheets.add("stdin" if name == STDIN_NAME else Path(name).stem, query, tiles)

    def finish(self, terminal: Terminal) -> None:
        self.pictures.close()
        self.sheets.finish()
        if self.missing:
            results = "1 result" if self.missing == 1 else f"{self.missing} results"
            terminal.note(
                f"{results} could not be drawn from {self.pictures.folder.root}; "
                "--result-path DIR says where they are"
            )


class _Pictures:
    """What an index has pictures of, to draw it. It may come from a stranger, as a table may."""

    def __init__(self, root: Path, allow_local: bool):
        self.folder = Folder(root)
        self.web = Web(allow_local=allow_local).in_a_hurry()
        self.downloader: Downloader | None = None
        self.lock = Lock()

    def read(self, picture: Picture) -> bytes:
        if is_url(picture.id):
            with self.lock:
                self.downloader = self.downloader or Downloader(self.web)
            fetched = self.downloader.fetch(picture.id)
            return fetched.data if fetched else b""
        if leads_out(picture.id) and not self.web.allow_local:
            raise BadPicture("it lies outside the index's folder")
        return self.folder.read(picture)

    def close(self) -> None:
        if self.downloader:
            self.downloader.close()


def quiet_words(hit: Hit) -> str:
    turned = "" if hit.transform == ORIGINAL else f"  {hit.transform}"
    return f"{hit.distance:.4f}{turned}"
