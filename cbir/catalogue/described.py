"""A data set by its items: described, turned and filtered, as it is searched."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cbir.catalogue.catalogue import Catalogue
from cbir.catalogue.remembered import white_bordered, with_transforms
from cbir.catalogue.visual_search import restricted
from cbir.catalogue.with_items import WithItems
from cbir.errors import BadSource
from cbir.images.transforms import ORIGINAL, TRANSFORMS
from cbir.items import ItemRule
from cbir.pipeline import Settings, Told, gather, unwatched
from cbir.recipe import AnyRecipe
from cbir.sources import Folder, Table, fetched_once, why_empty
from cbir.store import Store
from cbir.types import Failure


@dataclass(frozen=True)
class Wanted:
    """Which catalogue is wanted.

    `augment`: pictures mirrored and turned, too; None: if the store has them all so already.
    `white`: only those on a white background, for which pictures may be read again.
    """

    recipe: AnyRecipe
    rule: ItemRule
    distance: str | None = None
    augment: bool | None = False
    white: bool = False


@dataclass(frozen=True)
class Described:
    """The catalogue, what was left out, and whether the store had all pictures turned, too.

    `count`: how many pictures there were before those on white were chosen.
    """

    catalogue: Catalogue
    failures: list[Failure]
    from_store: bool
    count: int


def describe(
    text: str,
    source: Folder | Table,
    wanted: Wanted,
    settings: Settings,
    store: Store | None,
    finish: Callable[[str, Sequence[str]], None],
    progress: Told = unwatched,
) -> Described:
    """Describes all pictures of a data set, as far as the store does not have them.

    `text` is what a person calls it. `finish` is told the source's origin and all ids that a
    complete walk has found. BadSource if there are no pictures left.
    """
    recipe = wanted.recipe
    pictures = WithItems(fetched_once(source) if wanted.white else source, wanted.rule)
    transforms = tuple(TRANSFORMS) if wanted.augment else (ORIGINAL,)
    with progress("describing") as told:
        made = gather(pictures, [recipe], settings, store, transforms, told)
    if source.complete:
        finish(source.origin, pictures.walked)
    (index,) = made.indexes
    count = len(index.pictures)
    if not count:
        raise BadSource(f"nothing to compare in {text}: {_why(source, made.failures)}")
    turned = None
    if wanted.augment is None:
        turned = with_transforms(index, pictures, recipe, settings, store)
    index = turned or index
    if wanted.white:
        with progress("looking for white backgrounds") as told:
            kept = white_bordered(pictures, index.pictures, recipe, settings, store, told)
        if not kept:
            raise BadSource(f"none of the {count} pictures has a white background")
        index = restricted(index, kept)
    catalogue = Catalogue(index, wanted.rule, wanted.distance)
    return Described(catalogue, made.failures, turned is not None, count)


def _why(source: Folder | Table, failures: Sequence[Failure]) -> str:
    if not failures:
        return why_empty(source)
    return f"every picture failed ({failures[0].id}: {failures[0].reason})"
