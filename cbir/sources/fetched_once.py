"""Pictures at URLs that are wanted more than once: fetched once, and kept in a nameless file."""

import tempfile
import threading
import weakref
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cbir.downloads import is_url
from cbir.errors import BadPicture
from cbir.sources.folder import Folder
from cbir.sources.table import Table
from cbir.types import Failure, Fetched, Picture

LONGEST_TURN = 20
"""Seconds."""

MOST = 1 << 30
"""Bytes that wait on the disk; what has no room is fetched again."""


class Waiting:
    """Pictures that were fetched, or why they can't be, by id; of all, or only of some.

    For several threads. A disk that is full keeps no more. The file goes with the object, if not
    sooner.
    """

    def __init__(self, folder: Path | None = None, only: Container[str] | None = None):
        # Without a buffer, which would try once more to write what found no room.
        self._file = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 - see close
        weakref.finalize(self, self._file.close)
        self._only = only
        self._places: dict[str, tuple[int, int, str]] = {}
        self._failed: dict[str, str] = {}
        self._size = 0
        self._lock = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}

    @contextmanager
    def turn(self, id: str) -> Iterator[None]:
        """Had by whoever fetches this picture, so that others find it here and don't, too.

        Nobody waits for long: who has it may wait for memory that the other one holds.
        """
        with self._lock:
            turn = self._turns.setdefault(id, threading.Lock())
        mine = turn.acquire(timeout=LONGEST_TURN)
        try:
            yield
        finally:
            if mine:
                turn.release()

    def get(self, id: str) -> Fetched | None:
        """The picture, if it waits here; BadPicture if it can't be had."""
        with self._lock:
            if id in self._failed:
                raise BadPicture(self._failed[id])
            if id not in self._places:
                return None
            start, size, stamp = self._places[id]
            self._file.seek(start)
            return Fetched(self._file.read(size), stamp)

    def put(self, id: str, fetched: Fetched) -> None:
        size = len(fetched.data)
        with self._lock:
            if self._wants(id) and self._size + size <= MOST:
                self._file.seek(self._size)
                with suppress(OSError):
                    if self._file.write(fetched.data) == size:
                        self._places[id] = self._size, size, fetched.stamp
                        self._size += size

    def put_failure(self, id: str, reason: str) -> None:
        with self._lock:
            if self._wants(id):
                self._failed[id] = reason

    def _wants(self, id: str) -> bool:
        return self._only is None or id in self._only

    def close(self) -> None:
        self._file.close()


class FetchedOnce:
    """A table whose pictures at URLs are taken from those that wait, and wait for others."""

    def __init__(self, table: Table, waiting: Waiting):
        self.table, self.waiting = table, waiting
        self.origin, self.root = table.origin, table.root
        self.complete, self.failures = table.complete, list[Failure]()

    @property
    def connections(self) -> int:
        return self.table.connections

    def pictures(self) -> Iterator[Picture]:
        yield from self.table.pictures()
        self.failures = self.table.failures

    def fetch(
        self, picture: Picture, stamp: str = "", room: Callable[[int], None] = lambda size: None
    ) -> Fetched | None:
        """As the table does it, but the server is asked once."""
        if not is_url(picture.id):
            return self.table.fetch(picture, stamp, room)
        with self.waiting.turn(picture.id):
            found = self.waiting.get(picture.id)
            if found is None:
                return self._fetched(picture, stamp, room)
        room(len(found.data))
        return None if stamp and stamp == found.stamp else found

    def _fetched(self, picture: Picture, stamp: str, room: Callable[[int], None]) -> Fetched | None:
        try:
            found = self.table.fetch(picture, stamp, room)
        except BadPicture as error:
            self.waiting.put_failure(picture.id, str(error))
            raise
        if found is not None:
            self.waiting.put(picture.id, found)
        return found

    def read(self, picture: Picture) -> bytes:
        found = self.fetch(picture)
        return self.table.read(picture) if found is None else found.data

    def stamp(self, picture: Picture) -> str:
        return self.table.stamp(picture)

    def in_a_hurry(self) -> "FetchedOnce":
        """The same, for somebody who waits for pictures and can do without."""
        return FetchedOnce(self.table.in_a_hurry(), self.waiting)

    def close(self) -> None:
        """Ends all downloads; what waits goes on waiting."""
        self.table.close()


def fetched_once(source: Folder | Table, folder: Path | None = None) -> Folder | FetchedOnce:
    """A source whose pictures are wanted several times; those at URLs wait in this folder."""
    return FetchedOnce(source, Waiting(folder)) if isinstance(source, Table) else source
