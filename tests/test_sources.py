"""Sources: which pictures there are, under which ids, and what is left out with which reason."""

import csv
import gzip
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from cbir.errors import BadPicture, BadSource
from cbir.files import reading
from cbir.sources import Files, Folder, Table, open_dataset
from cbir.sources.folder import ENDINGS
from cbir.types import Failure, Picture, Source
from tests.conftest import ROOT
from tests.test_files import bound_by_permissions
from tests.test_tables import repeated

ODD_NAMES = [
    "a,b.jpg",
    'say "hi".jpg',
    "it's.jpg",
    "two\nlines.jpg",
    "carriage\rreturn.jpg",
    "tab\there.jpg",
    "#1.jpg",
    "100%.jpg",
    " space .jpg",
    "back\\slash.jpg",
    "-flag.jpg",
    "=1+1.jpg",
    "*?[x].jpg",
    "\x1b[31mred.jpg",
    "Ünïcödé.jpg",
    "u\u0308.jpg",
    "图片.jpg",
    "صورة.jpg",
    "תמונה.jpg",
    "чебурашка.jpg",
    "चित्र.jpg",
    "🦊👩‍👩‍👧.jpg",
    "nan.jpg",
    "null.jpg",
]


def make(root: Path, *names: str) -> None:
    """Files with their own name as content."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))


def ids(source: Source) -> list[str]:
    return [picture.id for picture in source.pictures()]


def failures(source: Source) -> dict[str, str]:
    """Id -> reason, after a walk; no id may come twice."""
    list(source.pictures())
    found = {failure.id: failure.reason for failure in source.failures}
    assert len(found) == len(source.failures), source.failures
    return found


# --- folders


def test_ids_are_sorted_relative_paths(tmp_path: Path) -> None:
    names = ["b.jpg", "B.jpg", "a/z.png", "a/b/c.webp", "a.jpg", "Z.gif", "é.jpg", "a-.jpg"]
    make(tmp_path, *names)
    folder = Folder(tmp_path)
    assert ids(folder) == sorted(names)
    assert folder.failures == []
    for picture in folder.pictures():
        assert folder.read(picture) == picture.id.encode()


@pytest.mark.parametrize("text", ["{}", "{}/", "{}/.", "{}/../photos"])
def test_ids_do_not_depend_on_how_the_folder_is_written(tmp_path: Path, text: str) -> None:
    make(tmp_path / "photos", "a.jpg", "b/c.jpg")
    assert ids(Folder(text.format(tmp_path / "photos"))) == ["a.jpg", "b/c.jpg"]


def test_any_name_is_an_id(tmp_path: Path) -> None:
    make(tmp_path, *ODD_NAMES, *(f"in {name}/{name}" for name in ODD_NAMES))
    folder = Folder(tmp_path)
    found = list(folder.pictures())
    assert [p.id for p in found] == sorted([*ODD_NAMES, *(f"in {n}/{n}" for n in ODD_NAMES)])
    for picture in found:
        assert folder.read(picture) == picture.id.encode()
    # A folder that is named like a picture is walked, and said to be none.
    assert set(failures(folder)) == {f"in {name}" for name in ODD_NAMES}


LETTERS = st.characters(blacklist_categories=["Cs"], blacklist_characters="/\0")
NAMES = st.text(LETTERS, min_size=1, max_size=20).filter(lambda name: not name.startswith("."))


@settings(max_examples=30, deadline=None)
@given(names=st.sets(NAMES, max_size=6))
def test_generated_names(tmp_path_factory: pytest.TempPathFactory, names: set[str]) -> None:
    root = tmp_path_factory.mktemp("names")
    make(root, *(f"{name}.png" for name in names))
    assert ids(Folder(root)) == sorted(f"{name}.png" for name in names)


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", ".b.jpg", "._a.jpg", ".thumbnails/c.jpg", "d/.e/f.jpg", "d/.jpg")
    (tmp_path / ".link").symlink_to("d")
    assert ids(Folder(tmp_path)) == ["a.jpg"]
    assert failures(Folder(tmp_path)) == {}


def test_a_hidden_folder_that_is_asked_for_is_walked(tmp_path: Path) -> None:
    make(tmp_path, ".photos/a.jpg")
    assert ids(Folder(tmp_path / ".photos")) == ["a.jpg"]


def test_every_ending_counts_in_any_case_and_other_files_do_not(tmp_path: Path) -> None:
    assert {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"} <= set(ENDINGS)
    assert {".avif", ".heic", ".jp2", ".ppm"} <= set(ENDINGS)
    good = [f"{number}{ending}" for number, ending in enumerate(ENDINGS)]
    good += [f"X{number}{ending.upper()}" for number, ending in enumerate(ENDINGS)]
    make(tmp_path, *good, "notes.txt", "a.jpg.txt", "jpg", "film.mp4", "a.svg", "failures.csv")
    assert ids(Folder(tmp_path)) == sorted(good)
    assert failures(Folder(tmp_path)) == {}


def test_a_picture_that_has_just_changed_has_no_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another change within the same tick would not show, and the store would serve old vectors."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"1")
    assert next(iter(Folder(tmp_path).pictures())).stamp == ""
    monkeypatch.setattr(reading, "TICK_NS", 0)
    assert next(iter(Folder(tmp_path).pictures())).stamp.startswith("1-")


def test_a_stamp_changes_when_the_picture_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "TICK_NS", 0)
    make(tmp_path, "a.jpg")
    (first,) = Folder(tmp_path).pictures()
    (same,) = Folder(tmp_path).pictures()
    assert first == same
    os.utime(tmp_path / "a.jpg", ns=(1, 1))
    (touched,) = Folder(tmp_path).pictures()
    (tmp_path / "a.jpg").write_bytes(b"longer than before")
    os.utime(tmp_path / "a.jpg", ns=(1, 1))
    (longer,) = Folder(tmp_path).pictures()
    assert len({first.stamp, touched.stamp, longer.stamp}) == 3


def test_links_to_files_are_pictures_of_their_own(tmp_path: Path) -> None:
    make(tmp_path, "elsewhere/a.jpg", "photos/b.jpg")
    (tmp_path / "photos" / "link.jpg").symlink_to(Path("..") / "elsewhere" / "a.jpg")
    folder = Folder(tmp_path / "photos")
    assert ids(folder) == ["b.jpg", "link.jpg"]
    assert folder.read(Picture("link.jpg", "")) == b"elsewhere/a.jpg"


def test_a_link_to_a_folder_elsewhere_is_walked(tmp_path: Path) -> None:
    make(tmp_path, "elsewhere/a.jpg", "elsewhere/deep/b.jpg", "photos/c.jpg")
    (tmp_path / "photos" / "link").symlink_to(tmp_path / "elsewhere")
    folder = Folder(tmp_path / "photos")
    assert ids(folder) == ["c.jpg", "link/a.jpg", "link/deep/b.jpg"]
    assert folder.failures == []


@pytest.mark.parametrize("name", ["aaa", "zzz"])
def test_a_real_folder_goes_before_a_link_to_it(tmp_path: Path, name: str) -> None:
    make(tmp_path, "mmm/a.jpg")
    (tmp_path / name).symlink_to("mmm")
    assert ids(Folder(tmp_path)) == ["mmm/a.jpg"]
    assert failures(Folder(tmp_path)) == {name: "a link to a folder that is walked already (mmm)"}


def test_two_links_to_one_folder_give_it_one_name(tmp_path: Path) -> None:
    make(tmp_path, "elsewhere/a.jpg", "photos/b.jpg")
    for name in ("two", "one"):
        (tmp_path / "photos" / name).symlink_to(tmp_path / "elsewhere")
    folder = Folder(tmp_path / "photos")
    assert ids(folder) == ["b.jpg", "one/a.jpg"]
    assert failures(folder) == {"two": "a link to a folder that is walked already (one)"}


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "deep/b.jpg")
    (tmp_path / "deep" / "top").symlink_to(tmp_path)
    (tmp_path / "deep" / "itself").symlink_to(".")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "ping").symlink_to("pong")
    (tmp_path / "pong").symlink_to("ping")
    folder = Folder(tmp_path)
    assert ids(folder) == ["a.jpg", "deep/b.jpg"]
    assert failures(folder) == {
        "deep/top": "a link to a folder that is walked already (the data set itself)",
        "deep/itself": "a link to a folder that is walked already (deep)",
        "circle": "a link that leads round in a circle",
        "ping": "a link that leads round in a circle",
        "pong": "a link that leads round in a circle",
    }


def test_a_link_to_what_is_above_does_not_walk_the_data_set_again(tmp_path: Path) -> None:
    """Its pictures would be indexed twice, under two names."""
    make(tmp_path, "photos/a.jpg", "photos/deep/b.jpg", "other/c.jpg")
    (tmp_path / "photos" / "up").symlink_to("..")
    folder = Folder(tmp_path / "photos")
    assert ids(folder) == ["a.jpg", "deep/b.jpg", "up/other/c.jpg"]


def test_a_folder_named_like_a_picture_is_walked_and_listed(tmp_path: Path) -> None:
    make(tmp_path, "album.jpg/a.jpg")
    assert ids(Folder(tmp_path)) == ["album.jpg/a.jpg"]
    assert failures(Folder(tmp_path)) == {"album.jpg": "a folder, not a file"}


def test_a_name_that_is_not_utf_8_is_a_failure_in_escaped_form(tmp_path: Path) -> None:
    make(tmp_path, "good.jpg")
    try:
        make(tmp_path, os.fsdecode(b"caf\xe9.jpg"), os.fsdecode(b"d\xff/a.jpg"))
    except OSError:
        pytest.skip("this disk allows only UTF-8")
    folder = Folder(tmp_path)
    assert ids(folder) == ["good.jpg"]
    reason = "its name is not UTF-8; rename it"
    assert failures(folder) == {r"caf\xe9.jpg": reason, r"d\xff/a.jpg": reason}


def test_a_folder_that_can_t_be_read_is_a_failure(tmp_path: Path) -> None:
    make(tmp_path, "photos/a.jpg", "photos/locked/b.jpg")
    locked = tmp_path / "photos" / "locked"
    locked.chmod(0)
    folder = Folder(tmp_path / "photos")
    try:
        assert bound_by_permissions(lambda: ids(folder), tmp_path) == ["a.jpg"]
        assert folder.failures == [
            Failure("locked", "a folder that can't be read: no permission to read it")
        ]
        with pytest.raises(BadSource, match=r"can't read .*locked: no permission to read it"):
            bound_by_permissions(lambda: ids(Folder(locked)), tmp_path)
    finally:
        locked.chmod(0o700)


def test_a_second_walk_starts_anew(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    (tmp_path / "b.jpg").symlink_to("nowhere")
    folder = Folder(tmp_path)
    assert failures(folder) == failures(folder) == {"b.jpg": "a link that leads nowhere"}
    (tmp_path / "b.jpg").unlink()
    assert failures(folder) == {}


def test_a_picture_that_went_away_since_the_walk(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    folder = Folder(tmp_path)
    (picture,) = folder.pictures()
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(BadPicture, match="it is not there"):
        folder.read(picture)


# --- tables


def write_table(path: Path, names: list[Any], column: str = "image") -> Table:
    """A table with a number first and the paths last."""
    frame = pd.DataFrame({"number": range(len(names)), column: names})
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return Table(path)


SUFFIXES = pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])


@SUFFIXES
def test_the_last_column_names_pictures_beside_the_table(tmp_path: Path, suffix: str) -> None:
    make(tmp_path, "z.jpg", "deep/a.jpg", "unnamed.jpg")
    table = write_table(tmp_path / f"list{suffix}", ["z.jpg", "deep/a.jpg", "z.jpg", "./z.jpg"])
    assert ids(table) == ["deep/a.jpg", "z.jpg"]
    assert table.failures == []
    assert [table.read(picture) for picture in table.pictures()] == [b"deep/a.jpg", b"z.jpg"]
    assert table.root == tmp_path


@SUFFIXES
def test_odd_names_in_a_table(tmp_path: Path, suffix: str) -> None:
    # csv writers and readers agree that a lone carriage return is a line's end
    names = [name for name in ODD_NAMES if "\r" not in name]
    make(tmp_path, *names)
    assert ids(write_table(tmp_path / f"list{suffix}", names)) == sorted(names)


@SUFFIXES
def test_what_can_t_be_had_is_a_failure_and_no_id(tmp_path: Path, suffix: str) -> None:
    make(tmp_path, "photos/a.jpg", "outside.jpg")
    os.mkfifo(tmp_path / "photos" / "pipe.jpg")
    (tmp_path / "photos" / "folder").mkdir()
    outside = "it lies outside the table's folder; --allow-local allows that"
    bad = {
        "missing.jpg": "it is not there",
        "../outside.jpg": outside,
        str(tmp_path / "outside.jpg"): outside,
        "pipe.jpg": "a pipe (FIFO), not a file",
        "folder": "a folder, not a file",
    }
    table = write_table(tmp_path / "photos" / f"list{suffix}", ["a.jpg", *bad])
    assert ids(table) == ["a.jpg"]
    assert failures(table) == bad


def test_a_way_round_does_not_lead_out_of_the_table_s_folder(tmp_path: Path) -> None:
    make(tmp_path, "photos/a.jpg", "outside.jpg")
    table = write_table(tmp_path / "photos" / "list.csv", ["x/../../outside.jpg", "x/../a.jpg"])
    assert ids(table) == ["a.jpg"]
    (reason,) = failures(table).values()
    assert reason == "it lies outside the table's folder; --allow-local allows that"
    with pytest.raises(BadPicture, match="outside the table's folder"):
        table.read(Picture("../outside.jpg", ""))


def test_empty_cells_are_passed_over(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    (tmp_path / "list.csv").write_text('n,image\n1,a.jpg\n2,\n3,""\n')
    assert ids(Table(tmp_path / "list.csv")) == ["a.jpg"]
    table = write_table(tmp_path / "list.parquet", ["a.jpg", None])
    assert ids(table) == ["a.jpg"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "can't read the table"),
        ("n,image\n", "there are no rows"),
        ("n,image\n1,a.jpg,extra\n", "can't read the table"),
    ],
)
def test_a_table_that_is_none(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(BadSource, match=reason) as caught:
        ids(Table(tmp_path / "list.csv"))
    assert "\n" not in str(caught.value)


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    table = write_table(tmp_path / "list.parquet", ["a.jpg"])
    data = table.path.read_bytes()
    for damaged in (b"", data[:-9], b"PAR1"):
        table.path.write_bytes(damaged)
        with pytest.raises(BadSource, match="can't read the table") as caught:
            ids(table)
        assert "\n" not in str(caught.value)


def test_a_categorical_column_of_parquet_names_pictures_too(tmp_path: Path) -> None:
    """pandas stores repeated texts so."""
    make(tmp_path, "a.jpg")
    pd.DataFrame({"image": pd.Categorical(["a.jpg", "a.jpg"])}).to_parquet(tmp_path / "l.parquet")
    assert ids(Table(tmp_path / "l.parquet")) == ["a.jpg"]


def test_rows_that_repeat_a_picture_need_no_room(tmp_path: Path) -> None:
    parquet.write_table(repeated("a.jpg", 2_000_000), tmp_path / "l.parquet")
    source = Table(tmp_path / "l.parquet")
    tracemalloc.start()
    assert list(source.pictures()) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert source.failures == [Failure("a.jpg", "it is not there")]
    assert peak < 20 << 20


def test_a_table_with_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "list.csv").write_bytes(b"\xef\xbb\xbfimage\r\na.jpg\r\nb.jpg\r\n")
    assert ids(Table(tmp_path / "list.csv")) == ["a.jpg", "b.jpg"]


def test_quoted_line_breaks(tmp_path: Path) -> None:
    make(tmp_path, "two\nlines.jpg", "x.jpg")
    with open(tmp_path / "list.csv", "w", newline="") as file:
        csv.writer(file).writerows([["image"], ["two\nlines.jpg"], ["x.jpg"]])
    assert ids(Table(tmp_path / "list.csv")) == ["two\nlines.jpg", "x.jpg"]


# --- what --dataset means


def test_a_folder_a_table_and_a_sample_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a.jpg")
    write_table(tmp_path / "LIST.CSV", ["a.jpg"])
    assert isinstance(open_dataset(str(tmp_path)), Folder)
    assert isinstance(open_dataset(str(tmp_path / "LIST.CSV")), Table)
    monkeypatch.chdir(ROOT)
    assert len(ids(open_dataset("shop"))) == len(ids(open_dataset("data/dataset/shop"))) > 0


@pytest.mark.parametrize("name", ["l.txt", "l.csv.gz", "l.TSV.GZ"])
def test_other_names_of_tables(tmp_path: Path, name: str) -> None:
    make(tmp_path, "a.jpg")
    text = b"image\na.jpg\n"
    (tmp_path / name).write_bytes(gzip.compress(text) if name.lower().endswith("gz") else text)
    assert ids(open_dataset(str(tmp_path / name))) == ["a.jpg"]


def test_a_folder_of_one_s_own_goes_before_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "shop/mine.jpg", "data/dataset/shop/sample.jpg")
    monkeypatch.chdir(tmp_path)
    assert ids(open_dataset("shop")) == ["mine.jpg"]


def test_a_near_miss_is_answered_with_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "data/dataset/shop/a.jpg", "data/dataset/animals/a.jpg")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadSource, match=r"no folder or data set 'shpo'; did you mean shop\?"):
        open_dataset("shpo")
    with pytest.raises(BadSource, match="choose one of animals, shop"):
        open_dataset("qqqq")


def test_what_is_no_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path, "a.jpg")
    with pytest.raises(BadSource, match="neither a folder nor a table"):
        open_dataset("a.jpg")
    with pytest.raises(BadSource, match=r"there is no folder or data set 'photos'$"):
        open_dataset("photos")


@pytest.mark.parametrize("text", ["x" * 300, "nul\0", "", "a" * 5000], ids=len)
def test_a_name_that_can_t_be_one_is_no_data_set(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The empty one comes from a shell's unset variable, and must not mean the current folder."""
    monkeypatch.chdir(tmp_path)
    make(tmp_path, "a.jpg")
    with pytest.raises(BadSource):
        open_dataset(text)


def test_a_data_set_in_a_forbidden_folder_is_none(tmp_path: Path) -> None:
    make(tmp_path, "locked/photos/a.jpg")
    (tmp_path / "locked").chmod(0)
    text = str(tmp_path / "locked" / "photos")
    try:
        with pytest.raises(BadSource):
            bound_by_permissions(lambda: open_dataset(text), tmp_path)
    finally:
        (tmp_path / "locked").chmod(0o700)


# --- typed names


def test_names_are_ids_in_the_order_that_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path, "b.jpg", "a.jpg", "folder/d.jpg", "folder/c.png", "folder/notes.txt", "odd")
    typed = ["./b.jpg", "folder", "a.jpg", "odd", str(tmp_path / "a.jpg")]
    files = Files(typed)
    wanted = ["./b.jpg", "folder/c.png", "folder/d.jpg", "a.jpg", "odd", str(tmp_path / "a.jpg")]
    assert ids(files) == wanted
    assert files.failures == []
    contents = [b"b.jpg", b"folder/c.png", b"folder/d.jpg", b"a.jpg", b"odd", b"a.jpg"]
    assert [files.read(picture) for picture in files.pictures()] == contents


def test_bytes_at_hand_are_read_under_their_name() -> None:
    files = Files(["standard input"], {"standard input": b"bytes"})
    assert ids(files) == ["standard input"]
    assert files.read(Picture("standard input", "")) == b"bytes"


def test_names_that_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path, "a.jpg", "none/notes.txt", "some/a.jpg")
    os.mkfifo("pipe")
    (tmp_path / "some" / "b.jpg").symlink_to("nowhere")
    files = Files(["missing.jpg", "a.jpg", "pipe", "none", "some", "x" * 300])
    assert ids(files) == ["a.jpg", "some/a.jpg"]
    assert failures(files) == {
        "missing.jpg": "it is not there",
        "pipe": "a pipe (FIFO), not a file",
        "none": "a folder without pictures",
        "some/b.jpg": "a link that leads nowhere",
        "x" * 300: "its name is too long",
    }


@pytest.mark.parametrize("typed", ["some", "some/", "./some"])
def test_pictures_and_failures_of_a_folder_are_named_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path, "some/a.jpg")
    (tmp_path / "some" / "b.jpg").symlink_to("nowhere")
    files = Files([typed])
    (good,), (bad,) = ids(files), failures(files)
    assert good.removesuffix("a.jpg") == bad.removesuffix("b.jpg")


def test_a_forbidden_folder_is_a_failure_and_the_others_are_searched(tmp_path: Path) -> None:
    make(tmp_path, "locked/a.jpg", "b.jpg")
    (tmp_path / "locked").chmod(0)
    files = Files([str(tmp_path / "locked"), str(tmp_path / "b.jpg")])
    try:
        found = bound_by_permissions(lambda: ids(files), tmp_path)
    finally:
        (tmp_path / "locked").chmod(0o700)
    assert found == [str(tmp_path / "b.jpg")]
    assert [failure.id for failure in files.failures] == [str(tmp_path / "locked")]


def test_blanks_around_a_name_in_a_table(tmp_path: Path) -> None:
    """As people write `1, a.jpg`; a file whose name has them goes before, and none leads out."""
    make(tmp_path, "a.jpg", " b.jpg", "b.jpg")
    rows = ["n,path", "1, a.jpg", "2, b.jpg", "3, ../out.jpg", "4, /etc/out", "5,  ", "6,a.jpg"]
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n")
    source = Table(tmp_path / "list.csv")
    assert ids(source) == [" b.jpg", "a.jpg"]
    assert failures(source) == dict.fromkeys(
        ["../out.jpg", "/etc/out"],
        "it lies outside the table's folder; --allow-local allows that",
    )


def test_a_table_without_a_header_is_told(tmp_path: Path) -> None:
    """Its first picture would be lost without a word. A header may end like a picture, though."""
    make(tmp_path, "a.jpg", "c.jpg")
    urls = "https://example.org/1\nhttps://example.org/2\n"
    for text in ("a.jpg\nc.jpg\n", urls):
        (tmp_path / "list.csv").write_text(text)
        with pytest.raises(BadSource, match=r"names a picture, .*; write a header above it"):
            ids(Table(tmp_path / "list.csv"))
    for text in ("id,main_image.jpg\n1,c.jpg\n", "https://schema.org/image\nc.jpg\n"):
        (tmp_path / "list.csv").write_text(text)
        assert ids(Table(tmp_path / "list.csv")) == ["c.jpg"]
