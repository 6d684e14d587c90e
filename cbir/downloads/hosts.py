"""Whose turn it is: how many requests go out at a time, and which servers are left alone."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cbir.downloads.settings import Web
from cbir.downloads.trouble import STOPPED
from cbir.errors import BadPicture

GIVE_UP = 20
"""Pictures in a row without any answer, after which a server is not asked any more: at most of a
minute each, a long table of them would take days."""


@dataclass
class _Host:
    busy: int = 0
    not_before: float = 0.0
    silent: int = 0


class Hosts:
    """Gives turns to threads that want to send a request."""

    def __init__(self, web: Web):
        self.web, self.busy, self.stopped = web, 0, False
        self.changed = threading.Condition()
        self.hosts: defaultdict[str, _Host] = defaultdict(_Host)
        self.next = 0.0  # when the next request may go out, where their rate is limited

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """Waits until a request to this host may go out; BadPicture if none should."""
        host = self.hosts[name]
        with self.changed:
            while (wait := self._wait(host)) is not None:
                self.changed.wait(wait or None)
            self._count(name, 1)
            if self.web.rate:
                self.next = max(self.next, time.monotonic()) + 1 / self.web.rate
        try:
            yield
        finally:
            self._count(name, -1)

    def sleep(self, seconds: float) -> None:
        """Waits, unless all is stopped."""
        with self.changed:
            self.changed.wait_for(lambda: self.stopped, seconds)

    def leave_alone(self, name: str, seconds: float) -> None:
        """No request goes to this host for so long, as it asked."""
        with self.changed:
            host = self.hosts[name]
            host.not_before = max(host.not_before, time.monotonic() + seconds)

    @contextmanager
    def turn_lent(self, name: str) -> Iterator[None]:
        """Lets another go ahead while the owner of a turn waits for something else."""
        self._count(name, -1)
        try:
            yield
        finally:
            self._count(name, 1)

    def heard(self, name: str, anything: bool) -> None:
        """Takes down an answer, or that all tries for a picture ended without any."""
        with self.changed:
            host = self.hosts[name]
            host.silent = 0 if anything else host.silent + 1

    def stop(self) -> None:
        with self.changed:
            self.stopped = True
            self.changed.notify_all()

    def _count(self, name: str, change: int) -> None:
        with self.changed:
            self.busy += change
            self.hosts[name].busy += change
            self.changed.notify_all()

    def _wait(self, host: _Host) -> float | None:
        """Seconds to wait, 0 for as long as it takes, None if it is one's turn."""
        if self.stopped:
            raise BadPicture(STOPPED)
        if host.silent >= GIVE_UP:
            raise BadPicture(f"its server did not answer for {GIVE_UP} others and is left alone")
        wait = host.not_before - time.monotonic()
        if wait > self.web.longest_wait:
            raise BadPicture(f"its server asks to be left alone for {wait:.0f} seconds")
        if wait > 0:
            return wait
        free = self.busy < self.web.connections and host.busy < self.web.per_host
        if not free:
            return 0.0
        early = self.next - time.monotonic()
        return early if early > 0 else None
