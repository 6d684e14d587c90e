"""What crosses the borders between the rooms of this package."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""Decoded pixels: (height, width, 3), RGB, upright."""

Vectors = NDArray[np.float32]
"""(n, d), one row a picture."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One photo in a source. `stamp` changes when the photo does (size and time, or an ETag)."""

    id: str
    stamp: str


class Hit(NamedTuple):
    """One search result. Smaller distances are nearer, everywhere.

    `transform` says which of its rows in an augmented index made the picture this near.
    """

    id: str
    distance: float
    transform: str = "original"


class Failure(NamedTuple):
    """A picture that was left out, and why."""

    id: str
    reason: str


class Fetched(NamedTuple):
    """A picture's bytes. `stamp`: what its server knows them by; empty if it can't be asked so."""

    data: bytes
    stamp: str = ""


class Source(Protocol):
    """Where pictures come from.

    What a walk can't offer (an unreadable folder, a pipe named `.jpg`) is left in `failures`.

    Optional: `origin` names the source for the store, and `stamp(picture)` tells a stamp as it is
    now. A source whose pictures have to be asked for has `fetch(picture, stamp, room)`, which
    gives a `Fetched`, or None if the picture still is the one with that stamp; `connections`, how
    many it can ask for at a time; and `close()`, which ends what is under way.
    """

    failures: list[Failure]

    def pictures(self) -> Iterator[Picture]:
        """All pictures, sorted by id."""
        ...

    def read(self, picture: Picture) -> bytes:
        """The bytes of one picture; BadPicture when they can't be had."""
        ...


class Descriptor(Protocol):
    """A frozen dataclass whose fields are its settings.

    `distance` names its natural distance, `version` changes when its numbers do. `pixels` is the
    short side that it needs (None: all), so that a decoder may stop early.

    Optional: `prepare(image) -> array` makes, in a reader's thread, the small thing that is
    batched (without it, the image itself is); `dim` tells the length of a vector in advance.
    """

    distance: str
    version: int

    @property
    def pixels(self) -> int | None: ...

    def describe(self, batch: Sequence[Any]) -> Vectors:
        """The vectors of several prepared pictures; each depends on its own picture alone."""
        ...


@runtime_checkable
class Index(Protocol):
    """Vectors by id, with the spec that made them. Everything that takes an index takes these."""

    spec: str

    @property
    def ids(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def vectors(self, ids: Sequence[str]) -> Vectors:
        """The rows of these ids, in their order."""
        ...

    def rows(self) -> Iterator[tuple[Sequence[str], Vectors]]:
        """Everything, streamed: a piece of the ids and their rows at a time."""
        ...


class IndexWriter(Protocol):
    """Changes to an index that become visible together, at `commit`."""

    def upsert(self, ids: Sequence[str], vectors: Vectors) -> None: ...

    def delete(self, ids: Iterable[str]) -> None: ...

    def commit(self) -> object: ...


class Nearest(Protocol):
    """A way to find the nearest vectors: exact, approximate or somewhere else."""

    def search(self, vectors: Vectors, limit: int) -> list[list[Hit]]:
        """For each query row its nearest pictures, nearest first, ties by id."""
        ...
