"""Items of a catalogue: the most similar ones of each, and those that a photo shows."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from cbir import catalogue as catalogues
from cbir.catalogue import Described, ItemHit, Similar, Wanted
from cbir.catalogue.aggregates import DEFAULT as MEAN
from cbir.downloads import Web
from cbir.items import DEFAULT as UNDERSCORE
from cbir.items import item_rule
from cbir.jobs.given import PathLike, Several, described, files_of, opened
from cbir.pipeline import Settings
from cbir.recipe import parse
from cbir.sources import open_dataset
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
    wanted = Wanted(parse(descriptor), item_rule(rule), distance, augment)
    made = _catalogue(dataset, wanted, store, allow_local)
    return Fitted(dict(catalogues.fit(made.catalogue, aggregate, number)), made.failures)


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
    wanted = Wanted(recipe, item_rule(rule), distance, augment, white_background)
    made = _catalogue(dataset, wanted, store, allow_local)
    photos = files_of(images)
    items: dict[str, list[ItemHit]] = {}
    failures = [*made.failures]
    for name, found in described(photos, recipe, store):
        if isinstance(found, str):
            failures.append(Failure(name, found))
        else:
            (items[name],) = catalogues.visual_search(made.catalogue, found, number)
    return FoundItems(items, [*failures, *photos.failures])


def _catalogue(
    dataset: PathLike, wanted: Wanted, store: PathLike | None, allow_local: bool
) -> Described:
    """A data set by its items; BadSource if there is nothing in it."""
    source = open_dataset(os.fspath(dataset), Web(allow_local=allow_local))
    with opened(store) as kept:

        def finish(origin: str, ids: Sequence[str]) -> None:
            if kept is not None:
                kept.finish(origin, ids)

        return catalogues.describe(str(dataset), source, wanted, Settings(), kept, finish)
