"""The store never makes an index differ from the one that a run without it would write."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from cbir.__main__ import main
from cbir.files import reading
from cbir.pipeline import Described, Settings, batching, describe
from cbir.recipe import parse
from cbir.sources import Folder
from cbir.store import Store
from cbir.types import Picture
from tests.conftest import Done, Run, encoded, picture
from tests.test_pipeline_store import Counter, Shelf, described, shelf

LONG_AGO = (10**18, 10**18)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of one size in bytes and one time, as an archive may unpack them."""
    (tmp_path / "photos").mkdir()
    for seed in range(6):
        path = tmp_path / f"photos/{seed}.ppm"
        path.write_bytes(encoded(picture(seed), ".ppm"))
        os.utime(path, ns=LONG_AGO)
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process, where what has just changed counts as settled."""
    monkeypatch.setattr(reading, "TICK_NS", 0)

    def in_this_process(*arguments: str | Path) -> Done:
        capfd.readouterr()
        return Done(arguments, main([*map(str, arguments)]), *capfd.readouterr())

    return in_this_process


def same_as_without_store(run: Run, folder: Path, *flags: str) -> bool:
    index, fresh = folder / "index.csv", folder / "fresh.csv"
    with_it = run("index", "--dataset", folder / "photos", "--index", index, *flags)
    without = run("index", "--dataset", folder / "photos", "--index", fresh, "--no-store", *flags)
    assert with_it.returncode == without.returncode, with_it.stderr
    return without.returncode == 2 or index.read_bytes() == fresh.read_bytes()


def test_files_that_change_places(folder: Path, run: Run) -> None:
    assert same_as_without_store(run, folder)
    one, other = folder / "photos/0.ppm", folder / "photos/1.ppm"
    one.rename(folder / "kept")
    other.rename(one)
    (folder / "kept").rename(other)
    assert one.stat().st_mtime_ns == other.stat().st_mtime_ns
    assert same_as_without_store(run, folder)


def test_a_file_that_another_of_its_size_and_time_replaces(folder: Path, run: Run) -> None:
    assert same_as_without_store(run, folder)
    (folder / "new").write_bytes(encoded(picture(77), ".ppm"))
    os.utime(folder / "new", ns=LONG_AGO)
    shutil.copy2(folder / "new", folder / "photos/2.ppm")
    assert same_as_without_store(run, folder)


@dataclass
class Changing(Shelf):
    """One whose pictures are others by the time that they are read."""

    def stamp(self, picture: Picture) -> str:
        return "later"


def test_bytes_are_not_kept_under_a_stamp_that_is_not_theirs(tmp_path: Path) -> None:
    source = Changing(shelf(5).files)
    with Store.open(tmp_path / "features.db") as store:
        described(source, [Counter().recipe], store)
        assert store.known(source.origin, list(source.pictures())) == {}


def test_a_limit_holds_for_pictures_that_are_known(folder: Path, run: Run) -> None:
    (folder / "photos/large.png").write_bytes(encoded(picture(9, 400, 400), ".png"))
    assert same_as_without_store(run, folder)
    assert same_as_without_store(run, folder, "--max-megapixels", "0.1")
    assert len((folder / "index.csv").read_text().splitlines()) == 2 + 6
    assert same_as_without_store(run, folder, "--max-megapixels", "0.001")
    (folder / "photos/copy.png").write_bytes((folder / "photos/large.png").read_bytes())
    assert same_as_without_store(run, folder, "--max-megapixels", "0.1")


def active(home: Path) -> dict[str, int]:
    with closing(sqlite3.connect(home / "features.db")) as connection, connection:
        found = dict(connection.execute("SELECT picture, active FROM features_photos"))
    connection.close()
    return found


def test_what_is_no_picture_any_more_is_not_active(folder: Path, run: Run, own_home: Path) -> None:
    assert same_as_without_store(run, folder)
    (folder / "photos/3.ppm").write_bytes(b"a shopping list")
    (folder / "photos/4.ppm").unlink()
    assert same_as_without_store(run, folder)
    gone = {name for name, is_active in active(own_home).items() if not is_active}
    assert gone == {"3.ppm", "4.ppm"}


def test_a_link_to_a_folder_that_was_walked_does_not_keep_pictures_alive(
    folder: Path, run: Run, own_home: Path
) -> None:
    (folder / "photos/sub").mkdir()
    (folder / "photos/0.ppm").rename(folder / "photos/sub/0.ppm")
    (folder / "photos/link").symlink_to("sub")
    assert same_as_without_store(run, folder)
    (folder / "photos/1.ppm").unlink()
    assert same_as_without_store(run, folder)
    assert {name for name, is_active in active(own_home).items() if not is_active} == {"1.ppm"}


def test_a_folder_that_can_not_be_read_keeps_its_pictures(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not gone, as far as one can see."""
    (folder / "photos/sub").mkdir()
    source = Folder(folder / "photos")
    assert len(list(source.pictures())) == 6
    assert source.complete
    scandir = os.scandir

    def closed(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert len(list(source.pictures())) == 6
    assert not source.complete


def test_names_that_no_disk_can_have(folder: Path, run: Run) -> None:
    table = folder / "table.csv"
    table.write_text("path\nphotos/0.ppm\n" + "x" * 5000 + "\n")
    done = run("index", "--dataset", table, "--index", folder / "index.csv")
    assert done.returncode == 1


def damage(store: Path) -> None:
    """Overwrites all but the first pages."""
    with open(store, "r+b") as file:
        file.seek(3 * 32768)
        file.write(b"\xff" * (store.stat().st_size - 3 * 32768))


def test_a_default_store_that_fails_is_done_without(folder: Path, run: Run, own_home: Path) -> None:
    assert same_as_without_store(run, folder)
    damage(own_home / "features.db")
    (folder / "photos/new.ppm").write_bytes(encoded(picture(50), ".ppm"))
    assert same_as_without_store(run, folder)
    query = ("--query", folder / "photos/0.ppm", "--index", folder / "index.csv", "--no-montage")
    done = run("search", *query)
    assert done.returncode == 0
    assert "1  0.0000  0.ppm" in done.stdout
    named = run("index", "--dataset", folder / "photos", "--store", own_home / "features.db")
    assert (named.returncode, named.stderr.count("\n")) == (2, 1)


def test_vectors_that_wait_are_bounded_in_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the first picture are known: they don't all wait for the first batch to fill."""
    source = shelf(400)
    with Store.open(tmp_path / "features.db") as store:
        list(describe(source, list(source.pictures()), [parse("hsv")], Settings(), store))
    monkeypatch.setattr(batching, "BATCH_BYTES", 40 * 4 * 288)
    monkeypatch.setattr(batching, "PIECE_BYTES", 10 * 4 * 288)
    source.files["000.png"] = encoded(picture(1000), ".png")
    source.stamps["000.png"] = "2"
    with Store.open(tmp_path / "features.db") as store:
        found = describe(source, list(source.pictures()), [parse("hsv")], Settings(), store)
        made = [some for some in found if isinstance(some, Described)]
    assert max(len(some.ids) for some in made) <= 10
    assert [id for some in made for id in some.ids] == sorted(source.files)
