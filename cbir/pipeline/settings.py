"""How a run goes about its work."""

from collections.abc import Callable
from dataclasses import dataclass

from cbir.errors import BadStore
from cbir.images import MAX_PIXELS
from cbir.threads import cores


@dataclass(frozen=True)
class Settings:
    """How to run: nothing here changes a vector.

    `without_store`: told when the feature store fails, and the run goes on without it. None: such a
    failure ends the run.
    """

    workers: int = 0
    batch_size: int = 32
    max_pixels: int = MAX_PIXELS
    without_store: Callable[[BadStore], None] | None = None

    @property
    def threads(self) -> int:
        return self.workers or cores()
