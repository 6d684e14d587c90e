"""The table of matches: the rows of both sides beside each other, and how alike they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cbir.errors import BadSource, did_you_mean
from cbir.matching.matches import Matches
from cbir.matching.nearness import SIMILARITY

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 8192
DIGITS = 5


@dataclass(frozen=True)
class Column:
    """A column of the result: which side's (0, 1, or 2 for the measure) and its name there."""

    name: str
    side: int
    own: str


def columns(
    names: tuple[str, str], fields: tuple[Sequence[str], Sequence[str]], measure: str
) -> list[Column]:
    """All columns of both sides, then the measure.

    What both sides call the same gets the side's name before it, and so does what would be taken
    for the measure.
    """
    both = set(fields[0]) & set(fields[1])
    found = [
        Column(f"{names[side]}_{own}" if own in both or own == measure else own, side, own)
        for side in (0, 1)
        for own in fields[side]
    ]
    found.append(Column(measure, 2, measure))
    taken = set[str]()
    return [_unique(column, taken) for column in found]


def chosen(all_columns: Sequence[Column], wanted: Sequence[str]) -> list[Column]:
    """Those that a person asks for, in that order, `COLUMN=NAME` under another name.

    The measure comes last where it is not asked for. BadSource for a column that there is not.
    """
    by_name = {column.name: column for column in all_columns}
    found = []
    for text in wanted:
        name, _, new = (text, "", "") if text in by_name else text.rpartition("=")
        if name not in by_name:
            raise BadSource(_no_column(name or text, all_columns))
        found.append(Column(new or name, by_name[name].side, by_name[name].own))
    if all(column.side != 2 for column in found):
        found.append(all_columns[-1])
    names = [column.name for column in found]
    for name in names:
        if not name.strip() or names.count(name) > 1:
            raise BadSource(f"--columns would call two columns {name!r}; give one another name")
    return found


def table(
    found: Matches,
    fields: tuple["pa.Table", "pa.Table"],
    some: Sequence[Column],
    as_text: bool,
) -> "pa.RecordBatchReader":
    """The rows of all matches, a batch at a time; the measure has five digits, as text or not."""
    import pyarrow as pa

    kinds = schema(fields, some, as_text)

    def batches() -> Iterator["pa.RecordBatch"]:
        for start in range(0, len(found.left), BATCH_ROWS):
            part = found.chosen(np.arange(start, min(start + BATCH_ROWS, len(found.left))))
            yield pa.RecordBatch.from_arrays(_arrays(part, fields, some, as_text), schema=kinds)

    return pa.RecordBatchReader.from_batches(kinds, batches())


def schema(fields: Sequence["pa.Table"], some: Sequence[Column], as_text: bool) -> "pa.Schema":
    """What the columns of the result hold."""
    import pyarrow as pa

    kinds = [
        (pa.string() if as_text else pa.float64())
        if column.side == 2
        else fields[column.side].schema.field(column.own).type
        for column in some
    ]
    return pa.schema(
        [pa.field(column.name, kind) for column, kind in zip(some, kinds, strict=True)]
    )


def _arrays(
    part: Matches,
    fields: tuple["pa.Table", "pa.Table"],
    some: Sequence[Column],
    as_text: bool,
) -> list["pa.Array"]:
    import pyarrow as pa

    found = []
    for column in some:
        if column.side == 2:
            values = 1 - part.distances if column.own == SIMILARITY else part.distances
            found.append(
                pa.array([f"{value:.{DIGITS}f}" for value in values], pa.string())
                if as_text
                else pa.array(np.round(values, DIGITS), pa.float64())
            )
            continue
        taken = (
            fields[column.side]
            .column(column.own)
            .take(pa.array((part.left, part.right)[column.side]))
        )
        found.append(
            pa.concat_arrays(taken.chunks) if taken.num_chunks else pa.array([], taken.type)
        )
    return found


def _unique(column: Column, taken: set[str]) -> Column:
    """The column, with a number behind its name where another has that one."""
    name, number = column.name, 1
    while name in taken:
        number += 1
        name = f"{column.name}_{number}"
    taken.add(name)
    return Column(name, column.side, column.own)


def _no_column(name: str, all_columns: Sequence[Column]) -> str:
    meant = [column.name for column in all_columns if column.own == name]
    if meant:
        return f"both sides have a column {name!r}: write {' or '.join(meant)}"
    known = [column.name[:40] for column in all_columns[:20]]
    return f"the result has no column {name[:40]!r}{did_you_mean(name[:40], known)}"
