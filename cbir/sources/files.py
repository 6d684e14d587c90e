"""Single pictures that a person names: files, all pictures of a folder, or bytes at hand."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from cbir.errors import BadPicture, BadSource
from cbir.files import read_regular, regular, stamp
from cbir.sources.folder import Folder
from cbir.types import Failure, Picture


class Files:
    """Pictures under the names that were typed, in that order; a folder stands for its pictures.

    `given` holds pictures whose bytes are known already, such as one from standard input.
    """

    def __init__(self, names: Sequence[str], given: dict[str, bytes] | None = None):
        self.names = names
        self.given = given or {}
        self.named: list[str] = []  # the files that were offered
        self.failures: list[Failure] = []

    def pictures(self) -> Iterator[Picture]:
        self.failures, self.named = [], []
        for name in self.names:
            if name in self.given:
                yield Picture(name, "")
                continue
            for picture in self._of_folder(name) if os.path.isdir(name) else self._one(name):
                self.named.append(picture.id)
                yield picture

    def read(self, picture: Picture) -> bytes:
        if picture.id in self.given:
            return self.given[picture.id]
        return read_regular(picture.id)

    def _one(self, name: str) -> Iterator[Picture]:
        try:
            status = regular(name)
            yield Picture(name, stamp(status))
        except BadPicture as error:
            self.failures.append(Failure(name, str(error)))

    def _of_folder(self, name: str) -> Iterator[Picture]:
        folder = Folder(name)
        empty = True
        try:
            for picture in folder.pictures():
                yield Picture((Path(name) / picture.id).as_posix(), picture.stamp)
                empty = False
        except BadSource as error:  # the other queries are not to blame
            self.failures.append(Failure(name, str(error)))
            return
        failures = [Failure((Path(name) / id).as_posix(), why) for id, why in folder.failures]
        if empty and not failures:
            failures = [Failure(name, "a folder without pictures")]
        self.failures += failures
