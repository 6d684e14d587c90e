"""Copies moved out of the way: nothing is overwritten, nothing deleted, and all can be put back."""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from errno import EPERM
from hashlib import sha256
from pathlib import Path

from cbir.errors import BadOutput, BadPicture
from cbir.files import (
    NO_LINKS,
    creating,
    read_regular,
    sweep,
    sync_folder,
    why_no_output,
    why_not,
)
from cbir.matching.duplicates import Copy
from cbir.matching.undo_script import UndoScript
from cbir.types import Failure


def check_target(target: Path, root: Path) -> None:
    """BadOutput unless pictures of this folder can be moved there: to be asked before the work."""
    real, inside = os.path.realpath(target), os.path.realpath(root)
    if real == inside or real.startswith(inside + os.sep):
        raise BadOutput(f"{target} lies in the data set, where copies would be found again")
    try:
        _make_folder(Path(real))
        if not os.access(target, os.W_OK | os.X_OK):
            raise PermissionError(EPERM, "no permission to write there")
    except OSError as error:
        raise BadOutput(f"can't move pictures to {target}: {why_no_output(error)}") from error


class Mover:
    """Moves pictures from below one folder to the same places below another.

    What undoes a move is written down before it. A picture has its new name, on the disk and
    whole, before it loses its old one; a run that was killed between is gone on with by the next.
    `moved` and `failures` tell what became of each picture.
    """

    def __init__(self, root: Path, target: Path):
        self.root, self.target = Path(os.path.realpath(root)), Path(os.path.realpath(target))
        self.moved: list[str] = []
        self.failures: list[Failure] = []
        self.undo = UndoScript(self.target)

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
        if copy.photo.links and not copy.first:
            raise BadPicture(f"it has another name in the data set, {copy.photo.links[0]}")
        if Path(os.path.realpath(path)) != path:
            raise BadPicture("it lies outside the data set, behind a link")
        if not _holds(path, copy):
            raise BadPicture("it has changed since it was compared")
        return path

    def _move(self, copy: Copy) -> None:
        path, place = self._check(copy), self.target / copy.photo.id
        _make_folder(place.parent)
        if Path(os.path.realpath(place.parent)) != place.parent:
            raise BadPicture("its place there is behind a link")
        if not self._begun(copy, path, place):
            if os.path.lexists(place):
                raise BadPicture(f"there is a file at {place} already")
            self.undo.write_down(place, path)
            try:
                self._put(copy, path, place)
            except FileExistsError as error:
                raise BadPicture(f"there is a file at {place} already") from error
            if not _holds(place, copy):  # it was replaced just before, and is there under its name
                os.unlink(place)
                raise BadPicture("it has changed since it was compared")
        self._remove(copy, path, place)

    def _remove(self, copy: Copy, path: Path, place: Path) -> None:
        """The old name of what is at its new place by now; unless it names something else."""
        try:
            if not os.path.samestat(os.lstat(path), os.lstat(place)):
                self._check(copy)
            os.unlink(path)
        except FileNotFoundError:  # somebody else was faster, and it is here
            pass
        except BadPicture as error:
            raise BadPicture(f"{error}; as it was, it is at {place}") from error
        except OSError:  # then it stays where it was, and nowhere else
            os.unlink(place)
            raise

    def _begun(self, copy: Copy, path: Path, place: Path) -> bool:
        """Whether an earlier run was stopped when all was done but to remove the old name."""
        if not self.undo.knows(place, path):
            return False
        sweep(place)
        return not place.is_symlink() and place.exists() and _holds(place, copy)

    def _put(self, copy: Copy, path: Path, place: Path) -> None:
        """The same file under its new name, or else a copy; FileExistsError if there is another."""
        try:
            os.link(path, place)
            sync_folder(place.parent)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            self._copy(copy, path, place)

    def _copy(self, copy: Copy, path: Path, place: Path) -> None:
        """A copy that is on the disk, and right, before anybody removes what it was made of."""
        with open(path, "rb") as source, creating(place) as file:
            shutil.copyfileobj(source, file, 1 << 20)
            file.flush()
            with suppress(OSError):  # times and rights, as far as the disk knows them
                shutil.copystat(path, file.name)
            if not _holds(Path(file.name), copy):
                raise BadPicture("its copy came out wrong")


def _holds(path: Path, copy: Copy) -> bool:
    """Whether a file has this picture's very bytes."""
    return sha256(read_regular(str(path))).hexdigest() == copy.photo.sha256


def _make_folder(folder: Path) -> None:
    """With those above it, all of which survive a power cut."""
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in new:
        sync_folder(one.parent)
