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
    if place.startswith(s3.SCHEME):
        with s3.fetched(place, endpoint) as file:
            return read_open_table(file, place, columns=columns)
    if "://" in place:
        raise BadSource(f"the manifest {place} is neither a file nor s3://BUCKET/KEY")
    return read_table(place, columns=columns)


def _pairs(table: "pa.Table") -> dict[tuple[str, str], int]:
    """Each product and picture once, with the number of the row that has it first."""
    import pyarrow as pa

    texts = [table.column(name).cast(pa.string()).to_pylist() for name in (PRODUCT, ID)]
    pairs: dict[tuple[str, str], int] = {}
    for number, (product, id) in enumerate(zip(*texts, strict=True), 1):
        pairs.setdefault(((product or "").strip(), (id or "").strip()), number)
    return pairs


def _wanted(product: str, id: str, url: Template, values: Mapping[str, str]) -> Wanted:
    for name, value in ((PRODUCT, product), (ID, id)):
        if not value:
            raise BadPicture(f"it has no {name}")
    return Wanted(stem(product, id), url.filled_url({**values, PRODUCT: product, ID: id}))
