"""What a person may name as one side of a match: a table, a folder, an index or saved features."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cbir.distances import ColumnBlocks, from_vectors
from cbir.downloads import Web
from cbir.errors import BadSource
from cbir.files import readable
from cbir.matching import features
from cbir.sources import Folder, Table, id_of, open_dataset
from cbir.tables import picture_column, read_table
from cbir.vector_index import VectorIndex
from cbir.vector_index.reading import is_index

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Named:
    """A side as it is named: its rows, and for each the picture that it names, or its vector.

    `spec` says what made the vectors, where there are some already; `files` were read for it.
    """

    text: str
    name: str
    fields: "pa.Table"
    pictures: Sequence[str] = ()
    source: Folder | Table | None = None
    blocks: ColumnBlocks | None = None
    spec: str | None = None
    files: tuple[Path, ...] = ()


def named(
    text: str,
    web: Web | None = None,
    delimiter: str | None = None,
    image_column: str | None = None,
) -> Named:
    """What a person means by one side; BadSource or BadIndex for what is none."""
    path = Path(text)
    if features.is_features(path):
        saved = features.read(path)
        files = features.pair(path)
        return Named(text, saved.name, saved.fields, (), None, saved.blocks, saved.spec, files)
    if path.is_file() and is_index(path):
        return _of_index(text, VectorIndex.read(path))
    source = open_dataset(text, web, delimiter, image_column)
    return _of_folder(text, source) if isinstance(source, Folder) else _of_table(text, source)


def apart(left: str, right: str) -> tuple[str, str]:
    """The names of two sides, told apart where they are the same."""
    return (left, right) if left != right else (f"{left}-1", f"{right}-2")


def _of_table(text: str, source: Table) -> Named:
    fields = read_table(source.path, source.delimiter)
    column = fields.column(picture_column(fields, source.image_column))
    ids = [id_of(name) if name else "" for name in column.to_pylist()]
    return Named(text, _stem(text), fields, ids, source, files=(source.path,))


def _of_folder(text: str, source: Folder) -> Named:
    import pyarrow as pa

    ids = [picture.id for picture in source.pictures()]
    if not ids:
        raise BadSource(f"nothing to match in {text}: it holds no pictures")
    names = [posixpath.splitext(posixpath.basename(id))[0] for id in ids]
    paths = [posixpath.join(readable(source.root.as_posix()), id) for id in ids]
    fields = pa.table({"name": pa.array(names, pa.string()), "path": pa.array(paths, pa.string())})
    return Named(text, _stem(text), fields, ids, source)


def _of_index(text: str, index: VectorIndex) -> Named:
    """One row a picture; of an augmented index, the pictures as they are."""
    import pyarrow as pa

    if not len(index):
        raise BadSource(f"nothing to match in {text}: it holds no pictures")
    blocks = index.blocks
    if index.augmented:
        blocks = from_vectors(index.vectors(index.pictures))
    ids = pa.table({"id": pa.array(index.pictures, pa.string())})
    return Named(text, _stem(text), ids, blocks=blocks, spec=index.spec, files=(Path(text),))


def _stem(text: str) -> str:
    """What a table, a folder or an index is called for short."""
    name = readable(Path(text).resolve().name)
    return name.split(".")[0] or name
