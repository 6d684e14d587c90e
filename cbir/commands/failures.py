"""The list of what a run left out: `failures.csv` beside what is written, or where a person says.

A list of failures takes the place of a list of failures, and of nothing else.
"""

import os
from argparse import Namespace
from collections.abc import Collection, Sequence
from pathlib import Path

from cbir.commands.options import Parser, Usage
from cbir.files import check_output, make_folder, replacing
from cbir.tables import text_table, write_text
from cbir.types import Failure

HEADER = ["id", "reason"]


def add_failures(parser: Parser, beside: str) -> None:
    parser.add_argument(
        "--failures",
        metavar="F",
        help=f"where to list pictures that failed (default: failures.csv beside {beside})",
    )


def check_place(path: Path, outputs: Collection[Path]) -> None:
    """Refuses another file's name, one of these outputs for instance; asked before the work."""
    check_output(path)
    other = path.exists() and path.stat().st_size and not is_list(path)
    if other or os.path.realpath(path) in map(os.path.realpath, outputs):
        raise Usage(f"--failures {path} is another file's name; give one of its own")


def check_place_of(args: Namespace, outputs: Collection[Path]) -> None:
    """The same for what `--failures` says, if it says anything."""
    if args.failures:
        check_place(Path(args.failures), outputs)


def write(path: Path, failures: Sequence[Failure], keep: bool) -> None:
    """The list of what failed. Without any, an earlier run's list goes away, unless kept."""
    if not failures:
        if not keep and is_list(path):
            path.unlink()
        return
    columns = ([_readable(text) for text in texts] for texts in zip(*failures, strict=True))
    make_folder(path.parent)
    with replacing(path) as file:
        write_text(file, text_table(dict(zip(HEADER, columns, strict=True))))


def _readable(text: str) -> str:
    """Bytes of a name that are not UTF-8 as \\xNN."""
    return text.encode("utf-8", "backslashreplace").decode()


def listed(args: Namespace, folder: Path | None, failures: Sequence[Failure]) -> Path | None:
    """Writes the list where `--failures` says, or in this folder, if any; returns its place."""
    if args.failures:
        path = Path(args.failures)
    elif folder is not None:
        path = place(folder)
    else:
        return None
    write(path, failures, keep=bool(args.failures))
    return path


def place(folder: Path) -> Path:
    """failures.csv, or with a number if a file of that name is somebody else's."""
    path, number = folder / "failures.csv", 1
    while path.exists() and not is_list(path):
        number += 1
        path = folder / f"failures-{number}.csv"
    return path


def is_list(path: Path) -> bool:
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.readline(100).rstrip() == ",".join(HEADER).encode()
