"""An index in memory and as a file: what goes in comes out, and nothing else is taken."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cbir.errors import BadIndex
from cbir.types import Index, Vectors
from cbir.vector_index import VectorIndex, csv_file, sidecar

SPEC = "hsv:bins=8x12x3,norm=l1,size=128,version=1"


def histograms(count: int, dim: int = 288, seed: int = 0) -> Vectors:
    """Rows of sum 1, about a third of them zero, as colour histograms are."""
    values = np.random.default_rng(seed).random((count, dim)) ** 2
    values[values < 0.1] = 0
    values[:, 0] += 0.01  # whatever its length, no row is all zero
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def names(count: int) -> list[str]:
    return [f"{number:03}.jpg" for number in range(count)]


def written(path: Path, count: int = 40, dim: int = 288, spec: str = SPEC) -> VectorIndex:
    """An index of random histograms, in a file with its sidecar."""
    index = VectorIndex(
        ids=names(count), vectors=histograms(count, dim), spec=spec, distance="chi2", root=None
    )
    index.write(path)
    return index


def all_rows(index: Index) -> tuple[list[str], Vectors]:
    pieces = list(index.rows())
    return [id for ids, _ in pieces for id in ids], np.concatenate([rows for _, rows in pieces])


def header_of(path: Path) -> dict[str, object]:
    return json.loads(path.read_bytes().split(b"\n")[0].removeprefix(b"# cbir "))


def test_rows_are_sorted_by_id_with_their_vectors() -> None:
    index = VectorIndex(ids=["c", "a", "b"], vectors=np.diag([3, 1, 2]), spec="mine")
    assert list(index.ids) == ["a", "b", "c"]
    assert index.vectors(["c", "a"]).tolist() == [[3, 0, 0], [0, 1, 0]]
    assert index.vectors([]).shape == (0, 3)
    assert index.vectors(["c"]).dtype == np.float32


def test_order_is_that_of_code_points_whatever_the_language() -> None:
    ids = ["é.jpg", "Z.jpg", "z.jpg", "a/b.jpg", "a.jpg", "😀.jpg", "\uffff.jpg"]
    index = VectorIndex(ids=ids, vectors=np.eye(7), spec="mine")
    assert list(index.ids) == sorted(ids)


def test_it_is_an_index_by_protocol_and_tells_its_length() -> None:
    index = VectorIndex(ids=["a", "b"], vectors=np.eye(2), spec="mine")
    assert isinstance(index, Index)
    assert (len(index), index.dim) == (2, 2)
    assert "a" in index
    assert "c" not in index
    assert "" not in index


def test_an_id_that_is_not_there_is_named() -> None:
    index = VectorIndex(ids=["a", "c"], vectors=np.eye(2), spec="mine")
    for id in ("b", "", "z"):
        with pytest.raises(BadIndex, match=f"holds no '{id}'"):
            index.vectors(["a", id])


@pytest.mark.parametrize(
    ("ids", "vectors", "reason"),
    [
        (["a"], np.eye(2), "don't fit"),
        (["a"], np.zeros(2), "don't fit"),
        (["a", "a"], np.eye(2), "stands twice"),
        (["a", "b"], np.array([[1, 2], [3, np.nan]]), "not finite"),
        (["a"], np.array([[np.inf]]), "not finite"),
        (["a\udcff"], np.eye(1), "UTF-8"),
    ],
)
def test_what_can_not_be_an_index_is_refused(
    ids: Sequence[str], vectors: Vectors, reason: str
) -> None:
    with pytest.raises(BadIndex, match=reason):
        VectorIndex(ids=ids, vectors=vectors, spec="mine")


def test_the_spec_becomes_canonical_and_brings_its_distance() -> None:
    index = VectorIndex(ids=["a"], vectors=histograms(1), spec="hsv")
    assert (index.spec, index.distance) == (SPEC, "chi2")
    other = VectorIndex(ids=["a"], vectors=histograms(1), spec="hsv", distance="cosine")
    assert other.distance == "cosine"
    unknown = VectorIndex(ids=["a"], vectors=np.eye(1), spec="of my own")
    assert (unknown.spec, unknown.distance) == ("of my own", "cosine")


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 100])
@pytest.mark.parametrize("dim", [1, 7])
def test_a_file_gives_back_what_was_written(tmp_path: Path, count: int, dim: int) -> None:
    path = tmp_path / "index.csv"
    before = VectorIndex(ids=names(count), vectors=histograms(count, dim), spec="mine")
    before.write(path)
    after = VectorIndex.read(path)
    assert list(after.ids) == names(count)
    assert np.array_equal(after.vectors(names(count)), before.vectors(names(count)))
    assert (after.spec, after.distance, after.dim) == ("mine", "cosine", dim)
    assert after.blocks.nonnegative


def test_rows_stream_in_pieces_that_add_up(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    count = 5000  # more than a block holds
    vectors = histograms(count, 3)
    VectorIndex(ids=names(count)[:1000] + [f"x{i:04}" for i in range(4000)],
                vectors=vectors, spec="mine").write(path)  # fmt: skip
    index = VectorIndex.read(path)
    assert len(list(index.rows())) > 1
    ids, rows = all_rows(index)
    assert ids == list(index.ids)
    assert np.array_equal(rows, vectors)


def test_negative_values_are_known_to_be_there(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    VectorIndex(ids=["a", "b"], vectors=np.array([[1, 2], [3, -1]]), spec="mine").write(path)
    assert not VectorIndex.read(path).blocks.nonnegative
    sidecar.place(path).unlink()
    assert not VectorIndex.read(path).blocks.nonnegative


def test_an_index_may_be_written_over_the_file_that_it_is_mapped_from(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    written(path)
    before = path.read_bytes()
    VectorIndex.read(path).write(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("root", "stored"),
    [("photos", "photos"), (".", "."), ("../elsewhere", "../elsewhere"), ("a/../b", "b")],
)
def test_the_root_is_kept_relative_to_the_indexs_folder(
    tmp_path: Path, root: str, stored: str
) -> None:
    path = tmp_path / "index.csv"
    VectorIndex(ids=["a"], vectors=np.eye(1), spec="mine", root=tmp_path / root).write(path)
    assert header_of(path)["root"] == stored
    found = VectorIndex.read(path).root
    assert found is not None
    assert found.resolve() == (tmp_path / root).resolve()


def test_index_and_pictures_may_move_together(tmp_path: Path) -> None:
    (tmp_path / "old/photos").mkdir(parents=True)
    path = tmp_path / "old/index.csv"
    VectorIndex(
        ids=["a"], vectors=np.eye(1), spec="mine", root=tmp_path / "old/photos"
    ).write(path)  # fmt: skip
    shutil.move(tmp_path / "old", tmp_path / "new")
    assert VectorIndex.read(tmp_path / "new/index.csv").root == tmp_path / "new/photos"


def test_without_a_root_none_is_made_up(tmp_path: Path) -> None:
    written(tmp_path / "index.csv")
    assert VectorIndex.read(tmp_path / "index.csv").root is None


def test_header_fields_are_those_of_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    written(path, count=2)
    assert header_of(path) == {
        "format": csv_file.FORMAT,
        "spec": SPEC,
        "dim": 288,
        "distance": "chi2",
        "root": None,
    }


def test_an_index_that_is_replaced_while_it_is_read_leaves_no_sidecar_of_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are of one file and the stamp would be of the other."""
    from cbir.vector_index import reading as module

    path, other = tmp_path / "index.csv", tmp_path / "other.csv"
    VectorIndex(ids=["a"], vectors=np.eye(1, 288), spec="hsv").write(path)
    VectorIndex(ids=["a"], vectors=np.eye(1, 288), spec="hsv:norm=l2").write(other)
    (tmp_path / "index.csv.vectors").unlink()
    read = module.csv_rows

    def replaced_meanwhile(which: Path) -> object:
        found = read(which)
        if other.exists():
            other.replace(path)
        return found

    monkeypatch.setattr(module, "csv_rows", replaced_meanwhile)
    with pytest.raises(BadIndex, match="changed while it was read"):
        VectorIndex.read(path)
    assert "norm=l2" in VectorIndex.read(path).spec
