"""The list of what a run left out: `failures.csv` beside what is written, or where a person says.

A list of failures takes the place of a list of failures, and of nothing else. Where nobody said
where, it takes the place only of one that a run has written and nobody has touched; a hidden file
beside it tells. The next good run of the same kind removes it.
"""

import os
from argparse import Namespace
from collections.abc import Collection, Iterator, Sequence
from itertools import count, takewhile
from pathlib import Path

from cbir.commands.options import Parser, Usage
from cbir.files import (
    check_output,
    make_folder,
    remove_ours,
    replacing,
    replacing_ours,
    why_not,
    written_by,
)
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
    try:
        other = path.exists() and path.stat().st_size and not is_list(path)
    except OSError as error:
        raise Usage(f"--failures {path} can't be read: {why_not(error)}") from error
    if other or os.path.realpath(path) in map(os.path.realpath, outputs):
        raise Usage(f"--failures {path} is another file's name; give one of its own")


def check_place_of(args: Namespace, outputs: Collection[Path]) -> None:
    """The same for what `--failures` says, if it says anything."""
    if args.failures:
        check_place(Path(args.failures), outputs)


def listed(
    args: Namespace, folder: Path | None, failures: Sequence[Failure], of: Path | None = None
) -> Path | None:
    """Writes the list where `--failures` says, or in this folder, if any; returns its place.

    `of`: what the run has made, if that is not the folder.
    """
    if args.failures:
        path = Path(args.failures)
        if failures or path.exists():  # an earlier list is not true any more
            write(path, failures)
        return path
    if folder is None:
        return None
    run = _readable(f"{args.command} {os.path.realpath(of or folder)}")
    if not failures:
        _remove(folder, run)
        return None
    path = next(one for one in _names(folder) if not os.path.lexists(one) or written_by(one))
    write(path, failures, run)
    return path


def write(path: Path, failures: Sequence[Failure], run: str | None = None) -> None:
    """Writes the list, as that of this run if there is one to remove it later."""
    ids, reasons = ([_readable(failure[part]) for failure in failures] for part in (0, 1))
    table = text_table(dict(zip(HEADER, (ids, reasons), strict=True)))
    make_folder(path.parent)
    with replacing(path) if run is None else replacing_ours(path, run) as file:
        write_text(file, table)


def is_list(path: Path) -> bool:
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.readline(100).rstrip() == ",".join(HEADER).encode()


def _readable(text: str) -> str:
    """Bytes of a name that are not UTF-8 as \\xNN."""
    return text.encode("utf-8", "backslashreplace").decode()


def _names(folder: Path) -> Iterator[Path]:
    """failures.csv, and with a number, as far as these may be somebody else's."""
    yield folder / "failures.csv"
    for number in count(2):
        yield folder / f"failures-{number}.csv"


def _remove(folder: Path, run: str) -> None:
    """An earlier list of the same run goes away: nothing in it is true any more."""
    for path in takewhile(os.path.lexists, _names(folder)):
        if written_by(path) == run:
            remove_ours(path)
