"""A run: what is read, decoded and described, from pictures to results in their order."""

from collections.abc import Iterable, Iterator, Sequence

from cbir.images import MAX_PIXELS, decode
from cbir.images.transforms import ORIGINAL
from cbir.pipeline.ahead import in_order, task_size
from cbir.pipeline.assembly import Assembly, Described, Failed
from cbir.pipeline.batching import Queue, checked
from cbir.pipeline.jobs import jobs_of
from cbir.pipeline.kept import Kept
from cbir.pipeline.memory import Memory
from cbir.pipeline.reading import Reader
from cbir.pipeline.settings import Settings
from cbir.recipe import AnyRecipe
from cbir.store import Store
from cbir.types import Picture, Source, Vectors

MEMORY = 512 << 20
"""How many bytes of encoded and decoded pictures are in work at a time, about."""


def describe(
    source: Source,
    pictures: Iterable[Picture],
    recipes: Sequence[AnyRecipe],
    settings: Settings,
    store: Store | None = None,
    transforms: Sequence[str] = (ORIGINAL,),
    contents: dict[str, bytes] | None = None,
) -> Iterator[Described | Failed]:
    """Describes pictures by every recipe, reading each once and decoding it once a scale.

    What `store` has is not made again; what is made is put into it. `contents` takes down the
    SHA-256 of each picture's bytes, by id.
    """
    jobs = jobs_of(recipes, transforms)
    kept = Kept(store, source, jobs, settings)
    assemblies = [Assembly(i, recipe, transforms, jobs) for i, recipe in enumerate(recipes)]
    queues = [Queue(job, settings.batch_size, kept) for job in jobs]
    digests = store is not None or contents is not None
    reader = Reader(source, jobs, kept, settings.max_pixels, Memory(MEMORY), digests)
    work = kept.plan(pictures, task_size(reader, pictures, settings.threads))
    for task in in_order(reader, work, settings.threads):
        kept.saw(task.seen)
        if contents is not None:
            contents |= {e.id: e.content for e in task.entries[0] if e.content is not None}
        for failure in task.failed:
            yield Failed(None, [failure])
        for queue, entries in zip(queues, task.entries, strict=True):
            for made in queue.add(entries):
                for assembly in assemblies:
                    yield from assembly.take(made)
        reader.memory.release(task.held)
    for queue in queues:
        for made in queue.flush():
            for assembly in assemblies:
                yield from assembly.take(made)


def describe_one(data: bytes, recipe: AnyRecipe, max_pixels: int = MAX_PIXELS) -> Vectors:
    """The vector (1, d) of one encoded picture, made as an index's are; BadPicture if none."""
    made = []
    for part in recipe.parts:
        item = part.prepare(decode(data, part.pixels, max_pixels=max_pixels))
        made.append(checked(part, part.describe([item]), 1))
    return recipe.combine(made)
