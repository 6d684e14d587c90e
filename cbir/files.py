"""Files that can be trusted: only regular ones are read, and outputs appear whole or not at all."""

import errno
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from cbir.errors import BadOutput, BadPicture

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LARGEST_FILE = 1 << 30
TICK_NS = 2_500_000_000  # memory cards keep time in steps of two seconds

# Should a file become a FIFO after it was looked at, O_NONBLOCK keeps the open from waiting.
OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
OPEN_FLAGS |= getattr(os, "O_BINARY", 0)

KINDS = (
    (stat.S_ISDIR, "a folder, not a file"),
    (stat.S_ISFIFO, "a pipe (FIFO), not a file"),
    (stat.S_ISSOCK, "a socket, not a file"),
    (stat.S_ISCHR, "a device, not a file"),
    (stat.S_ISBLK, "a device, not a file"),
)
NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP}
"""Where a file can't have two names for a moment: between disks, or on simple ones."""

REASONS = {
    errno.ENOENT: "it is not there",
    errno.EACCES: "no permission to read it",
    errno.EPERM: "no permission to read it",
    errno.ELOOP: "a link that leads round in a circle",
    errno.ENAMETOOLONG: "its name is too long",
    errno.EIO: "the disk failed to read it",
}


def readable(name: str) -> str:
    """A file's name as text: bytes that are not UTF-8 become \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def why_not(error: OSError) -> str:
    """A reason for a person."""
    return REASONS.get(error.errno or 0, (error.strerror or str(error)).lower())


def regular(path: str) -> os.stat_result:
    """The status of a regular file, links followed; BadPicture for all else. Opens nothing."""
    try:
        status = os.stat(path)
    except OSError as error:
        dangling = error.errno == errno.ENOENT and os.path.islink(path)
        raise BadPicture("a link that leads nowhere" if dangling else why_not(error)) from error
    except ValueError as error:  # a NUL in the name
        raise BadPicture("its name can't be a file's") from error
    _check_kind(status.st_mode)
    return status


def read_regular(path: str) -> bytes:
    """The bytes of a regular file; nothing else is read, and nothing can hang.

    Few system calls, because threads that read wait for each other at every one.
    """
    try:
        handle = os.open(path, OPEN_FLAGS)
    except (OSError, ValueError) as error:
        regular(path)  # which has the better words for what it is
        raise BadPicture(why_not(error) if isinstance(error, OSError) else str(error)) from error
    try:
        status = os.fstat(handle)
        _check_kind(status.st_mode)
        if status.st_size > LARGEST_FILE:
            megabytes = status.st_size >> 20
            raise BadPicture(f"{megabytes} MB is more than a picture file may have (1024)")
        data = os.read(handle, status.st_size)
        while len(data) < status.st_size and (more := os.read(handle, status.st_size - len(data))):
            data += more
        return data
    except OSError as error:
        raise BadPicture(why_not(error)) from error
    finally:
        os.close(handle)


def stamp(status: os.stat_result) -> str:
    """What changes when a file does, or when another takes its place: size, times and number.

    Empty for a file that has changed just now: should it change again within the same tick of the
    disk's clock, its time would not show it.
    """
    changed = max(status.st_mtime_ns, status.st_ctime_ns)
    if abs(time.time_ns() - changed) < TICK_NS:
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"


def _check_kind(mode: int) -> None:
    if not stat.S_ISREG(mode):
        for is_kind, words in KINDS:
            if is_kind(mode):
                raise BadPicture(words)


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


def check_output(path: Path) -> None:
    """BadOutput for what can't be written as a file; to be asked before the work, too.

    That is a folder, a device, a pipe, whatever stands below a file, or where writing is not
    allowed. A folder that is not there may still be made.
    """
    with suppress(OSError):  # what is not there yet, or can't be seen
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "not a file"
            raise BadOutput(f"can't write {path}: that is {kind}; give a file's name")
    # Only the folder counts: a file that is there makes way, and a link stays.
    if why := _why_none_in(Path(os.path.realpath(path)).parent):
        raise BadOutput(f"can't write {path}: {why}")


def check_folder(folder: Path) -> None:
    """BadOutput for a folder in which no file can be written, nor made if it is not there."""
    if why := _why_none_in(folder.absolute()):
        raise BadOutput(f"can't write to {folder}: {why}")


def _why_none_in(folder: Path) -> str | None:
    """Why no file can be written in a folder, or in what is there of the way to it."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return f"{folder} is not a folder"
    return None if os.access(folder, os.W_OK | os.X_OK) else "no permission to write there"


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


def why_no_output(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "its folder does not exist"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; nothing was changed"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "no permission to write there"
    return (error.strerror or str(error)).lower()
