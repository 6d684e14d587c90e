"""Files: only regular ones are read, nothing hangs, and outputs appear whole or not at all."""

import ctypes
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cbir.errors import BadOutput, BadPicture
from cbir.files import check_folder, check_output, make_folder, read_regular, regular, replacing
from tests.conftest import ROOT

READERS = pytest.mark.parametrize("reader", [regular, read_regular])


def in_thread(work: Callable[[], Any], seconds: float = 60) -> Any:
    """Runs something in a thread of its own and gives back what it returned or raised."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((work(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert outcome, f"it still hangs after {seconds} s"
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


CAN_OVERRIDE, CAN_SEARCH = 1, 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
DROP_FROM_BOUNDS = 24  # PR_CAPBSET_DROP
CAPABILITY_VERSION = 0x20080522


def bound_by_permissions(work: Callable[[], Any], tmp_path: Path) -> Any:
    """Runs something, and the processes that it starts, without root's right to pass over modes.

    On Linux such rights belong to a thread, so one that ends soon gives them up. Skips where that
    can't be done.
    """

    def run() -> Any:
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            _give_up_rights()
        locked = tmp_path / ".forbidden"
        locked.touch()
        locked.chmod(0)
        with suppress(PermissionError), open(locked):
            locked.unlink()
            pytest.skip("nothing is forbidden to this user")
        locked.unlink()
        return work()

    return in_thread(run)


def _give_up_rights() -> None:
    if sys.platform != "linux":
        pytest.skip("root passes over permissions here")
    libc = ctypes.CDLL(None, use_errno=True)
    for right in (CAN_OVERRIDE, CAN_SEARCH):
        libc.prctl(DROP_FROM_BOUNDS, right, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    rights = (ctypes.c_uint32 * 6)()  # (effective, permitted, inheritable) of two words
    assert libc.capget(header, rights) == 0
    for kind in range(3):
        rights[kind] &= ~(1 << CAN_OVERRIDE | 1 << CAN_SEARCH)
    assert libc.capset(header, rights) == 0


@contextmanager
def listening(path: Path) -> Iterator[None]:
    """A socket in the file system. Its address may be short only, so it is bound from beside."""
    before = os.getcwd()
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(path.parent)
        try:
            server.bind(path.name)
        finally:
            os.chdir(before)
        yield


# --- reading


@READERS
def test_what_is_no_regular_file_is_refused_at_once(
    reader: Callable[[str], Any], tmp_path: Path
) -> None:
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    (tmp_path / "dangling.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "circle.jpg").symlink_to("circle.jpg")
    (tmp_path / "to-pipe.jpg").symlink_to("pipe.jpg")
    (tmp_path / "file").touch()
    reasons = {
        "folder.jpg": "a folder, not a file",
        "pipe.jpg": "a pipe (FIFO), not a file",
        "to-pipe.jpg": "a pipe (FIFO), not a file",
        "socket.jpg": "a socket, not a file",
        "device.jpg": "a device, not a file",
        "dangling.jpg": "a link that leads nowhere",
        "circle.jpg": "a link that leads round in a circle",
        "missing.jpg": "it is not there",
        "file/a.jpg": "not a directory",
        "x" * 300 + ".jpg": "its name is too long",
        "nul\0.jpg": "its name can't be a file's",
    }
    with listening(tmp_path / "socket.jpg"):
        for name, reason in reasons.items():
            with pytest.raises(BadPicture) as caught:
                in_thread(lambda name=name: reader(os.path.join(tmp_path, name)), seconds=5)
            assert str(caught.value) == reason, name


@READERS
def test_no_permission_to_read(reader: Callable[[str], Any], tmp_path: Path) -> None:
    file, folder = tmp_path / "a.jpg", tmp_path / "folder"
    folder.mkdir()
    for path in (file, folder / "b.jpg"):
        path.write_bytes(b"x")
        path.chmod(0)
    folder.chmod(0)
    try:
        for path in [file, folder / "b.jpg"] if reader is read_regular else [folder / "b.jpg"]:
            with pytest.raises(BadPicture, match="no permission to read it"):
                bound_by_permissions(lambda path=path: reader(str(path)), tmp_path)
    finally:
        folder.chmod(0o700)


def test_a_file_is_read_whole_also_through_links(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "a.jpg").write_bytes(data)
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    (tmp_path / "again.jpg").symlink_to("link.jpg")
    for name in ("a.jpg", "link.jpg", "again.jpg"):
        assert read_regular(str(tmp_path / name)) == data
        assert regular(str(tmp_path / name)).st_size == len(data)
    (tmp_path / "empty.jpg").touch()
    assert read_regular(str(tmp_path / "empty.jpg")) == b""


def test_a_file_of_more_than_a_gigabyte_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    with open(path, "wb") as file:
        file.truncate((1 << 30) + 1)  # a hole, which takes no room
    with pytest.raises(BadPicture, match="1024 MB is more than a picture file may have"):
        read_regular(str(path))


def test_reading_leaves_nothing_open(tmp_path: Path) -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("open files can't be counted here")
    (tmp_path / "a.jpg").write_bytes(b"x")
    before = len(os.listdir("/proc/self/fd"))
    for name in ("a.jpg", "", "missing.jpg"):
        for _ in range(5):
            with suppress(BadPicture):
                read_regular(str(tmp_path / name))
    assert len(os.listdir("/proc/self/fd")) == before


# --- writing


def contents(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, hidden partial files as well."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_new_content_is_seen_whole_and_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    for old, new in ((None, b"one"), (b"one", b"two")):
        with replacing(path) as file:
            file.write(new)
            file.flush()
            assert (path.read_bytes() if path.exists() else None) == old
        assert contents(tmp_path) == {"index.csv": new}


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(1)], ids=repr)
def test_old_content_stays_if_the_block_raises(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "index.csv").write_bytes(b"old")

    def fail() -> None:
        with replacing(tmp_path / "index.csv") as file:
            file.write(b"new" * 100_000)
            raise error

    with pytest.raises(type(error)):
        fail()
    assert contents(tmp_path) == {"index.csv": b"old"}


def test_nothing_is_left_if_the_block_raises_and_there_was_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with replacing(tmp_path / "index.csv") as file:
            file.write(b"new")
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert contents(tmp_path) == {}


def test_an_error_of_the_system_in_the_block_is_told_in_a_line(tmp_path: Path) -> None:
    def fail() -> None:
        with replacing(tmp_path / "index.csv"):
            raise OSError(28, "No space left on device")

    with pytest.raises(BadOutput, match=r"can't write .*index\.csv: the disk is full"):
        fail()
    assert contents(tmp_path) == {}


def test_two_writers_at_once_both_finish_and_the_last_stays(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    with replacing(path) as first:
        first.write(b"first" * 1000)
        with replacing(path) as second:
            second.write(b"second" * 1000)
        assert path.read_bytes() == b"second" * 1000
    assert contents(tmp_path) == {"index.csv": b"first" * 1000}


def test_many_writers_at_once(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    texts = [str(number).encode() * 50_000 for number in range(8)]
    failed: list[BaseException] = []

    def write(text: bytes) -> None:
        try:
            for _ in range(5):
                with replacing(path) as file:
                    file.write(text)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=[text]) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert list(contents(tmp_path)) == ["index.csv"]
    assert path.read_bytes() in texts


KILLED = """
import sys, time
from pathlib import Path
from cbir.files import replacing
with replacing(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


def writer_at_work(path: Path) -> subprocess.Popen[str]:
    """A process amid writing; kill it."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout
    assert process.stdout.readline() == "writing\n"
    return process


@pytest.mark.parametrize("name", ["index.csv", "in[d]*x?.csv", "índex 图.csv"])
def test_what_a_killed_writer_left_is_swept_by_the_next(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"old")
    process = writer_at_work(path)
    try:
        with replacing(path) as file:  # it lives: its file stays
            file.write(b"meanwhile")
        assert len(contents(tmp_path)) == 2
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert path.read_bytes() == b"meanwhile"
    assert len(contents(tmp_path)) == 2, "a killed process can't tidy up"
    with replacing(path) as file:
        file.write(b"new")
    assert contents(tmp_path) == {name: b"new"}


def test_a_sweep_leaves_other_files_alone(tmp_path: Path) -> None:
    others = [".index.csv.txt", "index.csv.partial", ".other.csv.1-0.partial", ".index.csv"]
    for name in others:
        (tmp_path / name).touch()
    with replacing(tmp_path / "index.csv"):
        pass
    assert sorted(contents(tmp_path)) == sorted([*others, "index.csv"])


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "target.csv").write_bytes(b"old")
    link = tmp_path / "link.csv"
    link.symlink_to(Path("real") / "target.csv")
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert contents(tmp_path / "real") == {"target.csv": b"new"}


def test_the_mode_of_the_old_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    for mode in (0o600, 0o664, 0o444):
        path.touch()
        path.chmod(mode)
        with replacing(path) as file:
            file.write(b"new")
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_has_the_mode_that_others_get(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with replacing(tmp_path / "index.csv"):
        pass
    assert (tmp_path / "index.csv").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("stem", ["x" * 240, "图" * 80, "é" * 120], ids=["x", "图", "é"])
def test_a_name_as_long_as_the_disk_allows(tmp_path: Path, stem: str) -> None:
    """Names have 255 bytes at most, not characters, and the partial file's must fit as well."""
    path = tmp_path / f"{stem}.csv"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
    assert contents(tmp_path) == {path.name: b"new"}


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_a_device_or_a_pipe_is_never_replaced(tmp_path: Path, kind: str) -> None:
    """`--failures /dev/null` as root must not leave the machine without its /dev/null."""
    path = tmp_path / "special"
    try:
        if kind == "device":
            os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))  # another null
        else:
            os.mkfifo(path)
    except PermissionError:
        pytest.skip("only root makes devices")
    before = path.stat()

    def write() -> None:
        with replacing(path) as file:
            file.write(b"x")

    with suppress(BadOutput):  # a refusal is as good as writing to it
        in_thread(write, seconds=5)
    after = path.stat()
    assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/index.csv", "its folder does not exist"),
        ("file/index.csv", ".*file is not a folder"),
        ("file/missing/index.csv", ".*file is not a folder"),
        ("folder", "that is a folder"),
        ("x" * 300, "file name too long"),
    ],
)
def test_a_place_that_can_t_be_written_to(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(BadOutput, match=f"can't write .*: {reason}"), replacing(tmp_path / name):
        pass
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def test_no_permission_to_write(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "index.csv").write_bytes(b"old")
    folder.chmod(0o555)

    def write() -> None:
        with replacing(folder / "index.csv") as file:
            file.write(b"new")

    with pytest.raises(BadOutput, match="no permission to write there"):
        bound_by_permissions(write, tmp_path)
    for name in ("index.csv", "new.csv", "missing/new.csv"):  # asked before the work, too
        with pytest.raises(BadOutput, match=f"can't write .*{name}: no permission to write there"):
            bound_by_permissions(partial(check_output, folder / name), tmp_path)
    for place in (folder, folder / "missing"):
        with pytest.raises(BadOutput, match=f"can't write to {place}: no permission"):
            bound_by_permissions(partial(check_folder, place), tmp_path)
    folder.chmod(0o755)
    assert contents(folder) == {"index.csv": b"old"}


def test_a_place_that_can_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "old.csv").touch(0o444)
    (tmp_path / "link.csv").symlink_to("old.csv")
    (tmp_path / "dangling.csv").symlink_to("missing/new.csv")
    for name in ("old.csv", "new.csv", "missing/new.csv", "link.csv", "dangling.csv"):
        bound_by_permissions(partial(check_output, tmp_path / name), tmp_path)
    for place in (tmp_path, tmp_path / "missing"):
        bound_by_permissions(partial(check_folder, place), tmp_path)
    with pytest.raises(BadOutput, match=r"old.csv is not a folder"):
        check_folder(tmp_path / "old.csv")


def test_folders_are_made(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "one/two")
    assert (tmp_path / "one/two").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(BadOutput, match=r"can't make .*file: that is a file"):
        make_folder(tmp_path / "file")
    with pytest.raises(BadOutput, match=r"can't make .*below: a file is above it"):
        make_folder(tmp_path / "file/below")
    (tmp_path / "one").chmod(0o555)
    with pytest.raises(BadOutput, match="one/three: no permission to write there"):
        bound_by_permissions(partial(make_folder, tmp_path / "one/three"), tmp_path)
    (tmp_path / "one").chmod(0o755)


FULL = """
import resource, signal, sys
from pathlib import Path
from cbir.errors import BadOutput
from cbir.files import replacing
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with replacing(Path(sys.argv[1])) as file:
        file.write(b"new" * int(sys.argv[2]))
except BadOutput as error:
    print(error)
"""


@pytest.mark.parametrize("count", [33_400, 1_000_000], ids=["at the end", "amid it"])
def test_a_file_that_may_not_grow_leaves_the_old_one(tmp_path: Path, count: int) -> None:
    """A quota, as it were: the failure may come with a write or only with the last flush."""
    path = tmp_path / "index.csv"
    path.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path), str(count)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert done.stdout.startswith(f"can't write {path}: ")
    assert contents(tmp_path) == {"index.csv": b"old"}


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, timeout=10).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("a small disk can't be mounted here")
    try:
        (disk / "index.csv").write_bytes(b"old")

        def write() -> None:
            with replacing(disk / "index.csv") as file:
                file.write(b"new" * 100_000)

        with pytest.raises(BadOutput, match="the disk is full; what was there is as it was"):
            write()
        assert contents(disk) == {"index.csv": b"old"}
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    path.write_bytes(b"0" * 200_000)
    seen: set[bytes] = set()
    end = threading.Event()

    def read() -> None:
        while not end.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for digit in b"12345":
        with replacing(path) as file:
            for _ in range(200):
                file.write(bytes([digit]) * 1000)
        time.sleep(0.01)
    end.set()
    reader.join()
    assert len(seen) > 1
    assert all(len(text) == 200_000 and len(set(text)) == 1 for text in seen)
