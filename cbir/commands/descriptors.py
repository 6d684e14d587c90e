"""List the descriptors that are installed, with their settings."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from cbir import descriptors, registry
from cbir.commands.options import Parser
from cbir.commands.terminal import Terminal
from cbir.errors import BadSpec
from cbir.recipe import Recipe, parse

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
            recipe = parse(name)
            fields, lines = _fields(recipe), list(_lines(recipe))
        except BadSpec as error:
            terminal.error(str(error))
            broken = 1
            continue
        terminal.record(fields)
        for line in lines:
            terminal.result(line)
    return broken


def _fields(recipe: Recipe) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "aliases": registry.aliases(recipe.name),
        "settings": recipe.settings,
        "dim": recipe.dim,
        "distance": recipe.distance,
        "version": recipe.version,
        "spec": recipe.spec,
        "about": _about(recipe),
    }


def _lines(recipe: Recipe) -> Iterator[str]:
    values = f"{recipe.dim} values" if recipe.dim else "as many values as its settings make"
    others = "".join(f" (also {alias})" for alias in registry.aliases(recipe.name))
    yield f"{recipe.name}{others}: {values}, compared by {recipe.distance}"
    if _about(recipe):
        yield f"    {_about(recipe)}"
    settings = ", ".join(f"{key}={value}" for key, value in recipe.settings.items())
    yield f"    settings and defaults: {settings or 'none'}"


def _about(recipe: Recipe) -> str:
    """The first sentence of its docstring; a dataclass without one has its signature there."""
    text = type(recipe.descriptor).__doc__ or ""
    return "" if text.startswith(type(recipe.descriptor).__name__ + "(") else text.split("\n\n")[0]
