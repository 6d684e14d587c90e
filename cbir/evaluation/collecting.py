"""The vectors of one side, by every descriptor, for the pictures that all of them can do."""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

import numpy as np

from cbir.errors import BadPicture, BadSource
from cbir.evaluation.relevance import Sides
from cbir.evaluation.report import thumbnail
from cbir.images import decode
from cbir.pipeline import Described, Progress, Settings, describe
from cbir.recipe import AnyRecipe, Recipe
from cbir.store import Store
from cbir.types import Failure, Picture, Source, Vectors

SHOWN = 144  # pixels, of a picture in the report


class Collected:
    """One side of a comparison: vectors by each part of the recipes, and digests of the bytes.

    Sums are put together when they are asked for, so that any weights can be. Vectors wait in
    files without a name, of which nothing is left.
    """

    def __init__(self, pictures: Sequence[Picture], parts: Sequence[Recipe]):
        self.pictures, self.failures = pictures, list[Failure]()
        self.contents: dict[str, bytes] = {}
        self._rows = {part.spec: _Rows() for part in parts}

    @property
    def ids(self) -> list[str]:
        """The pictures that every descriptor could do, sorted."""
        return sorted(set.intersection(*(set(rows.numbers) for rows in self._rows.values())))

    def add(self, spec: str, ids: Sequence[str], vectors: Vectors) -> None:
        self._rows[spec].add(ids, vectors)

    def vectors(self, recipe: AnyRecipe, ids: Sequence[str]) -> Vectors:
        """The vectors (n, d) of these pictures by a recipe whose parts were all described."""
        return recipe.combine([self._rows[part.spec].of(ids) for part in recipe.parts])

    def close(self) -> None:
        for rows in self._rows.values():
            rows.file.close()


class _Rows:
    """Vectors in a nameless file, and where each picture's is."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with its owner
        self.numbers: dict[str, int] = {}
        self.dim = 0

    def add(self, ids: Sequence[str], vectors: Vectors) -> None:
        self.numbers |= {id: len(self.numbers) + place for place, id in enumerate(ids)}
        self.dim = vectors.shape[1]
        self.file.write(np.ascontiguousarray(vectors).data)

    def of(self, ids: Sequence[str]) -> Vectors:
        self.file.flush()
        shape = len(self.numbers), self.dim
        stored = np.memmap(self.file, np.float32, "r", shape=shape)
        return np.asarray(stored[[self.numbers[id] for id in ids]])


def parts_of(recipes: Iterable[AnyRecipe]) -> list[Recipe]:
    """What has to be described for all of them, each once."""
    return list({part.spec: part for recipe in recipes for part in recipe.parts}.values())


def collect(
    source: Source,
    pictures: Sequence[Picture],
    recipes: Sequence[AnyRecipe],
    settings: Settings,
    store: Store | None,
    progress: Progress,
) -> Collected:
    """Describes all pictures by all recipes, each picture read once; BadSource if none can be."""
    parts = parts_of(recipes)
    side = Collected(pictures, parts)
    # The bytes of edits, which have no origin, are nobody else's.
    contents = side.contents if getattr(source, "origin", None) is not None else None
    done = 0
    for result in describe(source, pictures, parts, settings, store, contents=contents):
        if isinstance(result, Described):
            side.add(parts[result.recipe].spec, result.ids, result.vectors)
            done += len(result.ids) if result.recipe == 0 else 0
        else:
            side.failures += result.failures
            done += len(result.failures) if result.recipe in (None, 0) else 0
        progress(done, len(pictures))
    failures = [*source.failures, *side.failures]
    if failures and not side.ids:
        side.close()
        id, reason = min(failures)
        raise BadSource(f"no picture can be used: {id}: {reason}")
    return side


def sides_of(gallery: Source, asking: Source, searched: Collected, asks: Collected) -> Sides:
    """Both sides by id, with what is known of their bytes."""
    failed = {id for some in (searched, asks) for id, _ in some.failures}
    contents = asks.contents, searched.contents
    return Sides(asks.ids, searched.ids, asking is gallery, *contents, failed)


def thumbnails(
    source: Source | None, shown_as: Mapping[str, str] | None = None
) -> Callable[[str], bytes | None]:
    """Small JPEGs of a source's pictures, by id, or by the item that one is shown for.

    Only of those that a walk offers: a stranger's run may name any file.
    """
    offered = {picture.id for picture in source.pictures()} if source is not None else set()

    def show(id: str) -> bytes | None:
        id = (shown_as or {}).get(id, id)
        if source is not None and id in offered:
            with suppress(BadPicture, LookupError):  # gone by now
                return thumbnail(decode(source.read(Picture(id, "")), SHOWN))
        return None

    return show
