"""Items that ask with all their pictures: the same order as by hand, and as a person types it."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from cbir.catalogue import AGGREGATES, item_distances
from cbir.errors import BadSource
from cbir.evaluation.askers import Askers, dealt
from cbir.evaluation.labels import by_class
from cbir.evaluation.relevance import Sides
from cbir.evaluation.runs import read_run
from cbir.items import item_rule
from tests.conftest import Run, encoded, picture

RULE = item_rule()


def ids(items: int, views: str) -> list[str]:
    return [f"i{item}_{view}.jpg" for item in range(items) for view in views]


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_items_are_ranked_by_the_aggregate(aggregate: str) -> None:
    queries = sorted([*ids(4, "ab"), "x/i1_c.jpg"])  # an item's pictures need not be neighbours
    gallery = ids(5, "def")
    sides = Sides(queries, gallery)
    askers = Askers.of(by_class(sides, RULE, "item"), RULE)
    assert askers.relevance.queries == ["i0", "i1", "i2", "i3"]
    assert [len(some) for some in askers.members] == [2, 3, 2, 2]
    assert sorted(askers.asked) == queries
    far = np.random.default_rng(0).random((len(queries), len(gallery))).astype(np.float32)
    of_each = dict(zip(askers.asked, far.copy(), strict=True))
    found = list(askers.rankings(iter(far), aggregate))
    assert len(found) == 4
    for number, (name, ranking) in enumerate(zip(askers.relevance.queries, found, strict=True)):
        own = np.stack([of_each[id] for id in askers.asked if RULE(id) == name])
        expected = item_distances(own, np.arange(15) // 3, 5, aggregate)
        assert ranking.order.tolist() == np.argsort(expected, kind="stable").tolist()
        assert ranking.distances == pytest.approx(np.sort(expected))
        assert np.flatnonzero(askers.relevance.grades(number)).tolist() == [number]
        assert askers.shown_as[name] in askers.asked


def test_a_query_s_own_bytes_do_not_count() -> None:
    queries, gallery = ["i0_a.jpg", "i0_b.jpg"], ["i0_x.jpg", "i0_y.jpg", "i1_x.jpg"]
    same = {"i0_a.jpg": b"1", "i0_b.jpg": b"2"}, {"i0_x.jpg": b"1", "i0_y.jpg": b"3"}
    sides = Sides(queries, gallery, False, *same)
    askers = Askers.of(by_class(sides, RULE, "item"), RULE)
    far = np.array([[0.0, 0.4, 0.5], [0.1, 0.6, 0.7]], np.float32)
    (ranking,) = askers.rankings(iter(far), "mean")
    assert ranking.distances == pytest.approx([(0.4 + 0.1) / 2, (0.5 + 0.7) / 2])


def test_half_of_each_item_asks_the_others() -> None:
    gallery = [*ids(6, "abcde"), "single_a.jpg"]
    sides = dealt(Sides(gallery, gallery, True), RULE, seed=0)
    assert sorted([*sides.queries, *sides.gallery]) == sorted(gallery)
    assert not sides.same
    asking = [RULE(id) for id in sides.queries]
    assert {asking.count(f"i{item}") for item in range(6)} == {2}
    assert "single_a.jpg" in sides.gallery
    assert dealt(Sides(gallery, gallery, True), RULE, seed=1).queries != sides.queries
    with pytest.raises(BadSource, match="no item has two pictures"):
        dealt(Sides(["a_1.jpg", "b_1.jpg"], ["a_1.jpg", "b_1.jpg"], True), RULE, 0)


def test_aggregates_are_compared_at_the_command_line(shop: Path, tmp_path: Path, run: Run) -> None:
    flags = ("--labels", "items", "--level", "item", "--aggregate", *AGGREGATES, "-d", "hsv")
    done = run("compare", "--dataset", shop, *flags, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    *said, _ = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["aggregate"] for one in said} == {*AGGREGATES}
    out = tmp_path / "results/compare"
    rows = list(csv.DictReader((out / "summary.csv").read_text().splitlines()))
    assert [row["aggregate"] for row in rows] == [*AGGREGATES]
    assert {row["query_ms"] for row in rows} == {""}  # a query is more than one search
    quality = {row["aggregate"]: float(row["map"]) for row in rows}
    assert quality["mean"] > quality["points"]
    ranked = read_run(out / "runs/hsv-chi2-mean.trec")
    assert set(ranked) == {id for entries in ranked.values() for id, _ in entries}
    assert not (out / "cutoffs").exists()
    again = run("compare", "--from-runs", out, "--out", "again", "--json", cwd=tmp_path)
    assert again.stdout == done.stdout
    assert (out / "summary.csv").read_bytes() == (tmp_path / "again/summary.csv").read_bytes()


def test_folders_may_be_the_items(tmp_path: Path, run: Run) -> None:
    for number in range(12):
        (tmp_path / f"set/f{number % 3}").mkdir(parents=True, exist_ok=True)
        data = encoded(picture(number % 3, 40 + number), ".png")
        (tmp_path / f"set/f{number % 3}/{number}.png").write_bytes(data)
    flags = ("--labels", "folders", "--level", "item", "--aggregate", "best", "-d", "hsv")
    done = run("compare", "--dataset", "set", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(read_run(tmp_path / "results/compare/runs/hsv-chi2-best.trec")) == {"f0", "f1", "f2"}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--aggregate", "mean"], "compare with --level item"),
        (["--level", "item", "--aggregate", "meen"], "did you mean mean?"),
        (["--level", "item", "--aggregate", "mean", "--tune", "hsv+hsv-regions"], "--tune"),
        (["--level", "item", "--aggregate", "mean", "--item-rule", "stem"], "no item has two"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_fit_gets_one_line(
    shop: Path, tmp_path: Path, run: Run, flags: list[str], words: str
) -> None:
    done = run("compare", "--dataset", shop, "--labels", "items", *flags, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert words in done.stderr
