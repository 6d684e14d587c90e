"""Parquet: columns keep their types; what is text is checked as a text table's cells are."""

import json
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING

from cbir.tables.wrong import LONGEST_CELL, Wrong, check_names, check_rows, chosen, short

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"PAR1"
ALL_COLUMNS = "cbir-all-columns"
BATCH_ROWS = 1 << 14
LARGEST_UNPACKED = (1 << 31) - 1
"""Bytes that a table may have in memory: a few kilobytes of Parquet can claim any number."""


def read_parquet(file: IO[bytes], columns: Sequence[str] | None) -> "pa.Table":
    """The wanted columns of all rows; Wrong if that is no Parquet, or they hold more than cells.

    Where none are wanted by name, all that hold cells.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if not is_parquet(file):
        raise Wrong("it is not a Parquet file")
    try:
        claimed = parquet.ParquetFile(file)
        check_rows(claimed.metadata.num_rows)
        schema = claimed.schema_arrow
        check_names(schema.names, "it")
        flat = [name for name in schema.names if not _is_nested(schema.field(name))]
        wanted = chosen(schema.names, columns if columns or not flat else flat)
        fields = [_flat(schema.field(name)) for name in wanted]
        texts = [field.name for field in fields if is_text(field.type)]
        # As dictionaries, so that a text which is repeated a million times stays one in memory.
        opened = parquet.ParquetFile(file, read_dictionary=texts)
        # So that whoever looks for a column that was left out can be told so.
        all_names = {ALL_COLUMNS: json.dumps(schema.names)}
        batches = list(_batches(opened, pa.schema(fields, metadata=all_names)))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise Wrong(f"damaged Parquet: {' '.join(str(error).split())[:200]}") from error
    if not batches:
        raise Wrong("there are no rows in it")
    return pa.Table.from_batches(batches)


def is_parquet(file: IO[bytes]) -> bool:
    begin = file.read(len(MAGIC))
    file.seek(0)
    return begin == MAGIC


def is_text(kind: "pa.DataType") -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def all_columns(table: "pa.Table") -> list[str]:
    """Also those that hold lists or structures, and are left out where all columns are read."""
    known = (table.schema.metadata or {}).get(ALL_COLUMNS.encode())
    return table.column_names if known is None else json.loads(known)


def _is_nested(field: "pa.Field") -> bool:
    from pyarrow import types

    return bool(types.is_nested(field.type))


def _flat(field: "pa.Field") -> "pa.Field":
    import pyarrow as pa
    from pyarrow import types

    if _is_nested(field):
        raise Wrong(
            f"column {short(field.name)} holds lists or structures ({str(field.type)[:40]}); "
            "choose other columns"
        )
    # No dictionary becomes such texts, which are the same texts.
    return field.with_type(pa.string()) if types.is_string_view(field.type) else field


def _batches(opened: "object", schema: "pa.Schema") -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa

    size = row = 0
    for batch in opened.iter_batches(BATCH_ROWS, columns=schema.names):  # type: ignore[attr-defined]
        columns = []
        for field in schema:
            column = batch.column(field.name)
            if is_text(field.type):
                size += _check_texts(column, row, field.name)
            else:
                size += column.nbytes
            if size > LARGEST_UNPACKED:
                raise Wrong(f"unpacked, it has more than {LARGEST_UNPACKED >> 20} MB")
            columns.append(column.cast(field.type))
        if batch.num_rows:
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
        row += batch.num_rows
        check_rows(row)


def _check_texts(column: "pa.DictionaryArray", row: int, name: str) -> int:
    """How many bytes the column has when it is no dictionary; Wrong for a text that is none."""
    import pyarrow as pa
    from pyarrow import compute

    texts = column.dictionary
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid as error:
        raise Wrong(f"column {short(name)} holds what is not UTF-8 text") from error
    lengths = compute.utf8_length(texts)
    for bad, what in (
        (compute.greater(lengths, LONGEST_CELL), f"more than {LONGEST_CELL:,} characters"),
        (compute.match_substring(texts, "\0"), "a NUL character"),
    ):
        found = compute.index(bad.take(column.indices), True).as_py()
        if found >= 0:
            raise Wrong(f"row {row + found + 1}, column {short(name)}: it holds {what}")
    return compute.sum(compute.binary_length(texts).take(column.indices)).as_py() or 0
