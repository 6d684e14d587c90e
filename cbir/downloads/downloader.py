"""Fetches pictures: redirects, tries, and an end at any time."""

from __future__ import annotations

import random
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from cbir.downloads import urls
from cbir.downloads.asking import Asking, Redirect
from cbir.downloads.bodies import Room
from cbir.downloads.settings import Web
from cbir.downloads.trouble import STOPPED, Again
from cbir.errors import BadPicture
from cbir.files import read_regular, regular
from cbir.files import stamp as file_stamp
from cbir.types import Fetched

if TYPE_CHECKING:
    from httpx import URL

    from cbir.downloads.wires import Lookup

MOST_REDIRECTS = 10


class Downloader:
    """Fetches pictures, from any number of threads at a time. To be closed, or used in a `with`.

    `lookup` resolves names, as socket.getaddrinfo does.
    """

    def __init__(self, web: Web, lookup: Lookup = socket.getaddrinfo):
        self.web, self._asking = web, Asking(web, lookup)
        self._lock = threading.Lock()
        self._busy, self._closed = 0, False
        # Once; at the latest when nobody has this any more.
        self._hang_up = weakref.finalize(self, self._asking.close)

    def __enter__(self) -> Downloader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends all downloads that are under way, at once; each fails as stopped."""
        self._asking.stop()
        with self._lock:
            self._closed, last = True, self._busy == 0
        if last:
            self._hang_up()

    def fetch(self, url: str, stamp: str = "", room: Room = lambda size: None) -> Fetched | None:
        """The bytes behind a URL; None if they still are those with this stamp.

        BadPicture, with a reason for a person, if there are none or they are no picture's. `room`
        is asked before more than a few megabytes are kept.
        """
        if self.web.allow_local and urls.scheme(url) == "file":
            return _from_file(urls.file_path(url), stamp)
        target, attempt = urls.parsed(url), 1
        with self._at_work():
            while True:
                try:
                    return self._followed(target, stamp, room)
                except Again as error:
                    self._before_another(target.host, attempt, error)
                attempt += 1

    def _before_another(self, host: str, attempt: int, error: Again) -> None:
        """Waits before another try; BadPicture if there is to be none."""
        hosts = self._asking.hosts
        if hosts.stopped:
            raise BadPicture(STOPPED) from error
        if attempt == self.web.tries or (error.after or 0) > self.web.longest_wait:
            if error.unanswered:
                hosts.heard(host, False)
            raise BadPicture(str(error)) from error
        if error.after is None:  # else the host is left alone for so long
            # Not all at the same moment: what was too much would be so again.
            hosts.sleep(self.web.pause * 2 ** (attempt - 1) * random.uniform(0.5, 1))

    def _followed(self, url: URL, stamp: str, room: Room) -> Fetched | None:
        """One try, through all redirects."""
        self._asking.wires.clock.start(self.web.timeout)
        visited = {url}
        answer = self._asking.ask(url, stamp, room)
        while isinstance(answer, Redirect):
            if answer.to in visited:
                raise BadPicture("a redirect that leads round in a circle")
            if len(visited) > MOST_REDIRECTS:
                raise BadPicture(f"more than {MOST_REDIRECTS} redirects")
            visited.add(answer.to)
            answer = self._asking.ask(answer.to, stamp, room)
        return answer

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Whoever leaves last after the end closes the connections."""
        with self._lock:
            if self._closed:
                raise BadPicture(STOPPED)
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1
                last = self._closed and self._busy == 0
            if last:
                self._hang_up()


def _from_file(path: str, stamp: str) -> Fetched | None:
    before = file_stamp(regular(path))
    if before and before == stamp:
        return None
    data = read_regular(path)
    same = file_stamp(regular(path)) == before
    return Fetched(data, before if same else "")
