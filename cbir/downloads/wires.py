"""Connections that go to checked addresses only, keep to a deadline, and can be cut."""

import math
import queue
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpcore

from cbir.downloads.addresses import is_public
from cbir.downloads.trouble import STOPPED, Again, TooSlow, not_public
from cbir.errors import BadPicture

Lookup = Callable[..., list[Any]]
"""As socket.getaddrinfo."""

NAP = 0.1  # seconds between two looks at whether to stop, while a name is resolved


class Clock(threading.local):
    """Until when the thread that asks may go on with its picture."""

    ends = math.inf

    def start(self, seconds: float) -> None:
        self.ends = time.monotonic() + seconds

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is waited for in here is nobody's fault."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.ends += time.monotonic() - began

    def left(self, at_most: float | None = None) -> float:
        """Seconds left, and no more than these; TooSlow if there are none."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TooSlow("its server sent it too slowly")
        return left if at_most is None else min(left, at_most)


class Wires(httpcore.NetworkBackend):
    """Opens connections for httpcore. A name is resolved once for each, and checked as resolved."""

    def __init__(self, allow_local: bool, lookup: Lookup):
        self.allow_local, self.lookup = allow_local, lookup
        self.clock = Clock()
        self.lock = threading.Lock()
        self.open: set[socket.socket] = set()
        self.stopped = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        found = self._resolved(host, port, self.clock.left(timeout))
        for _, _, _, _, address in found:
            if not self.allow_local and not is_public(address[0]):
                raise not_public(address[0])
        ends = time.monotonic() + self.clock.left(timeout)
        why: OSError | None = None
        for number, (family, kind, protocol, _, address) in enumerate(found):
            # One address that swallows everything must not take the others' time.
            share = (ends - time.monotonic()) / (len(found) - number)
            try:
                return Wire(self, self._connected(family, kind, protocol, address, share))
            except OSError as error:
                why = error
        if isinstance(why, TimeoutError):
            raise Again("its server does not answer", unanswered=True) from why
        words = (why.strerror or str(why)).lower() if why else "no address"
        raise Again(f"no connection to its server: {words}", unanswered=True) from why

    def cut(self) -> None:
        """Ends all connections, whoever is waiting for something to come by them."""
        with self.lock:
            self.stopped = True
            for one in self.open:
                with suppress(OSError):
                    socket.socket.shutdown(one, socket.SHUT_RDWR)

    def keep(self, new: socket.socket, old: socket.socket | None = None) -> None:
        with self.lock:
            self.open.discard(old or new)
            self.open.add(new)
            stopped = self.stopped
        if stopped:
            self.drop(new)
            raise BadPicture(STOPPED)

    def drop(self, one: socket.socket) -> None:
        with self.lock:
            self.open.discard(one)
        one.close()

    def _connected(
        self, family: int, kind: int, protocol: int, address: Any, seconds: float
    ) -> socket.socket:
        one = socket.socket(family, kind, protocol)
        self.keep(one)
        try:
            one.settimeout(max(seconds, 0.01))
            one.connect(address)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            self.drop(one)
            raise
        return one

    def _resolved(self, host: str, port: int, seconds: float) -> list[Any]:
        """What a name resolves to. A thread of its own asks: resolvers know no deadline."""
        answers: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self.lookup(host, port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        threading.Thread(target=ask, name="cbir-resolve", daemon=True).start()
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0 and not self.stopped:
            with suppress(queue.Empty):
                answer = answers.get(timeout=min(left, NAP))
                break
        else:
            raise Again("its server's name is not resolved in time", unanswered=True)
        if isinstance(answer, socket.gaierror) and answer.errno == socket.EAI_AGAIN:
            raise Again("the name does not resolve", unanswered=True) from answer
        if isinstance(answer, Exception) or not answer:
            raise BadPicture("the name does not resolve")
        return answer


class Wire(httpcore.NetworkStream):
    """One connection. Whatever is waited for, the clock of the thread that waits goes on."""

    def __init__(self, wires: Wires, one: socket.socket):
        self.wires, self.socket = wires, one

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.socket.settimeout(self.wires.clock.left(timeout))
        try:
            return self.socket.recv(max_bytes)
        except TimeoutError as error:
            self.wires.clock.left()
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.socket.settimeout(self.wires.clock.left(timeout))
        try:
            self.socket.sendall(buffer)
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self.wires.drop(self.socket)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        try:
            self.socket.settimeout(self.wires.clock.left(timeout))
            secure = ssl_context.wrap_socket(self.socket, server_hostname=server_hostname)
        except (OSError, ValueError) as error:
            self.close()
            if isinstance(error, ssl.SSLCertVerificationError):
                words = error.verify_message.lower()
                raise BadPicture(f"its server's certificate is not valid: {words}") from error
            raise Again("no secure connection to its server", unanswered=True) from error
        except BaseException:
            self.close()
            raise
        self.wires.keep(secure, self.socket)
        return Wire(self.wires, secure)

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object" and isinstance(self.socket, ssl.SSLSocket):
            return self.socket
        if info == "is_readable":  # an idle connection that is has been closed by the server
            with selectors.DefaultSelector() as selector:
                selector.register(self.socket, selectors.EVENT_READ)
                return bool(selector.select(0))
        return self.socket if info == "socket" else None
