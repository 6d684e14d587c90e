"""undo.sh: what puts moved pictures back, each line of it written down before its move."""

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from cbir.errors import BadOutput, BadPicture
from cbir.files import read_regular, sync_folder

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NAME = "undo.sh"
BEGIN = rb"""#!/bin/sh
# cbir duplicates --move-to moved these here; this puts them back.
case "$0" in */*) here=${0%/*} ;; *) here=. ;; esac
put=0 left=0
back() {
  new=$here/$1 old=$2
  if [ ! -e "$new" ] && [ -e "$old" ]; then return; fi
  if [ ! -e "$new" ]; then why="it is gone"
  elif [ -e "$old" ] || [ -L "$old" ]; then why="there is a file at $old"
  elif mv -n -- "$new" "$old" && [ ! -e "$new" ]; then put=$((put + 1)); return
  else why="it can not be moved to $old"
  fi
  left=$((left + 1))
  printf "%s: not put back: %s\n" "$new" "$why" >&2
}
trap "echo \"\$put put back, \$left not\"; [ \$left -eq 0 ] || exit 1" EXIT
"""
LINE = re.compile(rb"#[^\n]*\n|(?:[^'\"\n]|'[^']*'|\"[^\"]*\")*\n")
"""A whole one, as a shell reads it: a quoted name may hold line breaks."""


class UndoScript:
    """The script at `path`, in the folder that pictures are moved to; it grows from run to run.

    A line is on the disk before its picture moves, whole or not at all: what a full disk or a
    power cut left of one, whose picture has not moved, is cut off. New names are below the script's
    own folder, wherever that may be by then.
    """

    def __init__(self, folder: Path):
        self.path, lines, self._half = _found(folder)
        self._lines = set(lines)
        self._end = sum(map(len, lines)) + self._half

    def knows(self, place: Path, old: Path) -> bool:
        """Whether this move was written down, by this run or an earlier one."""
        return self._line(place, old) in self._lines

    def write_down(self, place: Path, old: Path) -> None:
        """The line that undoes a move to this place, and does nothing if there was none."""
        line = self._line(place, old)
        if line in self._lines:
            return
        with open(self.path, "ab", buffering=0) as file:
            if fcntl is not None:  # another run may write to it as well
                fcntl.flock(file, fcntl.LOCK_EX)
            before = file.seek(0, os.SEEK_END)
            if self._half and before == self._end:  # else somebody has cut it off already
                before -= self._half
                file.truncate(before)
            self._half = 0
            try:
                _write_all(file, line if before else BEGIN + line)
                os.fsync(file.fileno())
            except BaseException:
                file.truncate(before)
                raise
        if not before:
            sync_folder(self.path.parent)
        self._lines.add(line)

    def _line(self, place: Path, old: Path) -> bytes:
        new = place.relative_to(self.path.parent)
        return os.fsencode(f"back {shlex.quote(str(new))} {shlex.quote(str(old))}\n")


def _write_all(file: IO[bytes], data: bytes) -> None:
    """A full disk may take a part, and says what is wrong when it is asked for the rest."""
    while data:
        data = data[file.write(data) :]


def _found(folder: Path) -> tuple[Path, list[bytes], int]:
    """undo.sh, or with a number if a file of that name is somebody else's.

    With the lines that it has, and how many bytes of half a line there are behind them.
    """
    for path in _numbered(folder / NAME):
        if not os.path.lexists(path):
            return path, [], 0
        with suppress(BadPicture):
            data = read_regular(str(path))
            if not data or data.startswith(BEGIN):
                lines = list(_lines(data))
                return path, lines, len(data) - sum(map(len, lines))
    raise BadOutput(f"{folder} is full of files called undo")


def _lines(data: bytes) -> Iterator[bytes]:
    at = 0
    while found := LINE.match(data, at):
        yield found[0]
        at = found.end()


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    for number in range(2, 1000):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
