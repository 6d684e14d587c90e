"""A table that names pictures in one of its columns, by paths and URLs alike."""

import os
import posixpath
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cbir.downloads import Downloader, Web, is_url, without_credentials
from cbir.errors import BadPicture, BadSource
from cbir.files import read_regular, regular, stamp
from cbir.sources.folder import ENDINGS, leads_out
from cbir.tables import picture_column, read_table
from cbir.types import Failure, Fetched, Picture

if TYPE_CHECKING:
    import pyarrow as pa


class Table:
    """A picture's id is its path relative to the table's own folder, or its URL.

    A path that leads out of that folder is a failure, unless `web` allows what is local: a table
    may come from a stranger. `origin` says which table it is, however it was named.
    """

    def __init__(
        self,
        path: str | Path,
        delimiter: str | None = None,
        image_column: str | None = None,
        web: Web | None = None,
    ):
        self.path, self.delimiter, self.image_column = Path(path), delimiter, image_column
        self.web = web or Web()
        self.root = self.path.parent
        self.origin = os.path.realpath(self.path)
        self.failures: list[Failure] = []
        self.complete = True  # a table names all there is
        self._urls: dict[str, str] = {}
        self._fields: pa.Table | None = None
        self._lock = threading.Lock()
        self._downloader: Downloader | None = None

    @property
    def connections(self) -> int:
        """How many pictures can be asked for at a time; 0 if none has to be, as far as is known."""
        return self.web.connections if self._urls else 0

    def fields(self) -> "pa.Table":
        """All columns of all rows. The next walk takes its names from them, and reads nothing."""
        self._fields = read_table(self.path, self.delimiter)
        return self._fields

    def picture_column(self, table: "pa.Table") -> str:
        """Which column names the pictures; BadSource if none does."""
        found = picture_column(table, self.image_column)
        if self.image_column is None and self._is_picture(table, found):
            raise BadSource(
                f"the first line of {self.path} names a picture, {found[:80]}; write a header "
                "above it, such as path"
            )
        return found

    def _is_picture(self, table: "pa.Table", header: str) -> bool:
        """Whether what should be a header is a picture's name, as those below it are."""
        if is_url(header):
            first = table.column(header)[0].as_py()
            return isinstance(first, str) and is_url(first.strip())
        return header.lower().endswith(ENDINGS) and os.path.lexists(os.path.join(self.root, header))

    def pictures(self) -> Iterator[Picture]:
        """Each named picture once, sorted by id. Those at URLs have no stamp yet."""
        self.failures, self._urls = [], {}
        names = {self.id_of(name): name for name in reversed(self._names()) if name}
        names.pop("", None)
        self._urls = {id: name.strip() for id, name in names.items() if is_url(id)}
        for id in sorted(names):
            if id in self._urls:
                yield Picture(id, "")
                continue
            try:
                yield Picture(id, stamp(regular(self._path(id))))
            except BadPicture as error:
                self.failures.append(Failure(id, str(error)))

    def fetch(
        self, picture: Picture, stamp: str = "", room: Callable[[int], None] = lambda size: None
    ) -> Fetched | None:
        """The picture's bytes; None for one at a URL whose server says that it has not changed."""
        if not is_url(picture.id):
            return Fetched(read_regular(self._path(picture.id)), picture.stamp)
        with self._lock:
            if self._downloader is None:
                self._downloader = Downloader(self.web)
            downloader = self._downloader
        return downloader.fetch(self._urls.get(picture.id, picture.id), stamp, room)

    def read(self, picture: Picture) -> bytes:
        fetched = self.fetch(picture)
        if fetched is None:
            raise BadPicture("its server says that it has not changed, and was not asked that")
        return fetched.data

    def stamp(self, picture: Picture) -> str:
        """Its stamp as it is now; of one at a URL, the one that came with its bytes."""
        return picture.stamp if is_url(picture.id) else stamp(regular(self._path(picture.id)))

    def in_a_hurry(self) -> "Table":
        """The pictures that were walked, for somebody who waits for them and can do without."""
        table = Table(self.path, self.delimiter, self.image_column, self.web.in_a_hurry())
        table._urls = self._urls
        return table

    def close(self) -> None:
        """Ends all downloads. A picture may still be asked for later."""
        with self._lock:
            downloader, self._downloader = self._downloader, None
        if downloader is not None:
            downloader.close()

    def _names(self) -> list[str | None]:
        """What cells say that name pictures, each text once: rows may repeat it a million times."""
        table, self._fields = self._fields, None
        if table is None:
            table = read_table(self.path, self.delimiter)
        column = table.column(self.picture_column(table))
        distinct: list[str | None] = column.unique().to_pylist()
        return distinct

    def id_of(self, cell: str | None) -> str:
        """The id of the picture that a cell names; nothing if it names none.

        Blanks around a name don't count, unless a file has them. User and password of a URL are no
        part of it.
        """
        name = (cell or "").strip()
        if not name:
            return ""
        if is_url(name):
            return without_credentials(name)
        if name != cell and os.path.lexists(os.path.join(self.root, cell or "")):
            name = cell or ""
        return posixpath.normpath(name)

    def _path(self, id: str) -> str:
        if leads_out(id) and not self.web.allow_local:
            raise BadPicture("it lies outside the table's folder; --allow-local allows that")
        return os.path.join(self.root, id)
