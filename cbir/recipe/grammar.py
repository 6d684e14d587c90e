"""How a spec is written: names, settings, quotes, sums. Knows nothing of what they mean."""

import json
import re
from typing import Any, NamedTuple

from cbir.errors import BadSpec

MUST_QUOTE = re.compile(r'[,:+*"\s]')
SETTING = re.compile(r'([^=,"]*)=("(?:[^"\\]|\\.)*"|[^,"]*)(?:,|$)')
PIECES = re.compile(r'"(?:[^"\\]|\\.)*"?|[+*]|[^"+*]+')


class Part(NamedTuple):
    """One addend of a sum, and the text of its weight, if it has one."""

    text: str
    weight: str | None


def split_sum(text: str) -> list[Part]:
    """The parts between the plus signs that no quotes hide, each with what follows its star."""
    parts = [Part("", None)]
    for piece in PIECES.findall(text):
        words, weight = parts[-1]
        if piece == "+":
            parts.append(Part("", None))
        elif piece == "*":
            if weight is not None:
                raise BadSpec(f"{text!r} has two stars in a row: write hsv*0.25+mobilenet*0.75")
            parts[-1] = Part(words, "")
        elif weight is None:
            parts[-1] = Part(words + piece, None)
        else:
            parts[-1] = Part(words, (weight + piece).strip())
    return parts


def read_one(text: str) -> tuple[str, dict[str, str]]:
    """Name and settings of a spec that is no sum."""
    name, _, rest = text.strip().partition(":")
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
    return name.strip(), settings


def plain(value: Any) -> str:
    """A setting as text, before it is quoted."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)


def write(value: Any) -> str:
    """A setting as it stands in a spec."""
    text = plain(value)
    return json.dumps(text, ensure_ascii=False) if MUST_QUOTE.search(text) or not text else text


def _unquote(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        value = str(json.loads(text))
        value.encode()  # half of a pair, as \\ud800, is no text
        return value
    except ValueError as error:
        raise BadSpec(f"can't read the quoted value {text}") from error
