"""Texts with fields in braces, such as https://example.org/{id}.jpg, and nothing else in them."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from cbir.errors import BadSpec, did_you_mean


@dataclass(frozen=True)
class Template:
    """Pieces of text, and behind each the field that follows it, if one does.

    `name` says whose it is, for messages: the flag that a person typed.
    """

    name: str
    pieces: tuple[tuple[str, str | None], ...]

    @property
    def fields(self) -> list[str]:
        return [field for _, field in self.pieces if field is not None]

    def filled(self, values: Mapping[str, str]) -> str:
        return "".join(
            text + (values[field] if field is not None else "") for text, field in self.pieces
        )

    def filled_url(self, values: Mapping[str, str]) -> str:
        """Values are percent-encoded: a manifest's must not lead to another path or server."""
        return self.filled({name: quote(value, safe="") for name, value in values.items()})


def parse(text: str, name: str, known: Sequence[str]) -> Template:
    """A person's template; BadSpec for one with other fields, or none where one must be."""
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError as error:
        raise BadSpec(f"{name} {text!r} has a brace too many; write {{{{ for one") from error
    for _, field, form, conversion in pieces:
        if field is not None and (field not in known or form or conversion):
            hint = did_you_mean(field.lower(), list(known))
            raise BadSpec(f"{name} can't be filled: there is no field {{{field}}}{hint}")
    return Template(name, tuple((text, field) for text, field, _, _ in pieces))


def check_values(
    template: Template, values: Mapping[str, str | None], flags: Mapping[str, str]
) -> None:
    """BadSpec for a field that a flag fills, if that flag was not given."""
    for field in template.fields:
        if field in flags and not values.get(field):
            raise BadSpec(f"{template.name} names {{{field}}}; give {flags[field]}")
