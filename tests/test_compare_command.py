"""`cbir compare`, as a person types it: its files, its figures and its refusals."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from cbir.evaluation.runs import read_qrels, read_run
from tests.conftest import Done, Run, encoded, picture

COLUMNS = (
    "descriptor,spec,distance,queries,map,map_low,map_high,p@1,p@5,p@10,recall@10,ndcg@10,mrr,rprec,"
    "describe_per_s,decode_per_s,query_ms,query_ms_p95,bytes_per_picture"
)


@pytest.fixture
def items(tmp_path: Path) -> Path:
    """Ten items of three pictures that are alike, each a little otherwise; beside it, queries."""
    for name in ("items", "queries"):
        (tmp_path / name).mkdir()
    for item in range(10):
        base = picture(item).astype(np.int16)
        for view in range(4):
            noise = np.random.default_rng(item * 10 + view).integers(-12, 13, base.shape)
            image = np.clip(base + noise, 0, 255).astype(np.uint8)
            folder = "queries" if view == 3 else "items"
            (tmp_path / folder / f"item{item}_{view}.png").write_bytes(encoded(image, ".png"))
    return tmp_path


def compare(run: Run, folder: Path, *flags: str | Path) -> Done:
    command = ("compare", "--dataset", "items", "--labels", "items", "--out", "out")
    return run(*command, *flags, cwd=folder)


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_all_files_are_there_and_say_the_same(items: Path, run: Run) -> None:
    done = compare(run, items, "-d", "hsv", "hsv-regions", "--distances", "cosine", "--json")
    assert done.returncode == 0, done.stderr
    *said, verdict = [json.loads(line) for line in done.stdout.splitlines()]
    assert verdict["verdict"].startswith(f"For these pictures take {verdict['take']} with")
    assert said[0]["map_low"] <= said[0]["map"] <= said[0]["map_high"] + 1e-9
    assert said[0]["query_ms"] > 0
    out = items / "out"
    assert (out / "summary.csv").read_text().splitlines()[0] == COLUMNS
    summary = table(out / "summary.csv")
    assert [(row["descriptor"], row["distance"]) for row in summary] == [
        ("hsv", "chi2"),
        ("hsv", "cosine"),
        ("hsv-regions", "chi2"),
        ("hsv-regions", "cosine"),
    ]
    per_query = table(out / "per_query.csv")
    assert list(per_query[0]) == ["query", "descriptor", "distance", "metric", "value"]
    qrels = read_qrels(out / "qrels.trec")
    assert len(qrels) == 30
    for row in summary:
        name = row["descriptor"], row["distance"]
        values = [
            float(one["value"])
            for one in per_query
            if (one["descriptor"], one["distance"], one["metric"]) == (*name, "p@1")
        ]
        assert (len(values), np.mean(values)) == (30, pytest.approx(float(row["p@1"])))
        ranked = read_run(out / f"runs/{name[0]}-{name[1]}.trec")
        assert {len(entries) for entries in ranked.values()} == {29}  # never the query itself
        first = [entries[0][0] in qrels[query] for query, entries in ranked.items()]
        assert np.mean(first) == pytest.approx(float(row["p@1"]))
        (record,) = [one for one in said if (one["descriptor"], one["distance"]) == name]
        assert record["map"] == pytest.approx(float(row["map"]))
        assert float(row["map_low"]) <= float(row["map"]) + 1e-9
        assert float(row["map"]) <= float(row["map_high"]) + 1e-9
    assert len(table(out / "significance.csv")) == 6
    page = (out / "report.html").read_text()
    assert "<script" not in page
    assert (out / "report.md").read_text().startswith("#")


def test_a_person_sees_a_table_and_a_verdict(items: Path, run: Run) -> None:
    done = compare(run, items, "--queries", "queries", "-d", "hsv", "hsv-regions")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "descriptor" in lines[0]
    assert len([line for line in lines if " chi2 " in line]) >= 2
    assert lines[-1].startswith("For these pictures take hsv")
    assert "written to out" in done.stderr


def test_two_equal_descriptors_can_not_be_told_apart(items: Path, run: Run) -> None:
    """Normalised otherwise, and the same by cosine."""
    specs = ("-d", "hsv", "hsv:norm=l2", "--distances", "cosine")
    assert compare(run, items, *specs).returncode == 0
    pairs = table(items / "out/significance.csv")
    (same,) = [row for row in pairs if "cosine" in row["a"] and "cosine" in row["b"]]
    assert same["verdict"] == "can't be told apart"
    assert float(same["p_holm"]) == 1


def test_items_count_once(items: Path, run: Run) -> None:
    flags = ("--level", "item", "--queries", "queries", "-d", "hsv")
    assert compare(run, items, *flags).returncode == 0
    ranked = read_run(items / "out/runs/hsv-chi2.trec")
    assert len(ranked) == 10
    for entries in ranked.values():
        assert sorted(name for name, _ in entries) == [f"item{n}" for n in range(10)]


def test_copies_among_queries_are_told_and_do_not_count(items: Path, run: Run) -> None:
    near = items / "queries/item0_9.png"
    near.write_bytes((items / "items/item0_0.png").read_bytes())
    for flags in ([], ["--no-store"]):
        assert compare(run, items, "--queries", "queries", "-d", "hsv", *flags).returncode == 0
        ranked = read_run(items / "out/runs/hsv-chi2.trec")
        assert len(ranked["item0_9.png"]) == 29  # of 30: its own bytes are not ranked
    near.write_bytes(near.read_bytes() + b"one more byte")
    done = compare(run, items, "--queries", "queries", "-d", "hsv")
    assert "nearly the same picture in the gallery" in done.stderr


def test_edits_need_no_labels(shop: Path, tmp_path: Path, run: Run) -> None:
    command = ("compare", "--dataset", shop, "--labels", "edits", "-d", "hsv", "--out", "out")
    done = run(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "synthetic edits" in done.stdout
    assert "data:image/jpeg;base64," in (tmp_path / "out/report.html").read_text()
    values: dict[str, list[float]] = {}
    for row in table(tmp_path / "out/per_query.csv"):
        if row["metric"] == "map":
            values.setdefault(row["query"].split("/")[0], []).append(float(row["value"]))
    means = {kind: np.mean(some) for kind, some in values.items()}
    assert means["mirror"] > 0.95
    assert means["recolour"] < 0.5


def test_the_store_is_used_and_changes_nothing(items: Path, run: Run) -> None:
    figures = []
    for flags in (["--no-store"], [], []):
        assert compare(run, items, "-d", "hsv", *flags).returncode == 0
        figures.append((items / "out/per_query.csv").read_bytes())
    assert figures[0] == figures[1] == figures[2]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--labels", "gone.csv"], "there are no labels 'gone.csv'"),
        (["--labels", "folders"], "one class"),
        (["--item-rule", "stem"], "no query has a right answer"),
        (["--item-rule", "(item"], "is no regular expression"),
        (["--labels", "edits", "--queries", "queries"], "leave --queries away"),
        (["--queries", "nowhere"], "there is no folder or data set 'nowhere'"),
        (["--dataset", "empty"], "no pictures"),
        (["-d", "hsv", "hsv"], "named twice"),
        (["-d", "hvs"], "did you mean hsv?"),
        (["--distances", "chi3"], "did you mean chi2?"),
        (["--tune", "hsv"], "give a sum, such as hsv+mobilenet"),
        (["--tune", "hsv*0.5+hsv-regions"], "leave them away: hsv+hsv-regions"),
        (["--tune", "hsv+hsv"], "adds the same descriptor twice"),
        (["--metrics", "map@0"], "needs a whole number after the @"),
        (["--metrics", "mpa@5"], "did you mean map?"),
        (["--false-matches", "2"], "is not a share of pairs"),
        (["--index", "gone.csv"], "gone.csv"),
        (["--labels", ""], "--labels is needed"),
        (["--dataset", ""], "--dataset D is needed"),
        (["--from-runs", "x", "-d", "hsv"], "--from-runs only reports"),
        (["--from-runs", "nowhere"], "there is no folder nowhere with runs"),
        (["--from-runs", "empty"], "holds no runs"),
        (["--out", "items/item0_0.png"], "can't write to"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_gets_one_line(items: Path, run: Run, flags: list[str], words: str) -> None:
    (items / "empty").mkdir()
    done = compare(run, items, *flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert words in done.stderr
