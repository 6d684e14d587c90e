"""A table's format is what its name ends in."""

from pathlib import Path

from cbir.errors import BadOutput
from cbir.files import check_output

SUFFIXES = (".csv", ".tsv", ".parquet")
TEXT = ".txt"
"""A table as well, but not one whose delimiter the name would tell a writer."""

PARQUET = ".parquet"
DELIMITERS = {".csv": ",", ".tsv": "\t"}
GZIP = ".gz"


def suffix_of(path: Path) -> str:
    """In lower case, and that of what a gzip file holds."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix == GZIP else suffix


def is_table(path: Path) -> bool:
    """Whether a file is a table by its name."""
    return suffix_of(path) in (*SUFFIXES, TEXT)


def check_table(path: str | Path, delimiter: str | None = None) -> None:
    """BadOutput if `write_table` could not write there: to be asked before the work, too."""
    path = Path(path)
    if path.is_dir():
        check_output(path)  # says so
    suffix = path.suffix.lower()
    if suffix == TEXT and delimiter is None:
        raise BadOutput(f"can't tell a delimiter from the name {path}; end it in .csv or .tsv")
    if suffix not in (*SUFFIXES, TEXT):
        raise BadOutput(f"can't tell a format from the name {path}; end it in .csv, .tsv, .parquet")
    if suffix == PARQUET and delimiter is not None:
        raise BadOutput(f"{path} will be Parquet, which has no delimiter; leave it away")
    check_output(path)
