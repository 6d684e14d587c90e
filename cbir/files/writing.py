"""Writing: a file appears whole or not at all, and what killed writers left goes away."""

import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from cbir.errors import BadOutput
from cbir.files.checking import check_output, why_no_output
from cbir.files.reading import OPEN_FLAGS

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP}
"""Where a file can't have two names for a moment: between disks, or on simple ones."""


@contextmanager
def replacing(path: Path, sweeping: bool = True) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path`, synced, if the block ends well.

    A reader sees the old file or the new one; so does whoever comes after a kill. Two writers
    at once each finish, and the last one stays. To look for what killed writers left takes longer
    the more files there are: who writes many has `sweep_folder` do so once, and says no to it here.
    """
    path = Path(os.path.realpath(path))  # a link keeps pointing to what is replaced
    check_output(path)
    try:
        if sweeping:
            sweep(path)
        partial, file = _open_partial(path)
    except OSError as error:
        raise BadOutput(f"can't write {path}: {why_no_output(error)}") from error
    try:
        with file:
            yield file
            file.flush()
            with suppress(OSError, AttributeError):  # Windows has no such modes
                os.fchmod(file.fileno(), stat.S_IMODE(os.stat(path).st_mode))
            os.fsync(file.fileno())
            os.replace(partial, path)
        sync_folder(path.parent)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise BadOutput(f"can't write {path}: {why_no_output(error)}") from error
        raise


@contextmanager
def creating(path: Path) -> Iterator[IO[bytes]]:
    """A new file to write that has its name, synced, if the block ends well.

    It takes the place of nothing: FileExistsError if something is there by then. Other OSErrors
    come as they are. Whoever goes on after a kill has `sweep` remove what it left.
    """
    partial, file = _open_partial(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            _name(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def _name(partial: Path, path: Path) -> None:
    """Gives a file its name, unless another one has it."""
    try:
        os.link(partial, path)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))  # holds the name meanwhile
        try:
            os.replace(partial, path)
        except OSError:
            os.unlink(path)
            raise


def make_folder(folder: Path) -> None:
    """The folder, and those above it, where they are not there; BadOutput if that can't be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise BadOutput(f"can't make the folder {folder}: that is a file") from error
    except NotADirectoryError as error:
        raise BadOutput(f"can't make the folder {folder}: a file is above it") from error
    except OSError as error:
        raise BadOutput(f"can't make the folder {folder}: {why_no_output(error)}") from error


def sweep(path: Path) -> None:
    """Removes what killed writers of `path` left: partial files that nobody holds a lock on."""
    _remove(path.parent.glob(_pattern(path.name)))


def sweep_folder(folder: Path) -> None:
    """The same for the writers of all files in a folder."""
    _remove(folder.glob(".*.partial"))


def _remove(partial: Iterable[Path]) -> None:
    if fcntl is None:
        return
    for left in partial:
        with suppress(OSError):
            handle = os.open(left, OPEN_FLAGS)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink()
            finally:
                os.close(handle)


def _pattern(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in _stem(name)) + ".*.partial"


def _stem(name: str) -> str:
    """A hidden name that leaves room for an ending; names are limited in bytes."""
    return "." + os.fsencode(name)[:200].decode("utf-8", "ignore")


def _open_partial(path: Path) -> tuple[Path, IO[bytes]]:
    for _ in range(1000):
        # Never a name that was used before: it could be somebody else's by now.
        partial = path.with_name(f"{_stem(path.name)}.{secrets.token_hex(8)}.partial")
        file = open(partial, "xb")  # noqa: SIM115 - the caller closes it
        if fcntl is not None:
            with suppress(OSError):  # some network disks know no locks
                fcntl.flock(file, fcntl.LOCK_EX)
        if partial.exists():  # else another run's sweep came between open and lock
            return partial, file
        file.close()
    raise FileExistsError(errno.EEXIST, "too many partial files beside it", str(path))


def sync_folder(folder: Path) -> None:
    """Makes a new name in it survive a power cut, where folders can be synced."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
