"""Describe all pictures of a data set and write the vectors to an index."""

import os
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from cbir.commands import failures as lists
from cbir.commands import options
from cbir.commands.options import Parser, Usage
from cbir.commands.stores import finish_store, opened_store, without_store
from cbir.commands.terminal import Terminal, seconds
from cbir.errors import BadSource
from cbir.files import check_output
from cbir.images.transforms import ORIGINAL, TRANSFORMS
from cbir.pipeline import Described, Settings, describe
from cbir.recipe import AnyRecipe, parse
from cbir.sources import Folder, Table, open_dataset, why_empty
from cbir.store import Store
from cbir.types import Failure
from cbir.vector_index.plain import full_size
from cbir.vector_index.writer import VectorIndexWriter

EXAMPLES = """examples:
  python index.py --dataset data/dataset/shop
  python index.py --dataset photos -d hsv hsv-regions --index photos.csv
      (two descriptors: photos.hsv.csv and photos.hsv-regions.csv)
  python index.py --dataset photos -d 'hsv*0.25+mobilenet*0.75' --augment
  python index.py --dataset photos -d hsv:norm=l2,size=full --plain
"""


def add_arguments(parser: Parser) -> None:
    options.add_dataset(parser)
    options.add_web(parser)
    options.add_descriptors(parser, several="; several make an index each")
    parser.add_argument(
        "--index", default="index.csv", metavar="F", help="where to write (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=options.threads, metavar="N", help="reading threads (default: the cores)"
    )
    parser.add_argument(
        "--batch-size",
        type=options.positive,
        default=32,
        metavar="N",
        help="pictures that are described at a time (default: %(default)s)",
    )
    lists.add_failures(parser, beside="the index")
    parser.add_argument(
        "--augment",
        action="store_true",
        help="also store each picture mirrored and turned, so that such a query finds it",
    )
    parser.add_argument("--plain", action="store_true", help="no header, as tutorials write it")
    options.add_max_megapixels(parser)
    options.add_store(parser)
    options.add_output(parser)
    options.not_yet(parser, "--ann", "--distributed", value=True)


def run(args: Namespace, terminal: Terminal) -> int:
    started = time.monotonic()
    typed = args.descriptor or ["hsv"]
    recipes = _recipes(typed, args.plain)
    if args.plain and args.augment:
        raise Usage("--plain files have no place for the transforms of --augment; leave one away")
    paths = _paths(_index_path(args.index), recipes)
    source = open_dataset(args.dataset, options.web(args))
    files = {Path(f"{path}{ending}") for path in paths for ending in ("", ".vectors")}
    lists.check_place_of(args, files)  # now, and not after the work
    _check_store_place(args, paths)
    with ExitStack() as stack:
        store = stack.enter_context(opened_store(args, terminal))
        writers = [
            stack.enter_context(
                VectorIndexWriter(path, recipe, source.root, args.plain, args.augment)
            )
            for path, recipe in zip(paths, recipes, strict=True)
        ]
        failed = _describe_all(args, source, recipes, writers, store, terminal)
        everything = sorted({failure for some in failed for failure in some})
        listed_in = lists.listed(args, paths[0].parent, everything, of=_index_path(args.index))
        written = [
            _commit(terminal, writer, name, failures, started)
            for writer, name, failures in zip(writers, typed, failed, strict=True)
        ]
    if not any(written):
        raise BadSource(_nothing(args.dataset, source, everything, listed_in))
    _tell_of_backgrounds(terminal, recipes)
    terminal.failures(everything, listed_in)
    return 0 if all(written) and not everything else 1


def _describe_all(
    args: Namespace,
    source: Folder | Table,
    recipes: Sequence[AnyRecipe],
    writers: Sequence[VectorIndexWriter],
    store: Store | None,
    terminal: Terminal,
) -> list[list[Failure]]:
    """Hands all vectors to the writers; returns what failed, for each recipe, sorted."""
    failed: list[list[Failure]] = [[] for _ in recipes]
    settings = Settings(
        args.workers or 0,
        args.batch_size,
        round(args.max_megapixels * 1e6),
        without_store(args, terminal),
    )
    transforms = tuple(TRANSFORMS) if args.augment else (ORIGINAL,)
    with terminal.without_chatter(), terminal.progress("indexing") as progress:
        pictures = list(source.pictures())
        done, unusable = 0, set[str]()
        for result in describe(source, pictures, recipes, settings, store, transforms):
            if isinstance(result, Described):
                writers[result.recipe].upsert(result.ids, result.vectors, result.transforms)
                done += len(result.ids) // len(transforms) if result.recipe == 0 else 0
            else:
                for number in range(len(recipes)) if result.recipe is None else [result.recipe]:
                    failed[number] += result.failures
                if result.recipe is None:
                    unusable.update(id for id, _ in result.failures)
                done += len(result.failures) if result.recipe in (None, 0) else 0
            progress(done, len(pictures))
    if store is not None and source.complete:
        usable = [picture.id for picture in pictures if picture.id not in unusable]
        finish_store(store, args, terminal, source.origin, usable)
    return [sorted([*source.failures, *some]) for some in failed]


def _tell_of_backgrounds(terminal: Terminal, recipes: Sequence[AnyRecipe]) -> None:
    for part in {part.spec: part for recipe in recipes for part in recipe.parts}.values():
        if part.tally.pictures:
            left = part.tally.pictures - part.tally.removed
            rest = f"; in {left} no object stood out, and they count whole" if left else ""
            terminal.note(
                f"{part.name}: background removed from {part.tally.removed} of the "
                f"{part.tally.pictures} pictures that were new to it{rest}"
            )


def _nothing(
    dataset: str, source: object, failures: Sequence[Failure], listed_in: Path | None
) -> str:
    if not failures:
        return f"nothing to index in {dataset}: {why_empty(source)}"
    first = failures[0]
    return (
        f"nothing to index in {dataset}: every picture failed ({first.id}: {first.reason}); "
        f"all are listed in {listed_in}"
    )


def _recipes(specs: Sequence[str], plain: bool) -> list[AnyRecipe]:
    recipes = [full_size(parse(spec)) if plain else parse(spec) for spec in specs]
    if len({recipe.spec for recipe in recipes}) < len(recipes):
        raise Usage(f"the same descriptor is named twice: {' '.join(specs)}")
    return recipes


def _index_path(text: str) -> Path:
    if not text or text.endswith("/"):
        raise Usage(f"--index {text!r} is not a file's name")
    path = Path(options.refuse_schemes(text))
    check_output(path)
    return path


def _check_store_place(args: Namespace, indexes: Sequence[Path]) -> None:
    place = os.path.realpath(options.store_place(args))
    files = {f"{os.path.realpath(path)}{ending}" for path in indexes for ending in ("", ".vectors")}
    if not args.no_store and place in files:
        raise Usage(f"--store {args.store} is the index's own file; give another name")


def _paths(index: Path, recipes: Sequence[AnyRecipe]) -> list[Path]:
    if len(recipes) == 1:
        return [index]
    return [index.with_name(f"{index.stem}.{recipe.slug}{index.suffix}") for recipe in recipes]


def _commit(
    terminal: Terminal,
    writer: VectorIndexWriter,
    name: str,
    failures: Sequence[Failure],
    started: float,
) -> bool:
    """Makes an index visible and says what is in it; False if there was nothing to put in."""
    changes = writer.finish()
    if changes is None:
        return False
    took = seconds(started)
    terminal.record(
        {"index": str(writer.path), "spec": writer.recipe.spec, **changes._asdict()}
        | {"failed": len(failures), "seconds": took}
    )
    detail = f"{changes.new} new, {changes.unchanged} unchanged, {changes.removed} removed"
    if changes.removed and not changes.unchanged:
        detail += ", which were all of an earlier index"
    pictures = "1 picture" if changes.pictures == 1 else f"{changes.pictures} pictures"
    terminal.note(f"{writer.path}: {pictures} by {name} ({detail}) in {took:.1f} s")
    return True
