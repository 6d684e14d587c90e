"""Files known by the digest of their content."""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cbir import places, user_files
from cbir.errors import BadSpec
from cbir.user_files import UserFile
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "_home", tmp_path / "home")
    monkeypatch.setattr(user_files, "_here", {})
    return tmp_path / "home/cache"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return settled(tmp_path / "model.onnx", b"content")


def settled(path: Path, content: bytes) -> Path:
    """A file that was written long enough ago for its times to tell whether it changes."""
    path.write_bytes(content)
    time.sleep(user_files.SETTLED_NS / 1e9)
    return path


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the next process."""
    monkeypatch.setattr(user_files, "_here", {})


@pytest.fixture
def digested(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes of the files whose content was read."""
    inodes: list[int] = []
    real = hashlib.file_digest

    def watched(file, algorithm):  # type: ignore[no-untyped-def]
        inodes.append(os.fstat(file.fileno()).st_ino)
        return real(file, algorithm)

    monkeypatch.setattr(hashlib, "file_digest", watched)
    return inodes


def test_a_file_is_its_content(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(b"content")
    other = tmp_path / "other.onnx"
    other.write_bytes(b"other")
    made = UserFile.of(file)
    assert made.digest == "sha256-" + hashlib.sha256(b"content").hexdigest()[:32] == str(made)
    assert made == UserFile.of(str(copy)) != UserFile.of(other)
    assert hash(made) == hash(UserFile.of(copy))
    assert made.path == made.need() == file


def test_paths_are_absolute(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    monkeypatch.setenv("HOME", str(file.parent))
    for name in ("model.onnx", "./model.onnx", "~/model.onnx"):
        assert UserFile.of(name).path == file


def test_a_file_is_digested_once(
    file: Path, digested: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = UserFile.of(file)
    forget(monkeypatch)
    assert UserFile.of(file) == first == UserFile.known(first.digest)
    assert UserFile.known(first.digest).need() == file
    assert digested == [file.stat().st_ino]


def test_the_next_process_knows_it(file: Path) -> None:
    code = (
        "import sys; from cbir import places; from cbir.user_files import UserFile\n"
        "places.configure(home=sys.argv[1]); print(UserFile.known(sys.argv[2]).need())"
    )
    home = str(places.cache().parent)
    command = [sys.executable, "-c", code, home, UserFile.of(file).digest]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(file)


def test_changed_content_is_seen(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same size, with the old time put back: only the time of the change tells."""
    before = UserFile.of(file)
    status = file.stat()
    file.write_bytes(b"CONTENT")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = UserFile.of(file)
    assert after != before
    assert UserFile.known(before.digest).path is None
    with pytest.raises(BadSpec, match="has changed or gone"):
        before.need()
    settled(file, b"content")
    forget(monkeypatch)
    assert UserFile.known(before.digest).path == before.need() == file


def test_changed_at_once(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk whose clock ticks slowly, and with no cache, the writing of which takes longer."""
    tick = 10_000_000
    exact = user_files._Entry.now

    def coarse(place: str, digest: str, status: os.stat_result) -> user_files._Entry:
        entry = exact(place, digest, status)
        changed = [entry.mtime_ns // tick, entry.ctime_ns // tick]
        return entry._replace(mtime_ns=changed[0], ctime_ns=changed[1])

    monkeypatch.setattr(user_files._Entry, "now", coarse)
    own_cache.parent.mkdir()
    own_cache.touch()
    path = tmp_path / "weights.h5"
    for number in range(200):
        content = b"%03d" % number
        path.write_bytes(content)
        assert UserFile.of(path).digest[7:] == hashlib.sha256(content).hexdigest()[:32]


def test_a_moved_file_is_named_again(file: Path, tmp_path: Path) -> None:
    first = UserFile.of(file)
    moved = file.rename(tmp_path / "moved.onnx")
    with pytest.raises(BadSpec, match=r"search\.py -d 'onnx:model=FILE'") as caught:
        UserFile.known(first.digest).need()
    assert first.digest in str(caught.value)
    assert "\n" not in str(caught.value)
    assert UserFile.of(moved) == first
    assert UserFile.known(first.digest).path == moved


def test_any_of_several_places_will_do(file: Path, tmp_path: Path) -> None:
    copy = settled(tmp_path / "copy.onnx", b"content")
    digest = UserFile.of(file).digest
    UserFile.of(copy)
    file.unlink()
    assert UserFile.known(digest).path == copy


@pytest.mark.parametrize("text", ["", "sha256-", "sha256-xyz", "sha256-" + "0" * 33, "../x"])
def test_not_a_digest(text: str) -> None:
    with pytest.raises(BadSpec, match="not the digest of a file"):
        UserFile.known(text)


def test_only_regular_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name, reason in {
        "pipe": "a pipe",
        "dangling": "leads nowhere",
        ".": "a folder",
        "missing": "it is not there",
        "a\0b": "can't be a file's",
        "x" * 300: "too long",
    }.items():
        with pytest.raises(BadSpec, match=reason):
            UserFile.of(tmp_path / name)
    with pytest.raises(BadSpec, match="a device"):
        UserFile.of("/dev/zero")


def test_names_that_are_not_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = settled(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.onnx")), b"content")
    digest = UserFile.of(path).digest
    forget(monkeypatch)
    assert UserFile.known(digest).path == path


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"place": "/etc/passwd"}',
        b'{"place": 1, "digest": 2, "size": 3, "mtime_ns": 4, "ctime_ns": 5}',
        b'{"place": "/a\\u0000b", "digest": "DIGEST", "size": 3, "mtime_ns": 4, "ctime_ns": 5}',
        b'{"place": "/\\ud800", "digest": "DIGEST", "size": 3, "mtime_ns": 4, "ctime_ns": 5}',
        b"[" * 5000,
        b" " * 100_000,
    ],
)
def test_damaged_entries_are_passed_over(
    file: Path, own_cache: Path, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = UserFile.of(file)
    (entry,) = (own_cache / "user-files").iterdir()
    entry.write_bytes(text.replace(b"DIGEST", first.digest.encode()))
    forget(monkeypatch)
    assert UserFile.known(first.digest).path is None
    assert UserFile.of(file) == first
    forget(monkeypatch)
    assert UserFile.known(first.digest).path == file


def test_an_entry_is_not_taken_for_the_content(
    file: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that names a file which never had that content."""
    digest = UserFile.of(file).digest
    (entry,) = (own_cache / "user-files").iterdir()
    forged = entry.read_text().replace(str(file), "/etc/passwd")
    entry.write_text(forged)
    forget(monkeypatch)
    assert UserFile.known(digest).path is None


def test_entries_are_bounded(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_files, "MOST_ENTRIES", 3)
    for number in range(6):
        path = tmp_path / f"{number}.onnx"
        path.write_bytes(b"%d" % number)
        UserFile.of(path)
    assert len(list((own_cache / "user-files").iterdir())) == 3
    forget(monkeypatch)
    assert UserFile.known(UserFile.of(path).digest).path == path


def test_without_a_cache(file: Path, own_cache: Path) -> None:
    """A file where the folder should be stands for whatever can't be written."""
    own_cache.parent.mkdir()
    own_cache.write_text("not a folder")
    made = UserFile.of(file)
    assert made.need() == UserFile.known(made.digest).need() == file
    assert own_cache.read_text() == "not a folder"


def test_two_processes_at_once(tmp_path: Path) -> None:
    """Each names its own files; afterwards all are known."""
    code = (
        "import sys; from cbir import places; from cbir.user_files import UserFile\n"
        "places.configure(home=sys.argv[1])\n"
        "for name in sys.argv[2:]: UserFile.of(name)"
    )
    names = [tmp_path / f"{number}.onnx" for number in range(20)]
    for number, name in enumerate(names):
        name.write_bytes(b"%d" % number)
    home = str(places.cache().parent)
    running = [
        subprocess.Popen([sys.executable, "-c", code, home, *map(str, half)], cwd=ROOT)
        for half in (names[::2], names[1::2])
    ]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    for number, name in enumerate(names):
        digest = "sha256-" + hashlib.sha256(b"%d" % number).hexdigest()[:32]
        assert UserFile.known(digest).path == name
