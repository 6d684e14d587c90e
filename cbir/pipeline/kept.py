"""What a run takes from the feature store, and gives to it. Without a store: nothing."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice

from cbir.pipeline.jobs import Job, Seen, Task, Wanted
from cbir.store import Store
from cbir.types import Picture, Source, Vectors

LOOKUP_BYTES = 16 << 20
LOOKUP_MOST = 1024
LONG = 1 << 17  # values of a vector whose length can't be told in advance, at most, we hope


class Kept:
    """The store as one run's jobs see it.

    A source that is only a handful of named files has no `origin`: its pictures are known by
    their content alone, and nothing is remembered of them.
    """

    def __init__(self, store: Store | None, source: Source, jobs: Sequence[Job]):
        self.store, self.jobs = store, jobs
        self.origin: str | None = getattr(source, "origin", None)
        self.none: tuple[None, ...] = (None,) * len(jobs)
        self.dims = [job.recipe.dim for job in jobs]

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
                for picture, content, vectors in run:
                    ready.add_ready(picture.id, content, vectors)
                yield ready

    def find(self, content: bytes, vectors: Sequence[Vectors | None]) -> list[Vectors | None]:
        """The same vectors with what the store has for those that are missing. In any thread."""
        return [
            self.described(job, [content]).get(content) if vector is None else vector
            for job, vector in zip(self.jobs, vectors, strict=True)
        ]

    def described(self, job: Job, contents: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Those of these contents that have a vector already, from this run or an earlier one."""
        if self.store is None:
            return {}
        found = self.store.vectors(job.recipe.spec, job.transform, contents)
        if self.dims[job.number] is None and found:
            self.dims[job.number] = len(next(iter(found.values())))
        # Of another length they are not this descriptor's, whatever the store says.
        return {c: v for c, v in found.items() if len(v) == self.dims[job.number]}

    def saw(self, seen: Sequence[Seen]) -> None:
        """Remembers which bytes these pictures have."""
        if seen and self.store is not None and self.origin is not None:
            pictures, contents, white = zip(*seen, strict=True)
            self.store.saw(self.origin, pictures, contents, white)

    def add(self, job: Job, contents: Sequence[bytes], vectors: Vectors) -> None:
        if self.store is not None:
            self.store.add(job.recipe.spec, job.transform, contents, vectors)

    def _known(self, pictures: Sequence[Picture]) -> Iterator[Wanted]:
        """Each picture with its content and vectors, as far as they are known by its stamp."""
        contents: dict[str, bytes] = {}
        if self.store is not None and self.origin is not None:
            contents = self.store.known(self.origin, pictures)
        distinct = list(set(contents.values()))
        found = [self.described(job, distinct) if distinct else {} for job in self.jobs]
        for picture in pictures:
            content = contents.get(picture.id)
            if content is None:
                yield Wanted(picture, None, self.none)
            else:
                yield Wanted(picture, content, [vectors.get(content) for vectors in found])
