"""Reading: only regular files, so that nothing hangs, and what changes when a file does."""

import errno
import os
import stat
import time

from cbir.errors import BadPicture

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
