"""Files that are ours to replace: those that were written here, and that nobody has touched since.

A hidden file beside each one says by whom it was written, and has the SHA-256 of what was.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import file_digest, sha256
from pathlib import Path
from typing import IO, Any

from cbir.errors import BadOutput, BadPicture
from cbir.files.reading import read_regular, why_not
from cbir.files.writing import replacing

LONGEST_NAME = 200


@contextmanager
def replacing_ours(path: Path, by: str) -> Iterator[IO[bytes]]:
    """As `replacing`; the file is ours from then on. `by`: what has written it."""
    digests = [_digest(path)] if written_by(path) is not None else []
    with replacing(path) as file:
        yield file
        file.flush()
        # Before the file has its name, and with the old digest: a kill makes neither a stranger's.
        digests.append(_digest(Path(file.name)))
        about = json.dumps({"by": by, "sha256": digests}).encode() + b"\n"
        with suppress(BadOutput), replacing(_mark(path)) as mark:
            mark.write(about)


def written_by(path: Path) -> str | None:
    """What has written this file here, if it is as it was written."""
    try:
        about: Any = json.loads(read_regular(str(_mark(path))))
        by = about["by"]
        return by if type(by) is str and _digest(path) in about["sha256"] else None
    except (BadPicture, OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def check_ours(path: Path, by: str) -> None:
    """BadOutput if there is a file that was not written by this: to be asked before the work."""
    try:
        theirs = path.exists() and path.stat().st_size and written_by(path) != by
    except OSError as error:
        raise BadOutput(f"can't see what is at {path}: {why_not(error)}") from error
    if theirs:
        raise BadOutput(
            f"{path} was not written by {by}, or was changed since; move it away, or give another "
            "name"
        )


def remove_ours(path: Path) -> None:
    for one in (path, _mark(path)):
        with suppress(OSError):
            one.unlink()


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _mark(path: Path) -> Path:
    """Beside the file itself, if the path is a link to it."""
    real = Path(os.path.realpath(path))
    name = real.name
    if len(os.fsencode(name)) > LONGEST_NAME:  # the mark's must not be longer than a disk allows
        name = sha256(os.fsencode(name)).hexdigest()
    return real.with_name(f".{name}.cbir")
