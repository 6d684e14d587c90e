"""The README is true: its commands run, and print what it says."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Run

DEMO = ["index.py --dataset data/dataset/shop", "search.py --query queries/hat-tan_query.jpg"]


def console_blocks() -> list[str]:
    return re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def without_times(text: str) -> list[str]:
    return [re.sub(r"in [\d.]+ s", "in … s", line) for line in text.splitlines()]


def test_demo_prints_what_the_readme_shows(tmp_path: Path) -> None:
    """The two commands of `make demo`, in a folder that sees only what a clone holds."""
    for name in ("index.py", "search.py", "cbir", "data", "queries"):
        (tmp_path / name).symlink_to(ROOT / name)
    said = ""
    for command in DEMO:
        done = subprocess.run(
            [sys.executable, *shlex.split(command)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
        said += done.stdout
    shown = console_blocks()[0].split("$ make demo\n")[1].split("$ make test")[0]
    assert sorted(without_times(said)) == sorted(without_times(shown))


def test_make_demo_runs_those_commands() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for command in DEMO:
        assert f"$(BIN)/python {command}\n" in makefile
        assert command in (ROOT / "README.md").read_text()


def test_descriptors_are_listed_as_shown(run: Run) -> None:
    shown = console_blocks()[1].removeprefix("$ python -m cbir descriptors\n")
    assert run("descriptors").stdout == shown


def test_the_measured_ratios_are_there() -> None:
    text = (ROOT / "docs/speed.md").read_text()
    assert len(re.findall(r"^\| .* × ", text, re.MULTILINE)) >= 10


@pytest.mark.parametrize("page", ["README.md", *(p.name for p in (ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page if page == "README.md" else ROOT / "docs" / page
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_the_example_descriptor_works(photos: Path) -> None:
    """docs/descriptors.md shows a whole descriptor: it must run as it stands."""
    from cbir import pipeline, recipe, registry
    from cbir.sources import Folder

    text = (ROOT / "docs/descriptors.md").read_text()
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    assert len(code.splitlines()) <= 35
    scope: dict[str, type] = {"__name__": "example"}
    exec(compile(code, "docs/descriptors.md", "exec", dont_inherit=True), scope)
    registry.register("mean-colour-of-the-docs")(scope["MeanColour"])
    made = recipe.parse("mean-colour-of-the-docs:power=2")
    source = Folder(photos)
    results = list(pipeline.describe(source, source.pictures(), [made], pipeline.Settings()))
    assert isinstance(results[0], pipeline.Described)
    assert results[0].vectors.shape == (8, 3)
