"""From a source to prepared pictures: what one thread does with a task."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from cbir.errors import BadPicture, CbirError
from cbir.images import Header, check_size, decode, has_white_border, read_header, working_bytes
from cbir.images.transforms import ORIGINAL, TRANSFORMS
from cbir.pipeline.batching import reason
from cbir.pipeline.jobs import Entry, Job, Seen, Task, Wanted
from cbir.pipeline.kept import Kept
from cbir.pipeline.memory import Memory
from cbir.types import Failure, Fetched, Image, Picture, Source

SMALL = 4 << 20
"""Decoding that takes less is not counted: a thread decodes one picture at a time."""

TINY = 64 << 10
"""Prepared pictures that are smaller are not counted: tasks in work are few, and so are these."""

Fetch = Callable[[Picture, str, Callable[[int], None]], Fetched | None]
Decoded = dict[int | None, Image]  # by the short side that was asked for


class Reader:
    """Reads, decodes and prepares pictures, in any thread.

    Python's part in this is kept small: while one thread is in it, the others wait.
    """

    def __init__(
        self,
        source: Source,
        jobs: Sequence[Job],
        kept: Kept,
        max_pixels: int,
        memory: Memory,
        digests: bool,
    ):
        self.source, self.jobs, self.kept = source, jobs, kept
        self.max_pixels, self.memory, self.digests = max_pixels, memory, digests
        self.fetch: Fetch | None = getattr(source, "fetch", None)
        self.connections: int = getattr(source, "connections", 0)

    def run(self, number: int, wanted: Sequence[Wanted]) -> Task:
        task = Task(len(self.jobs))
        for one in wanted:
            try:
                self._one(number, one, task)
            except BadPicture as error:
                task.failed.append(Failure(one.picture.id, str(error)))
        return task

    def close(self) -> None:
        """Ends what the source is being asked for; it may be asked again later."""
        close = getattr(self.source, "close", None)
        if close is not None:
            close()

    def _one(self, number: int, wanted: Wanted, task: Task) -> None:
        held: list[int] = []
        try:
            fetched = self._fetched(number, wanted, held)
            if fetched is None:
                task.add_ready(wanted.picture.id, wanted.content, wanted.vectors)
            else:
                self._look_at(number, wanted, *fetched, task)
        finally:
            self.memory.release(sum(held))

    def _fetched(
        self, number: int, wanted: Wanted, held: list[int]
    ) -> tuple[Picture, bytes] | None:
        """The picture, with the stamp of its bytes; None if it has not changed since it was known.

        What large ones take of the budget on their way is added to `held`.
        """
        picture = wanted.picture
        if self.fetch is None:
            return picture, self.source.read(picture)

        def room(size: int) -> None:
            self.memory.acquire(number, size)
            held.append(size)

        fetched = self.fetch(picture, wanted.stamp if wanted.has_all() else "", room)
        return None if fetched is None else (Picture(picture.id, fetched.stamp), fetched.data)

    def _look_at(
        self, number: int, wanted: Wanted, picture: Picture, data: bytes, task: Task
    ) -> None:
        """Takes down what is known of these bytes, and prepares what is not."""
        header = read_header(data)
        check_size(header, self.max_pixels)
        content, vectors = None, wanted.vectors
        if self.digests:
            content = sha256(data).digest()
            before = vectors if content == wanted.content else self.kept.none
            vectors = self.kept.find(content, before)
        missing = [j for j, vector in zip(self.jobs, vectors, strict=True) if vector is None]
        items: dict[int, Any] = {}
        white = None
        if missing:
            items, white = self._items(number, data, header, missing, task)
        known = content == wanted.content and wanted.stamp in ("", picture.stamp)
        if content is not None and not known:
            task.seen.append(Seen(picture, content, header.pixels, white))
        for job, vector in zip(self.jobs, vectors, strict=True):
            entry = Entry(picture.id, content, None, vector)
            if vector is None:
                made = items[job.number]
                if isinstance(made, Exception):
                    entry.reason = reason(job.recipe, made)
                else:
                    entry.item = made
            task.entries[job.number].append(entry)

    def _items(
        self, number: int, data: bytes, header: Header, jobs: Sequence[Job], task: Task
    ) -> tuple[dict[int, Any], bool | None]:
        """What these jobs prepare of a picture, within the budget; and if its border is white."""
        scales = {job.recipe.pixels for job in jobs}
        needed = len(data) + max(working_bytes(header, pixels) for pixels in scales)
        if needed < SMALL:
            needed = 0
        self.memory.acquire(number, needed)
        held, kept = needed, 0
        try:
            images = self._decoded(data, header, scales)
            image = next(iter(images.values()))
            white = has_white_border(image) if self.kept.remembers else None
            items = _prepared(images, jobs)
            kept = sum(getattr(item, "nbytes", 0) for item in items.values())
            kept = kept if kept >= TINY else 0
            if kept > held:
                self.memory.acquire(number, kept - held)
                held = kept
            return items, white
        except MemoryError:
            size = f"{header.width}×{header.height}"
            raise BadPicture(f"not enough memory for {size} pixels") from None
        finally:
            self.memory.release(held - kept)
            task.held += kept

    def _decoded(self, data: bytes, header: Header, scales: Iterable[int | None]) -> Decoded:
        images = {
            pixels: decode(data, pixels, max_pixels=self.max_pixels, header=header)
            for pixels in sorted(scales, key=lambda pixels: pixels or 0)
        }
        for image in images.values():
            image.flags.writeable = False  # several recipes may look at it
        return images


def _prepared(images: Mapping[int | None, Image], jobs: Sequence[Job]) -> dict[int, Any]:
    """By job, what it prepares of the picture, or the exception that it raised."""
    turned: dict[tuple[int | None, str], Image] = {}
    items: dict[int, Any] = {}
    for job in jobs:
        key = job.recipe.pixels, job.transform
        if key not in turned:
            turned[key] = TRANSFORMS[job.transform](images[job.recipe.pixels])
            turned[key].flags.writeable = False
        try:
            items[job.number] = job.recipe.prepare(turned[key], job.transform == ORIGINAL)
        except MemoryError:
            raise
        except Exception as error:  # a plug-in may raise anything; the run must go on
            if isinstance(error, CbirError) and not isinstance(error, BadPicture):
                raise
            items[job.number] = error
    return items
