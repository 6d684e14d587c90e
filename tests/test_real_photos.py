"""On real photos, the project's own commands reach the figures that a right program reaches."""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cbir.evaluation.runs import quoted
from tests.conftest import Run
from tests.ranx_oracle import ranx

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


def food(run: Run, folder: Path, shared: Path, spec: str) -> tuple[float, float]:
    """Each dish as a query on the other 35."""
    index = folder / "food.csv"
    done = run("index", "--dataset", shared / "food/train", "--index", index, "-d", spec)
    assert done.returncode == 0, done.stderr
    relevant = [
        [dish(id) == dish(query) for id in ids if id != Path(query).name]
        for query, ids in rankings(run, index, shared / "food/train").items()
    ]
    assert len(relevant) == 36
    assert {len(row) for row in relevant} == {35}
    return figures(relevant)


def clothing(run: Run, folder: Path, shared: Path, spec: str) -> tuple[float, float]:
    """Each of the users' photos on the gallery; the folder is the class."""
    index = folder / "clothing.csv"
    done = run("index", "--dataset", shared / "clothing/gallery", "--index", index, "-d", spec)
    assert done.returncode == 0, done.stderr
    relevant = [
        [Path(id).parent.name == Path(query).parent.name for id in ids]
        for query, ids in rankings(run, index, shared / "clothing/queries").items()
    ]
    assert (len(relevant), len(relevant[0])) == (372, 341)
    return figures(relevant)


@pytest.mark.shared
@pytest.mark.parametrize(("spec", "right"), [("hsv", (0.81, 0.69)), ("mobilenet", (0.92, 0.90))])
def test_food(
    shared: Path, tmp_path: Path, run: Run, spec: str, right: tuple[float, float]
) -> None:
    assert food(run, tmp_path, shared, spec) == pytest.approx(right, abs=TOLERANCE)


@pytest.mark.shared
@pytest.mark.parametrize(("spec", "right"), [("hsv", (0.13, 0.14)), ("mobilenet", (0.59, 0.37))])
def test_clothing(
    shared: Path, tmp_path: Path, run: Run, spec: str, right: tuple[float, float]
) -> None:
    assert clothing(run, tmp_path, shared, spec) == pytest.approx(right, abs=TOLERANCE)


@pytest.mark.shared
def test_a_sum_beats_both_its_parts(shared: Path, tmp_path: Path, run: Run) -> None:
    parts = [food(run, tmp_path, shared, spec) for spec in ("hsv", "mobilenet")]
    first, precision = food(run, tmp_path, shared, "hsv*0.1+mobilenet*0.9")
    assert first >= max(first for first, _ in parts)
    assert precision > max(precision for _, precision in parts) + 0.005


@pytest.mark.shared
@pytest.mark.long
def test_a_sum_beats_both_its_parts_on_clothes(shared: Path, tmp_path: Path, run: Run) -> None:
    """In the first result, too."""
    specs = ("mobilenet:pool=gem", "mobilenet:fit=crop")
    parts = [clothing(run, tmp_path, shared, spec) for spec in specs]
    first, precision = clothing(run, tmp_path, shared, f"{specs[0]}*0.4+{specs[1]}*0.6")
    assert first > max(first for first, _ in parts)
    assert precision > max(precision for _, precision in parts)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["hsv", "mobilenet"])
def test_removing_the_background_helps(shared: Path, tmp_path: Path, run: Run, name: str) -> None:
    kept = food(run, tmp_path, shared, name)
    removed = food(run, tmp_path, shared, f"{name}:background=remove")
    assert removed[0] > kept[0]
    assert removed[1] > kept[1] - 0.01


@pytest.mark.shared
@pytest.mark.long
@pytest.mark.parametrize("name", ["hsv", "mobilenet"])
def test_removing_the_background_helps_on_clothes(
    shared: Path, tmp_path: Path, run: Run, name: str
) -> None:
    kept = clothing(run, tmp_path, shared, name)
    removed = clothing(run, tmp_path, shared, f"{name}:background=remove")
    assert removed[0] > kept[0] + 0.01
    assert removed[1] > kept[1]


SYSTEMS = ("hsv", "hsv-regions", "mobilenet", "hsv*0.1+mobilenet*0.9")
EVERY = ("chi2", "cosine", "hellinger")


def check_report(out: Path, expected: dict[tuple[str, str], tuple[float, float]]) -> None:
    """The figures are right, and ranx finds the same in each run, query by query."""
    summary = list(csv.DictReader((out / "summary.csv").read_text().splitlines()))
    found = {(row["descriptor"], row["distance"]): row for row in summary}
    assert {distance for name, distance in found if name == "hsv"} == {*EVERY}
    for key, (first, precision) in expected.items():
        row = found[key]
        assert float(row["p@1"]) == pytest.approx(first, abs=TOLERANCE)
        assert float(row["map"]) == pytest.approx(precision, abs=TOLERANCE)
    values: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
    for row in csv.DictReader((out / "per_query.csv").read_text().splitlines()):
        own = values.setdefault((row["descriptor"], row["distance"]), {})
        own[row["metric"], quoted(row["query"])] = float(row["value"])
    record = json.loads((out / "comparison.json").read_text())
    metrics = ["map", "p@1", "p@5", "p@10", "recall@10", "ndcg@10", "mrr", "rprec", "map@10"]
    with ranx() as ask:
        for run, system in record["systems"].items():
            theirs = ask(out / "qrels.trec", out / f"runs/{run}.trec", metrics)
            ours = values[system["descriptor"], system["distance"]]
            for metric in metrics:
                for query, value in theirs[metric].items():
                    assert value == pytest.approx(ours[metric, query], abs=1e-9)


@pytest.mark.shared
def test_a_comparison_on_dishes_is_right(shared: Path, tmp_path: Path, run: Run) -> None:
    flags = ("--labels", "items", "--item-rule", "^[a-z]+", "-d", *SYSTEMS, "--distances", *EVERY)
    done = run("compare", "--dataset", shared / "food/train", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    expected = {("hsv", "chi2"): (0.81, 0.69), ("mobilenet", "cosine"): (0.92, 0.90)}
    check_report(tmp_path / "results/compare", expected)


@pytest.mark.shared
@pytest.mark.long
def test_a_comparison_on_clothes_is_right(shared: Path, tmp_path: Path, run: Run) -> None:
    sides = ("--dataset", shared / "clothing/gallery", "--queries", shared / "clothing/queries")
    flags = ("--labels", "folders", "-d", *SYSTEMS, "--distances", *EVERY)
    done = run("compare", *sides, *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    expected = {("hsv", "chi2"): (0.13, 0.14), ("mobilenet", "cosine"): (0.59, 0.37)}
    check_report(tmp_path / "results/compare", expected)
    assert "take mobilenet with cosine" in done.stdout
