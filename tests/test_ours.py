"""Which files may be replaced: those that were written here, and nobody has touched."""

import os
from pathlib import Path

import pytest

from cbir.errors import BadOutput
from cbir.files import check_ours, remove_ours, replacing_ours, written_by
from cbir.files import ours as ours_module


def write(path: Path, text: bytes, by: str = "somebody") -> None:
    check_ours(path, by)
    with replacing_ours(path, by) as file:
        file.write(text)


def test_what_was_written_here_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    assert written_by(path) is None
    write(path, b"one")
    write(path, b"two")
    assert written_by(path) == "somebody"
    assert path.read_bytes() == b"two"
    with pytest.raises(BadOutput, match="was not written by somebody else, or was changed"):
        write(path, b"three", "somebody else")
    remove_ours(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", ["edit", "mark", "no mark", "not ours"])
def test_nothing_else_is(tmp_path: Path, change: str) -> None:
    path, mark = tmp_path / "a.csv", tmp_path / ".a.csv.cbir"
    if change == "not ours":
        path.write_bytes(b"one")
    else:
        write(path, b"one")
    if change == "edit":
        path.write_bytes(b"One")
    elif change == "mark":
        mark.write_text('{"by": 1, "sha256": [[]]}')
    elif change == "no mark":
        mark.unlink()
    before = path.read_bytes()
    with pytest.raises(BadOutput, match="was not written by somebody, or was changed since"):
        write(path, b"two")
    assert path.read_bytes() == before


def test_a_name_as_long_as_a_disk_allows(tmp_path: Path) -> None:
    for text in (b"one", b"two"):
        write(tmp_path / ("x" * 251 + ".csv"), text)


def test_an_empty_file_is_a_place(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    write(tmp_path / "a.csv", b"one")


def test_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.csv").symlink_to("real/a.csv")
    write(tmp_path / "link.csv", b"one")
    write(tmp_path / "real/a.csv", b"two")
    assert (tmp_path / "link.csv").is_symlink()
    assert written_by(tmp_path / "link.csv") == "somebody"


@pytest.mark.parametrize("when", ["before the mark", "after the mark"])
def test_a_kill_makes_it_nobody_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    path = tmp_path / "a.csv"
    write(path, b"one")
    replace = os.replace

    def killed(source: Path, place: Path) -> None:
        if Path(place) == path or when == "before the mark":
            raise KeyboardInterrupt
        replace(source, place)

    with monkeypatch.context() as patch:
        patch.setattr("cbir.files.writing.os.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            write(path, b"two")
    assert path.read_bytes() == b"one"
    write(path, b"two")
    assert path.read_bytes() == b"two"


def test_without_a_mark_it_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".a.csv.cbir").mkdir()
    write(tmp_path / "a.csv", b"one")
    assert (tmp_path / "a.csv").read_bytes() == b"one"
    assert written_by(tmp_path / "a.csv") is None
    monkeypatch.setattr(ours_module, "_digest", lambda path: (_ for _ in ()).throw(OSError()))
    assert written_by(tmp_path / "a.csv") is None
