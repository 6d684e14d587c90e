"""Show the items of a catalogue that look most like one of them."""

import random
from argparse import Namespace
from pathlib import Path
from typing import Any

from cbir.catalogue import Catalogue, nearest_pictures, similar
from cbir.catalogue.model_file import described
from cbir.commands import catalogues, failures, options
from cbir.commands.options import Parser
from cbir.commands.sheets import DRAWINGS_ARE_WHOLE, Sheets, add_montage
from cbir.commands.stopping import told_when_stopped
from cbir.commands.terminal import Terminal
from cbir.commands.thumbnails import hurried, thumbnails
from cbir.plots import Tile
from cbir.sources import open_dataset

EXAMPLES = """examples:
  cbir similar --dataset hockey_products -d mobilenet --item hockeyskate1
  cbir similar --dataset photos -d mobilenet --number 5 --json
      (an item by chance)
"""


def add_arguments(parser: Parser) -> None:
    catalogues.add_arguments(parser)
    parser.add_argument("--item", metavar="ITEM", help="which item (default: one by chance)")
    parser.add_argument(
        "--seed", type=int, metavar="N", help="the same item by chance for the same number"
    )
    parser.add_argument(
        "--no-augment",
        dest="augment",
        action="store_const",
        const=False,
        help="look at pictures only as they are, even if the feature store has all of them "
        "mirrored and turned, too",
    )
    catalogues.add_aggregate(parser)
    add_montage(parser, "ITEM")
    failures.add_failures(parser, beside="the drawing")
    catalogues.add_running(parser)


def run(args: Namespace, terminal: Terminal) -> int:
    with told_when_stopped(DRAWINGS_ARE_WHOLE, args):
        return _similar(args, terminal)


def _similar(args: Namespace, terminal: Terminal) -> int:
    recipe = catalogues.recipe_of(args)
    source = open_dataset(args.dataset, options.web(args))
    sheets = Sheets(args, terminal)
    sheets.keep_out(source)
    failures.check_place_of(args, sheets.files)
    made = catalogues.describe(args, terminal, source, recipe, args.augment)
    catalogue, failed = made.catalogue, made.failures
    item = _chosen(args, terminal, catalogue) if args.item is None else args.item
    # Not from a file of `fit`: the pictures may have changed since, and the store makes this quick.
    others = similar(catalogue, item, args.aggregate, args.number)
    terminal.result(f"Most similar items to item: {item}")
    for rank, other in enumerate(others, start=1):
        terminal.result(f"Number {rank} : {other.item}")
    pictures = nearest_pictures(catalogue, item, [other.item for other in others])
    hits = [
        {"rank": rank, **described(other, args.aggregate), "id": picture}
        for rank, (other, picture) in enumerate(zip(others, pictures, strict=True), start=1)
    ]
    how = {"spec": recipe.spec, "distance": catalogue.distance, "aggregate": args.aggregate}
    terminal.record({"item": item, **how, "hits": hits})
    if (shown := sheets.shown(hits)) is not None:
        ids = [catalogue.pictures_of(item)[0], *(hit["id"] for hit in shown)]
        with hurried(source) as near:
            first, *images = thumbnails(near, ids, round(args.max_megapixels * 1e6))
        tiles = [
            Tile(image, str(hit["rank"]), _quiet_words(hit), hit["item"])
            for image, hit in zip(images, shown, strict=True)
        ]
        sheets.add(item, Tile(first, "item", "", item), tiles)
    sheets.finish()
    of = Path(args.dataset)
    terminal.failures(failed, failures.listed(args, sheets.folder, failed, of=of))
    return 1 if failed else 0


def _chosen(args: Namespace, terminal: Terminal, catalogue: Catalogue) -> str:
    """An item by chance, and how to get the same one again."""
    seed = random.randrange(1_000_000) if args.seed is None else args.seed
    if args.seed is None:
        terminal.note(f"an item by chance; --seed {seed} picks it again")
    return random.Random(seed).choice(catalogue.items)


def _quiet_words(hit: dict[str, Any]) -> str:
    return f"{hit['points']} points" if "points" in hit else f"{hit['distance']:.4f}"
