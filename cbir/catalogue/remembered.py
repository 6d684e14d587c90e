"""What the feature store tells of pictures that were just described, besides their vectors."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from cbir.errors import BadPicture, BadStore
from cbir.images import decode, has_white_border
from cbir.images.transforms import TRANSFORMS
from cbir.pipeline import Progress, Settings
from cbir.recipe import AnyRecipe
from cbir.store import Store
from cbir.types import Picture, Source, Vectors
from cbir.vector_index import VectorIndex

AT_ONCE = 256  # pictures that are judged between two reports of progress

Answer = TypeVar("Answer")


def with_transforms(
    index: VectorIndex,
    source: Source,
    recipe: AnyRecipe,
    settings: Settings,
    store: Store | None,
) -> VectorIndex | None:
    """The same pictures with every transform, if the store holds all of all of them.

    They were described just now, so that neither files nor servers need be asked again.
    """
    ids, names = index.pictures, sorted(TRANSFORMS)

    def ask(store: Store) -> Vectors | None:
        contents = _contents(store, source, ids)
        distinct = list(set(contents.values()))
        if len(contents) < len(ids) or not _all_described(store, recipe, distinct):
            return None
        return _rows(store, recipe, [contents[id] for id in ids], distinct)

    rows = _ask(store, settings, ask, None) if ids else None
    if rows is None or rows.shape[2] != index.dim:
        return None
    return VectorIndex(
        ids=[id for id in ids for _ in names],
        vectors=rows.reshape(-1, index.dim),
        spec=index.spec,
        distance=index.distance,
        root=index.root,
        transforms=names * len(ids),
    )


def _all_described(store: Store, recipe: AnyRecipe, contents: Sequence[bytes]) -> bool:
    return all(
        len(store.described(part.spec, transform, contents)) == len(contents)
        for part in recipe.parts
        for transform in TRANSFORMS
    )


def _rows(
    store: Store, recipe: AnyRecipe, contents: Sequence[bytes], distinct: Sequence[bytes]
) -> Vectors | None:
    """A row a picture and transform (n, t, d); None if some can't be had after all."""
    rows = []
    for transform in sorted(TRANSFORMS):
        parts = []
        for part in recipe.parts:
            found = store.vectors(part.spec, transform, distinct)
            if len(found) < len(distinct) or len({len(vector) for vector in found.values()}) > 1:
                return None
            parts.append(np.stack([found[content] for content in contents]))
        rows.append(recipe.combine(parts))
    return np.stack(rows, axis=1)


def white_bordered(
    source: Source,
    ids: Sequence[str],
    recipe: AnyRecipe,
    settings: Settings,
    store: Store | None,
    progress: Progress = lambda done, total: None,
) -> set[str]:
    """Those of these pictures that have a white border. What can't be read any more has none.

    What the store does not know is judged at the scale that the recipe decodes, as a run does it.
    """

    def ask(store: Store) -> dict[str, bool]:
        contents = _contents(store, source, ids)
        white = store.white(list(set(contents.values())))
        return {id: white[content] for id, content in contents.items() if content in white}

    known = _ask(store, settings, ask, dict[str, bool]())
    white = {id for id, is_white in known.items() if is_white}
    left = [id for id in ids if id not in known]
    pixels = min((part.pixels for part in recipe.parts), key=lambda pixels: pixels or 0)
    judge = _judge(source, pixels, settings.max_pixels)
    with ThreadPoolExecutor(settings.threads, "cbir-white") as pool:
        for start in range(0, len(left), AT_ONCE):
            some = left[start : start + AT_ONCE]
            judged = zip(some, pool.map(judge, some), strict=True)
            white.update(id for id, is_white in judged if is_white)
            progress(len(known) + start + len(some), len(ids))
    return white


def _contents(store: Store, source: Source, ids: Sequence[str]) -> dict[str, bytes]:
    """The digests of these pictures' bytes, as they were read or found unchanged just now."""
    origin: str | None = getattr(source, "origin", None)
    if origin is None:
        return {}
    return {id: content for id, (_, content) in store.remembered(origin, ids).items()}


def _ask(
    store: Store | None, settings: Settings, question: Callable[[Store], Answer], instead: Answer
) -> Answer:
    """What the store says; `instead` without one, or if it may fail and does."""
    if store is None:
        return instead
    try:
        return question(store)
    except BadStore as error:
        if settings.without_store is None:
            raise
        settings.without_store(error)
        return instead


def _judge(source: Source, pixels: int | None, max_pixels: int) -> Callable[[str], bool]:
    def judge(id: str) -> bool:
        try:
            data = source.read(Picture(id, ""))
            return has_white_border(decode(data, pixels, max_pixels=max_pixels))
        except BadPicture:
            return False

    return judge
