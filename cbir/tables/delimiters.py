"""What stands between the cells of a line of text."""

import csv
import io

from cbir.errors import BadSource
from cbir.tables.wrong import short

WORDS = {
    "tab": "\t",
    "\\t": "\t",
    "comma": ",",
    "semicolon": ";",
    "pipe": "|",
    "space": " ",
    "colon": ":",
}
GUESSES = (",", "\t", ";", "|")


def delimiter_of(text: str) -> str:
    """The character that a person means: itself, or a word for it; BadSource if it can't be one."""
    character = WORDS.get(text.lower(), text)
    if len(character) != 1 or character in '"\r\n\0\ufeff':
        raise BadSource(
            f"{short(text)} can't be a delimiter; give one character, or {', '.join(WORDS)}"
        )
    return character


def is_guessed(text: str) -> bool:
    """Whether a table with this delimiter is read as it is meant without naming it."""
    return delimiter_of(text) in GUESSES


def guessed(head: str, usual: str) -> str:
    """The delimiter that splits the first line into the most names; `usual` if none does better."""

    def names(delimiter: str) -> int:
        cells = _cells(head, delimiter)
        return len(cells) if delimiter == usual or all(map(str.strip, cells)) else 0

    return max((usual, *GUESSES), key=names)


def _cells(head: str, delimiter: str) -> list[str]:
    """The first line's cells; none where quotes stand in the wrong places."""
    rows = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter, strict=True)
    try:
        return next(rows, [])
    except csv.Error:
        return []
