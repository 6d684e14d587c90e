"""Whether a file can be written at a place, asked before the work, and in words why not."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from cbir.errors import BadOutput


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


def why_no_output(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "its folder does not exist"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; what was there is as it was"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "no permission to write there"
    return (error.strerror or str(error)).lower()
