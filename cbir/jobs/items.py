"""Items of a catalogue: the most similar ones of each, and those that a photo shows."""

import os
from dataclasses import dataclass

from cbir import catalogue as catalogues
from cbir.catalogue import Catalogue, ItemHit, Similar
from cbir.catalogue.aggregates import DEFAULT as MEAN
from cbir.catalogue.remembered import white_bordered
from cbir.downloads import Web
from cbir.errors import BadSource
from cbir.items import DEFAULT as UNDERSCORE
from cbir.items import item_rule
from cbir.jobs.given import PathLike, Several, described, files_of, gathered, opened
from cbir.pipeline import Settings
from cbir.recipe import AnyRecipe, parse
from cbir.sources import open_dataset
from cbir.types import Failure
from cbir.vector_index import VectorIndex


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
    made = gathered(dataset, parse(descriptor), augment, store, allow_local)
    catalogue = Catalogue(made.indexes[0], item_rule(rule), distance)
    return Fitted(dict(catalogues.fit(catalogue, aggregate, number)), made.failures)


def visual_search(
    dataset: PathLike,
    images: Several,
    descriptor: str = "hsv",
    *,
    number: int = 10,
    rule: str = UNDERSCORE,
    distance: str | None = None,
    augment: bool = False,
    white_background: bool = False,
    store: PathLike | None = None,
    allow_local: bool = False,
) -> FoundItems:
    """The items of a catalogue that look most like each photo, each item once.

    `white_background`: only among pictures with a white border.

    >>> found = visual_search("data/dataset/shop", "queries/boot-red_query.jpg", number=1)
    >>> found.items["queries/boot-red_query.jpg"][0].item
    'mug-red'
    """
    recipe = parse(descriptor)
    made = gathered(dataset, recipe, augment, store, allow_local)
    (index,) = made.indexes
    if white_background:
        index = _on_white(index, dataset, recipe, store, allow_local)
    catalogue = Catalogue(index, item_rule(rule), distance)
    photos = files_of(images)
    items: dict[str, list[ItemHit]] = {}
    failures = [*made.failures]
    for name, found in described(photos, recipe, store):
        if isinstance(found, str):
            failures.append(Failure(name, found))
        else:
            (items[name],) = catalogues.visual_search(catalogue, found, number)
    return FoundItems(items, [*failures, *photos.failures])


def _on_white(
    index: VectorIndex,
    dataset: PathLike,
    recipe: AnyRecipe,
    store: PathLike | None,
    allow_local: bool,
) -> VectorIndex:
    """The index with the pictures on white only; BadSource if there are none."""
    source = open_dataset(os.fspath(dataset), Web(allow_local=allow_local))
    with opened(store) as kept:
        white = white_bordered(source, index.pictures, recipe, Settings(), kept)
    if not white:
        raise BadSource(f"none of the pictures in {dataset} has a white background")
    return catalogues.restricted(index, white)
