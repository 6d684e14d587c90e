"""What `search` draws: queries beside the pictures of an index that were found for them."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from cbir import plots
from cbir.commands.sheets import Sheets, is_among, is_listed, thumbnail
from cbir.commands.terminal import Terminal
from cbir.downloads import Downloader, Web, is_url
from cbir.errors import BadPicture, BadSource
from cbir.images import decode
from cbir.images.transforms import ORIGINAL, TRANSFORMS
from cbir.plots import Tile
from cbir.sources import Files, Folder, leads_out
from cbir.types import Hit, Image, Picture
from cbir.vector_index import VectorIndex

STDIN_NAME = "standard input"


class Montage:
    """Draws results: a picture a query, or all queries in the one picture that was asked for."""

    def __init__(self, args: Namespace, index: VectorIndex, queries: Files, terminal: Terminal):
        self.index, self.max_pixels = index, round(args.max_megapixels * 1e6)
        self.sheets = Sheets(args, terminal, self._is_a_picture, args.show)
        root = args.result_path or index.root or Path(args.index).parent
        if args.result_path and not Path(root).is_dir():
            raise BadSource(f"--result-path {root} is not a folder")
        self.folder, self.queries = Folder(root), queries
        self.missing = 0
        # Somebody waits for the drawing: a tile may stay empty.
        self.web = Web(allow_local=args.allow_local, timeout=20, silence=5, tries=1)
        self.downloader: Downloader | None = None

    def add(self, name: str, hits: Sequence[Hit]) -> None:
        if not self.sheets.wanted:
            return
        query = Tile(thumbnail(self.queries, name, self.max_pixels), "query", "", name)
        tiles = [
            Tile(self._shown(hit), str(rank), quiet_words(hit), hit.id)
            for rank, hit in enumerate(hits, start=1)
        ]
        self.missing += sum(tile.image is None for tile in tiles)
        self.sheets.add("stdin" if name == STDIN_NAME else Path(name).stem, query, tiles)

    def finish(self, terminal: Terminal) -> None:
        if self.downloader:
            self.downloader.close()
        self.sheets.finish()
        if self.missing:
            results = "1 result" if self.missing == 1 else f"{self.missing} results"
            terminal.note(
                f"{results} could not be drawn from {self.folder.root}; "
                "--result-path DIR says where they are"
            )

    def _shown(self, hit: Hit) -> Image | None:
        try:
            image = decode(self._data(hit.id), plots.TILE, max_pixels=self.max_pixels)
        except BadPicture:
            return None
        return TRANSFORMS[hit.transform](image)

    def _data(self, id: str) -> bytes:
        """The bytes of an indexed picture. An index may come from a stranger, as a table may."""
        if is_url(id):
            self.downloader = self.downloader or Downloader(self.web)
            fetched = self.downloader.fetch(id)
            return fetched.data if fetched else b""
        if leads_out(id) and not self.web.allow_local:
            raise BadPicture("it lies outside the index's folder")
        return self.folder.read(Picture(id, ""))

    def _is_a_picture(self, path: Path) -> bool:
        """Whether a drawing there would take the place of a query or of an indexed picture."""
        return is_among(path, self.queries.named) or is_listed(
            path, self.folder.root, self.index.__contains__
        )


def quiet_words(hit: Hit) -> str:
    turned = "" if hit.transform == ORIGINAL else f"  {hit.transform}"
    return f"{hit.distance:.4f}{turned}"
