"""A folder's pictures as a table that every command takes."""

import csv
import io
import json
import os
from pathlib import Path

import pytest

from cbir.__main__ import main
from tests.conftest import Done, Run, encoded, picture


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process, which starts faster."""

    def in_this_process(*arguments: str | Path, cwd: Path | None = None) -> Done:
        if cwd:
            monkeypatch.chdir(cwd)
        capfd.readouterr()
        return Done(arguments, main([*map(str, arguments)]), *capfd.readouterr())

    return in_this_process


def rows(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


def test_names_and_paths_are_listed(photos: Path, run: Run) -> None:
    (photos / "deep").mkdir()
    (photos / "a.jpg").rename(photos / "deep/a.b.jpg")
    (photos / "notes.txt").write_text("no picture")
    done = run("list-images", photos, "-o", photos.parent / "list.csv")
    assert done.returncode == 0
    assert done.stdout == ""
    assert "list.csv: 8 pictures" in done.stderr
    listed = rows((photos.parent / "list.csv").read_text())
    assert listed[0] == ["name", "path"]
    assert listed[1:3] == [["b", "photos/b.jpg"], ["c", "photos/c.jpg"]]
    assert ["a.b", "photos/deep/a.b.jpg"] in listed


def test_the_list_is_a_data_set(photos: Path, here: Run) -> None:
    strange = ["=1+1.jpg", 'a,"b".jpg', "-x.png", "@y.jpg", " z.jpg", "é\n.jpg", "#1.jpg"]
    for seed, name in enumerate(strange, 20):
        (photos / name).write_bytes(encoded(picture(seed), name[-4:]))
    for suffix in (".csv", ".tsv", ".parquet"):
        done = here("list-images", ".", "-o", f"list{suffix}", "--quiet", cwd=photos)
        assert (done.returncode, done.stderr) == (0, "")
        index = photos.parent / "index.csv"
        done = here("index", "--dataset", photos / f"list{suffix}", "--index", index, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["pictures"] == 8 + len(strange)


@pytest.mark.parametrize("delimiter", ["tab", "comma", "semicolon", "pipe", "colon"])
def test_a_list_of_any_name_that_is_taken_is_a_data_set(
    photos: Path, here: Run, delimiter: str
) -> None:
    flags = ("list-images", ".", "--delimiter", delimiter)
    done = here(*flags, "-o", "l.txt", cwd=photos)
    assert done.returncode == 0
    index = ("index", "--dataset", "l.txt", "--json")
    if delimiter == "colon":
        assert "match --delimiter colon reads it; other commands guess one" in done.stderr
        assert here(*index).returncode == 2
    else:
        assert "match" not in done.stderr
        assert json.loads(here(*index).stdout)["pictures"] == 8
    for name in ("l.list", "l.csv.gz", "l"):
        done = here(*flags, "-o", name)
        assert done.returncode == 2
        assert "can't tell a format" in done.stderr
    assert here("list-images", ".", "-o", "new.txt").returncode == 2


def test_spreadsheets_run_nothing_of_it(photos: Path, here: Run) -> None:
    (photos / "=HYPERLINK(1).jpg").write_bytes(encoded(picture()))
    done = here("list-images", ".", "-o", "-", cwd=photos)
    assert rows(done.stdout)[1] == ["'=HYPERLINK(1)", "./=HYPERLINK(1).jpg"]
    assert "1 name begins as a formula does; an apostrophe before it" in done.stderr


def test_standard_output_and_delimiters(photos: Path, here: Run) -> None:
    done = here("list-images", "photos", "-o", "-", "--delimiter", "tab", cwd=photos.parent)
    assert done.stdout.startswith("name\tpath\na\tphotos/a.jpg\n")
    assert done.stderr == ""
    assert not list(photos.parent.glob("*.csv"))
    done = here("list-images", "photos", "--delimiter", ";", cwd=photos.parent)
    assert (photos.parent / "images.csv").read_text().startswith("name;path\na;photos/a.jpg\n")
    done = here("index", "--dataset", "images.csv", "--no-store", cwd=photos.parent)
    assert done.returncode == 0, done.stderr


def test_json(photos: Path, here: Run) -> None:
    done = here("list-images", photos, "-o", photos / "images.csv", "--json", "--quiet")
    record = {"table": str(photos / "images.csv"), "pictures": 8, "failed": 0}
    assert json.loads(done.stdout) == record


def test_a_table_elsewhere_says_what_reading_it_needs(photos: Path, here: Run) -> None:
    (photos.parent / "lists").mkdir()
    done = here("list-images", photos, "-o", photos.parent / "lists/x.csv")
    assert "--allow-local" in done.stderr
    assert rows((photos.parent / "lists/x.csv").read_text())[1] == ["a", "../photos/a.jpg"]


def test_a_linked_folder_is_named_as_it_is_seen(photos: Path, here: Run) -> None:
    (photos.parent / "here").mkdir()
    (photos.parent / "here/linked").symlink_to(photos)
    here("list-images", "linked", cwd=photos.parent / "here")
    assert "a,linked/a.jpg\n" in (photos.parent / "here/images.csv").read_text()
    # From a linked folder, up is where its target lies.
    (photos.parent / "away/deep").mkdir(parents=True)
    (photos.parent / "tables").symlink_to(photos.parent / "away/deep")
    here("list-images", photos, "-o", photos.parent / "tables/x.csv")
    listed = rows((photos.parent / "tables/x.csv").read_text())
    assert listed[1] == ["a", "../../photos/a.jpg"]


def test_what_can_not_be_listed_is_told(photos: Path, here: Run) -> None:
    os.mkfifo(photos / "pipe.jpg")
    done = here("list-images", photos, "-o", photos.parent / "list.csv")
    assert done.returncode == 1
    assert "1 picture left out (listed in" in done.stderr
    failures = (photos.parent / "failures.csv").read_text()
    assert failures == 'id,reason\npipe.jpg,"a pipe (FIFO), not a file"\n'
    done = here("list-images", photos, "-o", "-")
    assert done.returncode == 1
    assert "pipe.jpg: a pipe" in done.stderr


def test_an_old_list_is_replaced_and_nothing_else(photos: Path, here: Run) -> None:
    for _ in range(2):
        assert here("list-images", photos, "-o", photos / "list.csv").returncode == 0
    (photos / "mine.csv").write_text("name,path\nmine,a.jpg\n")
    done = here("list-images", photos, "-o", photos / "mine.csv")
    assert done.returncode == 2
    assert "was not written by cbir" in done.stderr
    assert (photos / "mine.csv").read_text() == "name,path\nmine,a.jpg\n"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["none"], "it is not there"),
        (["empty"], "holds no pictures"),
        (["photos", "-o", "list.xls"], "can't tell a format"),
        (["photos", "-o", "none/list.csv"], "folder does not exist"),
        (["photos", "-o", "photos"], "that is a folder"),
        (["photos", "-o", ""], "not a file's name"),
        (["photos", "--delimiter", "xx"], "can't be a delimiter"),
        (["photos", "-o", "x.parquet", "--delimiter", ","], "no delimiter"),
        (["photos", "-o", "-", "--json"], "prints the table"),
        (["photos", "--failures", "images.csv"], "another file's name"),
    ],
)
def test_refusals_are_one_line(photos: Path, here: Run, flags: list[str], words: str) -> None:
    (photos.parent / "empty").mkdir()
    done = here("list-images", *flags, cwd=photos.parent)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(photos.parent.glob("*.csv"))
