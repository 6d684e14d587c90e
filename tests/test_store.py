"""The feature store: what it keeps, whose files it opens, and what it does when things go wrong."""

import hashlib
import os
import random
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cbir import store as store_module
from cbir.errors import BadStore
from cbir.store import Pruned, SourceSummary, SpecSummary, Store, database, schema
from cbir.store.views import name_for
from cbir.types import Picture, Vectors
from tests.conftest import ROOT

SPEC, NONE = "hsv:bins=8x12x3", "original"


def content(*name: object) -> bytes:
    return hashlib.sha256(repr(name).encode()).digest()


def vector(seed: int, dim: int = 6) -> Vectors:
    return np.random.default_rng(seed).normal(size=dim).astype(np.float32)


def unknown(count: int) -> tuple[list[None], list[None]]:
    """Neither whether these pictures are white nor their pixels."""
    return [None] * count, [None] * count


def fill(store: Store, source: str, ids: Sequence[str], spec: str = SPEC) -> None:
    """Pictures whose stamp and content are of their name, with a vector each."""
    contents = [content(id) for id in ids]
    store.saw(source, [Picture(id, f"of {id}") for id in ids], contents, *unknown(len(ids)))
    store.add(spec, NONE, contents, np.stack([vector(len(id)) for id in ids]))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "features.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as store:
        yield store


def rows(path: Path, query: str) -> list[tuple]:
    """What any SQLite program would show."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


# --- what it keeps


def test_what_was_added_is_there_before_and_after_a_commit_and_in_the_next_run(path: Path) -> None:
    wanted = vector(1)
    with Store.open(path) as store:
        for _ in range(2):
            store.add(SPEC, NONE, [content(1)], wanted[None])
            found = store.vectors(SPEC, NONE, [content(1), content(2)])
            assert list(found) == [content(1)]
            assert found[content(1)].tobytes() == wanted.tobytes()
            store.commit()
    with Store.open(path) as store:
        found = store.vectors(SPEC, NONE, [content(1), content(2)])
        assert list(found) == [content(1)]
        assert found[content(1)].dtype == np.float32
        assert found[content(1)].tobytes() == wanted.tobytes()
        assert store.vectors("hsv:bins=1x1x1", NONE, [content(1)]) == {}
        assert store.vectors(SPEC, "rotate-90", [content(1)]) == {}


def test_a_picture_is_known_while_its_stamp_is_as_it_was(path: Path) -> None:
    pictures = [Picture("a.jpg", "1"), Picture("b.jpg", ""), Picture("c'\".jpg", "3")]
    contents = [content(n) for n in range(3)]
    for run in range(2):
        with Store.open(path) as store:
            if run == 0:
                store.saw("/photos", pictures, contents, *unknown(3))
            assert store.known("/photos", pictures) == {
                "a.jpg": contents[0],
                "c'\".jpg": contents[2],
            }
            assert store.known("/other", pictures) == {}
            assert store.known("/photos", [Picture("a.jpg", "2"), Picture("d.jpg", "1")]) == {}


def test_a_change_that_is_not_committed_yet_counts(store: Store) -> None:
    store.saw("/photos", [Picture("a.jpg", "1")], [content(1)], *unknown(1))
    store.commit()
    store.saw("/photos", [Picture("a.jpg", "2")], [content(2)], *unknown(1))
    assert store.known("/photos", [Picture("a.jpg", "1")]) == {}
    assert store.known("/photos", [Picture("a.jpg", "2")]) == {"a.jpg": content(2)}


def test_nothing_is_an_answer_and_no_error(store: Store) -> None:
    store.add(SPEC, NONE, [], np.empty((0, 6), np.float32))
    store.saw("/photos", [], [], [], [])
    store.commit()
    assert store.known("/photos", []) == {}
    assert store.vectors(SPEC, NONE, []) == {}
    assert store.summary()[:3] == ([], [], 0)


def test_more_than_one_statement_can_hold(store: Store) -> None:
    ids = [f"{n:05}.jpg" for n in range(3 * database.AT_ONCE + 7)]
    contents = [content(id) for id in ids]
    pictures = [Picture(id, "stamp") for id in ids]
    matrix = np.arange(len(ids) * 2, dtype=np.float32).reshape(-1, 2)
    store.saw("/photos", pictures, contents, *unknown(len(ids)))
    store.add(SPEC, NONE, contents, matrix)
    store.commit()
    assert store.known("/photos", pictures) == dict(zip(ids, contents, strict=True))
    found = store.vectors(SPEC, NONE, contents)
    np.testing.assert_array_equal([found[one] for one in contents], matrix)


def test_later_vectors_of_a_content_replace_earlier_ones(store: Store) -> None:
    for seed in (1, 2):
        store.add(SPEC, NONE, [content(1)], vector(seed)[None])
        store.commit()
    np.testing.assert_array_equal(store.vectors(SPEC, NONE, [content(1)])[content(1)], vector(2))
    assert store.summary().specs[0].vectors == 1


def test_what_is_added_is_a_copy(store: Store) -> None:
    batch = vector(1)[None].copy()
    store.add(SPEC, NONE, [content(1)], batch)
    batch[:] = 0
    np.testing.assert_array_equal(store.vectors(SPEC, NONE, [content(1)])[content(1)], vector(1))


def test_rows_of_any_layout_are_kept(store: Store) -> None:
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4)
    store.add(SPEC, NONE, [content(n) for n in range(4)], matrix.T)
    store.add("doubles", NONE, [content(0)], np.array([[1 / 3]]))  # type: ignore[arg-type]
    found = store.vectors(SPEC, NONE, [content(n) for n in range(4)])
    assert [found[content(n)].tolist() for n in range(4)] == matrix.T.tolist()
    assert store.vectors("doubles", NONE, [content(0)])[content(0)] == np.float32(1 / 3)


def test_names_that_are_not_utf8(store: Store, path: Path, tmp_path: Path) -> None:
    """A folder's name may be any bytes; a picture's may too, but such pictures are failures."""
    source = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    pictures = [Picture("a.jpg", "1"), Picture("\udce9.jpg", "1")]
    store.saw(source, pictures, [content(1), content(2)], *unknown(2))
    store.finish(source, [picture.id for picture in pictures])
    assert store.known(source, pictures) == {"a.jpg": content(1)}
    assert store.summary().sources == [SourceSummary(source, 1, 0, "features_caf_")]
    os.mkdir(os.fsencode(source))
    assert store.prune().pictures == 0
    os.rmdir(os.fsencode(source))
    assert store.prune().pictures == 1


names = st.sampled_from(["a", "b/c", "d'e", 'f\n"g'])
numbers = st.integers(0, 2)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from([SPEC, "other"]), numbers, numbers),
        st.tuples(st.just("saw"), names, numbers, numbers, st.none() | numbers),
        st.tuples(st.just("finish"), st.sets(names)),
        st.tuples(st.just("commit")),
        st.tuples(st.just("open again")),
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_it_remembers_what_a_dictionary_would(steps: list[tuple]) -> None:
    vectors: dict[tuple, Vectors] = {}
    files: dict[str, tuple[str, bytes]] = {}
    active: dict[str, int] = {}
    sizes: dict[bytes, int] = {}
    contents = [content(n) for n in range(3)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        store = Store.open(path)
        for action, *values in steps:
            if action == "add":
                spec, which, seed = values
                store.add(spec, NONE, [content(which)], vector(seed)[None])
                vectors[spec, content(which)] = vector(seed)
            elif action == "saw":
                name, which, stamp, size = values
                picture = Picture(name, str(stamp))
                store.saw("/photos", [picture], [content(which)], [None], [size])
                sizes |= {} if size is None else {content(which): size}
                files[name] = (str(stamp), content(which))
                active[name] = 1
            elif action == "finish":
                store.finish("/photos", values[0])
                active = {name: int(name in values[0]) for name in active}
            elif action == "commit":
                store.commit()
            else:
                store.__exit__(None, None, None)
                store = Store.open(path)
            for spec in (SPEC, "other"):
                found = store.vectors(spec, NONE, contents)
                wanted = {key[1]: row for key, row in vectors.items() if key[0] == spec}
                assert found.keys() == wanted.keys()
                assert all(found[key].tobytes() == wanted[key].tobytes() for key in wanted)
            for limit in (-1, 0, 1):
                assert store.larger(contents, limit) == {c for c in sizes if sizes[c] > limit}
            for stamp in range(3):
                pictures = [Picture(name, str(stamp)) for name in ("a", "b/c", "d'e", 'f\n"g')]
                assert store.known("/photos", pictures) == {
                    name: which for name, (when, which) in files.items() if when == str(stamp)
                }
        store.__exit__(None, None, None)
        assert dict(rows(path, "SELECT id, active FROM files")) == active


# --- when it writes


def committed(path: Path) -> int:
    return rows(path, "SELECT count(*) FROM vectors")[0][0]


def test_additions_are_written_together_and_soon(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(SPEC, NONE, [content(1)], vector(1)[None])
    assert committed(path) == 0
    monkeypatch.setattr(store_module, "COMMIT_SECONDS", 0)
    store.add(SPEC, NONE, [content(2)], vector(2)[None])
    assert committed(path) == 2
    monkeypatch.undo()
    store.add(SPEC, NONE, [content(3)], vector(3)[None])
    assert committed(path) == 2
    wide = np.ones((1, store_module.PENDING_BYTES // 4), np.float32)
    store.add("wide", NONE, [content(1)], wide)
    assert committed(path) == 4
    store.add(SPEC, NONE, [content(4)], vector(4)[None])
    monkeypatch.setattr(store_module, "COMMIT_SECONDS", 0)
    store.saw("/photos", [Picture("a", "1")], [content(1)], *unknown(1))
    assert committed(path) == 5


def test_a_run_that_ends_with_an_error_keeps_its_work(path: Path) -> None:
    def stopped() -> None:
        with Store.open(path) as store:
            fill(store, "/photos", ["a"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert committed(path) == 1


def test_white_is_kept_until_it_is_known_otherwise(store: Store, path: Path) -> None:
    pictures = [Picture(name, "1") for name in ("product.jpg", "street.jpg", "unknown.jpg")]
    contents = [content(picture.id) for picture in pictures]
    store.saw("/photos", pictures, contents, [True, False, None], [None] * 3)
    store.saw("/photos", pictures, contents, *unknown(3))
    store.commit()
    store.saw("/photos", pictures, contents, *unknown(3))
    store.add(SPEC, NONE, contents, np.ones((3, 2), np.float32))
    store.finish("/photos", [picture.id for picture in pictures])
    shown = "SELECT picture, white_background FROM features_photos ORDER BY picture"
    assert rows(path, shown) == [("product.jpg", 1), ("street.jpg", 0), ("unknown.jpg", None)]
    store.saw("/photos", pictures, contents, [False, None, True], [None] * 3)
    store.commit()
    assert [white for _, white in rows(path, shown)] == [0, 0, 1]


def test_which_contents_are_larger_before_and_after_a_commit_and_in_the_next_run(
    path: Path,
) -> None:
    contents = [content(n) for n in range(5)]
    pictures = [Picture(f"{n}.jpg", "1") for n in range(5)]
    with Store.open(path) as store:
        store.saw("/photos", pictures, contents, [None] * 5, [100, 101, None, 1 << 40, 7])
        for _ in range(2):
            assert store.larger(contents, 100) == {contents[1], contents[3]}
            assert store.larger(contents[:3], 99) == {contents[0], contents[1]}
            assert store.larger([content("never seen")], 0) == set()
            assert store.larger([], 0) == set()
            store.commit()
        store.saw("/photos", pictures, contents, [True] * 5, [None] * 5)
        store.commit()
        store.saw("/photos", pictures[4:], contents[4:], [None], [500])
        store.add(SPEC, NONE, contents, np.ones((5, 2), np.float32))
        assert store.larger(contents, 100) == {contents[1], contents[3], contents[4]}
    with Store.open(path, read_only=True) as store:
        assert store.larger(contents, 100) == {contents[1], contents[3], contents[4]}
        assert store.larger(contents, 1 << 90) == set()


def test_which_of_many_contents_are_larger(store: Store) -> None:
    count = 2 * database.AT_ONCE + 7
    contents = [content(n) for n in range(count)]
    pictures = [Picture(f"{n}.jpg", "1") for n in range(count)]
    store.saw("/photos", pictures, contents, [None] * count, range(count))
    store.commit()
    assert store.larger(contents, 9) == set(contents[10:])


def test_threads_may_ask_while_another_adds(store: Store) -> None:
    wrong: list[object] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                which = random.randrange(400)
                for vector in store.vectors(SPEC, NONE, [content(which)]).values():
                    if vector.tolist() != [which] * 50:
                        wrong.append(vector)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for start in range(0, 400, 20):
        some = range(start, start + 20)
        matrix = np.repeat(np.array(some, np.float32)[:, None], 50, axis=1)
        store.add(SPEC, NONE, [content(n) for n in some], matrix)
        if start % 60 == 0:
            store.commit()
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(store.vectors(SPEC, NONE, [content(n) for n in range(400)])) == 400


# --- what a person sees


def test_the_names_of_the_design(store: Store, path: Path) -> None:
    fill(store, "/photos", ["a.jpg"])
    store.commit()
    digest = content("a.jpg").hex()
    assert rows(path, "SELECT source, id, stamp, sha256, active FROM files") == [
        ("/photos", "a.jpg", "of a.jpg", digest, 1)
    ]
    assert rows(path, "SELECT spec, sha256, transform, dim, data FROM vectors") == [
        (SPEC, digest, NONE, 6, vector(5).tobytes())
    ]
    assert rows(path, "PRAGMA user_version") == [(len(schema.MIGRATIONS),)]
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


@pytest.mark.parametrize(
    ("picture", "item"),
    [
        ("shoe_1.jpg", "shoe"),
        ("shoe.jpg", "shoe"),
        ("red.shoe_1.jpg", "red"),
        ("a_b/c.d/shoe-2_1.jpg", "shoe-2"),
        ("a/a/a", "a"),
        ("Ж_图.png", "Ж"),
        ("https://shop.test/x_y/boot_3.webp", "boot"),
        ('it\'s "so"_1.jpg', 'it\'s "so"'),
    ],
)
def test_the_view_of_a_data_set(store: Store, path: Path, picture: str, item: str) -> None:
    fill(store, "/data/shop", [picture])
    fill(store, "/data/other", ["x.jpg"])
    store.finish("/data/shop", [picture])
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        (row,) = connection.execute("SELECT * FROM features_shop").fetchall()
    assert dict(row) == {
        "picture": picture,
        "item": item,
        "spec": SPEC,
        "transform": NONE,
        "dimensions": 6,
        "white_background": None,
        "active": 1,
    }


@pytest.mark.parametrize(
    ("source", "view"),
    [
        ("/data/shop", "features_shop"),
        ("/data/my photos/", "features_my_photos"),
        ("/data/photos.csv", "features_photos_csv"),
        ("C:\\data\\shop", "features_shop"),
        ("s3://bucket/key", "features_key"),
        ('/x"; DROP TABLE contents; --', "features_x___DROP_TABLE_contents____"),
        ("/données", "features_données"),
        ("/", "features_pictures"),
        ("/\udcff", "features__"),
    ],
)
def test_a_view_has_a_name_that_any_program_can_type(
    store: Store, path: Path, source: str, view: str
) -> None:
    assert name_for(source) == view
    store.finish(source, [])
    assert rows(path, f"SELECT * FROM {view}") == []
    assert rows(path, "SELECT count(*) FROM contents") == [(0,)]


def test_data_sets_of_one_name_have_a_view_each(store: Store, path: Path) -> None:
    change(path, "CREATE VIEW features_photos_2 AS SELECT 'a person made this'")
    for _ in range(2):
        for source in ("/a/photos", "/b/photos", "/c/Photos"):
            fill(store, source, [f"{source[1]}.jpg"])
            store.finish(source, [f"{source[1]}.jpg"])
    views = ["features_photos", "features_photos_3", "features_Photos_4"]
    assert [source.view for source in store.summary().sources] == views
    shown = [rows(path, f"SELECT picture FROM {view}") for view in views]
    assert shown == [[("a.jpg",)], [("b.jpg",)], [("c.jpg",)]]


def test_pictures_that_have_gone_are_inactive_until_they_come_back(
    store: Store, path: Path
) -> None:
    fill(store, "/photos", ["a", "b", "c"])
    fill(store, "/other", ["a", "b"])
    active = "SELECT group_concat(id, '') FROM files WHERE source = '/photos' AND active"
    assert rows(path, active) == [(None,)]
    store.finish("/photos", ["c", "a", "new and not seen"])
    assert rows(path, active) == [("ac",)]
    assert rows(path, "SELECT count(*) FROM files WHERE source = '/other' AND active") == [(2,)]
    store.finish("/photos", ["a", "b"])
    assert rows(path, active) == [("ab",)]
    fill(store, "/photos", ["c"])
    store.commit()
    assert rows(path, active) == [("abc",)]


def test_summary(store: Store, path: Path) -> None:
    fill(store, "/photos", ["a", "b", "cc"])
    fill(store, "/other", ["a"])
    store.add(SPEC, "rotate-90", [content("a")], vector(1)[None])
    store.add("wide", NONE, [content("a")], vector(1, dim=9)[None])
    store.finish("/photos", ["a", "b"])
    summary = store.summary()
    assert summary.sources == [
        SourceSummary("/other", 1, 0, None),
        SourceSummary("/photos", 2, 1, "features_photos"),
    ]
    assert summary.specs == [
        SpecSummary(SPEC, 6, 4, 96, {NONE: 3, "rotate-90": 1}),
        SpecSummary("wide", 9, 1, 36, {NONE: 1}),
    ]
    assert summary.contents == 3
    assert summary.bytes == path.stat().st_size + Path(f"{path}-wal").stat().st_size


# --- cleaning up


def test_pruning_keeps_what_somebody_has(store: Store, path: Path, tmp_path: Path) -> None:
    here, gone = tmp_path / "here", tmp_path / "gone"
    here.mkdir()
    fill(store, str(here), ["kept", "removed", "also in gone"])
    fill(store, str(gone), ["of gone", "also in gone"], spec="only gone has this")
    fill(store, str(gone), ["also in gone"])
    fill(store, "https://shop.test/", ["at a URL"])
    store.add(SPEC, NONE, [content("of no picture")], vector(1)[None])
    store.finish(str(here), ["kept", "also in gone"])
    store.finish(str(gone), ["of gone", "also in gone"])
    pruned = store.prune()
    # "also in gone" keeps both of its vectors, for `here` has these bytes too.
    assert pruned[:4] == Pruned(3, 1, 3, 3, 0)[:4]
    assert sorted(id for (id,) in rows(path, "SELECT id FROM files")) == [
        "also in gone",
        "at a URL",
        "kept",
    ]
    assert committed(path) == 4
    kept = [content(id) for id in ("kept", "also in gone", "at a URL")]
    assert store.vectors(SPEC, NONE, kept).keys() == set(kept)
    assert [source.view for source in store.summary().sources] == ["features_here", None]
    assert rows(
        path, "SELECT name FROM sqlite_master WHERE name LIKE 'features!_%' ESCAPE '!'"
    ) == [("features_here",)]
    assert store.prune() == Pruned(0, 0, 0, 0, 0)


def test_a_picture_that_could_not_be_read_this_time_is_pruned(
    store: Store, path: Path, tmp_path: Path
) -> None:
    """The walk still meets it, and its stamp is as it was: only the ids that are told count."""
    names = ["fine", "too large", "too large now"]
    contents = [content(name) for name in names]
    pictures = [Picture(name, f"of {name}") for name in names]
    fill(store, str(tmp_path), ["fine", "too large"])
    store.finish(str(tmp_path), ["fine", "too large"])
    fill(store, str(tmp_path), ["too large now"])  # not yet committed when the walk ends
    store.saw(str(tmp_path), pictures, contents, [None] * 3, [10, 99, 99])
    store.finish(str(tmp_path), ["fine"])
    assert rows(path, "SELECT id, active FROM files ORDER BY id") == [
        ("fine", 1),
        ("too large", 0),
        ("too large now", 0),
    ]
    assert store.prune()[:4] == (2, 0, 2, 2)
    assert store.known(str(tmp_path), pictures) == {"fine": content("fine")}
    assert store.vectors(SPEC, NONE, contents).keys() == {content("fine")}
    assert store.larger(contents, 0) == {content("fine")}


def test_pruning_makes_the_file_smaller(store: Store, path: Path, tmp_path: Path) -> None:
    source, ids = str(tmp_path), [f"{n:03}" for n in range(400)]
    contents = [content(id) for id in ids]
    store.saw(source, [Picture(id, "1") for id in ids], contents, *unknown(400))
    store.add(SPEC, NONE, contents, np.ones((400, 1000), np.float32))
    store.finish(source, ids[:10])
    before = store.summary().bytes
    pruned = store.prune()
    assert pruned.vectors == 390
    assert pruned.bytes > 390 * 4000
    assert before - pruned.bytes == path.stat().st_size < 600_000
    assert len(store.vectors(SPEC, NONE, contents)) == 10


# --- whose files it opens


def refused(path: Path, read_only: bool = False) -> str:
    """The one line that opening a file gives, which must leave its bytes as they are."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(BadStore) as error:
        Store.open(path, read_only)
    assert before is None or path.read_bytes() == before
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("read_only", [False, True])
def test_other_files_are_refused_as_they_are(path: Path, read_only: bool) -> None:
    path.write_bytes(b"id,v0,v1\n" * 500)
    assert "is not a feature store; give --store" in refused(path, read_only)
    path.unlink()
    change(path, "CREATE TABLE theirs (name TEXT)", "PRAGMA user_version = 1")
    assert "a database, but not a feature store" in refused(path, read_only)
    path.unlink()
    change(path, "PRAGMA user_version = 7")
    assert "a database, but not a feature store" in refused(path, read_only)
    path.unlink()
    change(path, "PRAGMA application_id = 7")
    assert "a database, but not a feature store" in refused(path, read_only)
    path.unlink()
    path.mkdir()
    assert "that is a folder; give a file" in refused(path, read_only)
    path.rmdir()
    os.mkfifo(path)
    assert "that is not a file" in refused(path, read_only)


def test_places_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file/f.db", tmp_path / "file/deeper/f.db"):
        assert "its folder is a file" in refused(place)
        assert "its folder is a file" in refused(place, read_only=True)
    with pytest.raises(BadStore, match="file name too long"):
        Store.open(tmp_path / ("long" * 100))
    with pytest.raises(BadStore, match="can't be a feature store's name"):
        Store.open(Path(f"{tmp_path}/a\0b"))
    assert "index.py makes one" in refused(tmp_path / "nowhere.db", read_only=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_an_empty_file_and_folders_that_are_not_there_become_a_store(tmp_path: Path) -> None:
    for path in (tmp_path / "empty", tmp_path / "new/folder/what? a#name%20'\".db"):
        if path.name == "empty":
            path.write_bytes(b"")
        with Store.open(path) as store:
            fill(store, "/photos", ["a"])
        with Store.open(path, read_only=True) as store:
            assert len(store.vectors(SPEC, NONE, [content("a")])) == 1
    assert sorted(p.name for p in (tmp_path / "new/folder").iterdir()) == [path.name]


@pytest.mark.parametrize(
    "changed",
    [
        "CREATE TRIGGER more AFTER INSERT ON contents BEGIN DELETE FROM descriptions; END",
        "CREATE TRIGGER more INSTEAD OF INSERT ON files BEGIN SELECT 1; END",
        "ALTER TABLE contents ADD COLUMN more TEXT",
        "ALTER TABLE contents RENAME COLUMN white TO black",
        "DROP VIEW vectors",
    ],
)
def test_a_store_that_is_not_as_we_made_it_is_refused(path: Path, changed: str) -> None:
    with Store.open(path) as store:
        fill(store, "/photos", ["a"])
    change(path, changed)
    assert "changed by hand" in refused(path)
    assert "changed by hand" in refused(path, read_only=True)


def test_a_person_may_add_views_tables_and_indexes(path: Path) -> None:
    with Store.open(path) as store:
        fill(store, "/photos", ["a"])
    change(
        path,
        "CREATE VIEW mine AS SELECT id FROM files",
        "CREATE TABLE notes (text TEXT)",
        "CREATE INDEX by_stamp ON pictures (stamp)",
        "ANALYZE",
    )
    with Store.open(path) as store:
        assert len(store.vectors(SPEC, NONE, [content("a")])) == 1


@pytest.mark.parametrize(
    "damage",
    [
        "data = substr(data, 1, 20)",
        "data = CAST(data || x'00000000' AS BLOB)",
        "data = x''",
        "data = 7",
        "data = 'words that are 24 long..'",
        "data = CAST(x'0000c07f' || substr(data, 5) AS BLOB)",
        "data = CAST(substr(data, 1, 20) || x'000080ff' AS BLOB)",
    ],
)
def test_a_damaged_vector_is_missing_until_it_is_made_again(path: Path, damage: str) -> None:
    with Store.open(path) as store:
        fill(store, "/photos", ["a", "b"])
        store.commit()
        change(path, f"UPDATE descriptions SET {damage} WHERE id = 1")
        both = [content("a"), content("b")]
        assert store.vectors(SPEC, NONE, both).keys() == {content("b")}
        fill(store, "/photos", ["a"])
        store.commit()
        assert store.vectors(SPEC, NONE, both).keys() == set(both)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE contents SET sha256 = 'text'",
        "UPDATE contents SET sha256 = x'00'",
        "UPDATE contents SET pixels = 'many', white = x'00ff'",
        "UPDATE pictures SET stamp = 5, active = 'what'",
        "UPDATE pictures SET content = 99",
        "UPDATE sources SET view = x'ff22', source = 5",
        "UPDATE kinds SET dim = 'many'",
        "UPDATE kinds SET dim = -1, spec = x'00ff'",
        "UPDATE kinds SET dim = 9223372036854775807",
        "DELETE FROM kinds",
    ],
)
def test_values_of_any_kind_are_no_crash(path: Path, damage: str) -> None:
    with Store.open(path) as store:
        fill(store, "/photos", ["a"])
        store.finish("/photos", ["a"])
    change(path, damage)
    for use in (
        lambda store: store.known("/photos", [Picture("a", "of a")]),
        lambda store: store.vectors(SPEC, NONE, [content("a")]),
        lambda store: store.larger([content("a")], 0),
        lambda store: store.summary(),
        lambda store: store.finish("/photos", ["a"]),
        lambda store: store.prune(),
    ):
        told, found = outcome(path, use)
        assert "\n" not in told
        if isinstance(found, dict):
            assert found.keys() <= {"a", content("a")}
            assert all(len(value) in (6, 32) for value in found.values())


def outcome(path: Path, use: Callable[[Store], object]) -> tuple[str, object]:
    """The text of BadStore, if there is one, and what was returned, if something was."""
    try:
        with Store.open(path) as store:
            return "", use(store)
    except BadStore as error:
        return str(error), None


@pytest.mark.parametrize("where", [20, 100, *range(32_768, 590_000, 32_768)])
def test_damaged_pages_are_an_error_in_one_line(path: Path, where: int) -> None:
    with Store.open(path) as store:
        fill(store, "/photos", [f"{n}" for n in range(200)])
    data = bytearray(path.read_bytes())
    data[where : where + 3000] = random.Random(where).randbytes(3000)
    path.write_bytes(data)

    def use(store: Store) -> bool:
        pictures = [Picture(f"{n}", f"of {n}") for n in range(200)]
        store.known("/photos", pictures)
        store.vectors(SPEC, NONE, [content(picture.id) for picture in pictures])
        fill(store, "/photos", ["new"])
        store.finish("/photos", ["new"])
        return store.summary().contents > 0

    told, fine = outcome(path, use)
    assert fine or re.fullmatch("[^\n]*(--store|--no-store|give another file)[^\n]*", told)


def test_a_truncated_store_is_said_to_be_damaged(path: Path) -> None:
    with Store.open(path) as store:
        fill(store, "/photos", [f"{n}" for n in range(200)])
    os.truncate(path, path.stat().st_size // 2)
    message = "is damaged; delete it to start a new one, or give --no-store"
    with pytest.raises(BadStore, match=message), Store.open(path) as store:
        store.vectors(SPEC, NONE, [content(f"{n}") for n in range(200)])


# --- reading only


def test_a_store_opened_to_read_forgets_what_it_is_told(path: Path) -> None:
    with Store.open(path) as store:
        fill(store, "/photos", ["a"])
    before = path.read_bytes()
    with Store.open(path, read_only=True) as store:
        fill(store, "/photos", ["b"])
        store.finish("/photos", [])
        store.commit()
        assert store.vectors(SPEC, NONE, [content("a"), content("b")]).keys() == {content("a")}
        assert store.summary().sources == [SourceSummary("/photos", 1, 0, None)]
        with pytest.raises(BadStore, match="no permission"):
            store.prune()
    assert path.read_bytes() == before


def test_a_reader_sees_what_a_writer_has_committed(store: Store, path: Path) -> None:
    fill(store, "/photos", ["a"])
    store.commit()
    with Store.open(path, read_only=True) as reader:
        assert len(reader.vectors(SPEC, NONE, [content("a")])) == 1
        fill(store, "/photos", ["b"])
        store.commit()
        assert len(reader.vectors(SPEC, NONE, [content("b")])) == 1


# For root, no folder is read-only.
AS_NOBODY = """
import os, sqlite3, sys, tempfile, urllib.parse  # now: nobody may not read every Python
from pathlib import Path
from cbir.store import Store
from cbir.errors import BadStore
import numpy.random
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
path = Path(sys.argv[1])
with Store.open(path, read_only=True) as store:
    print(store.summary().contents)
for place in sys.argv[1:]:
    place = Path(place)
    try:
        Store.open(place)
    except BadStore as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="gives up root")
def test_a_place_without_permission_can_be_read_and_not_written() -> None:
    with tempfile.TemporaryDirectory() as outer:
        os.chmod(outer, 0o755)
        folder = Path(outer) / "locked"
        with Store.open(folder / "f.db") as store:
            fill(store, "/photos", ["a", "b"])
        os.chmod(folder / "f.db", 0o444)
        os.chmod(folder, 0o555)
        (open_to_all := Path(outer) / "open").mkdir()
        os.chmod(open_to_all, 0o777)
        places = [folder / "f.db", folder / "new.db", folder / "new/folder/f.db"]
        places.append(Path(shutil.copy2(folder / "f.db", open_to_all)))
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, *places],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        os.chmod(folder, 0o755)
        assert done.stderr == ""
        contents, *lines = done.stdout.splitlines()
        assert contents == "2"
        assert len(lines) == 4
        assert all("no permission" in line for line in lines)
        assert [entry.name for entry in folder.iterdir()] == ["f.db"]


# --- when things go wrong


def test_a_full_disk_is_one_line_and_the_store_stays_whole(path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from tests.test_store import *
with Store.open(Path(sys.argv[1])) as store:
    fill(store, "/photos", ["a"])
    store.commit()
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
    try:
        store.add("wide", NONE, [content("a")], np.ones((1, 2_500_000), np.float32))
    except BadStore as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, path], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert "; give --store another place" in done.stdout or "make room" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert committed(path) == 1


def test_no_room_says_so(store: Store) -> None:
    store._connection.execute("PRAGMA max_page_count = 12")
    with pytest.raises(BadStore, match=r"the disk is full; make room, or give --no-store$"):
        store.add("wide", NONE, [content("a")], np.ones((1, 2_500_000), np.float32))
    assert store.summary().specs == []
    store._connection.execute("PRAGMA max_page_count = 1000")
    fill(store, "/photos", ["a"])
    assert [spec.vectors for spec in store.summary().specs] == [1]


def test_a_commit_that_fails_leaves_nothing_and_holds_nobody_up(store: Store, path: Path) -> None:
    change(path, "ALTER TABLE kinds RENAME TO lost")
    fill(store, "/photos", ["a"])
    with pytest.raises(BadStore, match=r"can't be used \(no such table: kinds\); give --no-store"):
        store.commit()
    change(path, "ALTER TABLE lost RENAME TO kinds")  # which would wait for a lock
    assert rows(path, "SELECT count(*) FROM contents") == [(0,)]


def test_the_first_error_is_the_one_that_is_told(path: Path) -> None:
    def last_commit_fails(error: type[Exception] | None) -> None:
        with Store.open(path) as store:
            fill(store, "/photos", ["a"])
            store._connection.execute("PRAGMA query_only = ON")
            if error is not None:
                raise error

    with pytest.raises(ZeroDivisionError):
        last_commit_fails(ZeroDivisionError)
    with pytest.raises(BadStore):
        last_commit_fails(None)


def test_waiting_for_another_writer_ends(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        fill(store, "/photos", ["a"])
        with pytest.raises(BadStore, match="is locked by another program; try again, or give --no"):
            store.commit()
        other.execute("ROLLBACK")
    fill(store, "/photos", ["b"])
    store.commit()
    assert committed(path) == 1


def test_waiting_for_another_writer_is_rewarded(store: Store, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(1.5 * database.NAP, other.execute, ["ROLLBACK"])
    timer.start()
    fill(store, "/photos", ["a"])
    store.commit()
    timer.join()
    other.close()
    assert committed(path) == 1


# --- versions


def test_an_older_store_is_brought_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(path) as store:
        fill(store, "/photos", ["a"])
        store.finish("/photos", ["a"])
    first = schema.MIGRATIONS
    second = ("ALTER TABLE contents ADD COLUMN width INTEGER", "UPDATE contents SET width = 640")
    third = ("CREATE TABLE queries (id INTEGER PRIMARY KEY)",)
    monkeypatch.setattr(schema, "MIGRATIONS", (*first, second, third))
    assert "of an older cbir; run index.py once" in refused(path, read_only=True)
    for read_only in (False, True):
        with Store.open(path, read_only) as store:
            assert len(store.vectors(SPEC, NONE, [content("a")])) == 1
            assert store.known("/photos", [Picture("a", "of a")]) == {"a": content("a")}
    version = len(first) + 2
    assert rows(path, "PRAGMA user_version") == [(version,)]
    assert rows(path, "SELECT width FROM contents") == [(640,)]
    with Store.open(path.with_name("new.db")):
        pass
    assert rows(path.with_name("new.db"), "PRAGMA user_version") == [(version,)]
    monkeypatch.undo()
    for read_only in (False, True):
        assert "is of a newer cbir; update this one" in refused(path, read_only)


def test_a_migration_that_fails_leaves_the_older_store(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(path) as store:
        fill(store, "/photos", ["a"])
    first = schema.MIGRATIONS
    broken = ("ALTER TABLE contents ADD COLUMN width INTEGER", "DELETE FROM lost")
    monkeypatch.setattr(schema, "MIGRATIONS", (*first, broken))
    with pytest.raises(BadStore, match="no such table: lost"):
        Store.open(path)
    monkeypatch.undo()
    with Store.open(path) as store:
        assert len(store.vectors(SPEC, NONE, [content("a")])) == 1


# --- several processes, and sudden ends

WRITER = """
import sys
from pathlib import Path
from tests.test_store import *
who, path = sys.argv[1], Path(sys.argv[2])
sys.stdin.readline()  # all begin at once
with Store.open(path) as store:
    for number in range(int(sys.argv[3])):
        ids = [f"{who}-{number}-{n}" for n in range(20)] + [f"both-{number}"]
        fill(store, f"/{who}", ids)
        store.commit()
        print(number, flush=True)
    store.finish(f"/{who}", ids)
"""


def writer(who: str, path: Path, batches: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, who, path, str(batches)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_several_may_make_the_store_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def make(path: Path) -> int:
        together.wait()
        with Store.open(path) as store:
            return len(store.summary().specs)

    with ThreadPoolExecutor(4) as pool:
        for number in range(10):
            path = tmp_path / f"{number}.db"
            assert list(pool.map(make, [path] * 4)) == [0] * 4
            assert rows(path, "PRAGMA journal_mode") == [("wal",)]
            assert rows(path, "PRAGMA page_size") == [(database.PAGE,)]


def test_two_runs_at_once_both_succeed(path: Path) -> None:
    writers = [writer(who, path, 60) for who in ("one", "two")]
    for process in writers:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in writers:
        assert process.communicate(timeout=60)[1] == ""
        assert process.returncode == 0
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert committed(path) == 60 * (20 + 20 + 1)
    assert rows(path, "SELECT source, count(*) FROM files GROUP BY 1") == [
        ("/one", 60 * 21),
        ("/two", 60 * 21),
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_a_kill_leaves_whole_batches(path: Path) -> None:
    moments = random.Random(7)
    for _ in range(4):
        process = writer("one", path, 1_000_000)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        time.sleep(moments.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        said = process.communicate(timeout=60)[0].splitlines()
        with Store.open(path) as store:
            assert len(store.summary().sources) == 1
        assert rows(path, "PRAGMA integrity_check") == [("ok",)]
        batches = committed(path) / 21
        assert batches == int(batches) >= len(said)
        assert rows(path, "SELECT count(*) FROM files") == [(committed(path),)]


def test_the_store_is_as_private_as_files_are(path: Path) -> None:
    with Store.open(path):
        pass
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644 & ~mask
