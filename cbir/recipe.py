"""A descriptor as a person names it, and the canonical spec that says exactly what it does.

A person writes `name` or `name:key=value,key=value`. The canonical spec writes out every setting
and the descriptor's version. Vectors are comparable if and only if their canonical specs are equal.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from cbir import descriptors, distances
from cbir.errors import BadSpec, did_you_mean
from cbir.types import Descriptor, Image, Vectors

MUST_QUOTE = re.compile(r'[,:+*"\s]')
SETTING = re.compile(r'([^=,"]*)=("(?:[^"\\]|\\.)*"|[^,"]*)(?:,|$)')
WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
NOT_SETTINGS = {"version", "distance", "pixels", "dim"}  # should a plug-in write them as fields


@dataclass(frozen=True)
class Recipe:
    """A descriptor with its name; behaves as a descriptor, and owns the canonical spec.

    `typed`: the settings that the person gave, rather than left at their defaults.
    """

    name: str
    descriptor: Descriptor
    typed: frozenset[str] = frozenset()

    @cached_property
    def spec(self) -> str:
        settings = [f"{key}={_write(value)}" for key, value in self.settings.items()]
        return f"{self.name}:" + ",".join([*settings, f"version={self.descriptor.version}"])

    @property
    def settings(self) -> dict[str, Any]:
        names = _settings_of(type(self.descriptor))
        return {name: getattr(self.descriptor, name) for name in names}

    @cached_property
    def slug(self) -> str:
        """A name for files: what differs from the defaults, and six digits of the spec's digest."""
        defaults = _build(self.name, type(self.descriptor), {})
        changed = [v for key, v in self.settings.items() if v != getattr(defaults, key)]
        if not changed:
            return self.name
        words = [re.sub(r"[^\w.]+", "_", str(value))[:24] for value in changed]
        return "-".join([self.name, *words, hashlib.sha256(self.spec.encode()).hexdigest()[:6]])

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
        with _blamed(self.name):
            return getattr(self.descriptor, "dim", None)

    @property
    def prepares(self) -> bool:
        """Whether pictures become small in the reader's thread."""
        return hasattr(self.descriptor, "prepare")

    def prepare(self, image: Image) -> Any:
        prepare = getattr(self.descriptor, "prepare", None)
        return image if prepare is None else prepare(image)

    def describe(self, batch: Sequence[Any]) -> Vectors:
        return self.descriptor.describe(batch)

    def with_settings(self, **changes: Any) -> "Recipe":
        """The same with other settings."""
        made = _build(self.name, type(self.descriptor), self.settings | changes)
        return Recipe(self.name, made, self.typed | changes.keys())


def parse(text: str) -> Recipe:
    """The recipe that a spec, typed or canonical, stands for; BadSpec when there is none."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadSpec(f"{text!r} is not UTF-8")
    name, _, rest = text.strip().partition(":")
    if re.search(r"[+*]", name):
        raise BadSpec(f"{text!r}: sums of descriptors are not supported yet; give them one by one")
    proper, cls = descriptors.find(name.strip())
    settings = _settings(text, rest)
    version = settings.pop("version", None)
    if version is not None and version != str(cls.version):
        raise BadSpec(
            f"version {version} of {proper} is asked for, and version {cls.version} is installed, "
            "whose vectors differ; index the pictures again"
        )
    return Recipe(proper, _build(proper, cls, settings), frozenset(settings))


def _settings(text: str, rest: str) -> dict[str, str]:
    settings: dict[str, str] = {}
    at = 0
    while at < len(rest):
        found = SETTING.match(rest, at)
        if not found:
            raise BadSpec(
                f"can't read {text!r}: write name:key=value,key=value, and put double quotes "
                "around a value with a comma, colon, plus, star or space"
            )
        key, value = found[1].strip(), found[2].strip()
        if key in settings:
            raise BadSpec(f"{text!r} gives {key} twice")
        settings[key] = _unquote(value)
        at = found.end()
    return settings


def _settings_of(cls: type[Any]) -> list[str]:
    return [f.name for f in fields(cls) if f.name not in NOT_SETTINGS]


@contextmanager
def _blamed(name: str) -> Iterator[None]:
    """Turns whatever a stranger's class raises into an error that names it."""
    try:
        yield
    except BadSpec:
        raise
    except (TypeError, ValueError) as error:
        raise BadSpec(f"{name}: {error}") from error
    except Exception as error:
        raise BadSpec(f"{name}: {type(error).__name__}: {error}") from error


def _build(name: str, cls: type[Any], settings: dict[str, Any]) -> Descriptor:
    """The descriptor, with every setting in the one form that its spec will have."""
    with _blamed(name):
        types = get_type_hints(cls)
        known = _settings_of(cls)
        for key in settings:
            if key not in known:
                raise BadSpec(f"{name} has no setting {key!r}{did_you_mean(key, known)}")
        values = {f.name: f.default for f in fields(cls) if f.default is not MISSING} | settings
        given = {key: values[key] for key in known if key in values}
        typed = {key: _read(name, key, _plain(value), types[key]) for key, value in given.items()}
        descriptor = cls(**typed)
        if descriptor.distance not in distances.DISTANCES:
            raise BadSpec(f"{name} names a distance that there is not, {descriptor.distance!r}")
        if not (descriptor.pixels is None or int(descriptor.pixels) > 0):
            raise BadSpec(f"{name}: pixels={descriptor.pixels} is not a number of pixels, or None")
        return descriptor


def _read(name: str, key: str, text: str, wanted: Any) -> Any:
    """A setting's text as the type that its field is annotated with."""
    options = get_args(wanted) if get_origin(wanted) in (Union, UnionType) else (wanted,)
    words: list[str] = []
    for option in options:
        found, words_for_it = _as_one(option, text)
        if found:
            return found[0]
        words += words_for_it
    raise BadSpec(f"{name}: {key}={text} is not {' or '.join(words)}")


def _as_one(option: Any, text: str) -> tuple[list[Any], list[str]]:
    """[the value] if the text is one of this type, and words for what would have been."""
    if get_origin(option) is Literal:
        choices = {_plain(choice): choice for choice in get_args(option)}
        return ([choices[text]] if text in choices else []), list(choices)
    if option is type(None):
        return ([None] if text == "none" else []), ["none"]
    if option is bool:
        return ([WORDS[text.lower()]] if text.lower() in WORDS else []), ["true", "false"]
    if option is str:
        return [text], []
    if option in (int, float):
        try:
            number = option(text)
        except ValueError:
            return [], ["a whole number" if option is int else "a number"]
        return ([number] if abs(number) < float("inf") else []), ["a finite number"]
    raise TypeError(f"a setting of type {option}, which a spec can't say")


def _plain(value: Any) -> str:
    """A setting as text, before it is quoted."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _write(value: Any) -> str:
    text = _plain(value)
    return json.dumps(text, ensure_ascii=False) if MUST_QUOTE.search(text) or not text else text


def _unquote(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        return str(json.loads(text))
    except ValueError as error:
        raise BadSpec(f"can't read the quoted value {text}") from error
