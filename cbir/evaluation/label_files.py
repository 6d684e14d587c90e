"""Label files: CSV with the header `query,item` or `query,item,grade`, or TREC qrels."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from cbir.errors import BadPicture, BadSource
from cbir.files import read_regular
from cbir.tables.delimiters import GUESSES

HIGHEST = 1000  # of all grades: nobody has more, and gains as large stay exact


class Label(NamedTuple):
    """What one line says: this picture's id, or item's name, is right for the query, and how much.

    Grade 0 says that it is not.
    """

    line: int
    query: str
    name: str
    grade: int


class _Wrong(Exception):
    """What is wrong with a line."""


def read_labels(path: Path) -> list[Label]:
    """All labels of a file, whichever of the two it is; BadSource, with the line, if it is none."""
    text = _text(path)
    delimiter = _delimiter(text)
    lines = _csv_labels(text, delimiter) if delimiter else _trec_labels(text)
    try:
        labels = list(lines)
    except _Wrong as error:
        raise BadSource(f"{path}, {error}") from error
    if not labels:
        raise BadSource(f"{path} has no labels; write a line `query,item` for each")
    return labels


def is_trec(path: Path) -> bool:
    """Whether a label file is qrels, whose names are meant exactly, and no CSV."""
    return not _delimiter(_text(path))


def _text(path: Path) -> str:
    try:
        return read_regular(str(path)).decode("utf-8-sig")
    except BadPicture as error:
        raise BadSource(f"can't read the labels {path}: {error}") from error
    except UnicodeDecodeError as error:
        raise BadSource(f"the labels {path} are not UTF-8 text; save them as that") from error


def _columns(row: list[str]) -> list[str]:
    return [name.strip().lower() for name in row]


def _delimiter(text: str) -> str | None:
    """What stands between the names in a CSV's header; None where there is no such header."""
    for delimiter in GUESSES:
        with suppress(csv.Error):
            first = next(csv.reader(io.StringIO(text), delimiter=delimiter), [])
            if {"query", "item"} <= set(_columns(first)):
                return delimiter
    return None


def _csv_labels(text: str, delimiter: str) -> Iterator[Label]:
    """Blanks before a cell are none of it, unless it stands in quotes."""
    lines = io.StringIO(text, newline="")
    rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    columns = _columns(next(rows))
    query, item = columns.index("query"), columns.index("item")
    grade = columns.index("grade") if "grade" in columns else None
    try:
        for row in rows:
            line = rows.line_num
            if not row:
                continue
            if len(row) <= max(query, item) or not row[query] or not row[item]:
                raise _Wrong(f"line {line}: there must be a query and an item")
            given = row[grade] if grade is not None and grade < len(row) else ""
            yield Label(line, row[query], row[item], _grade(given or "1", line))
    except csv.Error as error:
        raise _Wrong(f"line {rows.line_num}: {error}") from error


def _trec_labels(text: str) -> Iterator[Label]:
    for line, row in enumerate(text.split("\n"), 1):
        fields = re.findall(r"[^ \t\r\f\v]+", row)  # a name may hold other blanks
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) != 4:
            raise _Wrong(
                f"line {line}: labels are CSV with the header query,item or query,item,grade, "
                "or TREC lines `query 0 id grade`"
            )
        yield Label(line, unquote(fields[0]), unquote(fields[2]), _grade(fields[3], line))


def _grade(text: str, line: int) -> int:
    """A whole number; below 0 there are shades of wrong, which are all the same here."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not value.is_integer() or value > HIGHEST:
        raise _Wrong(f"line {line}: {text[:40]!r} is no grade; write a number from 0 to {HIGHEST}")
    return max(0, int(value))
