"""The list of what a run left out: `failures.csv` beside what is written, or where a person says.

A list of failures takes the place of a list of failures, and of nothing else. Where nobody said
where, it takes the place only of one that a run has written and nobody has touched; a hidden file
beside it tells. The next good run of the same kind removes it.
"""

import os
from argparse import Namespace
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from itertools import count, takewhile
from pathlib import Path

from cbir.commands.options import Parser, Usage
from cbir.errors import BadPicture
from cbir.files import check_output, make_folder, read_regular, replacing, why_not
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
    run = f"{args.command} {os.path.realpath(of or folder)}"
    if not failures:
        _remove(folder, run)
        return None
    path = next(path for path in _names(folder) if not os.path.lexists(path) or _untouched(path))
    digest = write(path, failures)
    with suppress(OSError), replacing(_mark(path)) as file:  # without, it is nobody's to remove
        file.write(f"{digest}\n{_readable(run)}\n".encode())
    return path


def write(path: Path, failures: Sequence[Failure]) -> str:
    """Writes the list, and returns its SHA-256."""
    ids, reasons = ([_readable(failure[part]) for failure in failures] for part in (0, 1))
    text = BytesIO()
    write_text(text, text_table(dict(zip(HEADER, (ids, reasons), strict=True))))
    make_folder(path.parent)
    with replacing(path) as file:
        file.write(text.getvalue())
    return sha256(text.getvalue()).hexdigest()


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
        if _untouched(path) == _readable(run):
            for old in (path, _mark(path)):
                with suppress(OSError):
                    old.unlink()


def _untouched(path: Path) -> str | None:
    """The run that wrote this list, if it is as it was written."""
    try:
        digest, run = read_regular(str(_mark(path))).decode().rstrip("\n").split("\n", 1)
        return run if sha256(read_regular(str(path))).hexdigest() == digest else None
    except (BadPicture, ValueError):
        return None


def _mark(path: Path) -> Path:
    return path.with_name(f".{path.name}.cbir")
