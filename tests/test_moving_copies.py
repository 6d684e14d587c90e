"""Copies on their way: a full disk, another disk or a kill loses nothing, and the next goes on."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbir.matching import undo_script
from cbir.matching.duplicates import Copy
from cbir.matching.moving import Mover, check_target
from cbir.matching.photos import Photo
from cbir.matching.undo_script import BEGIN, UndoScript
from tests.conftest import ROOT

SHM = Path("/dev/shm")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Some files below `photos`; a copy is what a mover is told to be one."""
    root = tmp_path / "photos"
    for name in ("a.jpg", "b.jpg", "old/c d.jpg", "old/it's\nd.jpg"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode() * 1000)
    return root


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    if not SHM.is_dir() or SHM.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system to write to")
    with tempfile.TemporaryDirectory(dir=SHM) as folder:
        yield Path(folder)


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def group(root: Path) -> list[Copy]:
    """All files there are below, as copies of the first."""
    found = files(root)
    return [
        Copy(Photo(id, 1, 1, len(data), sha256(data).hexdigest()), first=number == 0)
        for number, (id, data) in enumerate(found.items())
    ]


def moved(root: Path, target: Path, copies: Sequence[Copy] | None = None) -> Mover:
    check_target(target, root)
    mover = Mover(root, target)
    mover.move(copies or group(root))
    return mover


def undone(target: Path) -> None:
    subprocess.run(["sh", target / "undo.sh"], check=True)


# --- what undoes it


def test_a_line_is_whole_or_not_there(root: Path, small_disk: Path) -> None:
    """On a disk that runs full in the middle of one; enlarged, it is gone on with."""
    names = [
        f"copy {number:03} of a picture, with spaces in its long name.jpg" for number in range(61)
    ]
    for name in names:
        (root / name).write_bytes(name.encode())
    before, copies = files(root), group(root)
    first = moved(root, small_disk, copies)
    assert first.moved
    assert first.failures
    assert all("no space left" in failure.reason for failure in first.failures)
    subprocess.run(["sh", "-n", small_disk / "undo.sh"], check=True)
    assert not list(small_disk.rglob(".*"))
    subprocess.run(["mount", "-o", "remount,size=10m", small_disk], check=True)
    left = [copy for copy in copies if copy.photo.id not in first.moved]
    second = moved(root, small_disk, left)
    assert second.failures == []
    assert len(first.moved) + len(second.moved) == len(before) - 1
    undone(small_disk)
    assert files(root) == before


def test_a_full_disk_from_the_beginning(root: Path, small_disk: Path) -> None:
    (small_disk / "full").write_bytes(bytes(96 << 10))
    before = files(root)
    assert moved(root, small_disk).moved == []
    assert files(root) == before
    (small_disk / "full").unlink()
    mover = moved(root, small_disk)
    assert (len(mover.moved), mover.undo.path.name) == (3, "undo.sh")
    undone(small_disk)
    assert files(root) == before


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(
        st.text("a '\"\n#$;é", min_size=1, max_size=9), min_size=1, max_size=4, unique=True
    ),
    data=st.data(),
)
def test_half_a_line_is_cut_off(names: list[str], data: st.DataObject) -> None:
    """Wherever a power cut ended it; names hold quotes and line breaks."""
    with tempfile.TemporaryDirectory() as folder:
        new = Path(folder)
        script = UndoScript(new)
        sizes = [0]
        for name in names:
            script.write_down(new / name, Path("/old") / name)
            sizes.append(script.path.stat().st_size)
        whole = script.path.read_bytes()
        kept = data.draw(st.integers(max(sizes[-2], len(BEGIN)), len(whole) - 1))
        script.path.write_bytes(whole[:kept])
        again = UndoScript(new)
        assert not again.knows(new / names[-1], Path("/old/none"))
        again.write_down(new / names[-1], Path("/old") / names[-1])
        assert again.path.read_bytes() == whole
        known = UndoScript(new)
        assert all(known.knows(new / name, Path("/old") / name) for name in names)


def run_undo(target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", target / "undo.sh"], capture_output=True, text=True)


def test_it_says_what_it_put_back(root: Path, tmp_path: Path) -> None:
    """Also where the folder has been moved since; what can't be put back is told, and stays."""
    before = files(root)
    moved(root, tmp_path / "away")
    away = (tmp_path / "away").rename(tmp_path / "it's elsewhere")
    (root / "b.jpg").write_bytes(b"mine")
    (away / "old/c d.jpg").unlink()
    done = run_undo(away)
    assert (done.returncode, done.stdout) == (1, "1 put back, 2 not\n")
    gone, occupied = sorted(done.stderr.splitlines(), reverse=True)
    assert gone.endswith("c d.jpg: not put back: it is gone")
    assert occupied.endswith(f"b.jpg: not put back: there is a file at {root / 'b.jpg'}")
    assert files(away).keys() == {"b.jpg", "undo.sh"}
    (root / "b.jpg").unlink()
    (root / "old/c d.jpg").write_bytes(before["old/c d.jpg"])
    done = run_undo(away)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 put back, 0 not\n", "")
    assert files(root) == before


def test_a_second_round_leaves_no_second_lines(root: Path, tmp_path: Path) -> None:
    before = files(root)
    moved(root, tmp_path / "away")
    script = (tmp_path / "away/undo.sh").read_bytes()
    undone(tmp_path / "away")
    moved(root, tmp_path / "away")
    assert (tmp_path / "away/undo.sh").read_bytes() == script
    undone(tmp_path / "away")
    assert files(root) == before


def test_other_people_s_scripts_stay(tmp_path: Path) -> None:
    (tmp_path / "undo.sh").write_text("#!/bin/sh\n")
    (tmp_path / "undo-2.sh").symlink_to("nowhere")
    (tmp_path / "undo-3.sh").write_text("")  # of a run that found a full disk
    assert UndoScript(tmp_path).path == tmp_path / "undo-3.sh"
    assert undo_script.NAME == "undo.sh"


# --- between disks


def test_to_another_disk_and_back(root: Path, other_disk: Path) -> None:
    before = files(root)
    os.utime(root / "b.jpg", (1_000_000, 1_000_000))
    (root / "b.jpg").chmod(0o640)
    mover = moved(root, other_disk)
    assert mover.failures == []
    assert set(files(other_disk)) == {*list(before)[1:], "undo.sh"}
    status = (other_disk / "b.jpg").stat()
    assert (status.st_mtime, status.st_mode & 0o777) == (1_000_000, 0o640)
    undone(other_disk)
    assert files(root) == before


@pytest.mark.parametrize("links", [True, False])
def test_what_came_there_meanwhile_stays(
    root: Path, other_disk: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it was copied; also on disks that know no links."""
    before = files(root)
    write_down, link = UndoScript.write_down, os.link

    def meanwhile(self: UndoScript, place: Path, old: Path) -> None:
        write_down(self, place, old)
        place.write_bytes(b"mine")

    def no_links(path: str, place: str) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(UndoScript, "write_down", meanwhile)
    monkeypatch.setattr("cbir.files.writing.os.link", link if links else no_links)
    mover = moved(root, other_disk)
    assert mover.moved == []
    assert all("there is a file at" in failure.reason for failure in mover.failures)
    assert files(root) == before
    assert set(files(other_disk).values()) == {b"mine", (other_disk / "undo.sh").read_bytes()}


def test_a_disk_without_links(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(path: str, place: str) -> None:
        raise PermissionError(1, "no links here")

    before = files(root)
    monkeypatch.setattr("cbir.files.writing.os.link", no_links)
    assert len(moved(root, tmp_path / "away").moved) == 3
    assert set(files(tmp_path / "away")) == {*list(before)[1:], "undo.sh"}
    undone(tmp_path / "away")
    assert files(root) == before


def test_a_picture_that_changes_while_it_is_copied_stays(
    root: Path, other_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cbir.matching import moving

    copyfileobj = moving.shutil.copyfileobj

    def changing(source: object, file: object, length: int) -> None:
        copyfileobj(source, file, length)  # type: ignore[type-var]
        (root / "b.jpg").unlink()
        (root / "b.jpg").write_bytes(b"a new one")

    before, copies = files(root), group(root)[:2]
    monkeypatch.setattr(moving.shutil, "copyfileobj", changing)
    mover = moved(root, other_disk, copies)
    (failure,) = mover.failures
    assert "it has changed" in failure.reason
    assert f"as it was, it is at {other_disk / 'b.jpg'}" in failure.reason
    assert (root / "b.jpg").read_bytes() == b"a new one"
    assert files(other_disk)["b.jpg"] == before["b.jpg"]


def test_a_picture_that_is_replaced_while_it_is_moved_stays(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def replaced(path: Path, place: Path) -> None:
        link(path, place)
        (root / "new").write_bytes(b"a new one")
        os.replace(root / "new", path)

    before, copies = files(root), group(root)[:2]
    monkeypatch.setattr("cbir.matching.moving.os.link", replaced)
    (failure,) = moved(root, tmp_path / "away", copies).failures
    assert "it has changed" in failure.reason
    assert (root / "b.jpg").read_bytes() == b"a new one"
    assert (tmp_path / "away/b.jpg").read_bytes() == before["b.jpg"]


def test_a_picture_that_was_replaced_just_before_stays(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def replaced(path: Path, place: Path) -> None:
        (root / "new").write_bytes(b"a new one")
        os.replace(root / "new", path)
        link(path, place)

    copies = group(root)[:2]
    monkeypatch.setattr("cbir.matching.moving.os.link", replaced)
    (failure,) = moved(root, tmp_path / "away", copies).failures
    assert failure.reason == "not moved: it has changed since it was compared"
    assert (root / "b.jpg").read_bytes() == b"a new one"
    assert set(files(tmp_path / "away")) == {"undo.sh"}


def test_a_picture_that_another_program_removes_is_kept(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it has its new name, that may be the only one."""
    unlink = os.unlink

    def twice(path: Path) -> None:
        unlink(path)
        unlink(path)

    before, copies = files(root), group(root)[:2]
    monkeypatch.setattr("cbir.matching.moving.os.unlink", twice)
    assert moved(root, tmp_path / "away", copies).moved == ["b.jpg"]
    assert (tmp_path / "away/b.jpg").read_bytes() == before["b.jpg"]


# --- kills

KILLED = """
import os, signal, sys
from pathlib import Path
from cbir.files import writing
from cbir.matching import moving, undo_script
from tests.test_moving_copies import moved

def end(*ignored):
    os.kill(os.getpid(), signal.SIGKILL)

def half(source, file, length):
    file.write(source.read(10))
    file.flush()
    end()

root, target, when = map(Path, sys.argv[1:])
if str(when) == "written-down":
    moving.Mover._put = end
elif str(when) == "half-a-copy":
    moving.shutil.copyfileobj = half
elif str(when) == "copied":
    writing._name = end
elif str(when) == "named":
    link = os.link
    def linked(path, place):
        link(path, place)
        end()
    writing.os.link = linked
else:
    unlink = os.unlink
    moving.os.unlink = lambda path: end() if root in Path(path).parents else unlink(path)
moved(root, target)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="kills as Linux does")
@pytest.mark.parametrize(
    ("when", "far"),
    [
        *(("written-down", True), ("half-a-copy", True), ("copied", True), ("named", True)),
        *(("not-removed", True), ("written-down", False), ("named", False), ("not-removed", False)),
    ],
)
def test_a_kill_loses_nothing_and_the_next_run_goes_on(
    root: Path, tmp_path: Path, request: pytest.FixtureRequest, when: str, far: bool
) -> None:
    """On one disk nothing is copied, so that there are fewer moments."""
    target: Path = request.getfixturevalue("other_disk") if far else tmp_path / "away"
    before, copies = files(root), group(root)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(root), str(target), when],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    there = {
        name: data for name, data in files(target).items() if not Path(name).name.startswith(".")
    }
    assert all(before[name] == data for name, data in there.items() if name != "undo.sh")
    assert files(root) == before
    mover = moved(root, target, copies)
    assert mover.failures == []
    assert set(files(target)) == {*list(before)[1:], "undo.sh"}  # and no hidden half of one
    assert set(files(root)) == {next(iter(before))}
    undone(target)
    assert files(root) == before
    assert set(files(target)) == {"undo.sh"}


def test_the_same_bytes_put_there_by_somebody_else_are_theirs(root: Path, tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "away/b.jpg").write_bytes((root / "b.jpg").read_bytes())
    mover = moved(root, tmp_path / "away", group(root)[:2])
    assert mover.moved == []
    assert (root / "b.jpg").exists()


def test_two_runs_that_find_half_a_line_cut_it_off_once(tmp_path: Path) -> None:
    (tmp_path / "undo.sh").write_bytes(BEGIN + b"back ha")
    scripts = [UndoScript(tmp_path), UndoScript(tmp_path)]
    for script, name in zip(scripts, "ab", strict=True):
        script.write_down(tmp_path / name, Path("/old") / name)
    lines = (tmp_path / "undo.sh").read_bytes().removeprefix(BEGIN).splitlines()
    assert [line.split()[-1] for line in lines] == [b"/old/a", b"/old/b"]
