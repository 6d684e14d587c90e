"""`search.py --threshold auto`: what labels promise is kept, and nothing is a legal answer."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Done, Run, encoded, picture

ITEMS = 30


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Items in four views, two of them in each of two halves, and a picture of something else."""
    for half in ("labelled", "other"):
        (tmp_path / half).mkdir()
    random = np.random.default_rng(0)
    for item in range(2 * ITEMS):
        half = "labelled" if item < ITEMS else "other"
        base = picture(item, 48, 48).astype(np.int16)
        for view in range(4):
            seen = base + random.integers(-40, 41, 3) + random.integers(-20, 21, base.shape)
            data = encoded(np.clip(seen, 0, 255).astype(np.uint8), ".png")
            (tmp_path / half / f"item{item:02}_{view}.png").write_bytes(data)
    stripes = np.zeros((48, 48, 3), np.uint8)
    stripes[::2] = (0, 255, 0)
    (tmp_path / "stripes.png").write_bytes(encoded(stripes, ".png"))
    return tmp_path


def done(run: Run, home: Path, *command: str | Path) -> Done:
    found = run(*command, cwd=home)
    assert found.returncode == 0, found.stderr
    return found


def test_the_promise_is_kept_on_items_that_had_no_part_in_it(home: Path, run: Run) -> None:
    done(run, home, "index", "--dataset", "other", "--index", "other.csv")
    flags = ("--labels", "items", "-d", "hsv", "--index", "other.csv")  # vectors of the same spec
    told = done(run, home, "compare", "--dataset", "labelled", *flags)
    assert "cut-offs saved beside other.csv" in told.stderr
    rates = {}
    for rate in (0.02, 0.2):
        flags = ("--limit", "999", "--threshold", f"auto:{rate}", "--no-montage", "--json")
        found = done(run, home, "search", "--query", "other", "--index", "other.csv", *flags)
        assert f"{100 * rate:g}% of the wrong pairs pass" in found.stderr
        wrong = 0
        for line in found.stdout.splitlines():
            said = json.loads(line)
            item = Path(said["query"]).name.split("_")[0]
            wrong += sum(hit["id"].split("_")[0] != item for hit in said["hits"])
            likely = [hit["probability"] for hit in said["hits"]]
            assert likely == sorted(likely, reverse=True)
            assert all(0 < value < 1 for value in likely)
        rates[rate] = wrong / (4 * ITEMS * 4 * (ITEMS - 1))
    assert 0.002 < rates[0.02] < 0.025
    assert 0.08 < rates[0.2] < 0.22


def test_nothing_similar_is_an_answer(home: Path, run: Run) -> None:
    done(run, home, "index", "--dataset", "labelled")
    done(run, home, "compare", "--dataset", "labelled", "--labels", "items", "-d", "hsv")
    flags = ("--query", "stripes.png", "--threshold", "auto")
    found = done(run, home, "search", *flags)
    assert "nothing that near" in found.stdout
    near = done(run, home, "search", "--query", "labelled/item00_0.png", "--threshold", "auto")
    assert near.stdout.splitlines()[1].split() == ["1", "0.0000", "95%", "item00_0.png"]


def test_cutoffs_go_to_the_indexes_that_are_named(home: Path, run: Run) -> None:
    done(run, home, "index", "--dataset", "labelled", "--index", "mine.csv", "-d", "hsv:norm=l2")
    flags = ("compare", "--dataset", "labelled", "--labels", "items", "--distances", "euclidean")
    done(run, home, *flags, "-d", "hsv:norm=l2", "--index", "mine.csv")
    search = ("search", "--query", "stripes.png", "--index", "mine.csv", "--threshold", "auto")
    done(run, home, *search)
    done(run, home, *search, "--distance", "euclidean")
    other = run(*search, "--distance", "cosine", cwd=home)
    assert (other.returncode, other.stderr.count("\n")) == (2, 1)
    assert "--distances cosine" in other.stderr
    refused = run(*flags, "-d", "hsv", "--index", "mine.csv", cwd=home)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "which is not compared here" in refused.stderr


def test_cutoffs_are_not_saved_beside_other_indexes(home: Path, run: Run) -> None:
    done(run, home, "index", "--dataset", "other")
    done(run, home, "compare", "--dataset", "labelled", "--labels", "items", "-d", "hsv")
    assert not (home / "index.csv.cutoffs").exists()
    assert (home / "results/compare/cutoffs/hsv-chi2.json").exists()


def test_cutoffs_do_not_pass_to_other_pictures(home: Path, run: Run) -> None:
    """A new index takes the place of the one that they were found for, and more of it is fine."""
    flags = ("--dataset", "labelled", "--labels", "items", "-d", "hsv")
    done(run, home, "index", "--dataset", "labelled")
    done(run, home, "compare", *flags)
    search = ("search", "--query", "stripes.png", "--threshold", "auto:0.1", "--no-montage")
    (home / "labelled/more.png").write_bytes((home / "stripes.png").read_bytes())
    done(run, home, "index", "--dataset", "labelled")
    assert "of the wrong pairs pass" in done(run, home, *search).stderr
    done(run, home, "index", "--dataset", "other")
    refused = run(*search, cwd=home)
    assert refused.returncode == 2
    words = "were found for pictures in labelled, and the index is of those in other; compare again"
    assert words in refused.stderr


def test_a_rate_that_nothing_can_promise_is_refused(home: Path, run: Run) -> None:
    done(run, home, "index", "--dataset", "labelled")
    flags = ("--labels", "items", "-d", "hsv", "--false-matches", "1e-9")
    done(run, home, "compare", "--dataset", "labelled", *flags)
    assert "| –" in (home / "results/compare/report.md").read_text()
    found = run("search", "--query", "stripes.png", "--threshold", "auto:1e-9", cwd=home)
    assert (found.returncode, found.stderr.count("\n")) == (2, 1)
    assert "can't promise a false-match rate" in found.stderr


def test_augmented_indexes_are_refused(home: Path, run: Run) -> None:
    """Their results are the nearest of six, and of these more pass."""
    done(run, home, "index", "--dataset", "labelled", "--augment")
    told = done(run, home, "compare", "--dataset", "labelled", "--labels", "items", "-d", "hsv")
    assert "no cut-offs for index.csv" in told.stderr
    found = run("search", "--query", "stripes.png", "--threshold", "auto", cwd=home)
    assert (found.returncode, found.stderr.count("\n")) == (2, 1)
    assert "is augmented" in found.stderr


def test_edits_make_no_cutoffs(home: Path, run: Run) -> None:
    done(run, home, "index", "--dataset", "labelled")
    done(run, home, "compare", "--dataset", "labelled", "--labels", "edits", "-d", "hsv")
    assert not (home / "index.csv.cutoffs").exists()
    (row,) = csv.DictReader((home / "results/compare/summary.csv").read_text().splitlines())
    assert row["descriptor"] == "hsv"
