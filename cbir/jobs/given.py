"""What jobs are given: data sets to describe, files that ask, a store."""

import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

from cbir.downloads import Web
from cbir.errors import BadSource
from cbir.images.transforms import ORIGINAL, TRANSFORMS
from cbir.pipeline import Described, Gathered, Settings, describe, gather
from cbir.recipe import AnyRecipe
from cbir.sources import Files, open_dataset
from cbir.store import Store
from cbir.types import Vectors

PathLike = str | os.PathLike[str]
Encoded = bytes | bytearray | memoryview
Several = PathLike | Encoded | Sequence[PathLike | Encoded]
"""A file, a folder, a picture's encoded bytes, or some of these."""


def several(texts: str | Sequence[str]) -> Sequence[str]:
    """One text is a list of one, not of its letters."""
    return [texts] if isinstance(texts, str) else texts


def gathered(
    dataset: PathLike,
    recipe: AnyRecipe,
    augment: bool,
    store: PathLike | None,
    allow_local: bool,
) -> Gathered:
    """A whole data set; BadSource if nothing of it could be described."""
    transforms = tuple(TRANSFORMS) if augment else (ORIGINAL,)
    source = open_dataset(os.fspath(dataset), Web(allow_local=allow_local))
    with opened(store) as kept:
        made = gather(source, [recipe], Settings(), kept, transforms)
        if kept is not None and source.complete:
            kept.finish(source.origin, [picture.id for picture in made.pictures])
    if not len(made.indexes[0]):
        first = f" ({made.failures[0].id}: {made.failures[0].reason})" if made.failures else ""
        raise BadSource(f"nothing could be described in {dataset}{first}")
    return made


def files_of(queries: Several) -> Files:
    """The pictures that these name; bytes go by the name `query`, the second ones by `query-2`."""
    if isinstance(queries, str | os.PathLike | Encoded):
        queries = [queries]
    names, given = list[str](), dict[str, bytes]()
    queries = list(queries)
    taken = {os.fspath(query) for query in queries if isinstance(query, str | os.PathLike)}
    for number, query in enumerate(queries, start=1):
        if isinstance(query, Encoded):
            name = "query" if number == 1 else f"query-{number}"
            while name in taken:
                name += "-bytes"
            names.append(name)
            given[name] = bytes(query)
        elif isinstance(query, str | os.PathLike):
            names.append(os.fspath(query))
        else:
            raise BadSource(
                f"a query is a file or a picture's encoded bytes, and not {type(query).__name__}; "
                "cv2.imencode makes bytes of an array"
            )
    return Files(names, given)


def described(
    files: Files, recipe: AnyRecipe, store: PathLike | None
) -> Iterator[tuple[str, Vectors | str]]:
    """Each file's vector (1, d), or why it has none."""
    pictures = list(files.pictures())
    with opened(store) as kept:
        for result in describe(files, pictures, [recipe], Settings(), kept):
            if isinstance(result, Described):
                for name, vector in zip(result.ids, result.vectors, strict=True):
                    yield name, vector[None]
            else:
                yield from result.failures


def opened(store: PathLike | None) -> Store | nullcontext[None]:
    return nullcontext() if store is None else Store.open(Path(store))
