"""What the commands about items share: their flags, and the way from a data set to its items."""

from argparse import Namespace
from typing import NamedTuple

from cbir import distances
from cbir.catalogue import Catalogue, restricted
from cbir.catalogue.remembered import white_bordered, with_transforms
from cbir.catalogue.with_items import WithItems
from cbir.commands import options
from cbir.commands.options import Parser, Usage
from cbir.commands.stores import finish_store, opened_store, without_store
from cbir.commands.terminal import Terminal
from cbir.errors import BadSource
from cbir.images.transforms import ORIGINAL, TRANSFORMS
from cbir.items import item_rule
from cbir.pipeline import Gathered, Settings, gather
from cbir.recipe import AnyRecipe, parse
from cbir.sources import Folder, Table, fetched_once, why_empty
from cbir.types import Failure
from cbir.vector_index import VectorIndex

AUGMENTED = tuple(TRANSFORMS)


def add_arguments(parser: Parser) -> None:
    options.add_dataset(parser)
    options.add_web(parser)
    options.add_descriptors(parser)
    parser.add_argument(
        "--number",
        type=options.positive,
        default=10,
        metavar="N",
        help="how many items (default: %(default)s)",
    )
    options.add_item_rule(parser)
    parser.add_argument(
        "--distance", metavar="NAME", help="chi2, cosine, … (default: the descriptor's own)"
    )


def add_aggregate(parser: Parser) -> None:
    from cbir.catalogue.aggregates import AGGREGATES, DEFAULT

    parser.add_argument(
        "--aggregate",
        choices=AGGREGATES,
        default=DEFAULT,
        help="what makes items of several pictures alike: a vote of their pictures, the nearest "
        "pair, the mean of each picture's nearest, or that both ways (default: %(default)s)",
    )


def add_running(parser: Parser) -> None:
    """The flags that every command has at its end."""
    options.add_max_megapixels(parser)
    options.add_store(parser)
    options.add_output(parser)


def recipe_of(args: Namespace) -> AnyRecipe:
    """The one descriptor; what else can be told in advance is looked at, too."""
    specs = args.descriptor or ["hsv"]
    if len(specs) > 1:
        raise Usage(f"one descriptor at a time: {' '.join(specs)}")
    if args.distance:
        distances.get(args.distance)
    item_rule(args.item_rule)
    return parse(specs[0])


def settings_of(args: Namespace, terminal: Terminal) -> Settings:
    return Settings(
        max_pixels=round(args.max_megapixels * 1e6), without_store=without_store(args, terminal)
    )


class Described(NamedTuple):
    """A data set by its items, and the pictures that were left out."""

    catalogue: Catalogue
    failures: list[Failure]


def describe(
    args: Namespace,
    terminal: Terminal,
    source: Folder | Table,
    recipe: AnyRecipe,
    augment: bool | None = False,
    white: bool = False,
) -> Described:
    """Describes all pictures of a data set, as far as the store does not have them.

    `augment`: mirrored and turned, too; None: if the store has them all so already. `white`: only
    those on a white background are kept, for which pictures may be read again.
    """
    rule, settings = item_rule(args.item_rule), settings_of(args, terminal)
    pictures = WithItems(fetched_once(source) if white else source, rule)
    with opened_store(args, terminal) as store, terminal.without_chatter():
        transforms = AUGMENTED if augment else (ORIGINAL,)
        with terminal.progress("describing") as progress:
            made = gather(pictures, [recipe], settings, store, transforms, progress)
        if store is not None and pictures.complete:
            finish_store(store, args, terminal, pictures.origin, pictures.walked)
        index = _some(made, args, source)
        if augment is None:
            turned = with_transforms(index, pictures, recipe, settings, store)
            if turned is not None:
                index = turned
                terminal.note(
                    "pictures are looked at mirrored and turned, too: the store has them so "
                    "(--no-augment: only as they are)"
                )
        if white:
            ids = index.pictures
            with terminal.progress("looking for white backgrounds") as progress:
                kept = white_bordered(pictures, ids, recipe, settings, store, progress)
            if not kept:
                raise BadSource(f"none of the {len(ids)} pictures has a white background")
            terminal.note(f"searching those of the {len(ids)} pictures on white: {len(kept)}")
            index = restricted(index, kept)
    return Described(Catalogue(index, rule, args.distance), made.failures)


def _some(made: Gathered, args: Namespace, source: object) -> VectorIndex:
    """The index, if there is anything in it."""
    (index,) = made.indexes
    if len(index):
        return index
    if not made.failures:
        raise BadSource(f"nothing to compare in {args.dataset}: {why_empty(source)}")
    first = made.failures[0]
    raise BadSource(
        f"nothing to compare in {args.dataset}: every picture failed ({first.id}: {first.reason})"
    )
