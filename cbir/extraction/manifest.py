"""Which pictures a catalogue has: a table with a row for each, on S3 or on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cbir.downloads import without_credentials
from cbir.errors import BadPicture, BadSource
from cbir.extraction import s3
from cbir.extraction.names import stem
from cbir.extraction.templates import Template
from cbir.tables import read_open_table, read_table
from cbir.types import Failure

if TYPE_CHECKING:
    import pyarrow as pa

PRODUCT, ID = "product_id_model", "id"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture to fetch: what its file is called, without an ending, and where it is."""

    stem: str
    url: str

    @property
    def shown(self) -> str:
        """The URL as it may be shown and kept."""
        return without_credentials(self.url)


@dataclass
class Manifest:
    """The pictures that a manifest lists, each once, in its order; and rows that list none."""

    wanted: list[Wanted] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def read_manifest(
    place: str, url: Template, values: Mapping[str, str], endpoint: str | None = None
) -> Manifest:
    """What is listed in a file or at s3://BUCKET/KEY: CSV, gzip or not, or Parquet.

    `values` fill the template's fields that are the same for all pictures.
    """
    manifest = Manifest()
    for (product, id), number in _pairs(_table(place, endpoint)).items():
        try:
            manifest.wanted.append(_wanted(product, id, url, values))
        except BadPicture as error:
            manifest.failures.append(Failure(f"row {number} of the manifest", str(error)))
    return manifest


def _table(place: str, endpoint: str | None) -> "pa.Table":
    columns = [PRODUCT, ID]
    if s3.is_s3(place):
        with s3.fetched(place, endpoint) as file:
            table = read_open_table(file, place, columns=columns)
    elif "://" in place:
        raise BadSource(f"the manifest {place} is neither a file nor s3://BUCKET/KEY")
    else:
        table = read_table(place, columns=columns)
    return table.rename_columns(columns)  # without blanks around them


def _pairs(table: "pa.Table") -> dict[tuple[str, str], int]:
    """Each product and picture once, with the number of the row that has it first."""
    import numpy as np
    import pyarrow as pa

    columns = {name: _texts(table.column(name), name) for name in (PRODUCT, ID)}
    numbers = pa.Array.from_buffers(
        pa.int64(), table.num_rows, [None, pa.py_buffer(np.arange(1, table.num_rows + 1))]
    )
    # Grouped by Arrow, because rows may repeat a pair a million times.
    grouped = pa.table({**columns, "row": numbers}).group_by([PRODUCT, ID])
    distinct = grouped.aggregate([("row", "min")]).sort_by("row_min")
    pairs: dict[tuple[str, str], int] = {}
    names = (distinct.column(name).to_pylist() for name in (PRODUCT, ID, "row_min"))
    for product, id, number in zip(*names, strict=True):
        pairs.setdefault(((product or "").strip(), (id or "").strip()), number)
    return pairs


def _texts(column: "pa.ChunkedArray", name: str) -> "pa.ChunkedArray":
    import pyarrow as pa

    try:
        return column.cast(pa.string())
    except pa.ArrowException as error:
        raise BadSource(
            f"the manifest's column {name} holds {column.type}, which is no text"
        ) from error


def _wanted(product: str, id: str, url: Template, values: Mapping[str, str]) -> Wanted:
    for name, value in ((PRODUCT, product), (ID, id)):
        if not value:
            raise BadPicture(f"it has no {name}")
        # No encoding keeps these from leading to another path.
        if value in (".", "..") and name in url.fields:
            raise BadPicture(f"its {name} is {value!r}")
    return Wanted(stem(product, id), url.filled_url({**values, PRODUCT: product, ID: id}))
