"""Lines of cells, as CSV and its kin: every cell is text, exactly as it is written."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, TextIO

import numpy as np

from cbir.tables.delimiters import guessed
from cbir.tables.wrong import LONGEST_CELL, Wrong, check_names, check_rows, chosen, short

if TYPE_CHECKING:
    import pyarrow as pa

HEAD_BYTES = 1 << 16
LONGEST_ROW = 1 << 24
BATCH_ROWS = 8192
BATCH_CHARACTERS = 1 << 24
UTF16 = (b"\xff\xfe", b"\xfe\xff")
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def read_text(
    file: IO[bytes], delimiter: str | None, usual: str, columns: Sequence[str] | None
) -> "pa.Table":
    """The wanted columns of all rows; Wrong for the first thing that is not as it must be.

    Without a delimiter, the header tells which it is; where it could be any, it is `usual`.
    """
    import pyarrow as pa

    head = _head(file)
    with _as_text(file) as text:
        rows = _Rows(text, delimiter or guessed(head, usual))
        names = rows.header()
        wanted = chosen(names, columns)
        places = [names.index(name) for name in wanted]
        batches = []
        for lines, cells in rows.batches(len(names)):
            arrays = [_checked(cells[place], lines, names[place]) for place in places]
            batches.append(pa.RecordBatch.from_arrays(arrays, wanted))
    if not batches:
        raise Wrong("there are no rows below its header")
    return pa.Table.from_batches(batches)


def text_table(columns: Mapping[str, Sequence[str]]) -> "pa.Table":
    """A table of these columns, each of as many texts."""
    import pyarrow as pa

    schema = pa.schema([(name, pa.string()) for name in columns])
    count = len(next(iter(columns.values())))
    batches = [
        pa.RecordBatch.from_arrays(
            [_array(cells[start : start + BATCH_ROWS]) for cells in columns.values()],
            schema=schema,
        )
        for start in range(0, count, BATCH_ROWS)
    ]
    return pa.Table.from_batches(batches, schema)


@contextmanager
def _as_text(file: IO[bytes]) -> Iterator[TextIO]:
    """Bytes that are not UTF-8 come through as lone surrogates, so that their cell is found."""
    text = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
    try:
        yield text
    finally:
        text.detach()  # else it would close the file, which is not its own


def _head(file: IO[bytes]) -> str:
    """What the text begins with; Wrong if it is none."""
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if not head:
        raise Wrong("the file is empty")
    wide = (head[:64:2], head[1:64:2])
    if head.startswith(UTF16) or any(part and not part.strip(b"\0") for part in wide):
        raise Wrong("it is UTF-16 or UTF-32 text; save it as UTF-8")
    if head.startswith(WORKBOOKS):
        raise Wrong("it is a spreadsheet's own format or an archive; save it as CSV")
    return head.decode("utf-8-sig", "replace")


class _Rows:
    """Rows of cells with the number of the line that each began in.

    Python's csv reads them, because it says where quotes are wrong; Arrow goes on without a word.
    """

    def __init__(self, text: TextIO, delimiter: str):
        self.text = text
        self.characters = self.of_row = 0  # since the last batch, and since the row began
        self.begun = self.line = 0  # the line that a row began in, and the last one that was read
        self.rows = csv.reader(self._lines(), delimiter=delimiter, strict=True)

    def header(self) -> list[str]:
        names = next(self, [])
        if not names:
            raise Wrong("its first line is empty, and must name the columns")
        check_names(names)
        for name in names:
            if not _is_unicode(name):
                raise Wrong("its header is not UTF-8 text; save the table as that")
        return names

    def batches(self, width: int) -> Iterator[tuple[list[int], list[tuple[str, ...]]]]:
        """Some rows at a time: their lines' numbers, and for each column its cells."""
        lines, rows, count = list[int](), list[list[str]](), 0
        for row in self:
            if not row or (width > 1 and len(row) == 1 and not row[0].strip()):
                continue  # an empty line
            if len(row) != width:
                cells = "cell" if len(row) == 1 else "cells"
                columns = "column" if width == 1 else "columns"
                raise Wrong(
                    f"line {self.begun} has {len(row)} {cells}, and the header names {width} "
                    f"{columns}; a cell that holds the delimiter must stand in quotes"
                )
            lines.append(self.begun)
            rows.append(row)
            count += 1
            if len(rows) >= BATCH_ROWS or self.characters >= BATCH_CHARACTERS:
                check_rows(count)
                yield lines, list(zip(*rows, strict=True))
                lines, rows, self.characters = [], [], 0
        check_rows(count)
        if rows:
            yield lines, list(zip(*rows, strict=True))

    def __iter__(self) -> "_Rows":
        return self

    def __next__(self) -> list[str]:
        self.begun, self.of_row = self.line + 1, 0
        try:
            return next(self.rows)
        except csv.Error as error:
            raise Wrong(f"line {self.begun}: {_said(error)}") from error

    def _lines(self) -> Iterator[str]:
        """Lines, which end in any of the three ways; one row's are bounded."""
        while line := self.text.readline(LONGEST_ROW):
            self.characters += len(line)
            self.of_row += len(line)
            if self.of_row >= LONGEST_ROW:
                raise Wrong(f"the row in line {self.begun} has more than {LONGEST_ROW >> 20} MB")
            self.line += 1
            yield line


def _said(error: csv.Error) -> str:
    if "field limit" in str(error):
        return f"a cell has more than {LONGEST_CELL:,} characters; is a quote never closed?"
    if "unexpected end" in str(error):
        return "a quote is opened there and never closed"
    if "expected after" in str(error):
        return "a quoted cell goes on after its closing quote; quotes inside are written twice"
    return str(error)


def _checked(cells: Sequence[str], lines: Sequence[int], name: str) -> "pa.Array":
    """One column's texts; Wrong, with the line, for one that can't be."""
    joined = "".join(cells)
    if "\0" in joined or not _is_unicode(joined):
        line, cell = next(
            (line, cell)
            for line, cell in zip(lines, cells, strict=True)
            if "\0" in cell or not _is_unicode(cell)
        )
        what = "a NUL character" if "\0" in cell else "what is not UTF-8; save the table as that"
        raise Wrong(f"line {line}, column {short(name)}: it holds {what}")
    return _array(cells)


def _array(cells: Sequence[str]) -> "pa.Array":
    """Texts from buffers, because pa.array first imports pandas, where it is."""
    import pyarrow as pa

    joined = "".join(cells)
    texts = cells if joined.isascii() else [cell.encode() for cell in cells]
    offsets = np.zeros(len(cells) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, texts), np.int32, len(texts)), out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(joined.encode())]
    return pa.Array.from_buffers(pa.string(), len(cells), buffers)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
