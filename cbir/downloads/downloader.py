"""Fetches pictures: turns, redirects, tries, and what came of them."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from cbir import __version__
from cbir.downloads import urls
from cbir.downloads.bodies import Room, no_picture, read_body
from cbir.downloads.hosts import LONGEST_WAIT, Hosts
from cbir.downloads.settings import Web
from cbir.downloads.stamps import conditions, seconds_from, stamp_of
from cbir.downloads.trouble import STOPPED, Again, TooSlow, in_words, of_status
from cbir.errors import BadPicture
from cbir.files import read_regular, regular
from cbir.files import stamp as file_stamp
from cbir.types import Fetched

if TYPE_CHECKING:
    from httpcore import Response
    from httpx import URL, Headers

    from cbir.downloads.wires import Lookup

REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 10
BUSY = (429, 500, 502, 503, 504)
DRAINED = 64 << 10  # bytes of an unwanted answer that are read, so that its connection serves on

# Nothing packed: pictures are, and the validators of what is packed differ.
HEADERS = (
    ("User-Agent", f"cbir/{__version__}"),
    ("Accept", "image/*,*/*;q=0.5"),
    ("Accept-Encoding", "identity"),
)


class _Redirect(NamedTuple):
    to: URL


class Downloader:
    """Fetches pictures, from any number of threads at a time. To be closed, or used in a `with`.

    `lookup` resolves names, as socket.getaddrinfo does.
    """

    def __init__(self, web: Web, lookup: Lookup = socket.getaddrinfo):
        import httpcore

        from cbir.downloads.trust import trusted
        from cbir.downloads.wires import Wires

        self.web, self.hosts = web, Hosts(web)
        self.wires = Wires(web.allow_local, lookup)
        self._pool = httpcore.ConnectionPool(
            ssl_context=trusted(),
            max_connections=None,  # Hosts counts
            max_keepalive_connections=web.connections,
            keepalive_expiry=10.0,
            network_backend=self.wires,
        )
        self._lock = threading.Lock()
        self._busy, self._closed = 0, False

    def __enter__(self) -> Downloader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends all downloads that are under way, at once; each fails as stopped."""
        self.hosts.stop()
        self.wires.cut()
        with self._lock:
            self._closed = True
            last = self._busy == 0
        if last:  # else a thread may still hold a connection; it will see to it
            self._pool.close()

    def fetch(self, url: str, stamp: str = "", room: Room = lambda size: None) -> Fetched | None:
        """The bytes behind a URL; None if they still are those with this stamp.

        BadPicture, with a reason for a person, if there are none or they are no picture's. `room`
        is asked before more than a few megabytes are kept.
        """
        if self.web.allow_local and urls.scheme(url) == "file":
            return _from_file(urls.file_path(url), stamp)
        target = urls.parsed(url)
        with self._at_work():
            for attempt in range(1, self.web.tries + 1):
                try:
                    return self._followed(target, stamp, room)
                except Again as error:
                    if self.hosts.stopped:
                        raise BadPicture(STOPPED) from error
                    if attempt == self.web.tries or (error.after or 0) > LONGEST_WAIT:
                        raise BadPicture(str(error)) from error
                    if error.after is None:
                        self._pause(attempt)
        raise BadPicture("no try was allowed")

    def _pause(self, attempt: int) -> None:
        """Longer each time, and not all at the same moment: what was too much would be so again."""
        self.hosts.sleep(self.web.pause * 2 ** (attempt - 1) * random.uniform(0.5, 1))

    def _followed(self, url: URL, stamp: str, room: Room) -> Fetched | None:
        """One try, through all redirects."""
        self.wires.clock.start(self.web.timeout)
        visited = {url}
        answer = self._asked(url, stamp, room)
        while isinstance(answer, _Redirect):
            if answer.to in visited:
                raise BadPicture("a redirect that leads round in a circle")
            if len(visited) > MOST_REDIRECTS:
                raise BadPicture(f"more than {MOST_REDIRECTS} redirects")
            visited.add(answer.to)
            answer = self._asked(answer.to, stamp, room)
        return answer

    def _asked(self, url: URL, stamp: str, room: Room) -> Fetched | _Redirect | None:
        """One request, and what its answer says."""
        asked = conditions(url, stamp)
        with self._answer(url, asked) as (response, headers):
            status = response.status
            if status == 200:
                return self._body(url, response, headers, room)
            _drain(response, headers)
            if status == 304 and asked:
                return None
            if status in REDIRECTS and (location := headers.get("location")):
                return _Redirect(urls.redirected(url, location))
            if status in BUSY:
                after = seconds_from(headers.get("retry-after", ""))
                if after is not None:
                    self.hosts.leave_alone(url.host, after)
                raise Again(of_status(status), after=after)
            raise BadPicture(of_status(status))

    def _body(self, url: URL, response: Response, headers: Headers, room: Room) -> Fetched:
        def without_haste(size: int) -> None:
            with self.wires.clock.paused():
                room(size)

        data = read_body(response.iter_stream(), headers, self.web.largest, without_haste)
        if reason := no_picture(data, headers.get("content-type", "")):
            raise BadPicture(reason)
        return Fetched(data, stamp_of(url, headers))

    @contextmanager
    def _answer(
        self, url: URL, conditional: Sequence[tuple[str, str]]
    ) -> Iterator[tuple[Response, Headers]]:
        """The answer to one request, with its turn; what goes wrong becomes Again or BadPicture."""
        import httpcore
        from httpx import Headers

        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        # The host as HTTP wants it: httpcore leaves brackets away.
        headers = [*HEADERS, ("Host", url.netloc.decode("ascii")), *urls.authorization(url)]
        limits = {"timeout": dict.fromkeys(("connect", "read", "write"), self.web.silence)}
        broken = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)
        answered = False
        with ExitStack() as stack:
            with self.wires.clock.paused():
                stack.enter_context(self.hosts.turn(url.host))
            try:
                asking = self._pool.stream(
                    "GET", target, headers=[*headers, *conditional], extensions=limits
                )
                response = stack.enter_context(asking)
                answered = True
                self.hosts.heard(url.host, True)
                yield response, Headers(response.headers)
            except httpcore.LocalProtocolError as error:
                raise BadPicture("that can't be a URL") from error
            except broken as error:
                raise Again(in_words(error, answered), unreachable=not answered) from error
            except Again as error:
                if error.unreachable:
                    self.hosts.heard(url.host, False)
                raise

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Whoever leaves last closes the connections: to close one that is in use would be unsafe,
        for its number may be another's at once."""
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
                self._pool.close()


def _drain(response: Response, headers: Headers) -> None:
    """Reads what is left of an unwanted answer if it is short, so that its connection serves on."""
    from httpcore import NetworkError, ProtocolError, TimeoutException

    length = headers.get("content-length", "")
    short = length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= DRAINED
    if response.status == 304 or short:
        with suppress(NetworkError, ProtocolError, TimeoutException, TooSlow):
            for _ in response.iter_stream():
                pass


def _from_file(path: str, stamp: str) -> Fetched | None:
    before = file_stamp(regular(path))
    if before and before == stamp:
        return None
    data = read_regular(path)
    same = file_stamp(regular(path)) == before
    return Fetched(data, before if same else "")
