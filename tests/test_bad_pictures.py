"""Bad pictures through the real command line: named, counted, listed, and the run goes on."""

import csv
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from cbir.vector_index import VectorIndex
from tests.conftest import Done, cbir, encoded, picture
from tests.test_files import bound_by_permissions, in_thread, listening
from tests.test_image_headers import huge_png

NOISE = np.random.default_rng(0).integers(0, 256, (1200, 1600), np.uint8)
DAMAGED_PNG = bytearray(encoded(picture(0), ".png"))
DAMAGED_PNG[len(DAMAGED_PNG) // 2] ^= 0xFF

CONTENTS = {  # name -> bytes and the reason that is expected
    "empty.jpg": (b"", "the file is empty"),
    "text.jpg": (b"hello\n", "not a picture that can be read: text"),
    "page.jpg": (b"<!DOCTYPE html>\n<title>404</title>", "not a picture that can be read: HTML"),
    "cut.jpg": (encoded(picture(0, 800, 600))[:9000], "truncated or damaged JPEG"),
    "cut.png": (encoded(picture(0), ".png")[:2000], "truncated or damaged PNG"),
    "damaged.png": (bytes(DAMAGED_PNG), "truncated or damaged PNG"),
    "head.jpg": (encoded(picture(0))[:30], "its header is truncated or damaged"),
    "huge.png": (
        huge_png(),
        "30000×30000 is 900.0 megapixels, over the limit of 1 (--max-megapixels raises it)",
    ),
    "large.jpg": (
        encoded(np.dstack([NOISE] * 3)),
        "1600×1200 is 1.9 megapixels, over the limit of 1 (--max-megapixels raises it)",
    ),
    'a,b "c".jpg': (b"x", "not a picture that can be read: text"),
    "two\nlines.jpg": (b"x", "not a picture that can be read: text"),
}
SPECIAL = {
    "folder.jpg": "a folder, not a file",
    "pipe.jpg": "a pipe (FIFO), not a file",
    "socket.jpg": "a socket, not a file",
    "device.jpg": "a device, not a file",
    "dangling.jpg": "a link that leads nowhere",
    "circle.jpg": "a link that leads round in a circle",
}
NOT_UTF_8 = b"caf\xe9.jpg"
GOOD = ["deep/er/z.jpg", "good.jpg", "図.png"]
CHATTER = ("libpng", "Corrupt JPEG", "premature", "Premature", "CRC", "[ WARN", "[ERROR")


def make_bad(folder: Path, name: str) -> None:
    """One kind of bad picture."""
    path = folder / name
    if name == "folder.jpg":
        path.mkdir()
    elif name == "pipe.jpg":
        os.mkfifo(path)
    elif name == "device.jpg":
        path.symlink_to("/dev/zero")
    elif name == "dangling.jpg":
        path.symlink_to("nowhere.jpg")
    elif name == "circle.jpg":
        path.symlink_to("circle.jpg")
    elif name != "socket.jpg":
        path.write_bytes(CONTENTS[name][0])


@pytest.fixture
def bad(tmp_path: Path) -> Iterator[Path]:
    """A folder with every kind of bad picture and nothing else."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in [*CONTENTS, *SPECIAL]:
        make_bad(folder, name)
    with listening(folder / "socket.jpg"):
        yield folder


@pytest.fixture
def mixed(bad: Path) -> Path:
    """The same with three good ones."""
    (bad / "deep" / "er").mkdir(parents=True)
    for seed, name in enumerate(GOOD):
        (bad / name).write_bytes(encoded(picture(seed), Path(name).suffix))
    return bad


def listed(path: Path) -> dict[str, str]:
    """What a failures.csv says, as any CSV reader understands it."""
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["id", "reason"]
    assert rows == sorted(rows)
    assert len({row[0] for row in rows}) == len(rows)
    return dict(rows)


def index(folder: Path, *arguments: str | Path) -> Done:
    """`cbir index` of a folder, beside which the index is written, with a limit of a megapixel."""
    started = time.monotonic()
    flags = ["--dataset", folder, "--index", folder.parent / "index.csv", "--max-megapixels", "1"]
    done = cbir("index", *flags, *arguments, cwd=folder.parent)
    assert time.monotonic() - started < 30, "seconds, even on a busy machine"
    assert not any(word in done.stderr for word in CHATTER), done.stderr
    return done


def reasons() -> dict[str, str]:
    return {name: reason for name, (_, reason) in CONTENTS.items()} | SPECIAL


# --- index


def test_every_kind_of_bad_picture_among_good_ones(mixed: Path) -> None:
    done = index(mixed)
    assert done.returncode == 1
    written = VectorIndex.read(mixed.parent / "index.csv")
    assert list(written.ids) == GOOD
    wanted = reasons()
    assert listed(mixed.parent / "failures.csv") == wanted
    first, *lines = [line for line in done.stderr.splitlines() if "pictures by" not in line]
    where = mixed.parent / "failures.csv"
    assert first == f"cbir index: {len(wanted)} pictures left out (listed in {where})"
    assert lines[-1] == f"  … and {len(wanted) - 10} more"
    shown = [f"  {name}: {reason}".replace("\n", "\\n") for name, reason in sorted(wanted.items())]
    assert lines[:-1] == shown[:10]


def test_a_name_that_is_not_utf_8(photos: Path) -> None:
    try:
        (photos / os.fsdecode(NOT_UTF_8)).write_bytes(encoded(picture(9)))
    except OSError:
        pytest.skip("this disk allows only UTF-8")
    done = index(photos)
    assert done.returncode == 1
    reason = "its name is not UTF-8; rename it"
    assert listed(photos.parent / "failures.csv") == {r"caf\xe9.jpg": reason}
    assert f"caf\\xe9.jpg: {reason}" in done.stderr
    assert len(VectorIndex.read(photos.parent / "index.csv")) == 8


def test_no_permission(photos: Path, tmp_path: Path) -> None:
    (photos / "a.jpg").chmod(0)
    (photos / "locked").mkdir(mode=0)
    try:
        done = bound_by_permissions(lambda: index(photos), tmp_path)
    finally:
        (photos / "locked").chmod(0o700)
    assert done.returncode == 1
    assert listed(photos.parent / "failures.csv") == {
        "a.jpg": "no permission to read it",
        "locked": "a folder that can't be read: no permission to read it",
    }
    assert len(VectorIndex.read(photos.parent / "index.csv")) == 7


def test_only_bad_pictures_leave_an_existing_index_as_it_was(bad: Path) -> None:
    before = {}
    for name, folder in (("index.csv", "good"), ("other.csv", "good")):
        (bad.parent / folder).mkdir(exist_ok=True)
        (bad.parent / folder / "a.jpg").write_bytes(encoded(picture(0)))
        index_file = bad.parent / name
        done = cbir("index", "--dataset", bad.parent / folder, "--index", index_file)
        assert done.returncode == 0
        before |= {path.name: path.read_bytes() for path in bad.parent.glob(f"{name}*")}
    done = index(bad)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"cbir index: nothing to index in {bad}: every picture failed (")
    assert line.endswith(f"all are listed in {bad.parent / 'failures.csv'}")
    after = {path.name: path.read_bytes() for path in bad.parent.glob("*.csv*")}
    after = {name: data for name, data in after.items() if "failures.csv" not in name}
    assert after == before
    assert listed(bad.parent / "failures.csv") == reasons()


def test_only_bad_pictures_and_no_index_before(bad: Path) -> None:
    assert index(bad).returncode == 2
    there = {path.name for path in bad.parent.iterdir()}
    assert there == {".failures.csv.cbir", "failures.csv", "photos"}


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    done = index(tmp_path / "photos")
    assert done.returncode == 2
    assert done.stderr == (
        f"cbir index: nothing to index in {tmp_path / 'photos'}: it holds no pictures\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_the_list_goes_away_after_a_run_without_failures(photos: Path) -> None:
    (photos / "text.jpg").write_bytes(b"hello")
    assert index(photos).returncode == 1
    assert (photos.parent / "failures.csv").exists()
    (photos / "text.jpg").unlink()
    done = index(photos)
    assert done.returncode == 0, done.stderr
    assert not (photos.parent / "failures.csv").exists()


def test_a_file_of_that_name_that_is_no_list_stays(photos: Path) -> None:
    (photos.parent / "failures.csv").write_text("machine,failures\npress,3\n")
    assert index(photos).returncode == 0
    assert (photos.parent / "failures.csv").read_text() == "machine,failures\npress,3\n"


def test_a_file_of_that_name_that_is_no_list_is_not_overwritten_unasked(photos: Path) -> None:
    """Without --failures nobody said that this file may be lost."""
    own = "machine,failures\npress,3\n"
    (photos.parent / "failures.csv").write_text(own)
    (photos / "text.jpg").write_bytes(b"hello")
    done = index(photos)
    assert done.returncode in (1, 2)
    assert (photos.parent / "failures.csv").read_text() == own


def test_the_list_elsewhere(photos: Path) -> None:
    (photos / "text.jpg").write_bytes(b"hello")
    elsewhere = photos.parent / "new" / "folder" / "bad ones.csv"
    done = index(photos, "--failures", elsewhere)
    assert done.returncode == 1
    assert listed(elsewhere) == {"text.jpg": CONTENTS["text.jpg"][1]}
    assert f"1 picture left out (listed in {elsewhere})" in done.stderr
    assert not (photos.parent / "failures.csv").exists()


def test_quiet_says_only_the_count(mixed: Path) -> None:
    done = index(mixed, "--quiet")
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"cbir index: {len(reasons())} pictures left out")


def test_a_table_with_bad_paths(photos: Path) -> None:
    table = photos / "list.csv"
    table.write_text(
        "n,image\n1,a.jpg\n2,missing.jpg\n3,../../etc/passwd\n4,https://no.invalid/a.jpg\n"
    )
    flags = ["--dataset", table, "--index", photos.parent / "index.csv"]
    done = cbir("index", *flags)
    assert done.returncode == 1
    assert list(VectorIndex.read(photos.parent / "index.csv").ids) == ["a.jpg"]
    found = listed(photos.parent / "failures.csv")
    assert found == {
        "missing.jpg": "it is not there",
        "../../etc/passwd": "it lies outside the table's folder; --allow-local allows that",
        "https://no.invalid/a.jpg": "the name does not resolve",
    }


# --- search


@pytest.fixture(scope="module")
def small_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of two good pictures, good.jpg and other.jpg, made once."""
    folder = tmp_path_factory.mktemp("indexed")
    for seed, name in enumerate(("good", "other")):
        (folder / f"{name}.jpg").write_bytes(encoded(picture(seed)))
    assert cbir("index", "--dataset", folder, "--index", folder / "i.csv").returncode == 0
    return folder


def search(indexed: Path, *queries: str | Path, cwd: Path, more: tuple[str, ...] = ()) -> Done:
    flags = ["--index", indexed / "i.csv", "--no-montage", "--max-megapixels", "1", *more]
    done = in_thread(lambda: cbir("search", *flags, "--query", *queries, cwd=cwd), seconds=60)
    assert not any(word in done.stderr for word in CHATTER), done.stderr
    return done


@pytest.mark.parametrize("name", [name for name in reasons() if name != "folder.jpg"])
def test_a_bad_query_alone(small_index: Path, tmp_path: Path, name: str) -> None:
    make_bad(tmp_path, name)
    run: Callable[[], Done] = lambda: search(small_index, name, cwd=tmp_path)  # noqa: E731
    if name == "socket.jpg":
        with listening(tmp_path / name):
            done = run()
    else:
        done = run()
    assert done.returncode == 2
    assert done.stdout == ""
    reason = reasons()[name]
    printed = name.replace("\n", "\\n")
    assert done.stderr == f"cbir search: nothing to search for: {printed}: {reason}\n"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.jpg", "it is not there"),
        ("folder", "a folder without pictures"),
        ("x" * 300 + ".jpg", "its name is too long"),
        (os.fsdecode(NOT_UTF_8), "it is not there"),
        ("", "it is not there"),
    ],
)
def test_a_query_that_is_no_file(small_index: Path, tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    done = search(small_index, name, cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.endswith(words)


def test_a_query_with_a_name_that_is_not_utf_8_can_be_searched(
    small_index: Path, tmp_path: Path
) -> None:
    """Unlike in an index, nothing must be written under that name."""
    try:
        (tmp_path / os.fsdecode(NOT_UTF_8)).write_bytes(encoded(picture(0)))
    except OSError:
        pytest.skip("this disk allows only UTF-8")
    done = search(small_index, os.fsdecode(NOT_UTF_8), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "0.0000  good.jpg" in done.stdout


def test_bad_standard_input(small_index: Path, tmp_path: Path) -> None:
    flags = ["--index", small_index / "i.csv", "--no-montage", "--query", "-"]
    done = cbir("search", *flags, cwd=tmp_path, input=CONTENTS["cut.jpg"][0])
    assert done.returncode == 2
    assert done.stderr == (
        "cbir search: nothing to search for: standard input: truncated or damaged JPEG\n"
    )


def test_good_queries_among_bad_ones_are_answered(small_index: Path, bad: Path) -> None:
    (bad / "good.jpg").write_bytes(encoded(picture(0)))
    names = [name for name in reasons() if name != "folder.jpg"]
    done = search(small_index, *names[:5], "good.jpg", *names[5:], cwd=bad)
    assert done.returncode == 1
    assert "0.0000  good.jpg" in done.stdout
    first, *lines = done.stderr.splitlines()
    assert first == f"cbir search: {len(names)} pictures left out"
    assert len(lines) == len(names)


def test_a_folder_of_good_and_bad_queries(small_index: Path, mixed: Path) -> None:
    done = search(small_index, "photos", cwd=mixed.parent, more=("--json",))
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == len(GOOD)
    assert f"{len(reasons())} pictures left out" in done.stderr


def test_a_bad_picture_in_the_index_s_folder_does_not_spoil_the_drawing(photos: Path) -> None:
    """It was good when it was indexed."""
    assert index(photos).returncode == 0
    (photos / "b.jpg").write_bytes(CONTENTS["cut.jpg"][0])
    (photos / "c.jpg").unlink()
    os.mkfifo(photos / "c.jpg")
    flags = ["--index", photos.parent / "index.csv", "--limit", "8", "--montage", "all.jpg"]
    done = in_thread(
        lambda: cbir("search", *flags, "--query", photos / "a.jpg", cwd=photos.parent), seconds=60
    )
    assert done.returncode == 0, done.stderr
    assert "2 results could not be drawn" in done.stderr
    assert (photos.parent / "all.jpg").stat().st_size > 1000
