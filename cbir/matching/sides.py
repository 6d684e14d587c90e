"""What a person may name as one side of a match: a table, a folder, an index or saved features."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cbir.distances import ColumnBlocks, from_vectors
from cbir.downloads import Web
from cbir.errors import BadIndex, BadSource
from cbir.matching import features
from cbir.pipeline import Progress, Settings, gather
from cbir.recipe import AnyRecipe
from cbir.sources import Folder, Table, id_of, open_dataset
from cbir.store import Store
from cbir.tables import picture_column, read_table
from cbir.types import Failure, Picture
from cbir.vector_index import VectorIndex, reading

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = NDArray[np.intp]
NONE = -1


@dataclass(frozen=True)
class Named:
    """A side as it is named: its rows, and for each the picture that it names, or its vector.

    `spec` says what made the vectors, where there are some already.
    """

    text: str
    name: str
    fields: "pa.Table"
    pictures: Sequence[str] = ()
    source: Folder | Table | None = None
    blocks: ColumnBlocks | None = None
    spec: str | None = None


@dataclass(frozen=True)
class Side:
    """Rows that have a vector: `numbers` (rows,) tells which one of `blocks`.

    Each vector is some row's, and they lie in the order in which rows have them first.
    """

    name: str
    fields: "pa.Table"
    numbers: Numbers
    blocks: ColumnBlocks


@dataclass(frozen=True)
class Described:
    """A side, with what was left out, and the pictures that were walked if there was a source."""

    side: Side
    failures: list[Failure]
    walked: list[Picture]


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
        return Named(text, saved.name, saved.fields, blocks=saved.blocks, spec=saved.spec)
    if path.is_file() and reading.is_ours(path):
        return _of_index(text, VectorIndex.read(path))
    source = open_dataset(text, web, delimiter, image_column)
    return _of_folder(text, source) if isinstance(source, Folder) else _of_table(text, source)


def apart(left: str, right: str) -> tuple[str, str]:
    """The names of two sides, told apart where they are the same."""
    return (left, right) if left != right else (f"{left}-1", f"{right}-2")


def described(
    given: Named,
    recipe: AnyRecipe,
    settings: Settings,
    store: Store | None = None,
    progress: Progress = lambda done, total: None,
) -> Described:
    """The rows with their vectors, each picture described once however many rows name it.

    BadSource if no row has a vector.
    """
    if given.blocks is not None:
        _check_made_by(given, recipe)
        rows = np.arange(given.fields.num_rows)
        return Described(Side(given.name, given.fields, rows, given.blocks), [], [])
    if given.source is None:
        raise BadSource(f"{given.text} names neither pictures nor vectors")
    made = gather(given.source, [recipe], settings, store, progress=progress)
    (index,) = made.indexes
    place = {id: number for number, id in enumerate(index.ids)}
    numbers = np.array([place.get(id, NONE) for id in given.pictures], np.intp)
    failures = sorted({*made.failures, *_rows_without(given, numbers, made.failures)})
    kept = np.flatnonzero(numbers != NONE)
    if not len(kept):
        why = f"every picture failed ({failures[0].id}: {failures[0].reason})"
        raise BadSource(f"nothing to match in {given.text}: {why}")
    side = _in_order(given, numbers[kept], given.fields.take(kept), index)
    return Described(side, failures, made.pictures)


def _in_order(given: Named, numbers: Numbers, fields: "pa.Table", index: VectorIndex) -> Side:
    """The vectors that rows have, in the order of the rows: so ties are by row.

    A picture that came after the rows were read has none.
    """
    used, first, numbers = np.unique(numbers, return_index=True, return_inverse=True)
    order = np.argsort(first)
    as_it_is = np.array_equal(used[order], np.arange(len(index)))
    blocks = index.blocks if as_it_is else from_vectors(index.blocks.rows(used[order]))
    return Side(given.name, fields, np.argsort(order)[numbers], blocks)


def _rows_without(given: Named, numbers: Numbers, failures: Sequence[Failure]) -> list[Failure]:
    """Why rows have no vector, where nothing else says so."""
    told = {failure.id for failure in failures}
    found = []
    for row in np.flatnonzero(numbers == NONE).tolist():
        id = given.pictures[row]
        if not id:
            found.append(Failure(f"{given.name}, row {row + 1}", "it names no picture"))
        elif id not in told:
            found.append(Failure(id, "its row came or went while the table was read"))
    return found


def _of_table(text: str, source: Table) -> Named:
    fields = read_table(source.path, source.delimiter)
    column = fields.column(picture_column(fields, source.image_column))
    ids = [id_of(name) if name else "" for name in column.to_pylist()]
    return Named(text, _stem(text), fields, ids, source)


def _of_folder(text: str, source: Folder) -> Named:
    import pyarrow as pa

    ids = [picture.id for picture in source.pictures()]
    if not ids:
        raise BadSource(f"nothing to match in {text}: it holds no pictures")
    names = [posixpath.splitext(posixpath.basename(id))[0] for id in ids]
    paths = [posixpath.join(source.root.as_posix(), id) for id in ids]
    fields = pa.table({"name": pa.array(names, pa.string()), "path": pa.array(paths, pa.string())})
    return Named(text, _stem(text), fields, ids, source)


def _of_index(text: str, index: VectorIndex) -> Named:
    """One row a picture; of an augmented index, the pictures as they are."""
    import pyarrow as pa

    blocks = index.blocks
    if index.augmented:
        blocks = from_vectors(index.vectors(index.pictures))
    ids = pa.table({"id": pa.array(index.pictures, pa.string())})
    return Named(text, _stem(text), ids, blocks=blocks, spec=index.spec)


def _check_made_by(given: Named, recipe: AnyRecipe) -> None:
    if given.spec != recipe.spec:
        raise BadIndex(
            f"{given.text} was made by {given.spec}, and what is asked for is {recipe.spec}; "
            "vectors of both can't be compared"
        )


def _stem(text: str) -> str:
    """What a table, a folder or an index is called for short."""
    name = Path(text).resolve().name
    return name.split(".")[0] or name
