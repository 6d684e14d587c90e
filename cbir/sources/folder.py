"""A folder of pictures, with all that is below it."""

import os
from collections.abc import Iterator
from errno import ELOOP
from pathlib import Path, PurePath

from imutils.paths import image_types

from cbir.errors import BadPicture, BadSource
from cbir.files import read_regular, readable, regular, stamp, why_not
from cbir.sources.drawings import is_drawing, is_marked
from cbir.types import Failure, Picture

# What imutils lists, and what else the decoder reads.
ENDINGS = (
    *image_types,
    *(".jpe", ".jfif", ".apng", ".webp", ".gif", ".avif", ".heic", ".heif", ".dib"),
    *(".jp2", ".j2k", ".pbm", ".pgm", ".ppm", ".pnm", ".pam"),
)


class Folder:
    """A picture's id is its path below `root`, with forward slashes.

    Hidden files and folders are passed over, and so are our own drawings. A link to a folder is
    followed, but each folder is walked once, so that links in a circle end. `origin` says which
    folder it is, however it was named.
    """

    def __init__(self, root: str | Path):
        self.root = Path(root)
        self.origin = os.path.realpath(self.root)
        self.failures: list[Failure] = []
        self.complete = True  # whether the last walk saw every folder
        self.drawings = 0  # that it passed over

    def pictures(self) -> Iterator[Picture]:
        """All pictures, sorted by id. Stamps are size and time of change."""
        self.failures, self.complete, self.drawings = [], True, 0
        found: list[tuple[str, str]] = []
        self._walk(found)
        found.sort()
        for found_name, found_stamp in found:
            yield Picture(found_name, found_stamp)

    def read(self, picture: Picture) -> bytes:
        return read_regular(os.path.join(self.root, picture.id))

    def stamp(self, picture: Picture) -> str:
        """Its stamp as it is now."""
        return stamp(regular(os.path.join(self.root, picture.id)))

    def _walk(self, found: list[tuple[str, str]]) -> None:
        walked: dict[tuple[int, int], str] = {}
        real, linked = [""], list[str]()
        # Real folders go first: a link to one of them must not take its pictures' names.
        while real or linked:
            through_link = not real
            folder = real.pop() if real else linked.pop(0)
            try:
                status = os.stat(self.root / folder)
                key = (status.st_dev, status.st_ino)
                if key in walked:
                    if not through_link:
                        continue  # below a link that was followed: it had its turn as itself
                    where = walked[key] or "the data set itself"
                    self._fail(folder, f"a link to a folder that is walked already ({where})")
                    continue
                walked[key] = folder
                results = is_marked(self.root / folder)
                with os.scandir(self.root / folder) as entries:
                    for entry in entries:
                        if results and is_drawing(entry.path):
                            self.drawings += 1
                            continue
                        self._sort_out(folder, entry, found, real, linked)
            except OSError as error:
                if not folder:
                    raise BadSource(f"can't read {self.root}: {why_not(error)}") from error
                self.complete = False
                self._fail(folder, f"a folder that can't be read: {why_not(error)}")
            linked.sort()

    def _sort_out(
        self,
        folder: str,
        entry: os.DirEntry[str],
        found: list[tuple[str, str]],
        real: list[str],
        linked: list[str],
    ) -> None:
        """Puts one entry where it belongs: pictures, folders, failures or nowhere."""
        if entry.name.startswith("."):
            return
        name = f"{folder}/{entry.name}" if folder else entry.name
        like_a_picture = entry.name.lower().endswith(ENDINGS)
        if entry.is_dir(follow_symlinks=False):
            real.append(name)
        if like_a_picture and self._is_picture(name, entry.path, found):
            return
        if entry.is_symlink():
            if os.path.isdir(entry.path):
                linked.append(name)
            elif not like_a_picture and _circular(entry.path):
                self._fail(name, "a link that leads round in a circle")

    def _is_picture(self, name: str, path: str, found: list[tuple[str, str]]) -> bool:
        """Takes down what is named like a picture, or why it is none."""
        try:
            name.encode()
            status = regular(path)
        except UnicodeEncodeError:
            self._fail(name, "its name is not UTF-8; rename it")
        except BadPicture as error:
            self._fail(name, str(error))
        else:
            found.append((name, stamp(status)))
            return True
        return False

    def _fail(self, name: str, reason: str) -> None:
        self.failures.append(Failure(readable(name), reason))


def why_empty(source: object) -> str:
    """Why a walk has found nothing, and nothing that failed either."""
    if isinstance(source, Folder) and source.drawings:
        return "it holds only drawings of cbir's own, which are passed over"
    return "it holds no pictures"


def leads_out(id: str) -> bool:
    """Whether a picture's id leads out of its folder: ids of tables and of indexes may."""
    return os.path.isabs(id) or os.pardir in PurePath(id).parts


def _circular(path: str) -> bool:
    """Whether a link resolves to nothing because it leads back to itself."""
    try:
        os.stat(path)
    except OSError as error:
        return error.errno == ELOOP
    return False
