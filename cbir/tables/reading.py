"""One door for all tables: their format by name, their faults in one line."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from cbir.errors import BadSource
from cbir.tables import formats
from cbir.tables.delimiters import delimiter_of
from cbir.tables.opening import opened, unpacked
from cbir.tables.parquet import all_columns, is_parquet, is_text, read_parquet
from cbir.tables.text import read_text
from cbir.tables.wrong import Wrong, chosen, short

if TYPE_CHECKING:
    import pyarrow as pa

PANDAS_INDEX = "__index_level_"


def read_table(
    path: str | Path, delimiter: str | None = None, columns: Sequence[str] | None = None
) -> "pa.Table":
    """A table's columns, all or those that are wanted, in that order; at least one row.

    Text (`.csv`, `.tsv`, any other name but `.parquet`; gzip as well) has cells of text only,
    exactly as they are written. Parquet keeps its types and may hold nulls; columns of lists and
    the like are left out where none are wanted by name. BadSource, in one line with the place, for
    whatever is no such table.
    """
    try:
        with opened(Path(path)) as file:
            return read_open_table(file, str(path), delimiter, columns)
    except Wrong as error:
        raise BadSource(f"can't read the table {path}: {error}") from error


def read_open_table(
    file: IO[bytes],
    name: str,
    delimiter: str | None = None,
    columns: Sequence[str] | None = None,
) -> "pa.Table":
    """The same from an open file that can seek; its name tells the format, as a path does."""
    suffix = formats.suffix_of(Path(name))
    try:
        if suffix == formats.PARQUET or is_parquet(file):
            return read_parquet(file, columns)
        given = None if delimiter is None else delimiter_of(delimiter)
        usual = formats.DELIMITERS.get(suffix, ",")
        return read_text(unpacked(file), given, usual, columns)
    except Wrong as error:
        raise BadSource(f"can't read the table {name}: {error}") from error


def left_out(table: "pa.Table") -> list[str]:
    """The columns that `read_table` has left out of this: of Parquet what is more than cells."""
    return [name for name in all_columns(table) if name not in table.column_names]


def picture_column(table: "pa.Table", name: str | None = None) -> str:
    """The column that names pictures: the last, unless a person says which; BadSource if none.

    pandas stores an index of its own behind the columns, which is not meant.
    """
    everything, cells = all_columns(table), table.column_names
    names = [some for some in cells if not some.startswith(PANDAS_INDEX)]
    try:
        (found,) = chosen(everything, [name]) if name is not None else (names or cells)[-1:]
    except Wrong as error:
        raise BadSource(str(error)) from error
    if found not in table.column_names:
        raise BadSource(
            f"column {short(found)} holds lists or structures, not paths or URLs of pictures"
        )
    kind = table.schema.field(found).type
    if not is_text(kind):
        raise BadSource(f"column {short(found)} holds {kind}, not paths or URLs of pictures")
    return found
