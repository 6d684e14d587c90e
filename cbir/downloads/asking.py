"""One request at a time: when it may go out, where to, and what its answer says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from cbir import __version__
from cbir.downloads import urls
from cbir.downloads.bodies import Room, no_picture, read_body
from cbir.downloads.hosts import Hosts
from cbir.downloads.settings import Web
from cbir.downloads.stamps import conditions, seconds_from, stamp_of
from cbir.downloads.trouble import Again, TooSlow, in_words, of_status
from cbir.errors import BadPicture
from cbir.types import Fetched

if TYPE_CHECKING:
    from httpcore import Response
    from httpx import URL, Headers

    from cbir.downloads.wires import Lookup

REDIRECTS = (301, 302, 303, 307, 308)
BUSY = (429, 500, 502, 503, 504)
DRAINED = 64 << 10  # bytes of an unwanted answer that are read, so that its connection serves on
IDLE = 10.0  # seconds for which a connection is kept

# Nothing packed: pictures are, and the validators of what is packed differ.
HEADERS = (
    ("User-Agent", f"cbir/{__version__}"),
    ("Accept", "image/*,*/*;q=0.5"),
    ("Accept-Encoding", "identity"),
)


class Redirect(NamedTuple):
    """An answer that names another URL."""

    to: URL


class Asking:
    """Sends requests, from any thread, over connections that are kept for a while."""

    def __init__(self, web: Web, lookup: Lookup):
        import httpcore

        from cbir.downloads.trust import trusted
        from cbir.downloads.wires import Wires

        self.web, self.hosts = web, Hosts(web)
        self.wires = Wires(web.allow_local, lookup)
        self._pool = httpcore.ConnectionPool(
            ssl_context=trusted(),
            max_connections=None,  # Hosts counts
            max_keepalive_connections=web.connections,
            keepalive_expiry=IDLE,
            network_backend=self.wires,
        )

    def stop(self) -> None:
        """Breaks off what is under way; no request goes out any more."""
        self.hosts.stop()
        self.wires.cut()

    def close(self) -> None:
        """To be called when no request is under way: a closed socket's number may be another's."""
        self._pool.close()

    def ask(self, url: URL, stamp: str, room: Room) -> Fetched | Redirect | None:
        """What one URL answers; None if its picture still is the one with this stamp."""
        conditional = conditions(url, stamp)
        with self._answer(url, conditional) as (response, headers):
            status = response.status
            if status == 200:
                return self._body(url, response, headers, room)
            _drain(response, headers)
            if status == 304 and conditional:
                return None
            if status in REDIRECTS and (location := headers.get("location")):
                return Redirect(urls.redirected(url, location))
            if status in BUSY:
                after = seconds_from(headers.get("retry-after", ""))
                if after is not None:
                    self.hosts.leave_alone(url.host, after)
                raise Again(of_status(status), after=after)
            raise BadPicture(of_status(status))

    def _body(self, url: URL, response: Response, headers: Headers, room: Room) -> Fetched:
        def patient_room(size: int) -> None:
            # Who waits for memory must not keep those waiting who have some.
            with self.wires.clock.paused(), self.hosts.turn_lent(url.host):
                room(size)

        data = read_body(response.iter_stream(), headers, self.web.largest, patient_room)
        if reason := no_picture(data, headers.get("content-type", "")):
            raise BadPicture(reason)
        return Fetched(data, stamp_of(url, headers))

    @contextmanager
    def _answer(
        self, url: URL, conditional: Sequence[tuple[str, str]]
    ) -> Iterator[tuple[Response, Headers]]:
        """The answer to one request, in its turn; what breaks it off becomes Again."""
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
                asked = self._pool.stream(
                    "GET", target, headers=[*headers, *conditional], extensions=limits
                )
                response = stack.enter_context(asked)
                answered = True
                self.hosts.heard(url.host, True)
                yield response, Headers(response.headers)
            except httpcore.LocalProtocolError as error:
                raise BadPicture("that can't be a URL") from error
            except broken as error:
                raise Again(in_words(error, answered), unanswered=not answered) from error


def _drain(response: Response, headers: Headers) -> None:
    """Reads what is left of an unwanted answer if it is short."""
    from httpcore import NetworkError, ProtocolError, TimeoutException

    length = headers.get("content-length", "")
    short = length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= DRAINED
    if response.status == 304 or short:
        with suppress(NetworkError, ProtocolError, TimeoutException, TooSlow):
            for _ in response.iter_stream():
                pass
