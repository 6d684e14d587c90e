"""HTML by hand: names and tables, escaped wherever they come from outside."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from cbir.evaluation.report.numbers import shown


class Cell(NamedTuple):
    """What a table's cell says, already as HTML; `share` (0 to 1) is for a bar or a tint."""

    html: str
    class_: str = ""
    share: float | None = None
    tip: str = ""


def plain(text: str) -> str:
    """Text as HTML, in one line, that can't run into what is around it."""
    return escape(shown(text))


def name(text: str) -> str:
    """A name from outside: whichever way its script runs, it runs so for itself alone."""
    return f"<bdi>{plain(text)}</bdi>"


def numbered(number: int, text: str) -> str:
    """A name with its number in the tables, by which plots and columns may call it."""
    breaking = name(text).replace("+", "+<wbr>").replace("·", "·<wbr>")  # sums may be long
    return f"<small>{number}</small> {breaking}"


def table(
    label: str,
    heads: Iterable[Cell],
    rows: Iterable[tuple[str, Sequence[Cell]]],
) -> str:
    """A table that scrolls by itself where it is too wide; each row is its class and its cells."""
    head = "".join(f'<th scope="col"{_attributes(cell)}>{cell.html}</th>' for cell in heads)
    body = "".join(f'<tr class="{class_}">{_row(cells)}</tr>' for class_, cells in rows)
    return (
        f'<div class="card scroll" tabindex="0" role="region" aria-label="{plain(label)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def section(title: str, caption: str, *content: str) -> str:
    """A part of the page; title and caption are text."""
    below = f'<p class="caption">{plain(caption)}</p>' if caption else ""
    return f"<section><h2>{plain(title)}</h2>{below}{''.join(content)}</section>"


def folded(summary: str, *content: str) -> str:
    return f"<details><summary>{plain(summary)}</summary>{''.join(content)}</details>"


def terms(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and what they mean."""
    rows = "".join(f"<dt>{name(term)}</dt><dd>{name(words)}</dd>" for term, words in pairs)
    return f'<dl class="terms">{rows}</dl>'


def _row(cells: Sequence[Cell]) -> str:
    first, *others = cells
    head = f'<th scope="row"{_attributes(first)}>{first.html}</th>'
    return head + "".join(f"<td{_attributes(cell)}>{cell.html}</td>" for cell in others)


def _attributes(cell: Cell) -> str:
    class_ = f' class="{cell.class_}"' if cell.class_ else ""
    tip = f' title="{plain(cell.tip)}"' if cell.tip else ""
    if cell.share is None:
        return class_ + tip
    return f'{class_}{tip} style="--share:{min(max(cell.share, 0), 1):.3f}"'
