"""Changes to an index file: in any order, all at once, and never at the cost of other files."""

import os
import random
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from cbir import recipe
from cbir.__main__ import main
from cbir.errors import BadIndex, BadOutput
from cbir.types import Vectors
from cbir.vector_index import VectorIndex, sidecar
from cbir.vector_index.check import check
from cbir.vector_index.writer import Changes, VectorIndexWriter
from tests.conftest import ROOT
from tests.test_vector_index import header_of, histograms, names

HSV = recipe.parse("hsv")
COUNT = 2500  # more than two pieces of text


def writer(path: Path, spec: str = "hsv", plain: bool = False) -> VectorIndexWriter:
    return VectorIndexWriter(path, recipe.parse(spec), path.parent / "photos", plain)


def commit(path: Path, ids: list[str], vectors: Vectors) -> Changes:
    one = writer(path)
    one.upsert(ids, vectors)
    return one.commit()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.csv"


def test_what_was_upserted_is_there_after_the_commit_and_not_before(path: Path) -> None:
    one = writer(path)
    one.upsert(["a", "b"], histograms(2))
    assert not path.exists()
    assert one.commit() == Changes(pictures=2, new=2, unchanged=0, removed=0)
    index = VectorIndex.read(path)
    assert (list(index.ids), index.spec, index.distance) == (["a", "b"], HSV.spec, "chi2")
    assert header_of(path)["root"] == "photos"
    assert np.array_equal(index.vectors(["a", "b"]), histograms(2))


def test_readers_see_the_old_index_until_the_commit(path: Path) -> None:
    commit(path, ["a"], histograms(1))
    before = path.read_bytes()
    one = writer(path)
    one.upsert(["b"], histograms(1, seed=1))
    one.delete(["a"])
    assert path.read_bytes() == before
    one.commit()
    assert list(VectorIndex.read(path).ids) == ["b"]


def test_any_order_and_repetition_give_the_same_file(tmp_path: Path) -> None:
    """The text of rows in order is made ahead; that of others is not, and must be no other."""
    ids, vectors = [f"{i:05}" for i in range(COUNT)], histograms(COUNT)
    ordered, mixed, repeated = (tmp_path / f"{n}.csv" for n in ("ordered", "mixed", "repeated"))
    one = writer(ordered)
    for start in range(0, COUNT, 32):
        one.upsert(ids[start : start + 32], vectors[start : start + 32])
    one.commit()

    one = writer(mixed)
    shuffled = random.Random(0).sample(range(COUNT), COUNT)
    for start in range(0, COUNT, 100):
        some = shuffled[start : start + 100]
        one.upsert([ids[i] for i in some], vectors[some])
    one.commit()

    one = writer(repeated)
    one.upsert(ids, vectors[::-1])
    one.upsert(["00000-not"], vectors[:1])
    one.upsert(ids, vectors)
    one.delete(["00000-not", "never there"])
    one.commit()
    assert ordered.read_bytes() == mixed.read_bytes() == repeated.read_bytes()
    numbers = {sidecar.place(p).read_bytes()[: COUNT * 288 * 4] for p in (ordered, mixed, repeated)}
    assert len(numbers) == 1
    assert check(mixed, lambda done, total: None).pictures == COUNT
    assert np.array_equal(VectorIndex.read(ordered).vectors(ids), vectors)


def test_the_last_of_one_id_in_one_upsert_stays(path: Path) -> None:
    commit(path, ["a", "a"], histograms(2))
    assert np.array_equal(VectorIndex.read(path).vectors(["a"]), histograms(2)[1:])


def test_delete_and_upsert_again(path: Path) -> None:
    one = writer(path)
    one.upsert(["a", "b"], histograms(2))
    one.delete(["a"])
    one.upsert(["a"], histograms(1, seed=9))
    one.commit()
    assert np.array_equal(VectorIndex.read(path).vectors(["a"]), histograms(1, seed=9))


def test_a_commit_merges_with_the_older_index_of_the_same_spec(path: Path) -> None:
    old, new = histograms(4), histograms(2, seed=1)
    commit(path, ["a", "b", "c", "d"], old)
    one = writer(path)
    one.upsert(["e", "b"], new)
    one.delete(["c"])
    assert one.commit() == Changes(pictures=4, new=2, unchanged=2, removed=1)
    index = VectorIndex.read(path)
    assert list(index.ids) == ["a", "b", "d", "e"]
    assert np.array_equal(
        index.vectors(["a", "b", "d", "e"]), np.stack([old[0], new[1], old[3], new[0]])
    )


def test_finish_leaves_only_what_was_upserted(path: Path) -> None:
    old = histograms(3)
    commit(path, ["a", "b", "c"], old)
    one = writer(path)
    one.upsert(["b", "d"], np.stack([old[1], old[2]]))
    assert one.finish() == Changes(pictures=2, new=1, unchanged=1, removed=2)
    assert list(VectorIndex.read(path).ids) == ["b", "d"]


def test_finish_with_nothing_changes_nothing(path: Path) -> None:
    commit(path, ["a"], histograms(1))
    before = path.read_bytes()
    with writer(path) as one:
        assert one.finish() is None
    assert path.read_bytes() == before
    assert {p.name for p in path.parent.iterdir()} == {"index.csv", "index.csv.vectors"}


def test_all_may_be_deleted(path: Path) -> None:
    commit(path, ["a", "b"], histograms(2))
    one = writer(path)
    one.delete(["a", "b"])
    assert one.commit() == Changes(pictures=0, new=0, unchanged=0, removed=2)
    assert len(VectorIndex.read(path)) == 0
    assert VectorIndex.read(path).dim == 288


def test_a_commit_of_nothing_leaves_an_index_that_can_be_read(path: Path) -> None:
    assert writer(path).commit().pictures == 0
    index = VectorIndex.read(path)
    assert (len(index), index.dim, index.spec) == (0, 288, HSV.spec)


def test_unchanged_means_the_very_same_vector(path: Path) -> None:
    old = histograms(3)
    commit(path, ["a", "b", "c"], old)
    new = old.copy()
    new[1, 5] = np.nextafter(new[1, 5], np.float32(1))
    assert commit(path, ["a", "b", "c"], new) == Changes(3, new=1, unchanged=2, removed=0)


@pytest.mark.parametrize("spec", ["hsv:norm=l2", "hsv-regions"])
def test_another_spec_replaces_the_index(path: Path, spec: str) -> None:
    commit(path, ["a", "b"], histograms(2))
    one = writer(path, spec)
    dim = one.recipe.dim
    one.upsert(["b", "c", "d"], histograms(3, dim))
    assert one.commit() == Changes(pictures=3, new=3, unchanged=0, removed=1)
    index = VectorIndex.read(path)
    assert (list(index.ids), index.dim) == (["b", "c", "d"], dim)
    assert index.spec == recipe.parse(spec).spec


def test_rows_of_two_lengths_are_refused(path: Path) -> None:
    with writer(path) as one:
        one.upsert(["a"], histograms(1, 288))
        with pytest.raises(BadIndex, match="287"):
            one.upsert(["b"], histograms(1, 287))


def test_an_id_that_is_not_utf8_is_refused_and_nothing_is_written(path: Path) -> None:
    with writer(path) as one, pytest.raises(BadIndex, match="UTF-8"):
        one.upsert(["a\udcff"], histograms(1))
    assert not path.exists()


MINE = [
    b"dear diary",
    b"name,price\nboot,12\n",
    b"\xff\xd8\xff\xe0 a picture",
    b"# a comment\nid,v0\n",
    b"\n\nblank first",
]


@pytest.mark.parametrize("content", MINE)
def test_a_file_that_is_no_index_is_never_overwritten(
    path: Path, photos: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path.write_bytes(content)
    assert main(["index", "--dataset", str(photos), "--index", str(path)]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "exists and is not an index" in err
    assert path.read_bytes() == content
    assert sorted(p.name for p in path.parent.iterdir()) == ["index.csv", "photos"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'# cbir {"format": 99}\n',
        b'# cbir {"format": 1, damaged',
        b"a.jpg" + b",1" + b",0" * 287,
        b"# cbir " + b"[" * 100_000,
    ],
    ids=["empty", "other format", "damaged", "plain", "too deep"],
)
def test_what_was_an_index_is_replaced(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    changes = commit(path, ["a"], histograms(1))
    assert (changes.pictures, changes.new) == (1, 1)
    assert check(path, lambda done, total: None).pictures == 1


def test_a_table_of_numbers_is_no_index(path: Path) -> None:
    """It has a name and numbers in each row, and is somebody's price list."""
    for content in (b"apple,1,2\n", b"a.jpg" + b",0.1" * 288):
        path.write_bytes(content)
        with pytest.raises(BadOutput, match="is not an index"):
            writer(path)
        assert path.read_bytes() == content


def test_a_folder_in_its_place_is_refused(
    path: Path, photos: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path.mkdir()
    assert main(["index", "--dataset", str(photos), "--index", str(path)]) == 2
    assert capfd.readouterr().err.count("\n") == 1
    assert list(path.iterdir()) == []


def test_a_folder_in_its_place_is_refused_before_the_work(path: Path) -> None:
    """Describing a million pictures and then saying so would be late."""
    path.mkdir()
    with pytest.raises(BadOutput, match="folder"):
        writer(path)


def test_a_pipe_in_its_place_is_refused(path: Path, photos: Path) -> None:
    os.mkfifo(path)
    done = subprocess.run(
        [sys.executable, ROOT / "index.py", "--dataset", photos, "--index", path],
        capture_output=True,
        text=True,
        timeout=3,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a/b/index.csv"
    commit(path, ["a"], histograms(1))
    assert list(VectorIndex.read(path).ids) == ["a"]


def test_a_folder_that_can_not_be_made_is_an_error(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(BadOutput, match="can't write"):
        writer(path / "sub/index.csv")
    with pytest.raises(BadOutput, match="can't write"):
        writer(path / "index.csv")


# As in test_sidecar: for root, no folder is read-only.
AS_NOBODY = """
import locale, mmap, os, sqlite3, sys  # now, because nobody may not read every Python
import cbir.commands.index, cbir.descriptors, pyarrow.csv, cv2
from cbir.__main__ import main
cbir.descriptors.names()
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(main(sys.argv[1:]))
"""


def test_a_folder_without_permission_is_an_error_before_the_work(photos: Path) -> None:
    with tempfile.TemporaryDirectory() as outer:
        os.chmod(outer, 0o755)
        folder, home = Path(outer) / "locked", Path(outer) / "home"
        folder.mkdir(mode=0o555)
        home.mkdir()
        home.chmod(0o777)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, "index", "--dataset", "..", "--index", "i.csv"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "CBIR_HOME": str(home)},
            capture_output=True,
            text=True,
        )
        folder.chmod(0o755)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "cbir index: can't write i.csv: no permission to write there\n"
        assert list(folder.iterdir()) == []


def test_a_read_only_file_is_replaced_and_keeps_its_mode(path: Path) -> None:
    """Replacing needs the folder's permission; the mode is the person's choice."""
    commit(path, ["a"], histograms(1))
    path.chmod(0o444)
    commit(path, ["b"], histograms(1))
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert "b" in VectorIndex.read(path)


@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_stays_one_and_its_target_is_written(tmp_path: Path, dangling: bool) -> None:
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk/real.csv", tmp_path / "index.csv"
    if not dangling:
        commit(target, ["old"], histograms(1))
    link.symlink_to(target)
    commit(link, ["a", "b"], histograms(2))
    assert link.is_symlink()
    assert not target.is_symlink()
    assert "b" in VectorIndex.read(link)
    assert "b" in VectorIndex.read(target)
    assert VectorIndex.read(link).root == tmp_path / "photos"


def test_a_link_to_a_file_that_is_no_index_protects_it_too(path: Path) -> None:
    precious = path.parent / "diary.txt"
    precious.write_text("dear diary")
    path.symlink_to(precious)
    with pytest.raises(BadOutput, match="not an index"):
        writer(path)
    assert precious.read_text() == "dear diary"


def test_nothing_but_the_two_files_is_left(path: Path) -> None:
    commit(path, ["a"], histograms(1))
    assert {p.name for p in path.parent.iterdir()} == {"index.csv", "index.csv.vectors"}


def test_leftovers_of_killed_runs_are_swept_and_others_are_not(path: Path) -> None:
    ours = path.with_name(".index.csv.999999-0.partial")
    others = path.with_name(".other.csv.999999-0.partial")
    ours.write_bytes(b"half")
    others.write_bytes(b"half")
    commit(path, ["a"], histograms(1))
    assert not ours.exists()
    assert others.exists()


def test_a_plain_file_takes_the_sidecar_of_an_index_away(path: Path) -> None:
    commit(path, ["a"], histograms(1))
    one = writer(path, "hsv:size=full", plain=True)
    one.upsert(names(3), histograms(3))
    assert one.commit() == Changes(pictures=3, new=3, unchanged=0, removed=1)
    assert not sidecar.place(path).exists()
    assert path.read_bytes().startswith(b'"000.jpg",')
    assert np.array_equal(VectorIndex.read(path).vectors(names(3)), histograms(3))


def test_a_plain_file_knows_what_is_unchanged(path: Path) -> None:
    for expected in (Changes(3, 3, 0, 0), Changes(3, 0, 3, 0)):
        one = writer(path, "hsv:size=full", plain=True)
        one.upsert(names(3), histograms(3))
        assert one.finish() == expected
