"""Copies moved out of the way: nothing is overwritten, nothing deleted, and all can be put back."""

import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from errno import EEXIST, EMLINK, ENOSYS, ENOTSUP, EPERM, EXDEV
from hashlib import sha256
from pathlib import Path

from cbir.errors import BadOutput, BadPicture
from cbir.files import read_regular, why_no_output, why_not
from cbir.matching.duplicates import Copy
from cbir.types import Failure

UNDO = "undo.sh"
FIRST_LINE = "#!/bin/sh\n# cbir duplicates --move-to moved these; this puts them back.\n"
NO_LINKS = {EXDEV, EPERM, EMLINK, ENOSYS, ENOTSUP}
"""Where a file can't be in two places for a moment: between disks, or on simple ones."""


def check_target(target: Path, root: Path) -> None:
    """BadOutput unless pictures of this folder can be moved there: to be asked before the work."""
    real, inside = os.path.realpath(target), os.path.realpath(root)
    if real == inside or real.startswith(inside + os.sep):
        raise BadOutput(f"{target} lies in the data set, where copies would be found again")
    try:
        target.mkdir(parents=True, exist_ok=True)
        if not os.access(target, os.W_OK | os.X_OK):
            raise PermissionError(EPERM, "no permission to write there")
    except OSError as error:
        raise BadOutput(f"can't move pictures to {target}: {why_no_output(error)}") from error


class Mover:
    """Moves pictures from below one folder to the same places below another.

    What undoes a move is written down before it: a line of `undo.sh` in the target folder, which
    grows from run to run. `moved` and `failures` tell what became of each picture.
    """

    def __init__(self, root: Path, target: Path):
        self.root, self.target = Path(os.path.realpath(root)), Path(os.path.realpath(target))
        self.moved: list[str] = []
        self.failures: list[Failure] = []
        self.undo = self._undo_place()

    def move(self, group: Sequence[Copy]) -> None:
        """All of a group but its first picture, if that is still there."""
        first, *others = group
        try:
            self._check(first)
        except BadPicture as error:
            why = f"not moved, because of the first of its group, {first.photo.id}: {error}"
            self.failures += [Failure(copy.photo.id, why) for copy in others]
            return
        for copy in others:
            try:
                self._move(copy)
                self.moved.append(copy.photo.id)
            except (BadPicture, OSError) as error:
                reason = why_not(error) if isinstance(error, OSError) else str(error)
                self.failures.append(Failure(copy.photo.id, f"not moved: {reason}"))

    def _check(self, copy: Copy) -> Path:
        """Where the very picture that was compared lies."""
        path = self.root / copy.photo.id
        if path.is_symlink():
            raise BadPicture("a link")
        if Path(os.path.realpath(path)) != path:
            raise BadPicture("it lies outside the data set, behind a link")
        if sha256(read_regular(str(path))).hexdigest() != copy.photo.sha256:
            raise BadPicture("it has changed since it was compared")
        return path

    def _move(self, copy: Copy) -> None:
        path, place = self._check(copy), self.target / copy.photo.id
        place.parent.mkdir(parents=True, exist_ok=True)
        if Path(os.path.realpath(place.parent)) != place.parent:
            raise BadPicture("its place there is behind a link")
        if os.path.lexists(place):
            raise BadPicture(f"there is a file at {place} already")
        self._write_down(path, place)
        try:
            os.link(path, place)  # which never takes the place of anything
        except OSError as error:
            if error.errno == EEXIST:
                raise BadPicture(f"there is a file at {place} already") from error
            if error.errno not in NO_LINKS:
                raise
            self._copy(path, place, copy.photo.sha256)
        try:
            os.unlink(path)
        except OSError:  # then it stays where it was, and nowhere else
            os.unlink(place)
            raise

    def _copy(self, path: Path, place: Path, digest: str) -> None:
        """A copy that is on the disk, and right, before anybody removes what it was made of."""
        with open(path, "rb") as source, open(place, "xb") as file:
            try:
                shutil.copyfileobj(source, file, 1 << 20)
                file.flush()
                os.fsync(file.fileno())
                with suppress(OSError):  # times and rights, as far as the disk knows them
                    shutil.copystat(path, place)
                if sha256(read_regular(str(place))).hexdigest() != digest:
                    raise BadPicture("its copy came out wrong")
            except BaseException:
                place.unlink(missing_ok=True)
                raise

    def _write_down(self, path: Path, place: Path) -> None:
        """The line that undoes this move, which does nothing if there is nothing to undo."""
        old, new = shlex.quote(str(path)), shlex.quote(str(place))
        begins = not self.undo.exists()
        with open(self.undo, "a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(
                (FIRST_LINE if begins else "") + f"test ! -e {new} || mv -n -- {new} {old}\n"
            )
            file.flush()
            os.fsync(file.fileno())

    def _undo_place(self) -> Path:
        """undo.sh, or with a number if a file of that name is somebody else's."""
        for path in _numbered(self.target / UNDO):
            if not os.path.lexists(path):
                return path
            with suppress(BadPicture):
                if read_regular(str(path)).startswith(FIRST_LINE.encode()):
                    return path
        raise BadOutput(f"{self.target} is full of files called undo")


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    for number in range(2, 1000):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
