"""The index: vectors by id, in a CSV that is the truth, with a sidecar that is the speed."""

import io
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from cbir import recipe
from cbir.distances.blocks import ColumnBlocks, from_vectors
from cbir.errors import BadIndex, BadOutput, BadSpec
from cbir.files import replacing
from cbir.types import Vectors
from cbir.vector_index import csv_file, sidecar
from cbir.vector_index.ahead import TextAhead
from cbir.vector_index.csv_file import Header, Rows
from cbir.vector_index.plain import Norms
from cbir.vector_index.sidecar import Stamp

__all__ = ["Header", "VectorIndex"]


class VectorIndex:
    """An index in memory or, mapped into it, from a file. Rows are sorted by id.

    >>> index = VectorIndex(ids=["b.jpg", "a.jpg"], vectors=np.eye(2), spec="mine")
    >>> list(index.ids), index.vectors(["b.jpg"]).tolist()
    (['a.jpg', 'b.jpg'], [[1.0, 0.0]])
    """

    def __init__(
        self,
        *,
        ids: Sequence[str],
        vectors: Vectors,
        spec: str,
        distance: str | None = None,
        root: str | os.PathLike[str] | None = None,
    ):
        """`distance` is the descriptor's own unless given; `root`: where the ids are found."""
        vectors = np.asarray(vectors, np.float32)
        if vectors.ndim != 2 or len(vectors) != len(ids):
            raise BadIndex(f"{len(ids)} ids and vectors of shape {vectors.shape} don't fit")
        if not np.isfinite(vectors).all():
            raise BadIndex("the vectors hold values that are not finite")
        order = sorted(range(len(ids)), key=ids.__getitem__)
        self.ids: Sequence[str] = [ids[i] for i in order]
        check_ids(self.ids)
        self.blocks: ColumnBlocks = from_vectors(vectors[order])
        self.spec, self.distance = _made_by(spec, distance)
        self.root = Path(root) if root is not None else None

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "VectorIndex":
        """The index in a file; BadIndex, with the reason, for what is not one."""
        path = followed(Path(path))
        try:
            found = _fresh_sidecar(path) or _rebuilt(path)
        except BadIndex as error:
            raise BadIndex(f"{path}: {error}") from error
        index = cls.__new__(cls)
        index.ids, index.blocks = found.ids, found.blocks
        index.spec, index.distance = found.header.spec, found.header.distance
        root = found.header.root
        index.root = None if root is None else Path(os.path.normpath(path.parent / root))
        return index

    def write(self, path: str | os.PathLike[str]) -> None:
        """The index as a CSV with its sidecar. Whole or not at all."""
        path = followed(Path(path))
        header = Header(self.spec, self.dim, self.distance, relative_root(self.root, path))
        write_files(path, header, self.rows)

    @property
    def dim(self) -> int:
        return self.blocks.dim

    def __len__(self) -> int:
        return len(self.ids)

    def vectors(self, ids: Sequence[str]) -> Vectors:
        """The rows of these ids, in their order; BadIndex for one that is not there."""
        return self.blocks.rows(np.array([self._number(i) for i in ids], np.intp))

    def rows(self) -> Iterator[Rows]:
        """All ids and vectors, a block at a time."""
        start = 0
        for piece in self.blocks.pieces():
            yield self.ids[start : start + len(piece)], piece
            start += len(piece)

    def __contains__(self, id: str) -> bool:
        at = bisect_left(self.ids, id)
        return at < len(self.ids) and self.ids[at] == id

    def _number(self, id: str) -> int:
        at = bisect_left(self.ids, id)
        if at == len(self.ids) or self.ids[at] != id:
            raise BadIndex(f"the index holds no {id!r}")
        return at


def followed(path: Path) -> Path:
    """What a link leads to: the sidecar and the root belong beside the index itself."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def check_ids(ids: Sequence[str]) -> None:
    """BadIndex unless ids are sorted, each once, and can be written as UTF-8."""
    for before, after in pairwise(ids):
        if before >= after:
            same = before == after
            raise BadIndex(f"{after!r} stands twice" if same else f"{after!r} is out of order")
    for id in ids:
        try:
            id.encode()
        except UnicodeEncodeError as error:
            raise BadIndex(f"{id!r} can't be written as UTF-8") from error


def relative_root(root: Path | None, index: Path) -> str | None:
    """Where the pictures are, as seen from the index's folder, so that both may move together."""
    if root is None:
        return None
    try:
        return Path(os.path.relpath(root, index.parent)).as_posix()
    except ValueError:  # another drive
        return Path(root).absolute().as_posix()


def write_files(
    path: Path,
    header: Header | None,
    rows: Callable[[], Iterator[Rows]],
    text: TextAhead | None = None,
) -> None:
    """The CSV, then its sidecar; no header makes a plain file, which has none.

    `rows` gives all rows anew at each call; `text` is the CSV's rows, if they are formatted.
    """
    with replacing(path) as file:
        if text is None:
            csv_file.write(file, header, rows())
        else:
            csv_file.write_header(file, header)
            text.copy_to(file)
        file.flush()
        # Of this very file: another run may have replaced it by the time the sidecar is written.
        stamp = Stamp.of(os.fstat(file.fileno()))
    if header is None:
        sidecar.place(path).unlink(missing_ok=True)
        return
    with replacing(sidecar.place(path)) as file:
        sidecar.write(file, header, stamp, rows())


def is_ours(path: Path) -> bool:
    """Whether a file begins as an index does, whatever became of the rest."""
    return csv_file.first_lines(path)[0].startswith(csv_file.MARK)


def csv_rows(path: Path) -> tuple[Header, Iterator[Rows]]:
    """Header and checked rows of a CSV, from the text itself."""
    line, columns = csv_file.first_lines(path)
    if line.startswith(csv_file.MARK):
        header = csv_file.read_header(line, columns)
        return header, _checked(csv_file.read_rows(path, header, header.dim))
    dim = csv_file.plain_dim(path)
    if dim is None:
        raise BadIndex("this is not an index; index.py --dataset DIR writes one")
    # How a plain file was normalised is known once all its rows have been seen.
    norms = Norms(dim)
    pieces = []
    for ids, vectors in csv_file.read_rows(path, None, dim):
        norms.watch(vectors)
        pieces.append((ids, vectors))
    ids = [id for names, _ in pieces for id in names]
    order = sorted(range(len(ids)), key=ids.__getitem__)
    matrix = np.concatenate([vectors for _, vectors in pieces])[order]
    return norms.header(), _checked(iter([([ids[i] for i in order], matrix)]))


def _checked(rows: Iterator[Rows]) -> Iterator[Rows]:
    last: list[str] = []
    for ids, vectors in rows:
        check_ids([*last, *ids])
        last = list(ids[-1:])
        if not np.isfinite(vectors).all():
            row = int(np.argmin(np.isfinite(vectors).all(axis=1)))
            raise BadIndex(f"the row of {ids[row]!r} holds a value that is not a finite number")
        yield ids, vectors


def _fresh_sidecar(path: Path) -> sidecar.Sidecar | None:
    try:
        return sidecar.load(sidecar.place(path), Stamp.of(os.stat(path)))
    except OSError:
        return None


def _rebuilt(path: Path) -> sidecar.Sidecar:
    """The sidecar made anew from the CSV, and kept if its folder can be written to."""
    stamp = _stamp(path)
    header, rows = csv_rows(path)
    try:
        with replacing(sidecar.place(path)) as file:
            sidecar.write(file, header, stamp, rows)
            _check_unchanged(path, stamp)
        found = sidecar.load(sidecar.place(path), stamp)
    except BadOutput:
        found = None
    if found is None:
        memory = io.BytesIO()
        sidecar.write(memory, header, stamp, csv_rows(path)[1])
        _check_unchanged(path, stamp)
        found = sidecar.parse(np.frombuffer(bytearray(memory.getbuffer()), np.uint8), stamp)
    if found is None:
        raise BadIndex("it changed while it was read; try again")
    return found


def _stamp(path: Path) -> Stamp:
    try:
        return Stamp.of(os.stat(path))
    except OSError:
        return Stamp(-1, -1)  # reading it will say what is wrong


def _check_unchanged(path: Path, stamp: Stamp) -> None:
    """A run may have put another index there meanwhile, which these rows are not of."""
    if _stamp(path) != stamp:
        raise BadIndex("it changed while it was read; try again")


def _made_by(spec: str, distance: str | None) -> tuple[str, str]:
    """The canonical spec and its distance; both as given where no descriptor knows the spec."""
    try:
        known = recipe.parse(spec)
    except BadSpec:
        return spec, distance or "cosine"
    return known.spec, distance or known.distance
