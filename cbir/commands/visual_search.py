"""Find the items of a catalogue that look most like a photo, each once."""

import math
from argparse import BooleanOptionalAction, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cbir.catalogue import Catalogue, ItemHit, visual_search
from cbir.commands import catalogues, failures, options
from cbir.commands.montage import quiet_words
from cbir.commands.options import Parser
from cbir.commands.sheets import DRAWINGS_ARE_WHOLE, Readable, Sheets, add_montage, thumbnail
from cbir.commands.stopping import told_when_stopped
from cbir.commands.stores import store_to_read
from cbir.commands.terminal import Terminal
from cbir.commands.thumbnails import hurried, thumbnails
from cbir.errors import BadSource
from cbir.images.transforms import TRANSFORMS
from cbir.matching.nearness import nearness
from cbir.pipeline import Described, describe
from cbir.plots import Tile
from cbir.recipe import AnyRecipe
from cbir.sources import Files, open_dataset
from cbir.types import Failure

EXAMPLES = """examples:
  cbir visual-search --dataset hockey_products -d mobilenet --image stick.jpg --number 3
  cbir visual-search --dataset photos -d mobilenet:background=remove --image a.jpg b.jpg
      (photos that people take; each is searched for by itself)
  cbir visual-search --dataset photos -d mobilenet --image a.jpg --augment --white-background
"""


def add_arguments(parser: Parser) -> None:
    catalogues.add_arguments(parser)
    parser.add_argument(
        "--image",
        required=True,
        action="extend",
        nargs="+",
        metavar="IMG",
        help="photos to search for, each by itself: files, or folders of them",
    )
    parser.add_argument(
        "--augment",
        action=BooleanOptionalAction,
        help="also look at the catalogue's pictures mirrored and turned, or never (with neither: "
        "if the feature store has them all so already)",
    )
    parser.add_argument(
        "--white-background",
        action="store_true",
        help="only search pictures whose border is white",
    )
    limits = parser.add_mutually_exclusive_group()
    limits.add_argument(
        "--threshold",
        type=options.distance,
        metavar="X",
        help="only items at most this distance away",
    )
    limits.add_argument(
        "--min-similarity",
        type=options.similarity,
        metavar="S",
        help="only items that are at least this similar, by the cosine (-1 to 1)",
    )
    add_montage(parser, "IMG")
    failures.add_failures(parser, beside="the drawings")
    catalogues.add_running(parser)


def run(args: Namespace, terminal: Terminal) -> int:
    with told_when_stopped(DRAWINGS_ARE_WHOLE, args):
        return _search(args, terminal)


def _search(args: Namespace, terminal: Terminal) -> int:
    recipe = catalogues.recipe_of(args)
    most = _most_far(args, recipe)
    source, photos = open_dataset(args.dataset, options.web(args)), Files(args.image)
    asked = list(photos.pictures())
    if not asked:
        raise BadSource(_nothing(photos.failures))
    sheets = Sheets(args, terminal)
    sheets.keep_out(source)
    failures.check_place_of(args, sheets.files)
    made = catalogues.describe(
        args, terminal, source, recipe, args.augment, white=args.white_background
    )
    catalogue, failed = made.catalogue, made.failures
    found, unusable = 0, [*photos.failures]
    with hurried(source) as near:
        for result in _searched(args, terminal, photos, recipe, catalogue):
            if isinstance(result, Failure):
                unusable.append(result)
                continue
            name, items = result
            items = [item for item in items if item.hit.distance <= most]
            _report(terminal, name, recipe, catalogue, items, several=len(asked) > 1)
            _draw(args, sheets, name, photos, near, items)
            found += 1
    failed = sorted({*failed, *unusable})
    listed_in = failures.listed(args, sheets.folder, failed, of=Path(args.dataset))
    if not found:
        raise BadSource(_nothing(sorted(unusable)))
    sheets.finish()
    terminal.failures(failed, listed_in)
    return 1 if failed else 0


def _searched(
    args: Namespace, terminal: Terminal, photos: Files, recipe: AnyRecipe, catalogue: Catalogue
) -> Iterator[tuple[str, list[ItemHit]] | Failure]:
    """Each photo with the items that were found for it, or why it can't be searched for."""
    pictures, settings = list(photos.pictures()), catalogues.settings_of(args, terminal)
    with store_to_read(args, terminal) as store, terminal.without_chatter():
        for result in describe(photos, pictures, [recipe], settings, store):
            if isinstance(result, Described):
                found = visual_search(catalogue, result.vectors, args.number)
                yield from zip(result.ids, found, strict=True)
            else:
                yield from result.failures


def _report(
    terminal: Terminal,
    name: str,
    recipe: AnyRecipe,
    catalogue: Catalogue,
    items: Sequence[ItemHit],
    several: bool,
) -> None:
    if several:
        terminal.result(name)
    records = []
    for rank, (item, hit) in enumerate(items, start=1):
        terminal.result(f"Most similar item number {rank} : {item}")
        record: dict[str, Any] = {"rank": rank, "item": item, "id": hit.id}
        record["distance"] = hit.distance
        if catalogue.index.augmented:
            record["transform"] = hit.transform
        if catalogue.distance == "cosine":
            record["similarity"] = 1 - hit.distance
        records.append(record)
    if not items:
        terminal.result("nothing that near")
    how = {"spec": recipe.spec, "distance": catalogue.distance}
    terminal.record({"query": name, **how, "hits": records})


def _draw(
    args: Namespace,
    sheets: Sheets,
    name: str,
    photos: Files,
    source: Readable,
    items: Sequence[ItemHit],
) -> None:
    shown = sheets.shown(items)
    if shown is None:
        return
    max_pixels = round(args.max_megapixels * 1e6)
    images = thumbnails(source, [hit.id for _, hit in shown], max_pixels)
    tiles = []
    for rank, ((item, hit), image) in enumerate(zip(shown, images, strict=True), start=1):
        turned = None if image is None else TRANSFORMS[hit.transform](image)
        tiles.append(Tile(turned, str(rank), quiet_words(hit), item))
    query = Tile(thumbnail(photos, name, max_pixels), "photo", "", name)
    sheets.add(Path(name).stem, query, tiles)


def _most_far(args: Namespace, recipe: AnyRecipe) -> float:
    """The distance beyond which items don't count."""
    if args.threshold is None and args.min_similarity is None:
        return math.inf
    near = nearness(args.distance or recipe.distance, args.threshold, args.min_similarity)
    return math.inf if near.within is None else near.within


def _nothing(failures: Sequence[Failure]) -> str:
    reason = "; ".join(f"{name}: {reason}" for name, reason in failures[:3])
    return f"nothing to search for: {reason}"
