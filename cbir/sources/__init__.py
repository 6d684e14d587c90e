"""Where pictures come from: a folder, or a table of paths and URLs."""

import os
from pathlib import Path

from cbir.downloads import Web
from cbir.errors import BadSource, did_you_mean
from cbir.files import why_not
from cbir.sources.drawings import is_drawing
from cbir.sources.fetched_once import FetchedOnce, Waiting, fetched_once
from cbir.sources.files import Files
from cbir.sources.folder import Folder, leads_out, why_empty
from cbir.sources.table import Table
from cbir.tables import SUFFIXES, is_table

__all__ = [
    "SAMPLES",
    "FetchedOnce",
    "Files",
    "Folder",
    "Table",
    "Waiting",
    "fetched_once",
    "is_drawing",
    "leads_out",
    "open_dataset",
    "why_empty",
]

SAMPLES = Path("data/dataset")
"""Where data sets live that are called by their name alone."""


def open_dataset(
    text: str,
    web: Web | None = None,
    delimiter: str | None = None,
    image_column: str | None = None,
) -> Folder | Table:
    """The folder, named data set or table that a person means; BadSource when there is none.

    The others are for tables: how to download, and if not by the rules, its delimiter and column.
    """
    if not text:
        raise BadSource("--dataset is empty; give a folder")
    given = Path(text)
    try:
        os.stat(given)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        reason = why_not(error) if isinstance(error, OSError) else "that can't be a name"
        raise BadSource(f"can't read {text}: {reason}") from error
    for path in (given, SAMPLES / given):
        if path.is_dir():
            return Folder(path)
        if path.is_file() and is_table(path):
            return Table(path, delimiter, image_column, web)
    if given.exists():
        raise BadSource(f"{text} is neither a folder nor a table ({', '.join(SUFFIXES)})")
    if is_table(given) or len(given.parts) > 1:
        raise BadSource(f"{text} is not there")
    named = sorted(p.name for p in SAMPLES.glob("*") if p.is_dir()) if SAMPLES.is_dir() else []
    raise BadSource(f"there is no folder or data set {text!r}{did_you_mean(text, named)}")
