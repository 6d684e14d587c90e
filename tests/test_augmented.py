"""Augmented indexes: several rows a picture, and each picture found once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbir import recipe
from cbir.errors import BadIndex, BadOutput
from cbir.images.transforms import TRANSFORMS
from cbir.searcher import Searcher
from cbir.types import Hit, Vectors
from cbir.vector_index import VectorIndex, sidecar
from cbir.vector_index.check import check
from cbir.vector_index.writer import Changes, VectorIndexWriter
from tests.test_csv_file import HEADER, awkward, text
from tests.test_searcher import Minimal
from tests.test_vector_index import SPEC, all_rows, header_of, histograms

SIX = list(TRANSFORMS)
START = HEADER + b"id,transform,v0,v1\n"


def rows_of(pictures: Sequence[str]) -> tuple[list[str], list[str]]:
    """Ids and transforms of all rows of these pictures, in the order of a file."""
    pairs = sorted((id, transform) for id in pictures for transform in SIX)
    return [id for id, _ in pairs], [transform for _, transform in pairs]


def index_of(pictures: Sequence[str], vectors: Vectors | None = None) -> VectorIndex:
    ids, transforms = rows_of(pictures)
    vectors = histograms(len(ids)) if vectors is None else vectors
    return VectorIndex(ids=ids, vectors=vectors, spec="mine", transforms=transforms)


def write(
    path: Path, pictures: Sequence[str], vectors: Vectors, augmented: bool = True
) -> Changes | None:
    with VectorIndexWriter(
        path, recipe.parse("hsv"), path.parent / "photos", augmented=augmented
    ) as writer:
        if augmented:
            ids, transforms = rows_of(pictures)
            writer.upsert(ids, vectors, transforms)
        else:
            writer.upsert(pictures, vectors)
        return writer.finish()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.csv"


def test_lines_are_as_designed(path: Path) -> None:
    VectorIndex(
        ids=["b", 'a "1"', "b"],
        vectors=np.array([[1, 2], [3, 4], [0.5, 6]]),
        spec="mine",
        transforms=["original", "original", "flip-up-down"],
    ).write(path)
    assert path.read_bytes() == START + (
        b'"a ""1""","original",3,4\n"b","flip-up-down",0.5,6\n"b","original",1,2\n'
    )


def test_the_first_line_is_that_of_any_index(path: Path) -> None:
    index_of(["a"]).write(path)
    assert set(header_of(path)) == {"format", "spec", "dim", "distance", "root"}


def test_rows_come_back_sorted_by_id_and_transform(path: Path) -> None:
    # A name that goes on where another ends, with the lowest character that there is.
    pictures = ["a", "a\x01", "a!", "b", "é"]
    ids, transforms = rows_of(pictures)
    order = np.random.default_rng(0).permutation(len(ids))
    vectors = histograms(len(ids))
    VectorIndex(
        ids=[ids[i] for i in order],
        vectors=vectors[order],
        spec="mine",
        transforms=[transforms[i] for i in order],
    ).write(path)
    for _ in range(2):  # through the sidecar, and from the text
        index = VectorIndex.read(path)
        assert index.augmented
        assert index.transforms is not None
        assert (list(index.ids), list(index.transforms)) == (ids, transforms)
        assert (len(index), index.pictures) == (30, pictures)
        assert np.array_equal(all_rows(index)[1], vectors)
        assert all_rows(index)[0] == ids
        sidecar.place(path).unlink()


def test_the_vectors_of_pictures_are_those_of_the_originals() -> None:
    _, transforms = rows_of(["a", "b"])
    vectors = histograms(12)
    index = index_of(["a", "b"], vectors)
    at = [i for i, transform in enumerate(transforms) if transform == "original"]
    assert np.array_equal(index.vectors(["a", "b"]), vectors[at])
    assert "a" in index
    for id in ("c", "a\0original", "a\0flip-up-down", ""):
        assert id not in index
        with pytest.raises(BadIndex, match="holds no"):
            index.vectors([id])


def test_an_index_that_is_not_augmented_has_no_transforms() -> None:
    index = VectorIndex(ids=["b", "a"], vectors=histograms(2), spec="mine")
    assert (index.augmented, index.transforms, index.pictures) == (False, None, ["a", "b"])


@pytest.mark.parametrize(
    ("ids", "transforms", "reason"),
    [
        (["a", "a"], ["original", "original"], r"'a' \(original\) stands twice"),
        (["a", "b"], ["original", "rotate-45"], "'rotate-45' is no transform; there are original"),
        (["a", "b"], ["original", ""], "is no transform"),
        (["a", "b"], ["original"], "2 ids and 1 transforms don't fit"),
        (["a", "b\0c"], ["original", "original"], "holds a NUL"),
        (["a", "b\udcff"], ["original", "original"], "UTF-8"),
    ],
)
def test_what_can_not_be_one_is_refused(
    ids: Sequence[str], transforms: Sequence[str], reason: str
) -> None:
    with pytest.raises(BadIndex, match=reason):
        VectorIndex(ids=ids, vectors=np.eye(2), spec="mine", transforms=transforms)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(text | awkward, st.sampled_from(SIX), st.floats(width=32, allow_nan=False)),
        unique_by=lambda row: row[:2],
        min_size=1,
    )
)
def test_any_ids_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, float]]
) -> None:
    path = tmp_path_factory.mktemp("any") / "index.csv"
    rows = sorted(row for row in rows if "\0" not in row[0] and np.isfinite(row[2]))
    ids, transforms = [row[0] for row in rows], [row[1] for row in rows]
    vectors = np.array([[row[2]] for row in rows], np.float32).reshape(-1, 1)
    VectorIndex(ids=ids, vectors=vectors, spec="mine", transforms=transforms).write(path)
    for _ in range(2):
        index = VectorIndex.read(path)
        assert index.transforms is not None
        assert (list(index.ids), list(index.transforms)) == (ids, transforms)
        sidecar.place(path).unlink()


def test_pandas_reads_it(path: Path) -> None:
    pictures = ["NA.jpg", "a,b.jpg", 'say "hi".jpg', "two\nlines.jpg"]
    ids, transforms = rows_of(pictures)
    index_of(pictures).write(path)
    table = pd.read_csv(path, comment="#", index_col=[0, 1], keep_default_na=False)
    assert list(table.index) == list(zip(ids, transforms, strict=True))
    assert np.array_equal(table.to_numpy(np.float32), histograms(len(ids)))


HOSTILE = {
    "unknown transform": b'"a","rotate-45",1,2\n',
    "no transform": b'"a",1,2\n',
    "empty transform": b'"a","",1,2\n',
    "NUL in an id": b'"a\0b","original",1,2\n',
    "NUL in a transform": b'"a","original\0",1,2\n',
    "row twice": b'"a","original",1,2\n"a","original",1,2\n',
    "transforms out of order": b'"a","original",1,2\n"a","flip-up-down",1,2\n',
    "ids out of order": b'"b","original",1,2\n"a","original",1,2\n',
    "nan": b'"a","original",1,nan\n',
    "short row": b'"a","original",1\n',
}


@pytest.mark.parametrize("rows", HOSTILE.values(), ids=HOSTILE.keys())
def test_damaged_rows_are_refused_in_one_line(path: Path, rows: bytes) -> None:
    path.write_bytes(START + rows)
    with pytest.raises(BadIndex) as error:
        VectorIndex.read(path)
    assert str(error.value).isprintable()
    assert not sidecar.place(path).exists()
    assert len(check(path, lambda done, total: None).problems) == 1


@pytest.mark.parametrize(
    "columns", [b"id,transforms,v0,v1\n", b"transform,id,v0,v1\n", b"id,transform,v0\n"]
)
def test_columns_that_are_not_the_contracts_are_refused(path: Path, columns: bytes) -> None:
    path.write_bytes(HEADER + columns + b'"a","original",1,2\n')
    with pytest.raises(BadIndex, match="second line"):
        VectorIndex.read(path)


# Writing


def test_the_writer_writes_what_the_index_does(path: Path) -> None:
    vectors = histograms(18)
    changes = write(path, ["a", "b", "c"], vectors)
    assert changes == Changes(pictures=3, new=3, unchanged=0, removed=0)
    ids, transforms = rows_of(["a", "b", "c"])
    VectorIndex(
        ids=ids,
        vectors=vectors,
        spec="hsv",
        root=path.parent / "photos",
        transforms=transforms,
    ).write(path.parent / "other.csv")
    assert path.read_bytes() == (path.parent / "other.csv").read_bytes()


def test_rows_may_come_in_any_order(path: Path) -> None:
    vectors = histograms(18)
    write(path, ["a", "b", "c"], vectors)
    ids, transforms = rows_of(["a", "b", "c"])
    with VectorIndexWriter(
        path.parent / "other.csv", recipe.parse("hsv"), path.parent / "photos", augmented=True
    ) as writer:
        for i in np.random.default_rng(0).permutation(18):
            writer.upsert([ids[i]], vectors[i : i + 1], [transforms[i]])
        writer.commit()
    assert path.read_bytes() == (path.parent / "other.csv").read_bytes()


def test_changes_are_counted_in_pictures(path: Path) -> None:
    vectors = histograms(18)
    write(path, ["a", "b", "c"], vectors)
    changed = vectors.copy()
    changed[7, 0] += 1  # one transform of b
    assert write(path, ["a", "b", "c"], changed) == Changes(3, new=1, unchanged=2, removed=0)
    assert write(path, ["a", "c", "d"], vectors) == Changes(3, new=2, unchanged=1, removed=1)


def test_a_picture_that_loses_a_row_has_changed(path: Path) -> None:
    vectors = histograms(12)
    write(path, ["a", "b"], vectors)
    ids, transforms = rows_of(["a", "b"])
    with VectorIndexWriter(
        path, recipe.parse("hsv"), path.parent / "photos", augmented=True
    ) as writer:
        writer.upsert(ids[:-1], vectors[:-1], transforms[:-1])
        assert writer.finish() == Changes(2, new=1, unchanged=1, removed=0)


def test_deleting_a_picture_deletes_all_its_rows(path: Path) -> None:
    write(path, ["a", "ab", "b"], histograms(18))
    with VectorIndexWriter(
        path, recipe.parse("hsv"), path.parent / "photos", augmented=True
    ) as writer:
        writer.delete(["a", "never there"])
        assert writer.commit() == Changes(2, new=0, unchanged=2, removed=1)
    assert VectorIndex.read(path).pictures == ["ab", "b"]
    assert np.array_equal(all_rows(VectorIndex.read(path))[1], histograms(18)[6:])


@pytest.mark.parametrize("first", [True, False])
def test_augmenting_or_not_rewrites_everything(path: Path, first: bool) -> None:
    count = {True: 12, False: 2}
    write(path, ["a", "b"], histograms(count[first]), augmented=first)
    second = write(path, ["a", "b"], histograms(count[not first]), augmented=not first)
    assert second == Changes(2, new=2, unchanged=0, removed=0)
    index = VectorIndex.read(path)
    assert (index.augmented, len(index)) == (not first, count[not first])


def test_rows_of_the_other_kind_are_not_merged_with(path: Path) -> None:
    write(path, ["a", "b"], histograms(12))
    with VectorIndexWriter(path, recipe.parse("hsv"), path.parent / "photos") as writer:
        writer.upsert(["c"], histograms(1))
        assert writer.commit() == Changes(1, new=1, unchanged=0, removed=2)
    assert list(VectorIndex.read(path).ids) == ["c"]


def test_plain_files_can_not_be_augmented(path: Path) -> None:
    with pytest.raises(BadOutput, match="--plain"):
        VectorIndexWriter(path, recipe.parse("hsv:size=full"), path.parent, True, augmented=True)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("augmented", [True, False])
def test_rows_need_transforms_in_an_augmented_index_only(path: Path, augmented: bool) -> None:
    transforms = None if augmented else ["original"]
    with (
        VectorIndexWriter(path, recipe.parse("hsv"), path.parent, augmented=augmented) as writer,
        pytest.raises(BadIndex, match="a transform for each row"),
    ):
        writer.upsert(["a"], histograms(1), transforms)


# Searching


def test_each_picture_is_found_once_at_its_best_transform() -> None:
    generator = np.random.default_rng(0)
    pictures = [f"{i:02}" for i in range(30)]
    ids, transforms = rows_of(pictures)
    vectors = generator.random((180, 8), np.float32)
    vectors[:60] = vectors[:1] + generator.random((60, 8), np.float32) / 100  # a crowd of ten
    index = index_of(pictures, vectors)
    queries = np.concatenate([vectors[[0, 33, 100]], generator.random((3, 8), np.float32)])
    for limit in (1, 3, 10, 29, 30, 200):
        for query, hits in zip(queries, Searcher(index).search(queries, limit), strict=True):
            away = 0.5 * (np.square(query - vectors) / (query + vectors)).sum(1, dtype=np.float64)
            best = {id: away[[i for i in range(180) if ids[i] == id]].min() for id in pictures}
            expected = sorted(pictures, key=lambda id: (best[id], id))[:limit]
            assert [hit.id for hit in hits] == expected
            for hit in hits:
                row = next(
                    i for i in range(180) if (ids[i], transforms[i]) == (hit.id, hit.transform)
                )
                assert hit.distance == pytest.approx(away[row], abs=1e-6)
                assert hit.distance == pytest.approx(best[hit.id], abs=1e-6)


@pytest.mark.parametrize("limit", [1, 2, 7, 20])
def test_pictures_whose_every_row_is_near_hide_no_others(limit: int) -> None:
    pictures = [f"{i:02}" for i in range(20)]
    vectors = np.arange(20, dtype=np.float32).repeat(6)[:, None]  # six rows at 0, six at 1, …
    (hits,) = Searcher(index_of(pictures, vectors), "manhattan").search(vectors[:1], limit)
    assert [hit.id for hit in hits] == pictures[:limit]


def test_the_original_is_named_where_others_are_as_near() -> None:
    """As they are for every histogram of a whole picture, which no turn changes."""
    same = np.repeat(histograms(4), 6, axis=0)
    (hits,) = Searcher(index_of(["a", "b", "c", "d"], same)).search(same[:1], 2)
    assert hits[0] == Hit("a", 0.0, "original")
    assert hits[1].transform == "original"
    # With ties at the end of what is looked at, too.
    ones = np.ones((24, 4), np.float32)
    (hits,) = Searcher(index_of(["a", "b", "c", "d"], ones)).search(ones[:1], 3)
    assert hits == [Hit(id, 0.0, "original") for id in "abc"]


def test_the_transform_that_was_nearest_is_named() -> None:
    vectors = histograms(12)
    _, transforms = rows_of(["a", "b"])
    found = Searcher(index_of(["a", "b"], vectors)).search(vectors, 1)
    assert [hits[0].transform for hits in found] == transforms
    assert all(hits[0].distance == 0 for hits in found)


def test_any_index_with_transforms_is_searched_so() -> None:
    ids, transforms = rows_of(["a", "b", "c"])
    vectors = histograms(18, 30)
    other = Minimal(ids[::-1], vectors[::-1])
    other.transforms = transforms[::-1]  # type: ignore[attr-defined]
    ours = Searcher(index_of(["a", "b", "c"], vectors))
    assert Searcher(other).search(vectors[:5], 3) == ours.search(vectors[:5], 3)


# Checking


def test_check_finds_nothing_wrong_and_counts_pictures(path: Path) -> None:
    write(path, ["a", "b", "c"], histograms(18))
    report = check(path, lambda done, total: None)
    assert (report.spec, report.pictures, report.problems) == (SPEC, 3, [])


def test_check_finds_pictures_that_are_gone_once_each(path: Path) -> None:
    write(path, ["a", "b", "c"], histograms(18))
    (path.parent / "photos").mkdir()
    (path.parent / "photos/b").touch()
    (problem,) = check(path, lambda done, total: None).problems
    assert problem.startswith("2 of its pictures are gone (a, c)")


def test_check_finds_pictures_without_their_original(path: Path) -> None:
    write(path, ["a", "b"], histograms(12))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if not line.startswith(b'"b","original"')))
    (problem,) = check(path, lambda done, total: None).problems
    assert problem == "1 of its pictures (b …) have no row for the original"


def test_check_compares_transforms_with_the_sidecar(path: Path) -> None:
    write(path, ["a", "b"], histograms(12))
    place = sidecar.place(path)
    raw = place.read_bytes()
    place.write_bytes(raw.replace(b"b\0rotate-90", b"b\0rotate-91"))
    problems = check(path, lambda done, total: None).problems
    assert any("keys are damaged" in problem for problem in problems)
    assert any("in 1 rows" in problem for problem in problems)
