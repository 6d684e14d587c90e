"""A table whose last column names pictures: CSV, TSV or Parquet."""

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from cbir.errors import BadPicture, BadSource
from cbir.files import read_regular, regular, stamp
from cbir.types import Failure, Picture

SUFFIXES = (".csv", ".tsv", ".parquet")


class Table:
    """A picture's id is its path as the table gives it, relative to the table's own folder.

    A path that leads out of that folder is a failure: a table may come from a stranger.
    `origin` says which table it is, however it was named.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.root = self.path.parent
        self.origin = os.path.realpath(self.path)
        self.failures: list[Failure] = []
        self.complete = True  # a table names all there is

    def pictures(self) -> Iterator[Picture]:
        """Each named picture once, sorted by id."""
        self.failures = []
        for name in sorted(set(self._names())):
            try:
                status = regular(os.path.join(self.root, self._inside(name)))
                yield Picture(name, stamp(status))
            except BadPicture as error:
                self.failures.append(Failure(name, str(error)))

    def read(self, picture: Picture) -> bytes:
        return read_regular(os.path.join(self.root, self._inside(picture.id)))

    def stamp(self, picture: Picture) -> str:
        """Its stamp as it is now."""
        return stamp(regular(os.path.join(self.root, self._inside(picture.id))))

    def _names(self) -> list[str]:
        import pyarrow as pa
        from pyarrow import csv, parquet

        try:
            if self.path.suffix.lower() == ".parquet":
                table = parquet.read_table(self.path)
            else:
                delimiter = "\t" if self.path.suffix.lower() == ".tsv" else ","
                table = csv.read_csv(
                    self.path,
                    parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                )
        except (pa.ArrowException, OSError) as error:
            raise BadSource(f"can't read the table {self.path}: {_first_line(error)}") from error
        if not table.num_columns or not table.num_rows:
            raise BadSource(f"the table {self.path} has no rows")
        # pandas stores an index of its own behind the columns.
        columns = [name for name in table.column_names if not name.startswith("__index_level_")]
        column = table.column(table.column_names.index(columns[-1]) if columns else 0)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
            raise BadSource(f"the last column of {self.path} must hold paths of pictures")
        names = [name for name in column.to_pylist() if name]
        return [name if _is_url(name) else posixpath.normpath(name) for name in names]

    def _inside(self, name: str) -> str:
        if _is_url(name):
            raise BadPicture("pictures at URLs are not supported yet; download them first")
        if os.path.isabs(name) or name.split("/")[0] == "..":
            raise BadPicture("it lies outside the table's folder")
        return name


def _is_url(name: str) -> bool:
    return "://" in name


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
