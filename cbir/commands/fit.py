"""Find, for every item of a catalogue, the other items that look most like it."""

import os
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cbir.catalogue import Catalogue, Similar, fit, model_file
from cbir.commands import catalogues, failures, options
from cbir.commands.options import Parser, Usage
from cbir.commands.stopping import told_when_stopped
from cbir.commands.terminal import Terminal, seconds
from cbir.pipeline import Progress
from cbir.sources import open_dataset

EXAMPLES = """examples:
  cbir fit --dataset hockey_products -d mobilenet
      (writes data/trained_models/hockey_products_model_mobilenet.json)
  cbir fit --dataset photos -d mobilenet --number 5 --item-rule folder --out similar.json
  cbir fit --dataset photos -d hsv --augment --aggregate points --format pickle
"""


def add_arguments(parser: Parser) -> None:
    catalogues.add_arguments(parser)
    parser.add_argument(
        "--augment",
        action="store_true",
        help="also look at each picture mirrored and turned, and count the nearest",
    )
    catalogues.add_aggregate(parser)
    parser.add_argument(
        "--out",
        metavar="F",
        help="where to write (default: data/trained_models/DATASET_model_DESCRIPTOR.json)",
    )
    parser.add_argument(
        "--format",
        choices=("json", "pickle"),
        default="json",
        help="pickle: a plain dictionary {item: [items]}, for programs that want one",
    )
    failures.add_failures(parser, beside="what is written")
    catalogues.add_running(parser)


def run(args: Namespace, terminal: Terminal) -> int:
    with told_when_stopped("the list of similar items is whole, as it was or new", args):
        return _fit(args, terminal)


def _fit(args: Namespace, terminal: Terminal) -> int:
    started = time.monotonic()
    recipe = catalogues.recipe_of(args)
    source = open_dataset(args.dataset, options.web(args))
    out = _out(args.out) or model_file.default_path(source.origin, recipe.slug, args.format)
    model_file.check_place(out, args.format)
    failures.check_place_of(args, {out})
    made = catalogues.describe(args, terminal, source, recipe, args.augment)
    catalogue, failed = made.catalogue, made.failures
    made_by = _made_by(args, catalogue)
    fitted = fit(catalogue, args.aggregate, args.number)
    with terminal.progress("comparing items") as told:
        model_file.write(out, _telling(fitted, len(catalogue.items), told), made_by, args.format)
    listed_in = failures.listed(args, out.parent, failed, of=out)
    took = seconds(started)
    counts = {"items": len(catalogue.items), "failed": len(failed), "seconds": took}
    terminal.record({"model": str(out), **made_by, **counts})
    terminal.note(
        f"{out}: {len(catalogue.items)} items of {len(catalogue.pictures)} pictures "
        f"by {(args.descriptor or ['hsv'])[0]} in {took:.1f} s"
    )
    terminal.failures(failed, listed_in)
    return 1 if failed else 0


def _made_by(args: Namespace, catalogue: Catalogue) -> dict[str, Any]:
    return {
        "dataset": args.dataset,
        "spec": catalogue.index.spec,
        "distance": catalogue.distance,
        "aggregate": args.aggregate,
        "item_rule": args.item_rule,
        "augmented": catalogue.index.augmented,
        "number": args.number,
        "pictures": len(catalogue.pictures),
    }


def _telling(
    fitted: Iterator[tuple[str, list[Similar]]], count: int, told: Progress
) -> Iterator[tuple[str, list[Similar]]]:
    for number, one in enumerate(fitted, start=1):
        told(number, count)
        yield one


def _out(text: str | None) -> Path | None:
    if text is not None and (text in ("", "-") or text.endswith(("/", os.sep))):
        raise Usage(f"--out {text!r} is not a file's name")
    return None if text is None else Path(text)
