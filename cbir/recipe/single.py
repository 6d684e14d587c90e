"""One descriptor with its name, its settings, and steps on the picture before it."""

import hashlib
import inspect
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from cbir import steps
from cbir.errors import BadSpec
from cbir.recipe.grammar import write
from cbir.recipe.settings import blamed, build, read, required, settings_of
from cbir.steps import Background, Fit
from cbir.types import Descriptor, Image, Vectors
from cbir.user_files import UserFile

STEPS_VERSION = "background-version"


class Steps(NamedTuple):
    """What happens to the picture before the descriptor sees it. Any descriptor can carry them."""

    background: Background = "keep"
    fit: Fit = "squash"

    @property
    def changed(self) -> dict[str, str]:
        """Those that do something, as the spec says them."""
        said = {key: value for key, value in self._asdict().items() if value != NONE._asdict()[key]}
        if "background" in said:
            said[STEPS_VERSION] = str(steps.BACKGROUND_VERSION)
        return said


NONE = Steps()


class Tally:
    """In how many pictures an object was looked for, and in how many it was found."""

    def __init__(self) -> None:
        self.pictures = self.removed = 0
        self._lock = threading.Lock()  # several threads prepare pictures

    def count(self, removed: bool) -> None:
        with self._lock:
            self.pictures += 1
            self.removed += removed


@dataclass(frozen=True)
class Recipe:
    """Steps and a descriptor; behaves as a descriptor, and owns the canonical spec.

    `typed`: the settings that the person gave, rather than left at their defaults.
    """

    name: str
    descriptor: Descriptor
    typed: frozenset[str] = frozenset()
    steps: Steps = NONE
    tally: Tally = field(default_factory=Tally, compare=False, repr=False)

    @cached_property
    def spec(self) -> str:
        said = {**self.settings, **self.steps.changed, "version": self.descriptor.version}
        return f"{self.name}:" + ",".join(f"{key}={write(value)}" for key, value in said.items())

    @property
    def settings(self) -> dict[str, Any]:
        names = settings_of(type(self.descriptor))
        return {name: getattr(self.descriptor, name) for name in names}

    @cached_property
    def slug(self) -> str:
        """A name for files: what differs from the defaults, and six digits of the spec's digest."""
        cls = type(self.descriptor)
        needed = {name: getattr(self.descriptor, name) for name in required(cls)}
        defaults = build(self.name, cls, needed)
        changed = [
            value
            for key, value in self.settings.items()
            if key in needed or value != getattr(defaults, key)
        ]
        if not changed and self.steps == NONE:
            return self.name
        words = [_word(value) for value in (*changed, *self.steps.changed.values())]
        return "-".join([self.name, *words, hashlib.sha256(self.spec.encode()).hexdigest()[:6]])

    @property
    def parts(self) -> tuple["Recipe", ...]:
        """What is described one by one: this."""
        return (self,)

    def combine(self, made: Sequence[Vectors]) -> Vectors:
        """The vectors of pictures from those that each part made of them."""
        return made[0]

    @property
    def distance(self) -> str:
        return self.descriptor.distance

    @property
    def version(self) -> int:
        return self.descriptor.version

    @property
    def pixels(self) -> int | None:
        return self.descriptor.pixels

    @property
    def dim(self) -> int | None:
        with blamed(self.name):
            return getattr(self.descriptor, "dim", None)

    @property
    def prepares(self) -> bool:
        """Whether pictures become small in the reader's thread."""
        return hasattr(self.descriptor, "prepare")

    @cached_property
    def _takes_masks(self) -> bool:
        prepare = getattr(self.descriptor, "prepare", None)
        return prepare is not None and "mask" in inspect.signature(prepare).parameters

    def prepare(self, image: Image, counts: bool = True) -> Any:
        """What is batched; `counts`: whether the tally is to know of it."""
        prepare: Callable[..., Any] = getattr(self.descriptor, "prepare", None) or _itself
        if self.steps == NONE:
            return prepare(image)
        image, mask, kept_whole = steps.apply(image, self.steps.background, self.steps.fit)
        if counts and self.steps.background == "remove":
            self.tally.count(removed=not kept_whole)
        if mask is None:
            return prepare(image)
        return prepare(image, mask) if self._takes_masks else prepare(steps.fill(image, mask))

    def describe(self, batch: Sequence[Any]) -> Vectors:
        return self.descriptor.describe(batch)

    def with_settings(self, **changes: Any) -> "Recipe":
        """The same with other settings."""
        made = build(self.name, type(self.descriptor), self.settings | changes)
        return Recipe(self.name, made, self.typed | changes.keys(), self.steps)


def take_steps(name: str, cls: type[Any], settings: dict[str, str]) -> Steps:
    """Takes the steps out of what a person typed. A descriptor's own setting of that name wins."""
    own = settings_of(cls)
    version = settings.pop(STEPS_VERSION, None) if STEPS_VERSION not in own else None
    if version not in (None, str(steps.BACKGROUND_VERSION)):
        raise BadSpec(
            f"version {version} of background=remove is asked for, and version "
            f"{steps.BACKGROUND_VERSION} is installed; index the pictures again"
        )
    kinds = {"background": Background, "fit": Fit}
    given = {
        key: read(name, key, settings.pop(key), kind)
        for key, kind in kinds.items()
        if key in settings and key not in own
    }
    return Steps(**given)


def _itself(image: Image) -> Image:
    return image


def _word(value: Any) -> str:
    """A setting as part of a file's name."""
    text = value.path.stem if isinstance(value, UserFile) and value.path else str(value)
    return re.sub(r"[^\w.]+", "_", text)[:24]
