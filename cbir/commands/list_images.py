"""Write a table with the name and path of each picture of a folder."""

import os
import posixpath
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cbir.commands import failures, options
from cbir.commands.options import Parser, Usage
from cbir.commands.stopping import told_when_stopped
from cbir.commands.terminal import Terminal
from cbir.errors import BadSource
from cbir.files import check_ours
from cbir.sources import Folder, why_empty
from cbir.tables import (
    check_table,
    delimiter_of,
    is_guessed,
    like_a_formula,
    text_table,
    write_table,
    write_text,
)

if TYPE_CHECKING:
    import pyarrow as pa

EXAMPLES = """examples:
  cbir list-images photos
  cbir list-images photos -o photos.tsv
  cbir list-images photos -o - --delimiter tab
  cbir index --dataset images.csv
"""
STDOUT = "-"
COLUMNS = ["name", "path"]


BY = "cbir list-images"


def add_arguments(parser: Parser) -> None:
    parser.add_argument("folder", metavar="DIR", help="a folder, with all that is below it")
    parser.add_argument(
        "-o",
        "--out",
        default="images.csv",
        metavar="F",
        help="where to write: .csv, .tsv, .parquet, or - for standard output; paths are relative "
        "to its folder (default: %(default)s)",
    )
    parser.add_argument(
        "--delimiter",
        metavar="D",
        help="a character, or tab, semicolon, … (default: a comma, in a .tsv a tab)",
    )
    failures.add_failures(parser, beside="the table")
    options.add_output(parser)


def run(args: Namespace, terminal: Terminal) -> int:
    if args.delimiter is not None:
        delimiter_of(args.delimiter)
    if args.out == STDOUT:
        with told_when_stopped("the table was not printed to its end"):
            return _print(args, terminal)
    with told_when_stopped("the table is whole, as it was or new"):
        return _write(args, terminal)


def _write(args: Namespace, terminal: Terminal) -> int:
    out = _out(args.out, args.delimiter)
    failures.check_place_of(args, {out})
    folder, table = _listed(args.folder, out.parent)
    changed = write_table(out, table, args.delimiter, BY)
    listed_in = failures.listed(args, out.parent, folder.failures, of=out)
    counts = {"pictures": table.num_rows, "failed": len(folder.failures)}
    terminal.record({"table": str(out), **counts})
    terminal.note(f"{out}: {table.num_rows} pictures of {args.folder}")
    if table.column("path")[0].as_py().startswith("../"):
        terminal.note("its paths lead out of its folder, so reading it needs --allow-local")
    if args.delimiter and not is_guessed(args.delimiter):
        terminal.note(
            f"match --delimiter {args.delimiter} reads it; other commands guess one of , ; | or tab"
        )
    terminal.formulas(changed, "name")
    terminal.failures(folder.failures, listed_in)
    return 1 if folder.failures else 0


def _print(args: Namespace, terminal: Terminal) -> int:
    if args.json or args.failures:
        raise Usage("-o - prints the table and nothing else; leave --json and --failures away")
    folder, table = _listed(args.folder, Path())
    changed = write_text(sys.stdout.buffer, table, args.delimiter or ",")
    sys.stdout.flush()
    terminal.formulas(changed, "name")
    terminal.failures(folder.failures)
    return 1 if folder.failures else 0


def _out(text: str, delimiter: str | None) -> Path:
    """Where to write: a new file, or the place of a list as this command writes it."""
    if not text or text.endswith(("/", os.sep)):
        raise Usage(f"-o {text!r} is not a file's name")
    path = Path(text)
    check_table(path, delimiter)
    check_ours(path, BY)
    return path


def _listed(name: str, beside: Path) -> tuple[Folder, "pa.Table"]:
    """The pictures of a folder by names and paths as a table in the other folder needs them."""
    folder = Folder(name)
    root = _way(name, beside)
    ids = [picture.id for picture in folder.pictures()]
    if not ids:
        why = f" ({folder.failures[0].id}: {folder.failures[0].reason})" if folder.failures else ""
        raise BadSource(f"nothing to list in {name}: {why_empty(folder)}{why}")
    return folder, _table(root, ids)


def _way(folder: str, beside: Path) -> str:
    """From the table's folder to the pictures', with forward slashes."""
    way = os.path.relpath(folder, beside)
    if way.split(os.sep)[0] == os.pardir:  # up is where a link's target is, not the link
        way = os.path.relpath(os.path.realpath(folder), os.path.realpath(beside))
    try:
        way.encode()
    except UnicodeEncodeError as error:
        raise BadSource("the folder's name is not UTF-8; rename it") from error
    return way.replace(os.sep, "/")


def _table(root: str, ids: Sequence[str]) -> "pa.Table":
    paths = [posixpath.normpath(posixpath.join(root, id)) for id in ids]
    paths = [f"./{path}" if like_a_formula(path) else path for path in paths]
    names = [posixpath.splitext(posixpath.basename(id))[0] for id in ids]
    return text_table(dict(zip(COLUMNS, (names, paths), strict=True)))
