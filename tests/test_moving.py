"""docs/moving.md is true: each earlier tool's worked example runs as its page describes."""

import doctest
import json
import re
from pathlib import Path

import pytest

from cbir.__main__ import COMMANDS
from tests.conftest import ROOT, Run

PAGE = ROOT / "docs/moving.md"


def test_its_python_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.attempted
    assert not found.failed


def test_its_commands_and_flags_exist(run: Run) -> None:
    """Every `cbir NAME … --flag` on the page is known to that command's help."""
    text = PAGE.read_text().replace("\\\n", " ")
    found = re.findall(r"(?:cbir|python) (index|search|[a-z-]+)(?:\.py)?((?: [^`\n|]*)?)", text)
    known = [(name, flags) for name, flags in found if name in COMMANDS]
    assert {name for name, _ in known} >= {"index", "search", "fit", "similar", "visual-search"}
    helps: dict[str, str] = {}
    for name, flags in known:
        helps[name] = helps.get(name) or run(name, "--help").stdout
        for flag in re.findall(r"(?<!\S)--[a-z-]+", flags):
            assert flag in helps[name], f"{name} {flag}"


@pytest.mark.shared
def test_recommendations_for_the_dishes(shared: Path, tmp_path: Path, run: Run) -> None:
    """The five nearest of each query show the same dish, and are drawn beside it."""
    run("index", "--dataset", shared / "food/train", "-d", "mobilenet", cwd=tmp_path)
    flags = ("--query", shared / "food/test", "--limit", "5", "--json")
    done = run("search", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        said = json.loads(line)
        dish = Path(said["query"]).name.split("_")[0]
        assert [re.match("[a-z]+", hit["id"])[0] for hit in said["hits"]] == [dish] * 5
    drawn = sorted(path.name for path in (tmp_path / "results").glob("*.jpg"))
    assert drawn == ["asparagus_test.jpg", "burger_test.jpg", "salad_test.jpg"]


@pytest.mark.shared
def test_recommendations_of_every_picture(shared: Path, tmp_path: Path, run: Run) -> None:
    flags = ("-d", "mobilenet", "--item-rule", "stem", "--number", "5", "--out", "r.json")
    done = run("fit", "--dataset", shared / "food/train", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    items = json.loads((tmp_path / "r.json").read_text())["items"]
    assert {len(near) for near in items.values()} == {5}
    dish = {name: re.match("[a-z]+", name)[0] for name in items}
    right = sum(dish[near["item"]] == dish[name] for name in items for near in items[name])
    assert right / (5 * len(items)) > 0.8
