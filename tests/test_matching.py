"""Matching against brute force; the table of matches, saved features, the matrix."""

import json
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cbir.distances import DISTANCES, from_vectors
from cbir.distances.equal import first_equal
from cbir.errors import BadIndex, BadOutput, BadSource, BadSpec
from cbir.matching import features, joined, saving
from cbir.matching.joined import Column
from cbir.matching.matches import Matches, match
from cbir.matching.matrix import write_matrix
from cbir.matching.nearness import nearness
from cbir.matching.sides import Side
from cbir.tables import read_table, write_table

SPEC = "hsv:bins=8x12x3,norm=l1,size=128,version=1"


def side(vectors: NDArray, name: str = "a", rows: list[int] | None = None) -> Side:
    """Rows with these vectors, or, of a few vectors, the ones that rows name."""
    vectors = np.asarray(vectors, np.float32)
    numbers = np.arange(len(vectors)) if rows is None else np.array(rows, np.intp)
    fields = pa.table({"id": [f"{name}{row}" for row in range(len(numbers))]})
    return Side(name, fields, numbers, from_vectors(vectors))


@st.composite
def sides(draw: st.DrawFn) -> tuple[Side, Side]:
    """Two sides with repeated vectors and, being of whole numbers, many ties between others."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    dim = draw(st.integers(1, 6))

    def one(name: str) -> Side:
        kinds = random.integers(0, 4, (draw(st.integers(1, 12)), dim))
        rows = random.integers(0, len(kinds), draw(st.integers(1, 30)))
        used, first = np.unique(rows, return_index=True)
        used = used[np.argsort(first)]  # in the order in which rows have them
        return side(kinds[used], name, [int(np.flatnonzero(used == row)[0]) for row in rows])

    return one("a"), one("b")


def brute(
    left: Side, right: Side, name: str, within: float, limit: int
) -> list[tuple[int, int, float]]:
    everything = right.blocks.rows(right.numbers).astype(np.float64)
    found = []
    for row, vector in enumerate(left.blocks.rows(left.numbers).astype(np.float64)):
        far = DISTANCES[name].exact(vector, everything)
        near = [other for other in np.lexsort((np.arange(len(far)), far)) if far[other] <= within]
        found += [(row, int(other), float(far[other])) for other in near[:limit]]
    return found


def as_list(found: Matches) -> list[tuple[int, int, float]]:
    return list(zip(*(part.tolist() for part in found), strict=True))


@pytest.mark.parametrize("name", sorted(DISTANCES))
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_matches_are_brute_force(name: str, data: st.DataObject) -> None:
    left, right = data.draw(sides())
    limit = data.draw(st.integers(1, 8))
    within = data.draw(st.sampled_from([None, 0.0, 0.3, 2.0]))
    asked = np.inf if within is None else within
    expected = brute(left, right, name, asked, limit)
    assert as_list(match(left, right, name, within, limit)) == expected
    a, b = (  # equal rows count as one another
        [tuple(row) for row in one.blocks.rows(one.numbers).tolist()] for one in (left, right)
    )
    back = {(a[two], b[one]) for one, two, _ in brute(right, left, name, asked, limit)}
    mutual = match(left, right, name, within, limit, mutual=True)
    assert as_list(mutual) == [one for one in expected if (a[one[0]], b[one[1]]) in back]


def test_rows_of_one_picture_are_mutual_matches_alike() -> None:
    left, right = side([[1, 0], [0, 1]], rows=[0, 0, 1]), side([[1, 0]], rows=[0])
    found = match(left, right, "euclidean", 0.5, mutual=True)
    assert as_list(found) == [(0, 0, 0.0), (1, 0, 0.0)]


def test_rows_that_share_a_picture_count_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """One vector asks, and is found, for many rows: the limit is on the pairs of rows."""
    monkeypatch.setattr("cbir.matching.matches.MOST", 50)
    many = side([[1.0, 0.0]], rows=[0] * 10)
    assert len(match(many, many, "euclidean", 0.5, 5).left) == 50
    with pytest.raises(BadSpec, match="60 matches are more than a table may have rows"):
        match(many, many, "euclidean", 0.5, 6)


def test_every_row_of_a_picture_has_its_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces, too, and told as they go."""
    monkeypatch.setattr("cbir.matching.matches.ASKED_AT_ONCE", 2)
    vectors = np.eye(5)
    left, right = (
        side(vectors, rows=[0, 1, 2, 0, 3, 4, 0]),
        side(vectors[::-1], rows=[0, 1, 2, 3, 4, 4]),
    )
    told = list[tuple[int, int | None]]()
    found = match(left, right, "cosine", 0.1, 2, progress=lambda *some: told.append(some))
    pairs = [one[:2] for one in as_list(found)]
    assert pairs == [(0, 4), (0, 5), (1, 3), (2, 2), (3, 4), (3, 5), (4, 1), (5, 0), (6, 4), (6, 5)]
    assert told == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize("dim", [1, 7, 1024])
def test_equal_vectors_are_known_wherever_they_lie(dim: int) -> None:
    """In other blocks and places, and with −0 for 0."""
    random = np.random.default_rng(0)
    kinds = random.normal(size=(40, dim)).astype(np.float32)
    kinds[0] = 0
    which = random.integers(0, 40, 9000 if dim < 1000 else 5000)
    vectors = kinds[which]
    vectors[::2][which[::2] == 0] = -0.0
    first = {kind: int(np.flatnonzero(which == kind)[0]) for kind in range(40)}
    assert first_equal(from_vectors(vectors)).tolist() == [first[kind] for kind in which.tolist()]


def test_no_match_at_all() -> None:
    found = match(side(np.eye(2)), side(-np.eye(2)), "cosine", 0.5)
    assert as_list(found) == []


def test_sides_of_different_length_can_not_be_matched() -> None:
    with pytest.raises(BadSpec, match="2 values can't be compared with vectors of 3"):
        match(side(np.eye(2)), side(np.eye(3)), "cosine")


def test_how_near_is_near() -> None:
    assert nearness("cosine").within == pytest.approx(0.155)
    assert nearness("cosine").measure == "similarity"
    assert nearness("cosine", threshold=0.3).within == 0.3
    assert nearness("chi2").within is None
    assert nearness("chi2", threshold=0.0).within == 0.0
    assert nearness("chi2").measure == "distance"
    for wrong in ({"distance": "chi2", "min_similarity": 0.5}, {"distance": "kosine"}):
        with pytest.raises(BadSpec):
            nearness(**wrong)  # type: ignore[arg-type]
    with pytest.raises(BadSpec):
        nearness("cosine", 0.1, 0.9)


def test_a_picture_is_as_similar_to_itself_as_can_be() -> None:
    """Whatever float64 makes of the square of a root."""
    vectors = np.random.default_rng(0).random((200, 77))
    one = side(vectors)
    found = match(one, one, "cosine", nearness("cosine", None, 1.0).within)
    assert [one[:2] for one in as_list(found)] == [(row, row) for row in range(200)]


# The table of matches


def names_of(found: list[Column]) -> list[str]:
    return [column.name for column in found]


def test_equal_names_get_their_sides() -> None:
    all_columns = joined.columns(("l", "r"), (["id", "url"], ["id", "path"]), "similarity")
    assert names_of(all_columns) == ["l_id", "url", "r_id", "path", "similarity"]


def test_names_that_would_be_taken_for_others() -> None:
    fields = ["similarity", "r_id", "id"], ["id", "l_id"]
    all_columns = joined.columns(("l", "r"), fields, "similarity")
    assert names_of(all_columns) == [
        *("l_similarity", "r_id", "l_id", "r_id_2", "l_id_2", "similarity")
    ]
    assert all_columns[3] == Column("r_id_2", 1, "id")


def test_chosen_columns() -> None:
    all_columns = joined.columns(("l", "r"), (["id", "a=b"], ["id", "path"]), "similarity")
    assert names_of(joined.chosen(all_columns, ["r_id", "a=b"])) == ["r_id", "a=b", "similarity"]
    some = joined.chosen(all_columns, ["similarity=cos", "a=b=c", "path=where"])
    assert some == [
        Column("cos", 2, "similarity"),
        Column("c", 0, "a=b"),
        Column("where", 1, "path"),
    ]
    for wrong, words in (
        (["id"], "write l_id or r_id"),
        (["pth"], "did you mean path"),
        (["l_id=x", "r_id=x"], "two columns 'x'"),
        (["l_id", "l_id"], "two columns"),
    ):
        with pytest.raises(BadSource, match=words):
            joined.chosen(all_columns, wrong)


def test_the_table_in_batches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("cbir.matching.joined.BATCH_ROWS", 2)
    left = pa.table({"id": [1, 2, None], "name": pa.array(["x", "y", "x"]).dictionary_encode()})
    right = pa.table({"key": ["=1+1", "b"]})
    found = Matches(np.array([0, 1, 2]), np.array([1, 0, 1]), np.array([0.0, 0.123456789, 1.5]))
    all_columns = joined.columns(("l", "r"), (left.column_names, right.column_names), "similarity")
    out = tmp_path / "out.tsv"
    assert write_table(out, joined.table(found, (left, right), all_columns, as_text=True)) == 1
    assert out.read_text().splitlines() == [
        "id\tname\tkey\tsimilarity",
        "1\tx\tb\t1.00000",
        "2\ty\t'=1+1\t0.87654",
        "\tx\tb\t-0.50000",
    ]
    write_table(tmp_path / "o.parquet", joined.table(found, (left, right), all_columns, False))
    kept = read_table(tmp_path / "o.parquet")
    assert kept.column("similarity").to_pylist() == [1.0, 0.87654, -0.5]
    assert kept.column("id").to_pylist() == [1, 2, None]
    measured = joined.columns(("l", "r"), ([], ["key"]), "distance")
    table = joined.table(found, (left, right), measured, as_text=True).read_all()
    assert table.column("distance").to_pylist() == ["0.00000", "0.12346", "1.50000"]


# The matrix


@pytest.mark.parametrize("name", ["cosine", "chi2"])
def test_the_matrix_has_a_row_for_each_row(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cbir.matching.matrix.VALUES_AT_ONCE", 10)
    random = np.random.default_rng(0)
    left, right = side(random.random((4, 7)), rows=[0, 1, 0, 2, 3]), side(random.random((3, 7)))
    write_matrix(tmp_path / "m.npy", left, right, name)
    found = np.load(tmp_path / "m.npy", allow_pickle=False)
    a, b = (one.blocks.rows(one.numbers).astype(np.float64) for one in (left, right))
    far = np.array([DISTANCES[name].exact(row, b) for row in a])
    assert (found.dtype, found.shape) == (np.float32, (5, 3))
    np.testing.assert_allclose(found, 1 - far if name == "cosine" else far, atol=2e-6)


# Saved features


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    one = side(random.random((5, 288)), rows=[0, 1, 2, 1, 3, 4])
    saving.check_places(tmp_path, ["shop"])
    saving.save(tmp_path, "shop", one, SPEC)
    return tmp_path / "_shop_feature.h5"


def test_features_come_back(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cbir.matching.features.ROWS_AT_ONCE", 4)
    again = features.read(saved)
    assert (again.name, again.spec) == ("shop", SPEC)
    assert again.fields.column("id").to_pylist() == [f"a{row}" for row in range(6)]
    vectors = np.random.default_rng(0).random((5, 288)).astype(np.float32)[[0, 1, 2, 1, 3, 4]]
    assert np.array_equal(again.blocks.rows(np.arange(6)), vectors)
    with h5py.File(saved) as file:  # as the earlier tool had it: a row for each of the fields
        assert np.array_equal(file["data"], vectors)
        assert file["data"].attrs["spec"] == SPEC


def test_features_of_a_sum_have_a_long_spec(tmp_path: Path) -> None:
    spec = "+".join(f"hsv:bins={n}x12x3*0.01" for n in range(100))
    saving.save(tmp_path, "s", side(np.eye(3)), spec)
    assert features.read(tmp_path / "_s_feature.h5").spec == spec
    with h5py.File(tmp_path / "_s_feature.h5") as file:
        assert file["data"].shape == (3, 3)


def retold(path: Path, **changes: object) -> None:
    """Another first line before the same HDF5."""
    whole = path.read_bytes()
    told = json.loads(whole[len(features.MARK) : whole.index(b"\n")]) | changes
    line = features.MARK + json.dumps(told).encode() + b"\n"
    path.write_bytes(line.ljust(512, b"\0") + whole[512:])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rows": 10**15}, "cut short, or damaged"),
        ({"dim": 10**15}, "cut short, or damaged"),
        ({"dim": -288}, "cut short, or damaged"),
        ({"rows": 0}, "cut short, or damaged"),
        ({"rows": True}, "cut short, or damaged"),
        ({"rows": 6.0}, "cut short, or damaged"),
        ({"offset": -1}, "cut short, or damaged"),
        ({"spec": ["hsv"]}, "cut short, or damaged"),
        ({"rows": 5}, "it has 5 rows, and _shop_fields.csv 6"),
        ({"offset": 5}, "not finite|damaged"),
        ({"fields_sha256": "0"}, "not as it was saved"),
        ({"sha256": "0"}, "damaged, or were changed"),
        ({"another": 1}, "first line is damaged"),
    ],
)
def test_features_that_say_what_is_not_so(
    saved: Path, changes: dict[str, object], words: str
) -> None:
    retold(saved)
    features.read(saved)
    retold(saved, **changes)
    refused(saved, words)


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"{", b"[" * 100_000, b'"' + b"x" * (1 << 21), b"\xff"]
)
def test_features_that_say_nothing(saved: Path, line: bytes) -> None:
    saved.write_bytes(features.MARK + line + b"\n" + saved.read_bytes())
    refused(saved, "first line is damaged")


def refused(path: Path, words: str) -> None:
    with pytest.raises(BadIndex, match=words) as caught:
        features.read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_features_that_are_not_numbers(tmp_path: Path) -> None:
    for value in (np.nan, np.inf):
        vectors = np.eye(3)
        vectors[2, 1] = value
        saving.save(tmp_path, "s", side(vectors), SPEC)
        refused(tmp_path / "_s_feature.h5", "not finite")


def test_features_of_another_tool_do_not_say_what_made_them(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "_a_feature.h5", "w") as file:
        file["data"] = np.eye(3)
    refused(tmp_path / "_a_feature.h5", "do not say what made them")
    (tmp_path / "_a_feature.h5").write_text("a text")
    refused(tmp_path / "_a_feature.h5", "do not say what made them")
    refused(tmp_path / "nothing.h5", "it is not there")
    refused(tmp_path, "a folder, not a file")


def test_fields_that_are_others(saved: Path) -> None:
    beside = saved.with_name("_shop_fields.csv")
    beside.write_text(beside.read_text().replace("a1", "a9"))
    refused(saved, r"_shop_fields.csv beside it is not as it was saved")
    beside.unlink()
    refused(saved, r"_shop_fields.csv beside it can't be read: it is not there")


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damaged_features(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """No change of any byte that counts goes unseen."""
    folder = tmp_path_factory.mktemp("damaged")
    saving.save(folder, "s", side(np.eye(3)), SPEC)
    path = folder / "_s_feature.h5"
    whole = path.read_bytes()
    if data.draw(st.booleans()):
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    else:
        at = data.draw(st.integers(0, whole.index(b"\n") - 1))
        path.write_bytes(whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + 1 :])
    with suppress(BadIndex):
        assert np.array_equal(features.read(path).blocks.rows(np.arange(3)), np.eye(3))


def test_features_that_do_not_fit_on_the_disk_leave_the_earlier_pair(small_disk: Path) -> None:
    """Wherever the disk is full: at the fields, or at the vectors."""
    kept = side(np.eye(3), "kept")
    saving.save(small_disk, "s", kept, SPEC)
    before = {path.name: path.read_bytes() for path in small_disk.iterdir()}
    large = np.random.default_rng(0).random((60, 300))
    many = side(np.eye(3), "a long name for a row " * 10, rows=[0, 1, 2] * 200)
    for too_much in (side(large), many):
        with pytest.raises(BadOutput, match="the disk is full; what was there is as it was"):
            saving.save(small_disk, "s", too_much, SPEC)
        assert {path.name: path.read_bytes() for path in small_disk.iterdir()} == before
    assert features.read(small_disk / "_s_feature.h5").fields.equals(kept.fields)


def test_fields_replace_nothing_else(tmp_path: Path) -> None:
    fields = tmp_path / "_shop_fields.csv"
    fields.write_text("my notes")
    words = "_shop_fields.csv is something else than the fields of our features"
    with pytest.raises(BadOutput, match=words):
        saving.check_places(tmp_path, ["shop"])
    fields.write_text("")
    saving.check_places(tmp_path, ["shop"])
    saving.save(tmp_path, "shop", side(np.eye(3)), SPEC)
    saving.check_places(tmp_path, ["shop"])
    fields.write_text(fields.read_text() + "my notes")
    with pytest.raises(BadOutput, match="was changed since"):
        saving.check_places(tmp_path, ["shop"])


def test_features_replace_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "_shop_feature.h5").write_text("my notes")
    with pytest.raises(BadOutput, match="something else than our features"):
        saving.check_places(tmp_path, ["shop"])
    (tmp_path / "file").write_text("")
    with pytest.raises(BadOutput, match="can't make the folder"):
        saving.check_places(tmp_path / "file/below", ["shop"])
