"""What a person may name as one side of a match: a table, a folder, an index or saved features."""

import os
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cbir.distances import ColumnBlocks, from_vectors
from cbir.downloads import Web
from cbir.errors import BadSource
from cbir.files import readable
from cbir.matching import features
from cbir.sources import FetchedOnce, Folder, Table, open_dataset, why_empty
from cbir.tables import left_out
from cbir.vector_index import VectorIndex
from cbir.vector_index.reading import is_index

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = NDArray[np.intp]
NONE = -1


@dataclass(frozen=True)
class Named:
    """A side as it is named: its rows, with pictures or vectors.

    `pictures` has the ids that are named, some of them maybe twice, and `numbers` tells which one
    each row names. Or each row has a vector of `blocks`, and `spec` says what made them. `files`
    were read for it.
    """

    text: str
    name: str
    fields: "pa.Table"
    pictures: Sequence[str] = ()
    numbers: Numbers | None = None
    source: Folder | Table | FetchedOnce | None = None
    blocks: ColumnBlocks | None = None
    spec: str | None = None
    files: tuple[Path, ...] = ()
    left_out: Sequence[str] = ()
    """Columns of the file that are no fields."""

    @property
    def origin(self) -> str:
        """Which table, folder or file that is, however it was named."""
        return self.source.origin if self.source is not None else os.path.realpath(self.files[0])


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
        both = features.pair(path)
        return Named(
            text, saved.name, saved.fields, blocks=saved.blocks, spec=saved.spec, files=both
        )
    if path.is_file() and is_index(path):
        return _of_index(text, VectorIndex.read(path))
    source = open_dataset(text, web, delimiter, image_column)
    return _of_folder(text, source) if isinstance(source, Folder) else _of_table(text, source)


def apart(left: Named, right: Named) -> tuple[Named, Named]:
    """Two sides with names that tell them apart."""
    if left.name != right.name:
        return left, right
    return replace(left, name=f"{left.name}-1"), replace(right, name=f"{right.name}-2")


def _of_table(text: str, source: Table) -> Named:
    fields = source.fields()
    column = fields.column(source.picture_column(fields))
    # As a dictionary, because rows may repeat a name a million times.
    column = column.dictionary_encode().unify_dictionaries().combine_chunks()
    numbers = column.indices.fill_null(NONE).to_numpy(zero_copy_only=False)
    ids = [source.id_of(name) for name in column.dictionary.to_pylist()]
    no_fields = left_out(fields)
    return Named(
        *(text, _stem(text), fields, ids, numbers, source),
        files=(source.path,),
        left_out=no_fields,
    )


def _of_folder(text: str, source: Folder) -> Named:
    import pyarrow as pa

    ids = [picture.id for picture in source.pictures()]
    if not ids:
        raise BadSource(f"nothing to match in {text}: {why_empty(source)}")
    names = [posixpath.splitext(posixpath.basename(id))[0] for id in ids]
    paths = [posixpath.join(readable(source.root.as_posix()), id) for id in ids]
    fields = pa.table({"name": pa.array(names, pa.string()), "path": pa.array(paths, pa.string())})
    return Named(text, _stem(text), fields, ids, np.arange(len(ids)), source)


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
