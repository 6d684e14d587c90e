"""On real photos, the project's own commands reach the figures that a right program reaches."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Run

TOLERANCE = 0.02


def rankings(run: Run, index: Path, queries: Path) -> dict[str, list[str]]:
    """For each query its whole ranking, by the real command line."""
    done = run(
        *("search", "--query", queries, "--index", index, "--limit", "10000"),
        *("--no-montage", "--json", "--quiet"),
    )
    assert done.returncode == 0
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["query"]: [hit["id"] for hit in row["hits"]] for row in found}


def figures(relevant: Sequence[Sequence[bool]]) -> tuple[float, float]:
    """P@1 and plain average precision, without a cut-off, over several rankings."""
    first = [row[0] for row in relevant]
    precisions = []
    for row in relevant:
        ranks = np.flatnonzero(row) + 1
        precisions.append((np.arange(1, len(ranks) + 1) / ranks).mean())
    return float(np.mean(first)), float(np.mean(precisions))


def dish(name: str) -> str:
    """The letters before the first digit are a dish's class."""
    letters = re.match(r"[a-z]+", Path(name).name)
    assert letters
    return letters[0]


@pytest.mark.shared
def test_food(shared: Path, tmp_path: Path, run: Run) -> None:
    """Each dish as a query on the other 35."""
    index = tmp_path / "food.csv"
    assert run("index", "--dataset", shared / "food/train", "--index", index).returncode == 0
    relevant = [
        [dish(id) == dish(query) for id in ids if id != Path(query).name]
        for query, ids in rankings(run, index, shared / "food/train").items()
    ]
    assert len(relevant) == 36
    assert {len(row) for row in relevant} == {35}
    assert figures(relevant) == pytest.approx((0.81, 0.69), abs=TOLERANCE)


@pytest.mark.shared
def test_clothing(shared: Path, tmp_path: Path, run: Run) -> None:
    """Each of the users' photos on the gallery; the folder is the class."""
    index = tmp_path / "clothing.csv"
    assert run("index", "--dataset", shared / "clothing/gallery", "--index", index).returncode == 0
    relevant = [
        [Path(id).parent.name == Path(query).parent.name for id in ids]
        for query, ids in rankings(run, index, shared / "clothing/queries").items()
    ]
    assert (len(relevant), len(relevant[0])) == (372, 341)
    assert figures(relevant) == pytest.approx((0.13, 0.14), abs=TOLERANCE)
