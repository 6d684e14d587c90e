"""The index as text: a line that says what made it, a header, and a row a picture.

    # cbir {"dim": 288, "distance": "chi2", "format": 1, "root": "data", "spec": "hsv:…"}
    id,v0,v1,…
    "boots/red.jpg",0.25,0,…

pandas reads it with `read_csv(path, comment="#", index_col=0, keep_default_na=False)`. Numbers are
the shortest that restore the float32 exactly. An augmented index has a second column, `transform`,
(`index_col=[0, 1]`) and a row for each transform of a picture.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from cbir.errors import BadIndex, BadPicture
from cbir.files import regular, why_not
from cbir.vector_index import keys
from cbir.vector_index.csv_text import format_rows
from cbir.vector_index.rows import Rows, portions

FORMAT = 1
MARK = b"# cbir "
BOM = b"\xef\xbb\xbf"
LONGEST_LINE = 1 << 24
READ_BYTES = 8 << 20
WRITERS = 2


@dataclass(frozen=True)
class Header:
    """What an index says of itself. `root` is relative to the index's own folder, or None.

    The first line says all but `augmented`, which the columns tell.
    """

    spec: str
    dim: int
    distance: str
    root: str | None = None
    augmented: bool = False

    def line(self) -> bytes:
        fields = {"format": FORMAT, **asdict(self)}
        del fields["augmented"]
        return MARK + json.dumps(fields, sort_keys=True).encode("ascii") + b"\n"

    @classmethod
    def from_fields(cls, fields: Any, augmented: bool) -> "Header":
        """From a file's JSON, which may hold anything; BadIndex when it does not fit."""
        if not isinstance(fields, dict):
            raise BadIndex("its first line is not a cbir header")
        if type(fields.get("format")) is not int or fields["format"] != FORMAT:
            raise BadIndex(
                f"it has format {fields.get('format')!r}, and this version reads format {FORMAT}; "
                "upgrade, or index the pictures again"
            )
        spec, dim, distance = (fields.get(key) for key in ("spec", "dim", "distance"))
        root = fields.get("root")
        good = isinstance(spec, str) and isinstance(distance, str) and type(dim) is int and dim > 0
        if not good or not isinstance(root, str | None):
            raise BadIndex("its first line lacks a proper spec, dim, distance or root")
        return cls(str(spec), int(dim or 0), str(distance), root, augmented)


def first_lines(path: Path) -> tuple[bytes, bytes]:
    """The first two lines; BadIndex when there is no such file."""
    try:
        regular(str(path))
        with open(path, "rb") as file:
            first, second = file.readline(LONGEST_LINE), file.readline(LONGEST_LINE)
            return first.removeprefix(BOM), second  # spreadsheets put a mark before the text
    except BadPicture as error:
        hint = "" if path.exists() else "; index.py --dataset DIR writes one"
        raise BadIndex(f"{error}{hint}") from error
    except OSError as error:
        raise BadIndex(why_not(error)) from error


def read_header(line: bytes, columns: bytes) -> Header:
    """What the first line says, if the second has the columns for it."""
    try:
        names = next(csv.reader([columns.decode()]), [])
        augmented = names[1:2] == ["transform"]
        header = Header.from_fields(json.loads(line.removeprefix(MARK)), augmented)
    except (ValueError, csv.Error, RecursionError) as error:
        raise BadIndex("its first lines are damaged") from error
    # Compared by length first: the first line may claim a billion columns.
    if len(names) != header.dim + 1 + augmented or names != column_names(header.dim, augmented):
        raise BadIndex(f"its second line does not name an id and {header.dim} values")
    return header


def column_names(dim: int, augmented: bool) -> list[str]:
    return ["id", *(["transform"] if augmented else []), *(f"v{i}" for i in range(dim))]


def write(file: IO[bytes], header: Header | None, rows: Iterable[Rows]) -> None:
    """The whole file; without a header, the plain rows that tutorials write.

    Formatting is most of the time, and runs in threads, a few portions ahead of the disk.
    """
    write_header(file, header)
    augmented = header is not None and header.augmented
    with ThreadPoolExecutor(WRITERS) as pool:
        pieces = portions(rows)
        while some := list(islice(pieces, 2 * WRITERS)):
            for text in pool.map(partial(format_rows, augmented=augmented), some):
                file.write(text)


def write_header(file: IO[bytes], header: Header | None) -> None:
    if header is not None:
        columns = ",".join(column_names(header.dim, header.augmented))
        file.write(header.line() + columns.encode() + b"\n")


def read_rows(path: Path, header: Header | None, dim: int) -> Iterator[Rows]:
    """All rows, streamed; BadIndex, with the place, for a row that is not a name and numbers."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    augmented = header is not None and header.augmented
    names = column_names(dim, augmented)
    texts: dict[str, Any] = dict.fromkeys(names[: 1 + augmented], pa.string())
    types: dict[str, Any] = dict.fromkeys(names[1 + augmented :], pa.float32())
    try:
        reader = arrow_csv.open_csv(
            path,
            arrow_csv.ReadOptions(
                column_names=names, skip_rows=2 if header else 0, block_size=_block_size(dim)
            ),
            # Without newlines_in_values, names with line breaks come back wrong, silently.
            arrow_csv.ParseOptions(newlines_in_values=True),
            arrow_csv.ConvertOptions(
                column_types=texts | types, null_values=[], strings_can_be_null=False
            ),
        )
        for batch in reader:
            columns = [column.to_numpy() for column in batch.columns[1 + augmented :]]
            ids, *transforms = [column.to_pylist() for column in batch.columns[: 1 + augmented]]
            row_keys = keys.joined(ids, transforms[0]) if augmented else ids
            yield row_keys, np.stack(columns, axis=1, dtype=np.float32)
    except (pa.ArrowException, OSError) as error:
        if "Empty CSV" in str(error):
            return
        raise BadIndex(f"a row is damaged: {' '.join(str(error).split())[:200]}") from error


def _block_size(dim: int) -> int:
    """One row must fit into what is read at a time."""
    return max(READ_BYTES, dim * 32)


def plain_dim(path: Path) -> int | None:
    """How many numbers follow the name in a file without a header; None if it is no such file."""
    try:
        with open(path, "rb") as file:
            # More than the first line, because a name may hold a line break.
            text = file.read(LONGEST_LINE).decode("utf-8", "ignore")
        cells = next(csv.reader(io.StringIO(text, newline="")), [])
        np.array(cells[1:], np.float64)
    except (OSError, ValueError, csv.Error):
        return None
    return len(cells) - 1 if len(cells) > 1 else None
