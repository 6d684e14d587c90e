"""What a run takes from the feature store, and gives to it. Without a store: nothing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import TypeVar

from cbir.errors import BadPicture, BadStore
from cbir.pipeline.jobs import Job, Seen, Task, Wanted
from cbir.pipeline.settings import Settings
from cbir.store import Store
from cbir.types import Picture, Source, Vectors

LOOKUP_BYTES = 16 << 20
LOOKUP_MOST = 1024
Answer = TypeVar("Answer")

LONG = 1 << 17  # values of a vector whose length can't be told in advance, at most, we hope


class Kept:
    """The store as one run's jobs see it.

    A source that is only a handful of named files has no `origin`: its pictures are known by
    their content alone, and nothing is remembered of them.
    """

    def __init__(
        self, store: Store | None, source: Source, jobs: Sequence[Job], settings: Settings
    ):
        self.store, self.jobs, self.settings = store, jobs, settings
        self.origin: str | None = getattr(source, "origin", None)
        self.stamp: Callable[[Picture], str] | None = getattr(source, "stamp", None)
        self.asks = hasattr(source, "fetch")
        self.none: tuple[None, ...] = (None,) * len(jobs)
        self.dims = [job.recipe.dim for job in jobs]

    @property
    def remembers(self) -> bool:
        """Whether it is of use to tell which bytes a picture has."""
        return self.store is not None and not self.store.read_only and self.origin is not None

    def plan(self, pictures: Iterable[Picture], size: int) -> Iterator[Task | list[Wanted]]:
        """In order: what is ready, as tasks that are done, and what has to be read, by `size`."""
        remaining = iter(pictures)
        row_bytes = 4 * sum(dim or LONG for dim in self.dims)
        at_once = max(1, min(LOOKUP_MOST, LOOKUP_BYTES // row_bytes))
        while some := list(islice(remaining, at_once)):
            for complete, run in groupby(self._known(some), Wanted.is_complete):
                if not complete:
                    while wanted := list(islice(run, size)):
                        yield wanted
                    continue
                ready = Task(len(self.jobs))
                for one in run:
                    ready.add_ready(one.picture.id, one.content, one.vectors)
                yield ready

    def find(self, content: bytes, vectors: Sequence[Vectors | None]) -> list[Vectors | None]:
        """The same vectors with what the store has for those that are missing. In any thread."""
        return [
            self.described(job, [content]).get(content) if vector is None else vector
            for job, vector in zip(self.jobs, vectors, strict=True)
        ]

    def described(self, job: Job, contents: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Those of these contents that have a vector already, from this run or an earlier one."""
        spec, transform = job.recipe.spec, job.transform
        found: dict[bytes, Vectors] = {}
        found = self._ask(lambda store: store.vectors(spec, transform, contents), found)
        if self.dims[job.number] is None and found:
            self.dims[job.number] = len(next(iter(found.values())))
        # Of another length they are not this descriptor's, whatever the store says.
        return {c: v for c, v in found.items() if len(v) == self.dims[job.number]}

    def saw(self, seen: Sequence[Seen]) -> None:
        """Remembers which bytes these pictures have."""
        origin = self.origin
        if not seen or not self.remembers or origin is None:
            return
        read, contents, pixels, white = zip(*seen, strict=True)
        pictures = [self._as_read(picture) for picture in read]
        self._ask(lambda store: store.saw(origin, pictures, contents, white, pixels), None)

    def add(self, job: Job, contents: Sequence[bytes], vectors: Vectors) -> None:
        spec, transform = job.recipe.spec, job.transform
        self._ask(lambda store: store.add(spec, transform, contents, vectors), None)

    def _as_read(self, picture: Picture) -> Picture:
        """Without a stamp if it has changed since the walk: its bytes may be those of either."""
        try:
            same = self.stamp is None or self.stamp(picture) == picture.stamp
        except BadPicture:  # it is gone by now
            same = False
        return picture if same else Picture(picture.id, "")

    def _known(self, pictures: Sequence[Picture]) -> Iterator[Wanted]:
        """Each picture with its content and vectors, as far as they are known by its stamp."""
        seen = self._remembered(pictures)
        distinct = list({content for _, content in seen.values()})
        found = [self.described(job, distinct) if distinct else {} for job in self.jobs]
        large: set[bytes] = set()
        if distinct:
            limit = self.settings.max_pixels
            large = self._ask(lambda store: store.larger(distinct, limit), large)
        for picture in pictures:
            if picture.id not in seen:
                yield Wanted(picture, None, self.none)
                continue
            stamp, content = seen[picture.id]
            vectors = [some.get(content) for some in found]
            unsure = "" if picture.stamp else stamp
            yield Wanted(picture, content, vectors, content in large, unsure)

    def _remembered(self, pictures: Sequence[Picture]) -> dict[str, tuple[str, bytes]]:
        """Stamp and content of those whose stamp is as it was, or that can be asked for by it."""
        origin = self.origin
        if origin is None:
            return {}
        stamps = {p.id: p.stamp for p in pictures if p.stamp or self.asks}
        seen: dict[str, tuple[str, bytes]] = {}
        seen = self._ask(lambda store: store.remembered(origin, list(stamps)), seen)
        return {
            id: (stamp, content)
            for id, (stamp, content) in seen.items()
            if stamp and stamps[id] in ("", stamp)
        }

    def _ask(self, question: Callable[[Store], Answer], instead: Answer) -> Answer:
        """What the store says; `instead` without one, and from then on if it may fail and does."""
        store = self.store
        if store is None:
            return instead
        try:
            return question(store)
        except BadStore as error:
            if self.settings.without_store is None:
                raise
            if self.store is not None:  # else another thread has said so
                self.store = None
                self.settings.without_store(error)
            return instead
