"""Tables for people and programs: quoted where it is needed, and harmless to spreadsheets."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cbir.errors import BadOutput
from cbir.files import replacing_ours
from cbir.tables.delimiters import GUESSES, delimiter_of
from cbir.tables.formats import DELIMITERS, PARQUET, check_table
from cbir.tables.parquet import is_text
from cbir.tables.wrong import short

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 8192
FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def write_table(
    path: str | Path,
    table: "pa.Table | pa.RecordBatchReader",
    delimiter: str | None = None,
    by: str = "cbir",
) -> int:
    """Writes a table, whole or not at all, in the format that the path's suffix says.

    It is that of `by` to replace from then on. Returns how many texts got an apostrophe before
    them, because a spreadsheet would have run them as formulas (no cell of Parquet does).
    """
    check_table(path, delimiter)
    path = Path(path)
    suffix = path.suffix.lower()
    with replacing_ours(path, by) as file:
        if suffix == PARQUET:
            _write_parquet(file, table)
            return 0
        return write_text(file, table, delimiter or DELIMITERS[suffix])


def check_textual(
    schema: "pa.Schema", instead: str = "write Parquet, or choose other columns"
) -> None:
    """BadOutput for columns that have no text, such as bytes: to be asked before the work."""
    for field in schema:
        kind = getattr(field.type, "storage_type", field.type)  # that of a UUID, say
        if "binary" in str(kind):
            raise BadOutput(
                f"column {short(field.name)} holds {field.type}, which is no text; {instead}"
            )


def write_text(
    file: IO[bytes], table: "pa.Table | pa.RecordBatchReader", delimiter: str = ","
) -> int:
    """The same as lines of text, to an open file."""
    delimiter = delimiter_of(delimiter)
    names = [f"'{name}" if like_a_formula(name) else name for name in table.schema.names]
    changed = sum(map(str.__ne__, names, table.schema.names))
    file.write(_header(names, delimiter).encode())
    for batch in _batches(table):
        columns = [_texts(column, batch.schema.field(i)) for i, column in enumerate(batch.columns)]
        for place, column in enumerate(columns):
            if is_text(batch.schema.field(place).type):
                columns[place], count = _harmless(column)
                changed += count
        quoted = [_quoted(column, delimiter, len(columns) == 1) for column in columns]
        file.write(_lines(quoted, delimiter).encode())
    return changed


def _write_parquet(file: IO[bytes], table: "pa.Table | pa.RecordBatchReader") -> None:
    from pyarrow import parquet

    with parquet.ParquetWriter(file, table.schema) as writer:
        for batch in _batches(table):
            writer.write_batch(batch)


def _batches(table: "pa.Table | pa.RecordBatchReader") -> Iterator["pa.RecordBatch"]:
    batches: Iterable[Any] = table if hasattr(table, "read_next_batch") else table.to_batches()
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            yield batch.slice(start, BATCH_ROWS)


def _texts(column: "pa.Array", field: "pa.Field") -> "pa.Array":
    """A column's cells as text; a null is an empty one."""
    import pyarrow as pa
    from pyarrow import compute

    try:
        return compute.fill_null(compute.cast(column, pa.string()), "")
    except pa.ArrowException as error:
        raise BadOutput(
            f"column {short(field.name)} holds {field.type}, which is no text; write Parquet"
        ) from error


def _harmless(column: "pa.Array") -> tuple["pa.Array", int]:
    """With an apostrophe before what a spreadsheet would run; how many there were."""
    from pyarrow import compute

    formulas = compute.and_not(
        compute.match_substring_regex(column, FORMULA),
        compute.match_substring_regex(column, NUMBER),
    )
    count = compute.sum(formulas).as_py() or 0
    if count:
        marked = compute.binary_join_element_wise("'", column, "")
        column = compute.if_else(formulas, marked, column)
    return column, count


def like_a_formula(text: str) -> bool:
    """Whether a spreadsheet would run this text."""
    return bool(re.search(FORMULA, text)) and not re.search(NUMBER, text)


def _quoted(column: "pa.Array", delimiter: str, alone: bool) -> "pa.Array":
    """Quotes around what needs them: lines that are empty would be passed over, if it is alone."""
    from pyarrow import compute

    needs = compute.match_substring_regex(column, _needs_quotes(delimiter, alone))
    if not compute.any(needs).as_py():
        return column
    doubled = compute.replace_substring(column, '"', '""')
    return compute.if_else(needs, compute.binary_join_element_wise('"', doubled, '"', ""), column)


def _needs_quotes(delimiters: str, alone: bool) -> str:
    """For Python and Arrow alike. A byte order mark is dropped where a file begins with it."""
    return f'["\r\n\ufeff{re.escape(delimiters)}]|^\\s|\\s$' + ("|^$" if alone else "")


def _lines(columns: Sequence["pa.Array"], delimiter: str) -> str:
    from pyarrow import compute

    rows = (
        columns[0] if len(columns) == 1 else compute.binary_join_element_wise(*columns, delimiter)
    )
    return "".join(f"{row}\n" for row in rows.to_pylist())


def _header(names: Sequence[str], delimiter: str) -> str:
    """In quotes as well what a reader could take for another delimiter."""
    needs = re.compile(_needs_quotes(delimiter + "".join(GUESSES), alone=False))
    quoted = ('"' + name.replace('"', '""') + '"' if needs.search(name) else name for name in names)
    return delimiter.join(quoted) + "\n"
