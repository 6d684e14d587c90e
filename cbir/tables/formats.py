"""A table's format is what its name ends in."""

from pathlib import Path

from cbir.errors import BadOutput
from cbir.files import check_output

SUFFIXES = (".csv", ".tsv", ".parquet")
PARQUET = ".parquet"
DELIMITERS = {".csv": ",", ".tsv": "\t"}
GZIP = ".gz"


def suffix_of(path: Path) -> str:
    """In lower case, and that of what a gzip file holds."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix == GZIP else suffix


def check_table(path: str | Path, delimiter: str | None = None) -> None:
    """BadOutput if `write_table` could not write there: to be asked before the work, too."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES and (delimiter is None or suffix == GZIP):
        raise BadOutput(f"can't tell a format from the name {path}; end it in .csv, .tsv, .parquet")
    if suffix == PARQUET and delimiter is not None:
        raise BadOutput(f"{path} will be Parquet, which has no delimiter; leave it away")
    check_output(path)
