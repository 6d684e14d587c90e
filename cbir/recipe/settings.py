"""Settings: from the text of a spec to the typed fields of a descriptor."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, fields
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from cbir import distances
from cbir.errors import BadSpec, did_you_mean
from cbir.recipe.grammar import plain
from cbir.types import Descriptor
from cbir.user_files import UserFile

WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
NOT_SETTINGS = {"version", "distance", "pixels", "dim"}  # should a plug-in write them as fields


def settings_of(cls: type[Any]) -> list[str]:
    return [f.name for f in fields(cls) if f.name not in NOT_SETTINGS]


def required(cls: type[Any]) -> list[str]:
    """Settings without a default."""
    bare = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING}
    return [name for name in settings_of(cls) if name in bare]


@contextmanager
def blamed(name: str) -> Iterator[None]:
    """Turns whatever a stranger's class raises into an error that names it."""
    try:
        yield
    except BadSpec:
        raise
    except (TypeError, ValueError) as error:
        raise BadSpec(f"{name}: {error}") from error
    except Exception as error:
        raise BadSpec(f"{name}: {type(error).__name__}: {error}") from error


def build(name: str, cls: type[Any], settings: dict[str, Any]) -> Descriptor:
    """The descriptor, with every setting in the one form that its spec will have."""
    with blamed(name):
        types = get_type_hints(cls)
        known = settings_of(cls)
        for key in settings:
            if key not in known:
                raise BadSpec(f"{name} has no setting {key!r}{did_you_mean(key, known)}")
        for key in required(cls):
            if key not in settings:
                value = (
                    "FILE" if UserFile in get_args(types[key]) or types[key] is UserFile else "…"
                )
                raise BadSpec(f"{name} needs {key}=: write {name}:{key}={value}")
        values = {f.name: f.default for f in fields(cls) if f.default is not MISSING} | settings
        given = {key: values[key] for key in known if key in values}
        typed = {key: _typed(name, key, value, types[key]) for key, value in given.items()}
        descriptor = cls(**typed)
        if descriptor.distance not in distances.DISTANCES:
            raise BadSpec(f"{name} names a distance that there is not, {descriptor.distance!r}")
        if not (descriptor.pixels is None or int(descriptor.pixels) > 0):
            raise BadSpec(f"{name}: pixels={descriptor.pixels} is not a number of pixels, or None")
        return descriptor


def _typed(name: str, key: str, value: Any, wanted: Any) -> Any:
    return value if isinstance(value, UserFile) else read(name, key, plain(value), wanted)


def read(name: str, key: str, text: str, wanted: Any) -> Any:
    """A setting's text as the type that its field is annotated with."""
    options = get_args(wanted) if get_origin(wanted) in (Union, UnionType) else (wanted,)
    words: list[str] = []
    # A file comes last: any text could be a file's name.
    for option in sorted(options, key=lambda option: option is UserFile):
        found, words_for_it = _as_one(option, text)
        if found:
            return found[0]
        words += words_for_it
    raise BadSpec(f"{name}: {key}={text} is not {' or '.join(words)}")


def _as_one(option: Any, text: str) -> tuple[list[Any], list[str]]:
    """[the value] if the text is one of this type, and words for what would have been."""
    if get_origin(option) is Literal:
        choices = {plain(choice): choice for choice in get_args(option)}
        return ([choices[text]] if text in choices else []), list(choices)
    if option is type(None):
        return ([None] if text == "none" else []), ["none"]
    if option is bool:
        return ([WORDS[text.lower()]] if text.lower() in WORDS else []), ["true", "false"]
    if option is str:
        return [text], []
    if option is UserFile:
        return _as_file(text)
    if option in (int, float):
        try:
            number = option(text)
        except ValueError:
            return [], ["a whole number" if option is int else "a number"]
        return ([number] if abs(number) < float("inf") else []), ["a finite number"]
    raise TypeError(f"a setting of type {option}, which a spec can't say")


def _as_file(text: str) -> tuple[list[UserFile], list[str]]:
    if text.startswith("sha256-"):
        return [UserFile.known(text)], []
    try:
        return [UserFile.of(text)], []
    except BadSpec as error:
        return [], [f"a file's name ({error})"]
