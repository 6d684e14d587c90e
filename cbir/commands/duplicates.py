"""Find pictures that a data set has several times, as they are or nearly so. Nothing is deleted."""

import os
import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from cbir import distances
from cbir.commands import failures, options
from cbir.commands.options import Parser, Usage
from cbir.commands.sheets import Readable, thumbnail
from cbir.commands.stopping import told_when_stopped
from cbir.commands.stores import finish_store, opened_store, without_store
from cbir.commands.terminal import Terminal
from cbir.commands.thumbnails import hurried
from cbir.errors import BadSource
from cbir.matching import findings
from cbir.matching.contact_sheets import GROUPS_A_SHEET, MOST_SHEETS, sheets, size, words
from cbir.matching.duplicates import WITHIN, Copy, Duplicates, Wanted, find_duplicates, wanted
from cbir.matching.moving import Mover, check_target
from cbir.pipeline import Settings
from cbir.recipe import parse
from cbir.sources import Folder, Table, fetched_once, open_dataset, why_empty
from cbir.types import Failure

EXAMPLES = """examples:
  cbir duplicates --dataset photos
  cbir duplicates --dataset photos --augment --out copies
      (mirrored and turned ones, too; what was found is in copies/duplicates.json and .jpg)
  cbir duplicates --dataset photos --move-to photos-copies
      (all but the largest picture of each group; photos-copies/undo.sh puts them back)
  cbir duplicates --dataset photos -d mobilenet --threshold 0.05
"""


def add_arguments(parser: Parser) -> None:
    options.add_dataset(parser)
    parser.add_argument(
        "-d",
        "--descriptor",
        metavar="SPEC",
        help="compare by this descriptor (default: by thumbnails that are laid over each other, "
        "which finds copies that are scaled, compressed, or cut by 5%%, and tells slides of "
        "one frame apart, though maybe not those that differ in a word or a digit only; pictures "
        "of one colour are copies only if their bytes are the same). Animations and documents of "
        "several pages are copies only if their bytes are the same, however they are compared",
    )
    parser.add_argument(
        "--distance", metavar="NAME", help="chi2, cosine, … (default: the descriptor's own)"
    )
    parser.add_argument(
        "--threshold",
        type=options.distance,
        metavar="D",
        help=f"how far a copy is at most (default: {WITHIN}; a descriptor needs one)",
    )
    parser.add_argument(
        "--augment", action="store_true", help="find copies that are mirrored or turned, too"
    )
    parser.add_argument(
        "--out",
        default="results/duplicates",
        metavar="DIR",
        help="where to write duplicates.json and the contact sheets (default: %(default)s)",
    )
    parser.add_argument(
        "--move-to",
        metavar="DIR",
        help="move all but the largest picture of each group there, to the same places below it; "
        "nothing is overwritten",
    )
    failures.add_failures(parser, beside="what is written")
    options.add_web(parser)
    options.add_max_megapixels(parser)
    options.add_store(parser)
    options.add_output(parser)


def run(args: Namespace, terminal: Terminal) -> int:
    with told_when_stopped("the findings are whole, as they were or new", args):
        return _duplicates(args, terminal)


def _duplicates(args: Namespace, terminal: Terminal) -> int:
    how = _wanted(args)
    out = _folder("--out", args.out)
    dataset = open_dataset(args.dataset, options.web(args))
    _keep_out(out, dataset)
    findings.check_folder(out)
    failures.check_place_of(args, {out / findings.JSON})
    target = _target(args, dataset)
    # Pictures at URLs are wanted up to three times.
    source = fetched_once(dataset, out)
    settings = Settings(
        max_pixels=round(args.max_megapixels * 1e6), without_store=without_store(args, terminal)
    )
    with opened_store(args, terminal) as store, terminal.without_chatter():
        found = find_duplicates(source, how, settings, out, store, terminal.progress)
        if store is not None and dataset.complete:
            walked = [picture.id for picture in found.pictures]
            finish_store(store, args, terminal, dataset.origin, walked)
        if not found.described:
            raise BadSource(_nothing(args.dataset, dataset, found))
        with hurried(source) as near:
            written = _write(args, terminal, near, how, found, out)
    for number, copies in enumerate(found.groups, start=1):
        _print(terminal, number, copies)
    _summary(terminal, found, out, written)
    left_out = [*found.failures, *_moved(terminal, dataset, found, target)]
    terminal.failures(left_out, failures.listed(args, out, left_out))
    return 1 if left_out else 0


def _keep_out(out: Path, dataset: Folder | Table) -> None:
    """Below the data set results are passed over by walks; in it they would be pictures of it."""
    if isinstance(dataset, Folder) and os.path.realpath(out) == dataset.origin:
        raise Usage(f"--out {out} is the data set itself; give a folder of its own")


def _print(terminal: Terminal, number: int, copies: Sequence[Copy]) -> None:
    terminal.record(findings.record(copies))
    terminal.result(f"group {number}")
    for copy in copies:
        photo = copy.photo
        shown = f"{photo.width}×{photo.height}"
        terminal.result(f"{shown:>12}  {size(photo.bytes):>8}  {photo.id}  {words(copy)}".rstrip())


def _folder(flag: str, text: str) -> Path:
    if not text:
        raise Usage(f"{flag} is empty; give a folder")
    return Path(text)


def _target(args: Namespace, source: Folder | Table) -> Path | None:
    """Where copies are to go, if they are to go anywhere."""
    if args.move_to is None:
        return None
    if not isinstance(source, Folder):
        raise Usage("--move-to is for folders; a table's pictures stay where it says they are")
    target = _folder("--move-to", args.move_to)
    check_target(target, source.root)
    return target


def _wanted(args: Namespace) -> Wanted:
    if not args.descriptor:
        if args.distance:
            raise Usage("--distance is for a descriptor; name one with -d")
        within = WITHIN if args.threshold is None else args.threshold
        return wanted(within=within, augment=args.augment)
    recipe = parse(args.descriptor)
    name = distances.get(args.distance or recipe.distance).name
    if args.threshold is None:
        raise Usage(
            f"-d {args.descriptor} needs --threshold: how far copies are by {name} differs from "
            "descriptor to descriptor; without -d, thumbnails tell them"
        )
    return wanted(recipe, args.threshold, name, args.augment)


def _write(
    args: Namespace,
    terminal: Terminal,
    source: Readable,
    how: Wanted,
    found: Duplicates,
    out: Path,
) -> list[Path]:
    pixels = round(args.max_megapixels * 1e6)
    with terminal.progress("drawing") as told:
        drawn = sheets(found.groups, lambda id: thumbnail(source, id, pixels), told)
        return findings.write(out, args.dataset, how, found, drawn)


def _summary(terminal: Terminal, found: Duplicates, out: Path, written: Sequence[Path]) -> None:
    if found.links:
        names = "1 name is" if found.links == 1 else f"{found.links} names are"
        terminal.note(f"{names} a link to a file that has another name here, and no copy")
    if not found.groups:
        terminal.note(
            f"{found.described} pictures, and none of them a copy ({out}/{findings.JSON})"
        )
        return
    copies = [copy for group in found.groups for copy in group if not copy.first]
    same = sum(copy.same_bytes for copy in copies)
    kept = sum(copy.photo.bytes for copy in copies)
    groups = "1 group" if len(found.groups) == 1 else f"{len(found.groups)} groups"
    larger = (
        "1 copy of a larger one" if len(copies) == 1 else f"{len(copies)} copies of larger ones"
    )
    terminal.note(
        f"{found.described} pictures, {groups}: {larger} ({same} with the same bytes), "
        f"{size(kept)} in all"
    )
    names = ", ".join([findings.JSON, *(path.name for path in written)][:4])
    more = f" and {len(written) - 3} more" if len(written) > 3 else ""
    terminal.note(f"written to {out}: {names}{more}")
    drawn = GROUPS_A_SHEET * MOST_SHEETS
    if len(found.groups) > drawn:
        terminal.note(f"the first {drawn} groups are drawn; {findings.JSON} has all of them")


def _moved(
    terminal: Terminal, source: Folder | Table, found: Duplicates, target: Path | None
) -> list[Failure]:
    """Moves copies if they are to be moved, and says how to undo it; what could not be moved."""
    if target is None or not found.groups:
        return []
    mover = Mover(Path(source.root), target)

    def done() -> str:
        one = len(mover.moved) == 1
        copies, them = ("1 copy", "it") if one else (f"{len(mover.moved)} copies", "them")
        back = (
            f"; to put {them} back: sh {shlex.quote(str(mover.undo.path))}" if mover.moved else ""
        )
        return f"{copies} moved to {target}{back}"

    with told_when_stopped(done), terminal.progress("moving") as told:
        for number, copies in enumerate(found.groups, start=1):
            mover.move(copies)
            told(number, len(found.groups))
    if mover.moved:
        terminal.note(done())
    return mover.failures


def _nothing(dataset: str, source: object, found: Duplicates) -> str:
    if not found.failures:
        return f"nothing to compare in {dataset}: {why_empty(source)}"
    first = found.failures[0]
    return f"nothing to compare in {dataset}: every picture failed ({first.id}: {first.reason})"
