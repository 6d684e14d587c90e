"""How to download."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Web:
    """How to download. Times are in seconds, sizes in bytes.

    `allow_local`: file:// URLs, and addresses of this machine and of private networks.
    `timeout`: for one picture with its redirects; time spent waiting for a turn does not count.
    `silence`: for a connection, and between two pieces of an answer.
    `tries`: requests in all, for what may go better another time; `pause` before the second one,
    doubled each time. `largest`: a picture, packed or unpacked. `rate`: requests a second in all,
    tries and redirects included; None: as many as there are connections for. `longest_wait`: for a
    server that asks to be left alone; one that asks for more is not asked again.
    """

    connections: int = 16
    allow_local: bool = False
    timeout: float = 60.0
    silence: float = 15.0
    tries: int = 3
    per_host: int = 6
    pause: float = 1.0
    largest: int = 100 << 20
    rate: float | None = None
    longest_wait: float = 60.0

    def in_a_hurry(self) -> "Web":
        """The same for somebody who waits and can do without: one short try."""
        return replace(self, timeout=20, silence=5, tries=1, longest_wait=2)
