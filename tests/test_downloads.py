"""Downloads from a real server on loopback, which also misbehaves."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from cbir import __version__
from cbir.downloads import Downloader, Fetched, Web
from cbir.errors import BadPicture
from cbir.files import reading
from tests import web_server
from tests.conftest import encoded, picture
from tests.web_server import Behaviour, WebServer, in_turn, status

DATA = encoded(picture(1))
QUICK = Web(allow_local=True, timeout=1.0, silence=0.3, pause=0.01, largest=5 << 20)
LARGE = b"\xff\xd8" + bytes(6 << 20)


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture
def downloader() -> Iterator[Downloader]:
    with Downloader(QUICK) as downloader:
        yield downloader


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def data_of(fetched: Fetched | None) -> bytes:
    assert fetched is not None
    return fetched.data


def test_a_picture_arrives_as_it_is(server: WebServer, downloader: Downloader) -> None:
    assert data_of(downloader.fetch(server.give("a.jpg", DATA))) == DATA
    (asked,) = server.requests
    assert asked.headers["User-Agent"] == f"cbir/{__version__}"
    assert asked.headers["Host"] == f"127.0.0.1:{server.port}"
    assert asked.headers["Accept-Encoding"] == "identity"
    assert "If-None-Match" not in asked.headers


# What a server does, how many requests it gets, and whether there is a picture in the end.
GOOD: dict[str, tuple[Behaviour, int]] = {
    "500, then it works": (in_turn(status(500), web_server.picture(DATA)), 2),
    "503 twice": (in_turn(status(503), status(503), web_server.picture(DATA)), 3),
    "429 with a time to wait": (
        in_turn(status(429, Retry_After="0"), web_server.picture(DATA)),
        2,
    ),
    "slow": (web_server.slow(DATA, 0.15), 1),
    "silent at first": (in_turn(web_server.silent(1), web_server.picture(DATA)), 2),
    "cut off at first": (in_turn(web_server.truncated(DATA), web_server.picture(DATA)), 2),
    "hung up at first": (in_turn(web_server.hung_up, web_server.picture(DATA)), 2),
    "said to be a web page": (web_server.picture(DATA, kind="text/html"), 1),
    "without a type": (lambda handler: handler.whole(200, DATA), 1),
    "packed, unasked": (web_server.packed(DATA), 1),
    "deflated, unasked": (web_server.packed(DATA, "deflate"), 1),
    "in several packets": (web_server.packets(DATA), 1),
    "in chunks": (web_server.chunked(DATA), 1),
    "as long as the connection lasts": (web_server.without_length(DATA), 1),
}
BAD: dict[str, tuple[Behaviour, int, str]] = {
    "404": (status(404), 1, "404 Not Found"),
    "410": (status(410), 1, "410 Gone"),
    "401": (status(401), 1, "401 Unauthorized"),
    "no known status": (status(599), 1, "status 599"),
    "204": (lambda handler: handler.begin(204), 1, "204 No Content"),
    "206": (status(206), 1, "206 Partial Content"),
    "304, unasked": (lambda handler: handler.begin(304), 1, "304 Not Modified"),
    "a redirect to nowhere": (status(302), 1, "302 Found"),
    "always 500": (status(500), 3, "500 Internal Server Error"),
    "always 429": (status(429), 3, "429 Too Many Requests"),
    "an empty body": (lambda handler: handler.whole(200, b""), 1, "the server sent nothing"),
    "silent": (web_server.silent(), 3, "its server does not answer"),
    "hung up": (web_server.hung_up, 3, "its server broke the connection off"),
    "dripping": (web_server.dripping(DATA), 1, "its server sent it too slowly"),
    "dripping headers": (
        web_server.dripping(DATA, headers_too=True),
        1,
        "its server sent it too slowly",
    ),
    "stalling": (web_server.stalling(DATA), 3, "its server stopped sending"),
    "cut off": (web_server.truncated(DATA), 3, "it came only in part"),
    "cut off in a chunk": (web_server.chunked(DATA, whole=False), 3, "it came only in part"),
    "packed and cut off": (web_server.packed(DATA, share=0.5), 3, "it came only in part"),
    "packed otherwise": (
        web_server.packed(DATA, "br"),
        1,
        "the server sent it packed in a way that was not asked for",
    ),
    "said to be packed": (
        lambda handler: handler.whole(200, DATA, Content_Encoding="gzip"),
        1,
        "what the server sent can't be unpacked",
    ),
    "a web page": (
        web_server.page(),
        1,
        "the server sent a web page (text/html), not a picture",
    ),
    "a web page that lies": (
        web_server.page(kind="image/jpeg"),
        1,
        "the server sent a web page (text/html), not a picture",
    ),
    "JSON": (
        web_server.page(b'{"error": "no such picture"}', "application/json"),
        1,
        "the server sent text (application/json), not a picture",
    ),
    "a drawing": (
        web_server.page(b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
        1,
        "the server sent a drawing (image/svg+xml), which can't be read as a picture",
    ),
    "endless": (
        web_server.endless,
        1,
        "it is larger than 5 MB, the most that is downloaded",
    ),
    "too large": (
        web_server.picture(LARGE),
        1,
        "it is larger than 5 MB, the most that is downloaded",
    ),
    "a bomb": (
        web_server.bomb(50 << 20),
        1,
        "it is larger than 5 MB, the most that is downloaded",
    ),
    "other than HTTP": (web_server.raw(b"220 ready\r\n\r\n"), 3, "its server's answer is no HTTP"),
    "endless headers": (
        web_server.raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000),
        3,
        "its server's answer is no HTTP",
    ),
    "two lengths": (
        web_server.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345"),
        3,
        "its server's answer is no HTTP",
    ),
    "a redirect in a circle": (
        web_server.redirect("?"),
        1,
        "a redirect that leads round in a circle",
    ),
    "redirects for ever": (web_server.further, 11, "more than 10 redirects"),
    "a redirect to a file": (
        web_server.redirect("file:///etc/passwd"),
        1,
        "a redirect to something other than http:// or https://",
    ),
    "a redirect to no URL": (
        web_server.redirect("http://[::bad/"),
        1,
        "a redirect to what can't be a URL",
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_servers_that_are_dealt_with(server: WebServer, downloader: Downloader, name: str) -> None:
    behaviour, requests = GOOD[name]
    assert data_of(downloader.fetch(server.on("a.jpg", behaviour))) == DATA
    assert len(server.requests) == requests


@pytest.mark.parametrize("name", BAD)
def test_servers_that_are_given_up(server: WebServer, downloader: Downloader, name: str) -> None:
    behaviour, requests, reason = BAD[name]
    began = time.monotonic()
    with pytest.raises(BadPicture) as caught:
        downloader.fetch(server.on("a.jpg", behaviour))
    assert str(caught.value) == reason
    assert len(server.requests) == requests
    assert time.monotonic() - began < 5


def test_a_dead_port_has_a_reason(downloader: Downloader, free_port: int) -> None:
    with pytest.raises(BadPicture, match="no connection to its server: connection refused"):
        downloader.fetch(f"http://127.0.0.1:{free_port}/a.jpg")


def test_redirects_lead_to_the_picture(server: WebServer, downloader: Downloader) -> None:
    server.give("real.jpg", DATA)
    server.on("two.jpg", web_server.redirect("/real.jpg#part", 308))
    url = server.on("one.jpg", web_server.redirect(server.url("two.jpg"), 301))
    assert data_of(downloader.fetch(url)) == DATA
    assert [asked.path for asked in server.requests] == ["/one.jpg", "/two.jpg", "/real.jpg"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.org/a.jpg", "only http:// and https:// URLs can be downloaded"),
        ("s3://bucket/a.jpg", "only http:// and https:// URLs can be downloaded"),
        ("http://", "a URL without a server's name"),
        ("http:///a.jpg", "a URL without a server's name"),
        ("http://[::1/a.jpg", "that can't be a URL"),
        ("http://example.org:port/a.jpg", "that can't be a URL"),
        ("http://example.org/" + "a" * 70_000, "that can't be a URL"),
        ("http://exa\0mple.org/", "that can't be a URL"),
        ("http://127.0.0.1:1/\r\nX: y", "that can't be a URL"),
    ],
    ids=lambda text: text[:40],
)
def test_what_is_no_url(downloader: Downloader, url: str, reason: str) -> None:
    with pytest.raises(BadPicture) as caught:
        downloader.fetch(url)
    assert str(caught.value) == reason


def test_the_words_of_a_url_reach_the_server(server: WebServer, downloader: Downloader) -> None:
    server.give("a%20b%C3%A9.jpg", DATA)
    assert data_of(downloader.fetch(server.url("a bé.jpg") + "?size=big&x=1#top")) == DATA


# --- what has not changed


def test_what_has_not_changed_is_not_sent_again(server: WebServer, downloader: Downloader) -> None:
    url = server.give("a.jpg", DATA)
    fetched = downloader.fetch(url)
    assert fetched is not None
    assert downloader.fetch(url, fetched.stamp) is None
    server.give("a.jpg", encoded(picture(2)))
    again = downloader.fetch(url, fetched.stamp)
    assert again is not None
    assert again.stamp not in ("", fetched.stamp)
    assert [asked.status for asked in server.requests] == [200, 304, 200]


def test_a_time_alone_is_enough_if_it_is_old(server: WebServer, downloader: Downloader) -> None:
    url = server.give("a.jpg", DATA, etag=None)
    fetched = downloader.fetch(url)
    assert fetched is not None
    assert downloader.fetch(url, fetched.stamp) is None
    assert server.requests[1].headers["If-Modified-Since"] == web_server.LONG_AGO
    assert "If-None-Match" not in server.requests[1].headers


@pytest.mark.parametrize(
    "behaviour",
    [
        web_server.picture(DATA, etag=None, modified=None),
        web_server.picture(DATA, etag="*", modified=None),
        web_server.picture(DATA, etag='"a", "b"', modified=None),
        web_server.picture(DATA, etag='W/"weak"', modified=None),
        web_server.just_changed(DATA),
        web_server.picture(DATA, etag=None, modified="yesterday"),
    ],
)
def test_what_tells_too_little_is_no_stamp(
    server: WebServer, downloader: Downloader, behaviour: Behaviour
) -> None:
    fetched = downloader.fetch(server.on("a.jpg", behaviour))
    assert fetched == Fetched(DATA, "")


def test_a_stamp_is_that_of_one_url(server: WebServer, downloader: Downloader) -> None:
    """Other pictures may have the same ETag, and a redirect may lead to one of those."""
    server.give("first.jpg", DATA, etag='"1"')
    server.give("other.jpg", encoded(picture(2)), etag='"1"')
    url = server.on("a.jpg", web_server.redirect("/first.jpg"))
    fetched = downloader.fetch(url)
    assert fetched is not None
    assert downloader.fetch(url, fetched.stamp) is None
    server.on("a.jpg", web_server.redirect("/other.jpg"))
    assert data_of(downloader.fetch(url, fetched.stamp)) == encoded(picture(2))


def test_a_file_is_read_where_that_is_allowed(
    downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a b.jpg"
    path.write_bytes(DATA)
    url = path.as_uri()
    assert "%20" in url
    assert downloader.fetch(url) == Fetched(DATA, "")  # it has changed just now
    monkeypatch.setattr(reading, "TICK_NS", 0)
    fetched = downloader.fetch(url)
    assert fetched is not None
    assert fetched.stamp
    assert downloader.fetch(url, fetched.stamp) is None
    path.write_bytes(DATA + b"more")
    assert data_of(downloader.fetch(url, fetched.stamp)) == DATA + b"more"
    for other in ("file://elsewhere/a.jpg", "file:///nowhere/a.jpg", tmp_path.as_uri()):
        with pytest.raises(BadPicture):
            downloader.fetch(other)


# --- many at a time


def all_of(downloader: Downloader, urls: list[str], threads: int = 24) -> list[str]:
    """Fetches them from many threads; the reason of each, or an empty text."""

    def one(url: str) -> str:
        try:
            downloader.fetch(url)
        except BadPicture as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, urls))


@pytest.mark.parametrize(("connections", "per_host", "most"), [(16, 3, 3), (2, 6, 2)])
def test_no_more_requests_at_a_time_than_is_polite(
    server: WebServer, connections: int, per_host: int, most: int
) -> None:
    urls = [server.on(f"{n}.jpg", web_server.slow(DATA, 0.02)) for n in range(24)]
    with Downloader(replace(QUICK, connections=connections, per_host=per_host)) as downloader:
        assert all_of(downloader, urls) == [""] * 24
    assert server.most_at_once == most


def test_connections_are_used_again(server: WebServer, downloader: Downloader) -> None:
    urls = [server.give(f"{n}.jpg", DATA) for n in range(10)]
    urls += [server.url(f"missing{n}.jpg") for n in range(5)]
    assert all_of(downloader, urls, threads=1).count("") == 10
    assert server.connections == 1


def test_a_server_that_asks_for_a_rest_gets_it(server: WebServer, downloader: Downloader) -> None:
    first = server.on("a.jpg", in_turn(status(429, Retry_After="1"), web_server.picture(DATA)))
    others = [server.give(f"{n}.jpg", DATA) for n in range(4)]
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(downloader.fetch, first)
        while not server.requests:
            time.sleep(0.01)
        time.sleep(0.1)
        assert all_of(downloader, others) == [""] * 4
        assert data_of(waiting.result()) == DATA
    assert time.monotonic() - began >= 1  # the timeout of 1 second does not count such waiting
    assert len(server.requests) == 6


def test_a_server_that_asks_for_a_long_rest_is_left_alone(
    server: WebServer, downloader: Downloader
) -> None:
    server.on("a.jpg", status(429, Retry_After="3600"))
    urls = [server.url("a.jpg"), *(server.give(f"{n}.jpg", DATA) for n in range(5))]
    reasons = all_of(downloader, urls, threads=1)
    assert reasons[0] == "429 Too Many Requests"
    assert set(reasons[1:]) == {"its server asks to be left alone for 3600 seconds"}
    assert len(server.requests) == 1


def test_a_server_that_never_answers_is_given_up(server: WebServer) -> None:
    urls = [server.on(f"{n}.jpg", web_server.hung_up) for n in range(30)]
    with Downloader(replace(QUICK, tries=1)) as downloader:
        reasons = all_of(downloader, urls, threads=1)
    assert reasons[:20] == ["its server broke the connection off"] * 20
    assert set(reasons[20:]) == {"its server did not answer for 20 others and is left alone"}
    assert len(server.requests) == 20


def test_one_answer_is_enough_to_go_on(server: WebServer) -> None:
    urls = [server.on(f"{n:02}.jpg", web_server.hung_up) for n in range(30)]
    server.on("15.jpg", status(404))
    with Downloader(replace(QUICK, tries=1)) as downloader:
        all_of(downloader, urls, threads=1)
    assert len(server.requests) == 30


def test_room_is_asked_for_before_much_is_kept(server: WebServer, downloader: Downloader) -> None:
    asked: list[int] = []
    downloader.fetch(server.give("small.jpg", DATA), room=asked.append)
    assert asked == []
    large = b"\xff\xd8" + bytes((4 << 20) + 1000)
    downloader.fetch(server.give("large.jpg", large), room=asked.append)
    assert asked == [1002]
    downloader.fetch(server.on("unknown.jpg", web_server.chunked(large)), room=asked.append)
    assert sum(asked[1:]) >= 1002


def test_who_waits_for_room_lends_its_turn(server: WebServer) -> None:
    """Else the one that is to make room could wait for a turn, and that for ever."""
    large = server.give("large.jpg", b"\xff\xd8" + bytes(4_500_000))
    small = server.give("small.jpg", DATA)
    waiting, go_on = threading.Event(), threading.Event()

    def room(size: int) -> None:
        waiting.set()
        assert go_on.wait(5)

    alone = replace(QUICK, connections=1, per_host=1)
    with Downloader(alone) as downloader, ThreadPoolExecutor(1) as pool:
        first = pool.submit(downloader.fetch, large, "", room)
        assert waiting.wait(5)
        assert data_of(downloader.fetch(small)) == DATA
        time.sleep(QUICK.timeout)  # which is not the server's fault
        go_on.set()
        assert len(data_of(first.result())) == 4_500_002


# --- the end


SLOW: dict[str, Callable[[], Behaviour]] = {
    "silent": web_server.silent,
    "dripping": lambda: web_server.dripping(bytes(10_000)),
    "busy": lambda: status(503, Retry_After="50"),
}


@pytest.mark.parametrize("kind", SLOW)
def test_all_ends_at_once(server: WebServer, kind: str) -> None:
    urls = [server.on(f"{n}.jpg", SLOW[kind]()) for n in range(8)]
    downloader = Downloader(replace(QUICK, timeout=30, silence=30))
    with ThreadPoolExecutor(1) as pool:
        reasons = pool.submit(all_of, downloader, urls, 8)
        # Who is told to come back later keeps the others from asking.
        while len(server.requests) < (1 if kind == "busy" else 6):
            time.sleep(0.01)
        began = time.monotonic()
        downloader.close()
        assert set(reasons.result()) == {"the download was stopped"}
    assert time.monotonic() - began < 5
    with pytest.raises(BadPicture, match="stopped"):
        downloader.fetch(urls[0])
