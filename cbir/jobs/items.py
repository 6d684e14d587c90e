"""Items of a catalogue: the most similar ones of each, and those that a photo shows."""

import os
from dataclasses import dataclass

from cbir import catalogue as catalogues
from cbir.catalogue import Catalogue, ItemHit, Similar
from cbir.catalogue.aggregates import DEFAULT as MEAN
from cbir.catalogue.remembered import white_bordered, with_transforms
from cbir.catalogue.with_items import WithItems
from cbir.downloads import Web
from cbir.errors import BadSource
from cbir.images.transforms import ORIGINAL, TRANSFORMS
from cbir.items import DEFAULT as UNDERSCORE
from cbir.items import item_rule
from cbir.jobs.given import PathLike, Several, check_any, described, files_of, opened
from cbir.pipeline import Settings, gather
from cbir.recipe import AnyRecipe, parse
from cbir.sources import fetched_once, open_dataset
from cbir.types import Failure


@dataclass(frozen=True)
class Fitted:
    """For each item the others most like it, nearest first, and the pictures left out."""

    similar: dict[str, list[Similar]]
    failures: list[Failure]


@dataclass(frozen=True)
class FoundItems:
    """The items that were found for each photo, and what could not be used."""

    items: dict[str, list[ItemHit]]
    failures: list[Failure]


def fit(
    dataset: PathLike,
    descriptor: str = "hsv",
    *,
    number: int = 10,
    rule: str = UNDERSCORE,
    aggregate: str = MEAN,
    distance: str | None = None,
    augment: bool = False,
    store: PathLike | None = None,
    allow_local: bool = False,
) -> Fitted:
    """For every item of a catalogue the other items most like it.

    `rule` says which pictures show one item, `aggregate` what is made of several of them.

    >>> fitted = fit("data/dataset/shop", number=2)
    >>> [near.item for near in fitted.similar["bag-pink"]]
    ['teapot-pink', 'hat-tan']
    """
    recipe = parse(descriptor)
    catalogue, failures = _catalogue(
        dataset, recipe, rule, distance, augment, False, store, allow_local
    )
    return Fitted(dict(catalogues.fit(catalogue, aggregate, number)), failures)


def visual_search(
    dataset: PathLike,
    images: Several,
    descriptor: str = "hsv",
    *,
    number: int = 10,
    rule: str = UNDERSCORE,
    distance: str | None = None,
    augment: bool | None = None,
    white_background: bool = False,
    store: PathLike | None = None,
    allow_local: bool = False,
) -> FoundItems:
    """The items of a catalogue that look most like each photo, each item once.

    `augment`: the catalogue's pictures mirrored and turned, too; None: if the store has them all so
    already. `white_background`: only among pictures with a white border.

    >>> found = visual_search("data/dataset/shop", "queries/boot-red_query.jpg", number=1)
    >>> found.items["queries/boot-red_query.jpg"][0].item
    'mug-red'
    """
    recipe = parse(descriptor)
    catalogue, left_out = _catalogue(
        dataset, recipe, rule, distance, augment, white_background, store, allow_local
    )
    photos = files_of(images)
    items: dict[str, list[ItemHit]] = {}
    failures = [*left_out]
    for name, found in described(photos, recipe, store):
        if isinstance(found, str):
            failures.append(Failure(name, found))
        else:
            (items[name],) = catalogues.visual_search(catalogue, found, number)
    return FoundItems(items, [*failures, *photos.failures])


def _catalogue(
    dataset: PathLike,
    recipe: AnyRecipe,
    rule: str,
    distance: str | None,
    augment: bool | None,
    white: bool,
    store: PathLike | None,
    allow_local: bool,
) -> tuple[Catalogue, list[Failure]]:
    """A data set by its items, and the pictures left out; BadSource if there are none left."""
    found = item_rule(rule)
    dataset_source = open_dataset(os.fspath(dataset), Web(allow_local=allow_local))
    source = WithItems(fetched_once(dataset_source) if white else dataset_source, found)
    transforms = tuple(TRANSFORMS) if augment else (ORIGINAL,)
    with opened(store) as kept:
        made = gather(source, [recipe], Settings(), kept, transforms)
        if kept is not None and source.complete:
            kept.finish(source.origin, source.walked)
        check_any(made, dataset)
        (index,) = made.indexes
        if augment is None:
            index = with_transforms(index, source, recipe, Settings(), kept) or index
        if white:
            on_white = white_bordered(source, index.pictures, recipe, Settings(), kept)
            if not on_white:
                raise BadSource(f"none of the pictures in {dataset} has a white background")
            index = catalogues.restricted(index, on_white)
    return Catalogue(index, found, distance), made.failures
