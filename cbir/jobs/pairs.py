"""Match two sources, and find the duplicates of one."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cbir.downloads import Web
from cbir.errors import BadSpec
from cbir.jobs.given import PathLike, opened, several
from cbir.matching import joined, naming, sides
from cbir.matching.duplicates import WITHIN, Copy, find_duplicates, wanted
from cbir.matching.matches import match as match_sides
from cbir.matching.nearness import nearness
from cbir.pipeline import Settings
from cbir.recipe import AnyRecipe, parse
from cbir.sources import fetched_once, open_dataset
from cbir.types import Failure


@dataclass(frozen=True)
class Matched:
    """The table of matches: a dictionary a match, in the order of A's rows, and what failed."""

    rows: list[dict[str, Any]]
    failures: list[Failure]


@dataclass(frozen=True)
class Duplicated:
    """Groups of copies, the largest picture of each first, and the pictures left out."""

    groups: list[list[Copy]]
    failures: list[Failure]


def match(
    a: PathLike,
    b: PathLike,
    descriptor: str | None = None,
    *,
    min_similarity: float | None = None,
    threshold: float | None = None,
    distance: str | None = None,
    top: int = 1,
    mutual: bool = False,
    columns: str | Sequence[str] = (),
    image_column: str | None = None,
    delimiter: str | None = None,
    store: PathLike | None = None,
    allow_local: bool = False,
) -> Matched:
    """For each row of A the rows of B that are most like it, with the columns of both.

    A side is a table of paths or URLs, a folder, an index, or saved features; where one has vectors
    already, `descriptor` may be left away. By cosine a match has a similarity of 0.845 at least,
    unless told otherwise.

    >>> found = match("queries", "data/dataset/shop", "hsv", threshold=0.005)
    >>> [(row["queries_name"], row["shop_name"]) for row in found.rows]
    [('hat-tan_query', 'hat-tan_3'), ('umbrella-mustard_query', 'umbrella-mustard_2')]
    """
    web = Web(allow_local=allow_local)
    given = naming.apart(
        naming.named(str(a), web, delimiter, image_column),
        naming.named(str(b), web, delimiter, image_column),
    )
    spec = descriptor or next((side.spec for side in given if side.spec is not None), None)
    if spec is None:
        raise BadSpec("neither side has vectors yet; name a descriptor, such as mobilenet")
    recipe = parse(spec)
    near = nearness(distance or recipe.distance, threshold, min_similarity)
    with sides.fetching_once(given[0], given[1]) as both:
        made = [_described(side, recipe, store) for side in both]
    left, right = (one.side for one in made)
    found = match_sides(left, right, near.distance, near.within, top, mutual)
    names = left.name, right.name
    fields = left.fields, right.fields
    chosen = joined.columns(names, (fields[0].column_names, fields[1].column_names), near.measure)
    if columns:
        chosen = joined.chosen(chosen, several(columns))
    rows = [
        row
        for batch in joined.table(found, fields, chosen, as_text=False)
        for row in batch.to_pylist()
    ]
    return Matched(rows, sorted({failure for one in made for failure in one.failures}))


def _described(given: naming.Named, recipe: AnyRecipe, store: PathLike | None) -> sides.Described:
    with opened(store) as kept:
        made = sides.described(given, recipe, Settings(), kept)
        if kept is not None and given.source is not None and given.source.complete:
            kept.finish(given.source.origin, [picture.id for picture in made.walked])
    return made


def duplicates(
    dataset: PathLike,
    descriptor: str | None = None,
    *,
    threshold: float | None = None,
    distance: str | None = None,
    augment: bool = False,
    store: PathLike | None = None,
    allow_local: bool = False,
) -> Duplicated:
    """Groups of pictures that are copies of each other: the same bytes, or nearly the same.

    By thumbnails that are laid over each other, or by a descriptor within a threshold. `augment`:
    also mirrored and turned copies.

    >>> duplicates("data/dataset/shop").groups
    []
    """
    recipe = None if descriptor is None else parse(descriptor)
    if recipe is not None and threshold is None:
        raise BadSpec(f"{descriptor} needs a threshold; without a descriptor, thumbnails tell")
    how = wanted(recipe, WITHIN if threshold is None else threshold, distance, augment)
    opened_source = open_dataset(str(dataset), Web(allow_local=allow_local))
    with opened(store) as kept, tempfile.TemporaryDirectory(prefix="cbir-") as folder:
        source = fetched_once(opened_source, Path(folder))
        found = find_duplicates(source, how, Settings(), Path(folder), kept)
        if kept is not None and source.complete:
            kept.finish(source.origin, [picture.id for picture in found.pictures])
    return Duplicated(found.groups, found.failures)
