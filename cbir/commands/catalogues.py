"""What the commands about items share: their flags, and the way from a data set to its items."""

from argparse import Namespace
from collections.abc import Sequence

from cbir import catalogue, distances
from cbir.catalogue import Described, Wanted
from cbir.commands import options
from cbir.commands.options import Parser, Usage
from cbir.commands.stores import finish_store, opened_store, without_store
from cbir.commands.terminal import Terminal
from cbir.images.transforms import TRANSFORMS
from cbir.items import item_rule
from cbir.pipeline import Settings
from cbir.recipe import AnyRecipe, parse
from cbir.sources import Folder, Table

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


def describe(
    args: Namespace,
    terminal: Terminal,
    source: Folder | Table,
    recipe: AnyRecipe,
    augment: bool | None = False,
    white: bool = False,
) -> Described:
    """The catalogue that is wanted; says what makes it another one than a person may expect."""
    wanted = Wanted(recipe, item_rule(args.item_rule), args.distance, augment, white)
    with opened_store(args, terminal) as store, terminal.without_chatter():

        def finish(origin: str, ids: Sequence[str]) -> None:
            if store is not None:
                finish_store(store, args, terminal, origin, ids)

        settings = settings_of(args, terminal)
        made = catalogue.describe(
            args.dataset, source, wanted, settings, store, finish, terminal.progress
        )
    if made.from_store:
        terminal.note(
            "pictures are looked at mirrored and turned, too: the store has them so "
            "(--no-augment: only as they are)"
        )
    if white:
        on_white = len(made.catalogue.pictures)
        terminal.note(f"searching those of the {made.count} pictures on white: {on_white}")
    return made
