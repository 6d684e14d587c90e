"""List the descriptors that are installed, with their settings."""

import dataclasses
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from cbir import descriptors, registry
from cbir.commands.options import Parser
from cbir.commands.terminal import Terminal
from cbir.errors import BadSpec
from cbir.recipe import Recipe, parse_one
from cbir.recipe.grammar import plain
from cbir.recipe.settings import required, settings_of

EXAMPLES = """examples:
  cbir descriptors
  cbir descriptors --json
"""


def add_arguments(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="one object a descriptor")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(args: Namespace, terminal: Terminal) -> int:
    broken = 0
    for name in descriptors.names():
        try:
            proper, cls = descriptors.find(name)
            # What needs a setting can't be made without it, and has no spec of its own.
            recipe = None if required(cls) else parse_one(name)
            fields = _fields(proper, cls, recipe)
        except BadSpec as error:
            terminal.error(str(error))
            broken = 1
            continue
        terminal.record(fields)
        for line in _lines(fields):
            terminal.result(line)
    return broken


def _fields(name: str, cls: type[Any], recipe: Recipe | None) -> dict[str, Any]:
    return {
        "name": name,
        "aliases": registry.aliases(name),
        "settings": recipe.settings if recipe else _defaults(cls),
        "required": required(cls),
        "dim": recipe.dim if recipe else None,
        "distance": cls.distance,
        "version": cls.version,
        "spec": recipe.spec if recipe else None,
        "about": _about(cls),
    }


def _defaults(cls: type[Any]) -> dict[str, Any]:
    """Settings and defaults of a class that can't be made without some of them."""
    return {
        f.name: f.default
        for f in dataclasses.fields(cls)
        if f.name in settings_of(cls) and f.default is not dataclasses.MISSING
    }


def _lines(fields: dict[str, Any]) -> Iterator[str]:
    values = f"{fields['dim']} values" if fields["dim"] else "as many values as its settings make"
    others = "".join(f" (also {alias})" for alias in fields["aliases"])
    yield f"{fields['name']}{others}: {values}, compared by {fields['distance']}"
    if fields["about"]:
        yield f"    {fields['about']}"
    if fields["required"]:
        yield f"    needs {', '.join(fields['required'])}"
    settings = ", ".join(f"{key}={plain(value)}" for key, value in fields["settings"].items())
    yield f"    settings and defaults: {settings or 'none'}"


def _about(cls: type[Any]) -> str:
    """The first sentence of its docstring; a dataclass without one has its signature there."""
    text = cls.__doc__ or ""
    return "" if text.startswith(f"{cls.__name__}(") else " ".join(text.split("\n\n")[0].split())
