"""A web server on loopback for tests, which also misbehaves where it is told to.

    with WebServer() as server:
        server.give("a.jpg", data)                     # with ETag and Last-Modified, answers 304
        server.on("b.jpg", slow(data, seconds=1))
        server.url("a.jpg")
        server.requests                                # what was asked, in order

What stands behind `on` is called with the request's handler for each request of that path.
"""

import gzip
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from urllib.parse import urlsplit

PAGE = b"<!DOCTYPE html>\n<html><body>Please log in</body></html>"
LONG_AGO = "Mon, 06 May 2024 10:00:00 GMT"


@dataclass
class Asked:
    """A request, and the status that it was answered with (0: none, or not yet)."""

    path: str
    headers: dict[str, str]
    status: int = 0


class WebServer:
    """Serves from a port of its own while its `with` block runs.

    It counts `connections`, and `most_at_once`, how many requests there were at a time at most.
    """

    def __init__(self, secure: SSLContext | None = None) -> None:
        self.requests: list[Asked] = []
        self.at_once = self.most_at_once = self.connections = 0
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self._behaviours: dict[str, Behaviour] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        if secure is not None:
            # The handshake waits for the handler's thread: it may fail.
            self._server.socket = secure.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> "WebServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/{path.lstrip('/')}"

    def on(self, path: str, behaviour: "Behaviour") -> str:
        """From now on, requests for this path are answered so. Returns its URL."""
        self._behaviours["/" + path.lstrip("/")] = behaviour
        return self.url(path)

    def give(self, path: str, data: bytes, **how: str | bool) -> str:
        """Serves these bytes properly, conditional requests too. Returns their URL."""
        return self.on(path, picture(data, **how))  # type: ignore[arg-type]

    def asked(self, path: str) -> list[Asked]:
        """The requests for one path, in order."""
        return [one for one in self.requests if one.path == "/" + path.lstrip("/")]

    def answer(self, handler: "Handler") -> None:
        path = urlsplit(handler.path).path
        behaviour = self._behaviours.get(path, status(404))
        handler.asked = Asked(path, dict(handler.headers))
        with self.lock:
            self.requests.append(handler.asked)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            with suppress(OSError):  # whoever asked has gone
                behaviour(handler)
        finally:
            with self.lock:
                self.at_once -= 1


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True
    web: WebServer
    asked: Asked

    def setup(self) -> None:
        super().setup()
        with self.web.lock:
            self.web.connections += 1

    def do_GET(self) -> None:
        self.web.answer(self)

    def send_response(self, code: int, message: str | None = None) -> None:
        self.asked.status = code
        super().send_response(code, message)

    def begin(self, code: int, **headers: str | int | None) -> None:
        """Status and headers; `Content_Type` is written with a hyphen, and None leaves it away."""
        self.send_response(code)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def whole(self, code: int, data: bytes, **headers: str | int | None) -> None:
        self.begin(code, Content_Length=len(data), **headers)
        self.wfile.write(data)

    def rest(self, seconds: float) -> None:
        self.web.stopping.wait(seconds)

    def log_message(self, *_: object) -> None:
        pass


Behaviour = Callable[[Handler], None]


def _handler(web: WebServer) -> type[Handler]:
    return type("OwnHandler", (Handler,), {"web": web})


def picture(
    data: bytes,
    kind: str = "image/jpeg",
    etag: str | None = "",
    modified: str | None = LONG_AGO,
    conditional: bool = True,
) -> Behaviour:
    """As a good server does it. An empty `etag` stands for one made of the bytes."""
    tag = f'"{sha256(data).hexdigest()[:16]}"' if etag == "" else etag

    def answer(handler: Handler) -> None:
        match, since = handler.headers["If-None-Match"], handler.headers["If-Modified-Since"]
        same = match == tag if match is not None else since is not None and since == modified
        headers = {"ETag": tag, "Last_Modified": modified}
        if conditional and same:
            handler.begin(304, **headers)
        else:
            handler.whole(200, data, Content_Type=kind, **headers)

    return answer


def status(code: int, **headers: str) -> Behaviour:
    return lambda handler: handler.whole(code, b"no", Content_Type="text/plain", **headers)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One after the other, a request each; the last one stays."""
    left = list(behaviours)
    lock = threading.Lock()

    def answer(handler: Handler) -> None:
        with lock:
            now = left.pop(0) if len(left) > 1 else left[0]
        now(handler)

    return answer


def redirect(to: str, code: int = 302) -> Behaviour:
    return lambda handler: handler.whole(code, b"", Location=to)


def page(data: bytes = PAGE, kind: str = "text/html; charset=utf-8") -> Behaviour:
    """A web page, with status 200 like so many."""
    return lambda handler: handler.whole(200, data, Content_Type=kind)


def slow(data: bytes, seconds: float) -> Behaviour:
    """Nothing for a while, then everything."""

    def answer(handler: Handler) -> None:
        handler.rest(seconds)
        handler.whole(200, data, Content_Type="image/jpeg")

    return answer


def silent(seconds: float = 30) -> Behaviour:
    """No answer at all."""
    return slow(b"", seconds)


def dripping(data: bytes, pause: float = 0.05, headers_too: bool = False) -> Behaviour:
    """A byte at a time: no pause is ever long, and the end never comes."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        if headers_too:
            start = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\nX-Filler: {'x' * 2000}"
            _drip(handler, start.encode() + b"\r\n\r\n", pause)
        else:
            handler.begin(200, Content_Type="image/jpeg", Content_Length=len(data))
        _drip(handler, data, pause)

    return answer


def _drip(handler: Handler, data: bytes, pause: float) -> None:
    for number in range(len(data)):
        handler.wfile.write(data[number : number + 1])
        handler.wfile.flush()
        handler.rest(pause)
        if handler.web.stopping.is_set():
            return


def truncated(data: bytes, share: float = 0.5) -> Behaviour:
    """Promises all, sends some, hangs up."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.begin(200, Content_Type="image/jpeg", Content_Length=len(data))
        handler.wfile.write(data[: int(len(data) * share)])

    return answer


def stalling(data: bytes, seconds: float = 30) -> Behaviour:
    """Half of it, and then nothing, with the connection open."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.begin(200, Content_Type="image/jpeg", Content_Length=len(data))
        handler.wfile.write(data[: len(data) // 2])
        handler.rest(seconds)

    return answer


def packets(data: bytes, pause: float = 0.002) -> Behaviour:
    """In pieces that do not end where anything ends."""

    def answer(handler: Handler) -> None:
        handler.begin(200, Content_Type="image/jpeg", Content_Length=len(data))
        for start in range(0, len(data), 777):
            handler.wfile.write(data[start : start + 777])
            handler.rest(pause)

    return answer


def chunked(data: bytes, whole: bool = True) -> Behaviour:
    """Without saying how long it is, as HTTP/1.1 does that; maybe without its end."""

    def answer(handler: Handler) -> None:
        handler.begin(200, Content_Type="image/jpeg", Transfer_Encoding="chunked")
        for start in range(0, len(data), 70_000):
            piece = data[start : start + 70_000]
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if whole:
            handler.wfile.write(b"0\r\n\r\n")
        else:
            handler.close_connection = True

    return answer


def without_length(data: bytes) -> Behaviour:
    """Its end is the connection's, as HTTP/1.0 does that."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.begin(200, Content_Type="image/jpeg", Connection="close")
        handler.wfile.write(data)

    return answer


def further(handler: Handler) -> None:
    """A redirect to another place each time."""
    more = "x" if "?" in handler.path else "?x"
    handler.whole(302, b"", Location=handler.path + more)


def hung_up(handler: Handler) -> None:
    """Closes the connection without a word."""
    handler.close_connection = True


def endless(handler: Handler) -> None:
    """A body without a length that never ends."""
    handler.close_connection = True
    handler.begin(200, Content_Type="image/jpeg")
    while not handler.web.stopping.is_set():
        handler.wfile.write(b"\xff\xd8" + bytes(65536))


def packed(data: bytes, encoding: str = "gzip", share: float = 1.0) -> Behaviour:
    """Compressed, although nobody asked for that; maybe cut off."""
    made = gzip.compress(data) if encoding == "gzip" else zlib.compress(data)
    sent = made[: int(len(made) * share)]
    return lambda handler: handler.whole(200, sent, Content_Encoding=encoding)


def bomb(size: int) -> Behaviour:
    """A body of a thousandth of this size that unpacks to it."""
    made = gzip.compress(b"\xff\xd8" + bytes(size))
    return lambda handler: handler.whole(200, made, Content_Encoding="gzip")


def raw(data: bytes) -> Behaviour:
    """These very bytes instead of HTTP."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(data)

    return answer


def just_changed(data: bytes) -> Behaviour:
    """Its Last-Modified is now, and there is no ETag."""

    def answer(handler: Handler) -> None:
        moment = formatdate(time.time(), usegmt=True)
        handler.whole(200, data, Content_Type="image/jpeg", Last_Modified=moment)

    return answer
