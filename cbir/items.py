"""Which pictures show the same item: a rule takes a picture's id to its item's name."""

import posixpath
import re
from collections.abc import Callable

from cbir.errors import BadSource, BadSpec, did_you_mean

ItemRule = Callable[[str], str]

DEFAULT = "underscore"


def item_rule(text: str = DEFAULT) -> ItemRule:
    """The rule that a person means: one of RULES by name, or a regular expression.

    An expression is looked for anywhere in the id; the item is its first group, or all of it where
    it has none. It is the person's own, so it may take its time; Ctrl-C ends one that never does.
    """
    if text in RULES:
        return RULES[text]
    if re.fullmatch(r"[\w-]*", text):  # without any wildcard, every picture would be one item
        hint = did_you_mean(text, list(RULES)) if text else f"; choose one of {', '.join(RULES)}"
        raise BadSpec(f"no item rule is called {text!r}{hint} or write a regular expression")
    try:
        expression = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        why = str(error).splitlines()[0]
        raise BadSpec(f"the item rule {text!r} is no regular expression: {why}") from error

    def found(id: str) -> str:
        match = expression.search(id)
        item = match[1 if expression.groups else 0] if match else ""
        if not item:
            raise BadSource(f"the item rule {text!r} finds no item in its name, {id!r}")
        return item

    return found


def _up_to_underscore(id: str) -> str:
    """The file's name up to its first `_` or `.`, but for those that it begins with."""
    name = posixpath.basename(id)
    begin = len(name) - len(name.lstrip("_."))
    return name[:begin] + re.split("[_.]", name[begin:], maxsplit=1)[0]


def _folder(id: str) -> str:
    return posixpath.dirname(id) or "."


def _stem(id: str) -> str:
    return posixpath.splitext(posixpath.basename(id))[0]


RULES: dict[str, ItemRule] = {
    "underscore": _up_to_underscore,
    "folder": _folder,
    "stem": _stem,
}
