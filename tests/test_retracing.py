"""A run that changes nothing writes nothing; and any other writes what it would have written."""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cbir import recipe
from cbir.images.transforms import TRANSFORMS
from cbir.vector_index import VectorIndex, sidecar
from cbir.vector_index import writer as writer_module
from cbir.vector_index.writer import Changes, VectorIndexWriter
from tests.test_sidecar import footer_of, rewrite_keeping_the_time
from tests.test_vector_index import histograms, names

COUNT = 40  # rows: more than two strips


class Row(NamedTuple):
    id: str
    transform: str
    vector: tuple[float, ...]


def run(
    path: Path,
    rows: Sequence[Row],
    piece: int = 16,
    augmented: bool = False,
    plain: bool = False,
    root: str = "photos",
    spec: str = "hsv",
) -> Changes | None:
    """As a run of index.py hands over what it has described."""
    made_by, folder = recipe.parse(spec), path.parent / root
    with VectorIndexWriter(path, made_by, folder, plain, augmented) as writer:
        for start in range(0, len(rows), piece):
            some = rows[start : start + piece]
            vectors = np.array([row.vector for row in some], np.float32)
            transforms = [row.transform for row in some] if augmented else None
            writer.upsert([row.id for row in some], vectors, transforms)
        return writer.finish()


def made(count: int = COUNT, seed: int = 0) -> list[Row]:
    vectors = histograms(count, 288, seed)
    pairs = zip(names(count), vectors, strict=True)
    return [Row(id, "original", tuple(vector.tolist())) for id, vector in pairs]


def state(path: Path) -> list[tuple[int, int, bytes]]:
    """What tells whether a file was written: its number, time and content."""
    files = [file for file in (path, sidecar.place(path)) if file.exists()]
    return [(f.stat().st_ino, f.stat().st_mtime_ns, f.read_bytes()) for f in files]


def contents(path: Path) -> tuple[bytes, bytes, dict[str, object]]:
    """The CSV, and the sidecar but for the time of the CSV, which is another one each time."""
    raw = sidecar.place(path).read_bytes()
    start, footer = footer_of(raw)
    assert footer.pop("csv")[0] == path.stat().st_size
    return path.read_bytes(), raw[:start], footer


def written_anew(
    rows: Sequence[Row], augmented: bool = False
) -> tuple[bytes, bytes, dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.csv"
        run(path, rows, augmented=augmented)
        return contents(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "index.csv"
    run(path, made())
    return path


numbers = st.sampled_from([0.0, -0.0, 1.0, 0.5, 1e-45])
vectors = st.tuples(numbers, numbers, numbers)


@st.composite
def two_runs(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """The rows of two runs, the second of which keeps, changes, leaves out and adds some."""
    ids = draw(st.lists(st.sampled_from("abcdefghijklmnop"), unique=True, max_size=12))
    before = [Row(id, t, draw(vectors)) for id in ids for t in draw(some_transforms)]
    actions = st.sampled_from(["keep"] * 8 + ["change", "negate", "leave out"])
    after = []
    for row in before:
        action = draw(actions)
        if action == "change":
            row = row._replace(vector=draw(vectors))
        elif action == "negate":  # which turns 0 into -0, an equal number
            row = row._replace(vector=tuple(-x for x in row.vector))
        if action != "leave out":
            after.append(row)
    after += [Row(f"{row.id}+", row.transform, row.vector) for row in before if draw(few)]
    order = draw(st.sampled_from(["sorted", "sorted", "shuffled"]))
    after = draw(st.permutations(after)) if order == "shuffled" else sorted(after)
    return sorted(before), list(after)


some_transforms = st.lists(st.sampled_from(list(TRANSFORMS)), unique=True, min_size=1)
few = st.sampled_from([False] * 9 + [True])


def bits(rows: Sequence[Row]) -> list[tuple[str, str, bytes]]:
    """Rows by what is in memory: 0 equals -0, and is not the same."""
    return [(id, turned, np.array(vector, np.float32).tobytes()) for id, turned, vector in rows]


def expected_changes(before: Sequence[Row], after: Sequence[Row]) -> Changes:
    def by_picture(rows: Sequence[Row]) -> dict[str, set[tuple[str, bytes]]]:
        found: dict[str, set[tuple[str, bytes]]] = {}
        for row in rows:
            ((_, transform, vector),) = bits([row])
            found.setdefault(row.id, set()).add((transform, vector))
        return found

    old, new = by_picture(before), by_picture(after)
    unchanged = sum(old.get(id) == rows for id, rows in new.items())
    return Changes(len(new), len(new) - unchanged, unchanged, len(old.keys() - new.keys()))


@settings(deadline=None, max_examples=150)
@given(two_runs(), st.integers(1, 30), st.booleans())
@example(([Row("a", "original", (0.0,))], [Row("a", "original", (-0.0,))]), 1, False)
def test_whatever_a_run_changes_the_files_are_those_of_a_first_run(
    runs: tuple[list[Row], list[Row]], piece: int, augmented: bool
) -> None:
    before, after = runs
    if not augmented:
        before, after = ([r for r in rows if r.transform == "original"] for rows in runs)
    if not before or not after:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.csv"
        run(path, before, augmented=augmented)
        untouched = state(path)
        assert run(path, after, piece, augmented) == expected_changes(before, after)
        assert contents(path) == written_anew(after, augmented)
        assert (state(path) == untouched) == (bits(before) == bits(after))
        assert {file.name for file in Path(folder).iterdir()} == {path.name, f"{path.name}.vectors"}


@pytest.mark.parametrize("piece", [1, 7, 16, COUNT, 1000])
def test_the_same_again_writes_nothing(path: Path, piece: int) -> None:
    before = state(path)
    assert run(path, made(), piece) == Changes(COUNT, new=0, unchanged=COUNT, removed=0)
    assert state(path) == before


def test_the_same_again_in_blocks_of_several_thousand(tmp_path: Path) -> None:
    """Rows of a piece may lie in two blocks."""
    path, count = tmp_path / "index.csv", 9000
    rows = [Row(f"{i:05}", "original", (i / count, -i, 1 / (i + 1))) for i in range(count)]
    run(path, rows, 1000)
    assert len(VectorIndex.read(path).blocks.data) == 3
    before = state(path)
    assert run(path, rows, 700) == Changes(count, 0, count, 0)
    assert state(path) == before
    for at in (0, 4095, 4096, 8999):
        changed = [*rows]
        changed[at] = rows[at]._replace(vector=(0.25, 1, 1))
        assert run(path, changed, 700) == Changes(count, 1, count - 1, 0)
        assert np.array_equal(VectorIndex.read(path).vectors([rows[at].id]), [[0.25, 1, 1]])
        assert run(path, rows, 700) == Changes(count, 1, count - 1, 0)
    assert contents(path) == written_anew(rows)


def test_nothing_is_formatted_for_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("a row was formatted, or kept")

    monkeypatch.setattr(writer_module.TextAhead, "add", refuse)
    monkeypatch.setattr(writer_module.Merging, "add", refuse)
    run(path, made())


def test_a_commit_without_changes_writes_nothing_either(path: Path) -> None:
    """`commit` keeps what was not upserted, so any part of the old rows changes nothing."""
    before = state(path)
    for count in (0, 5, COUNT):
        ids, old = names(COUNT)[:count], histograms(COUNT)[:count]
        with VectorIndexWriter(path, recipe.parse("hsv"), path.parent / "photos") as writer:
            writer.upsert(ids, old)
            assert writer.commit() == Changes(COUNT, 0, COUNT, 0)
        assert state(path) == before


@pytest.mark.parametrize("name", ["index.csv", "index.csv.vectors"])
def test_leftovers_of_killed_runs_are_swept_all_the_same(path: Path, name: str) -> None:
    (path.parent / f".{name}.0123456789abcdef.partial").write_bytes(b"half")
    before = state(path)
    run(path, made())
    assert state(path) == before
    assert {file.name for file in path.parent.iterdir()} == {"index.csv", "index.csv.vectors"}


RENAMED = {
    "one letter": (["a", "b", "c"], ["a", "b", "d"]),
    "where one ends": (["a", "bc", "d"], ["ab", "c", "d"]),
}


@pytest.mark.parametrize(("before", "after"), RENAMED.values(), ids=RENAMED.keys())
def test_a_renamed_picture_is_noticed(
    tmp_path: Path, before: Sequence[str], after: Sequence[str]
) -> None:
    """Its vector is the same, and so is the length of all names together."""
    path = tmp_path / "index.csv"
    run(path, [Row(id, "original", (1, 0, 0)) for id in before])
    renamed = [Row(id, "original", (1, 0, 0)) for id in after]
    run(path, renamed)
    assert VectorIndex.read(path).ids[:] == list(after)
    assert contents(path) == written_anew(renamed)


def test_what_is_deleted_again_is_gone(path: Path) -> None:
    rows = made()
    with VectorIndexWriter(path, recipe.parse("hsv"), path.parent / "photos") as writer:
        writer.upsert(names(COUNT), histograms(COUNT))
        writer.delete([rows[3].id])
        assert writer.finish() == Changes(COUNT - 1, 0, COUNT - 1, removed=1)
    assert contents(path) == written_anew([*rows[:3], *rows[4:]])


def test_a_run_that_finds_fewer_pictures_removes_the_others(path: Path) -> None:
    assert run(path, made()[:-1]) == Changes(COUNT - 1, 0, COUNT - 1, removed=1)
    assert contents(path) == written_anew(made()[:-1])


def test_a_row_twice_is_no_row_of_the_old_index(path: Path) -> None:
    assert run(path, [*made(), made()[-1]]) == Changes(COUNT, 0, COUNT, 0)
    assert contents(path) == written_anew(made())


OTHERS: dict[str, dict[str, str]] = {"root": {"root": "moved"}, "spec": {"spec": "hsv:norm=l2"}}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_another_header_is_written(path: Path, other: dict[str, str]) -> None:
    run(path, made(), **other)  # type: ignore[arg-type]
    again = path.parent / "again"
    again.mkdir()
    run(again / "index.csv", made(), **other)  # type: ignore[arg-type]
    assert contents(path) == contents(again / "index.csv")


def test_plain_files_are_always_written(path: Path) -> None:
    spec = "hsv:size=full"
    run(path, made(), plain=True, spec=spec)
    expected = path.read_bytes()
    for _ in range(2):  # the second has a sidecar to retrace, which `_previous` made
        before = state(path)[0][0]
        assert run(path, made(), plain=True, spec=spec) == Changes(COUNT, 0, COUNT, 0)
        assert state(path)[0][0] != before
        assert path.read_bytes() == expected
    run(path, made(), spec=spec)
    assert path.read_bytes().startswith(b"# cbir ")
    run(path, made(), plain=True, spec=spec)
    assert path.read_bytes() == expected


def edited(path: Path) -> None:
    """The same numbers in other words, which is not what a run writes."""
    path.write_bytes(path.read_bytes().replace(b",0,", b",0.0,").replace(b"\n", b"\r\n"))


def without_sidecar(path: Path) -> None:
    sidecar.place(path).unlink()


def with_garbage(path: Path) -> None:
    sidecar.place(path).write_bytes(b"garbage")


def touched(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def with_the_last_versions_sidecar(path: Path) -> None:
    place = sidecar.place(path)
    place.write_bytes(place.read_bytes().replace(b"cbir-vectors-3", b"cbir-vectors-2"))


@pytest.mark.parametrize(
    "meddle", [edited, without_sidecar, with_garbage, touched, with_the_last_versions_sidecar]
)
@pytest.mark.parametrize("searched", [False, True])
def test_a_csv_that_may_not_be_ours_to_the_byte_is_written_again(
    path: Path, meddle: Callable[[Path], None], searched: bool
) -> None:
    expected = contents(path)
    meddle(path)
    if searched:
        VectorIndex.read(path)  # which makes a sidecar that fits
    assert run(path, made()) == Changes(COUNT, 0, COUNT, 0)
    assert contents(path) == expected
    before = state(path)
    run(path, made())
    assert state(path) == before


def test_numbers_damaged_in_the_sidecar_are_mended(path: Path) -> None:
    expected = contents(path)
    place = sidecar.place(path)
    raw = bytearray(place.read_bytes())
    start, length, _ = footer_of(bytes(raw))[1]["sections"]["blocks"]
    raw[start + length // 2] ^= 4
    place.write_bytes(raw)
    assert run(path, made()) == Changes(COUNT, 1, COUNT - 1, 0)
    assert contents(path) == expected


def others(path: Path) -> None:
    run(path, made(COUNT, seed=1))


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("meddle", [others, gone, without_sidecar, touched])
def test_files_that_change_during_the_run_are_written_after_all(
    path: Path, meddle: Callable[[Path], None]
) -> None:
    expected = contents(path)
    with VectorIndexWriter(path, recipe.parse("hsv"), path.parent / "photos") as writer:
        writer.upsert(names(COUNT), histograms(COUNT))
        meddle(path)
        assert writer.finish() == Changes(COUNT, 0, COUNT, 0)
    assert contents(path) == expected


def test_an_old_file_of_the_same_size_and_time_is_believed(path: Path) -> None:
    """As everywhere: that is what a sidecar goes by, and `cbir check` what finds it out."""
    rewrite_keeping_the_time(path, path.read_bytes().replace(b"0.00", b"0.99"))
    before = state(path)
    run(path, made())
    assert state(path) == before


def test_through_a_link(path: Path) -> None:
    link = path.parent / "link.csv"
    link.symlink_to(path)
    before = state(path)
    run(link, made())
    assert state(path) == before
    assert link.is_symlink()


@pytest.fixture
def moved(path: Path) -> Path:
    folder = path.parent / "elsewhere"
    folder.mkdir()
    for file in (path, sidecar.place(path)):
        shutil.move(file, folder)
    return folder / path.name


def test_index_and_pictures_that_moved_together_are_left_as_they_are(moved: Path) -> None:
    before = state(moved)
    run(moved, made())
    assert state(moved) == before
