"""Descriptors by name. Knows how to find one, and nothing of what is registered."""

from collections.abc import Callable
from typing import Any, TypeVar

from cbir.errors import BadSpec, did_you_mean

Class = TypeVar("Class", bound=type)

_classes: dict[str, type[Any]] = {}
_aliases: dict[str, str] = {}


def register(name: str, *aliases: str) -> Callable[[Class], Class]:
    """A decorator that makes a descriptor known by `name`, and by other names for it."""

    def remember(cls: Class) -> Class:
        for taken in (name, *aliases):
            if _classes.get(_aliases.get(taken, taken), cls) is not cls:
                raise BadSpec(f"two descriptors are called {taken!r}")
        _classes[name] = cls
        _aliases.update(dict.fromkeys(aliases, name))
        return cls

    return remember


def names() -> list[str]:
    return sorted(_classes)


def aliases(name: str) -> list[str]:
    return sorted(alias for alias, target in _aliases.items() if target == name)


def knows(name: str) -> bool:
    return name in _classes or name in _aliases


def find(name: str) -> tuple[str, type[Any]]:
    """The proper name and class; BadSpec with a suggestion when there is none."""
    proper = _aliases.get(name, name)
    if proper not in _classes:
        known = names() + sorted(_aliases)
        raise BadSpec(f"no descriptor is called {name!r}{did_you_mean(name, known)}")
    return proper, _classes[proper]
