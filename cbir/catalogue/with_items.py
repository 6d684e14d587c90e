"""The pictures of a source that show an item, as the rule has it."""

from collections.abc import Iterator
from typing import Any

from cbir.errors import BadSource
from cbir.items import ItemRule
from cbir.types import Failure, Picture, Source


class WithItems:
    """A source without the pictures in whose names the rule finds no item: these are failures.

    So they are known before anything is described. `walked` has the ids of all there are.
    """

    def __init__(self, source: Source, rule: ItemRule):
        self._source, self._rule = source, rule
        self.failures: list[Failure] = []
        self.walked: list[str] = []

    def pictures(self) -> Iterator[Picture]:
        without, self.walked = list[Failure](), []
        for picture in self._source.pictures():
            self.walked.append(picture.id)
            try:
                self._rule(picture.id)
            except BadSource as error:
                without.append(Failure(picture.id, str(error)))
            else:
                yield picture
        self.failures = [*self._source.failures, *without]

    def read(self, picture: Picture) -> bytes:
        return self._source.read(picture)

    def __getattr__(self, name: str) -> Any:
        """What a source may offer besides."""
        return getattr(self._source, name)
