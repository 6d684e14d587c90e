"""Comparisons with a known outcome: equals, chance, a planted win, weights, and being stopped."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from cbir import steps
from cbir.errors import BadSource, BadStore
from cbir.evaluation import tuned
from cbir.evaluation.comparing import Answer, compare
from cbir.evaluation.metrics import by_chance, judge, metric
from cbir.evaluation.question import Question
from cbir.evaluation.ranking import rank
from cbir.evaluation.report import verdict
from cbir.evaluation.tuning import Tuned
from cbir.files import reading
from cbir.pipeline import Settings
from cbir.registry import register
from cbir.store import Store
from cbir.types import Image, Vectors
from tests.conftest import ROOT, Run, encoded

ITEMS, VIEWS = 40, 4
IMPATIENT = """
import sys
from cbir import store
from cbir.__main__ import main
store.COMMIT_SECONDS = 0.1
sys.exit(main(sys.argv[1:]))
"""


@register("planted")
@dataclass(frozen=True)
class Planted:
    """Sees which item a picture shows, through so much noise; the seed is another noise."""

    noise: float = 0.0
    seed: int = 0

    version: ClassVar[int] = 1
    distance: ClassVar[str] = "euclidean"
    pixels: ClassVar[None] = None
    dim: ClassVar[int] = 16

    def describe(self, batch: Sequence[Image]) -> Vectors:
        return np.stack([self._one(image) for image in batch]).astype(np.float32)

    def _one(self, image: Image) -> np.ndarray:
        item = np.random.default_rng([int(image[0, 0, 0]), self.seed]).normal(size=self.dim)
        own = np.random.default_rng([*sha256(image.tobytes()).digest()[:8], self.seed])
        return item + self.noise * own.normal(size=self.dim)


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Items whose number is their first pixel; all else is noise."""
    folder = tmp_path_factory.mktemp("world") / "items"
    folder.mkdir()
    random = np.random.default_rng(0)
    for item in range(ITEMS):
        for view in range(VIEWS):
            image = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            image[0, 0, 0] = item
            (folder / f"i{item:02}_{view}.png").write_bytes(encoded(image, ".png"))
    return folder


def answered(folder: Path, out: Path, *descriptors: str, **more: object) -> Answer:
    out.mkdir(exist_ok=True)
    question = Question(str(folder), "items", descriptors=descriptors, **more)  # type: ignore[arg-type]
    return compare(question, out)


def test_a_shuffled_descriptor_comes_out_at_chance(items: Path, tmp_path: Path) -> None:
    answer = answered(items, tmp_path, "planted:noise=1e6")
    chance = by_chance(VIEWS - 1, ITEMS * VIEWS - 1)
    assert answer.comparison.chance == pytest.approx(chance)
    (system,) = answer.comparison.systems
    assert system.interval is not None
    low, high = system.interval
    assert low < chance < high
    assert "so that nothing here is shown to work" in verdict(answer.comparison)


def test_chance_is_what_random_orders_score() -> None:
    random = np.random.default_rng(0)
    for right, names in ((1, 30), (5, 30), (29, 30), (30, 30), (1, 1), (0, 9)):
        grades = np.zeros(names, np.int64)
        grades[:right] = 1
        values = [metric("map")(judge(rank(random.random(names)), grades)) for _ in range(4000)]
        assert by_chance(right, names) == pytest.approx(np.mean(values), abs=0.01)


def test_a_planted_win_is_found_and_equals_are_not_told_apart(items: Path, tmp_path: Path) -> None:
    specs = ("planted:noise=1", "planted:noise=2", "planted:noise=2,seed=1")
    answer = answered(items, tmp_path, *specs)
    best, *others = (f"{spec} · euclidean" for spec in specs)
    for other in others:
        pair = answer.comparison.pair(best, other)
        assert pair is not None
        assert (pair.differ, pair.verdict) == (True, f"{best} is better")
    twins = answer.comparison.pair(*others)
    assert twins is not None
    assert twins.verdict == "can't be told apart"
    assert verdict(answer.comparison).startswith("For these pictures take planted:noise=1 with")


def test_weights_are_chosen_on_half_of_the_queries(items: Path, tmp_path: Path) -> None:
    parts = ("planted:noise=1.5", "planted:noise=4,seed=1")
    answer = answered(items, tmp_path, tune="+".join(parts))
    (note, *_) = answer.comparison.warnings
    assert answer.comparison.queries == len(answer.relevance.queries) == ITEMS * VIEWS // 2
    assert "on 80 queries" in note
    assert "of the other 80" in note
    typed = [system.descriptor for system in answer.comparison.systems]
    chosen, equal, *alone = typed
    assert (equal, tuple(alone)) == ("+".join(parts), parts)
    weights = [float(part.rpartition("*")[2]) for part in chosen.split("+")]
    assert weights[0] > weights[1] > 0
    assert note.startswith(chosen)
    quality = {system.descriptor: system.quality for system in answer.comparison.systems}
    assert quality[chosen] >= max(quality[part] for part in parts)


def test_a_part_of_mere_noise_gets_next_to_nothing(items: Path, tmp_path: Path) -> None:
    parts = ("planted:noise=1.5", "planted:noise=1e6,seed=1")
    answer = answered(items, tmp_path, tune="+".join(parts))
    chosen = answer.comparison.systems[0].descriptor
    assert chosen == parts[0] or float(chosen.split("+")[0].rpartition("*")[2]) >= 0.8


def test_a_part_that_does_not_help_is_left_out() -> None:
    tuning = tuned.parse("hsv+hsv-regions")
    none = np.zeros(0)
    found = Tuned((0.0, 1.0), none, none, 0.5, none, none, none)
    chosen = tuned.Chosen(tuning, found, None)  # type: ignore[arg-type]
    assert chosen.spec == "hsv-regions"
    assert [one.typed for one in chosen.beside([])] == ["hsv-regions", "hsv+hsv-regions", "hsv"]


def test_tuning_needs_enough_queries(items: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for name in ("i00_0.png", "i00_1.png", "i01_0.png"):
        (few / name).write_bytes((items / name).read_bytes())
    with pytest.raises(BadSource, match="too few to choose weights"):
        answered(few, tmp_path / "out", tune="planted+planted:seed=1")


def test_metrics_that_are_asked_for_are_told(items: Path, tmp_path: Path, run: Run) -> None:
    flags = ("--labels", "items", "-d", "hsv", "--metrics", "map@20", "ndcg@5", "--json")
    done = run("compare", "--dataset", items, *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "results/compare"
    (row,) = csv.DictReader((out / "summary.csv").read_text().splitlines())
    assert list(row)[-3:] == ["bytes_per_picture", "map@20", "ndcg@5"]
    record = json.loads(done.stdout.splitlines()[0])
    assert record["map@20"] == pytest.approx(float(row["map@20"]))
    values = [
        float(line["value"])
        for line in csv.DictReader((out / "per_query.csv").read_text().splitlines())
        if line["metric"] == "map@10"
    ]
    per_class = np.reshape(values, (ITEMS, VIEWS)).mean(axis=1).mean()
    assert record["class map@10"] == pytest.approx(per_class)
    assert "class map@10" in (out / "report.html").read_text()


def test_a_comparison_that_is_killed_goes_on_where_it_was(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures, store_file, spec = (
        tmp_path / "pictures",
        tmp_path / "store.db",
        "hsv:background=remove",
    )
    shutil.copytree(shop, pictures)
    count = len(list(pictures.iterdir()))
    time.sleep(reading.TICK_NS / 1e9)  # what has just changed has no stamp
    command = ["compare", "--dataset", pictures, "--labels", "items", "-d", spec]
    process = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, *map(str, command), "--store", store_file],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    while not (kept := _stored(store_file)) and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert kept, "it ended before it could be killed"
    kept = _stored(store_file)
    assert kept < 2 * count  # there is a thumbnail for each, too

    made: list[str] = []
    find = steps.find_object
    monkeypatch.setattr(steps, "find_object", lambda image: made.append("") or find(image))
    question = Question(str(pictures), "items", descriptors=(spec,))
    (tmp_path / "out").mkdir()
    with Store.open(store_file) as store:
        again = compare(question, tmp_path / "out", Settings(), store)
    measured_for_cost = 3 * 32 + 1
    assert len(made) <= count - kept // 2 + measured_for_cost
    fresh = compare(question, tmp_path / "out", Settings())
    assert again.comparison.systems[0].metrics == fresh.comparison.systems[0].metrics


def _stored(path: Path) -> int:
    """How many vectors a store has committed."""
    if not path.exists():
        return 0
    try:
        with Store.open(path, read_only=True) as store:
            return sum(spec.vectors for spec in store.summary().specs)
    except BadStore:  # it is being made
        return 0
