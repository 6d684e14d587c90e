"""TREC files: what is written scores the same elsewhere, and what others wrote is read."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from cbir.errors import BadOutput, BadSource
from cbir.evaluation.metrics import DEFAULT, judge, metric
from cbir.evaluation.ranking import Ranking, rank
from cbir.evaluation.runs import (
    depth_to_keep,
    quoted,
    read_qrels,
    read_run,
    write_qrels,
    writing_run,
)
from tests.conftest import ROOT
from tests.ranx_oracle import ranx

NAMES = sorted(
    ["a b.jpg", "100%.jpg", "50%20off.jpg", "#1.jpg", "tab\there.jpg", "line\nbreak.jpg"]
    + ["é/图.jpg", "no\u00a0break.jpg", "\ufeffmark.jpg", 'say "x".jpg', "\x00.jpg", "\u2028.jpg"]
    + [f"shoes/{number:03}.jpg" for number in range(100)]
)
METRICS = [*DEFAULT, "map@10", "ndcg", "success@1"]


class Case(SimpleNamespace):
    """Queries with grades, and distances with many ties."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        super().__init__(queries=[f"query {n}%.jpg" for n in range(12)], gallery=NAMES)
        self.right = random.integers(1, 4, (12, len(NAMES))) * (random.random((12, 112)) < 0.1)
        self.right[:, 5] = 1
        steps = random.integers(0, 40, (12, len(NAMES)))
        self.distances = (1 + steps * np.spacing(np.float32(1))).astype(np.float32)
        self.distances[0] = 0
        self.distances[1] = 1e-45

    def grades(self, query: int) -> np.ndarray:
        return self.right[query]

    def write(self, folder: Path, depth: int | None = None) -> tuple[Path, Path]:
        qrels, run = folder / "qrels.trec", folder / "run.trec"
        write_qrels(qrels, self)
        with writing_run(run, NAMES, "hsv chi2", depth) as write:
            for query, distances in zip(self.queries, self.distances, strict=True):
                write(query, rank(distances))
        return qrels, run


def test_saved_runs_score_the_same_in_ranx_and_trec_eval(tmp_path: Path) -> None:
    case = Case()
    qrels, run = case.write(tmp_path)
    with ranx() as ask:
        theirs = ask(qrels, run, METRICS)
    with open(qrels) as lines, open(run) as run_lines:
        evaluator = pytrec_eval.RelevanceEvaluator(pytrec_eval.parse_qrel(lines), {"map", "ndcg"})
        trec = evaluator.evaluate(pytrec_eval.parse_run(run_lines))
    for number, (query, distances) in enumerate(zip(case.queries, case.distances, strict=True)):
        judged = judge(rank(distances), case.grades(number))
        for name in METRICS:
            ours = metric(name)(judged)
            assert theirs[name][quoted(query)] == pytest.approx(ours, abs=1e-9)
            if name in ("map", "ndcg"):
                assert trec[quoted(query)][name] == pytest.approx(ours, abs=1e-9)


def test_saved_runs_come_back(tmp_path: Path) -> None:
    case = Case()
    qrels, run = case.write(tmp_path)
    numbers = {name: number for number, name in enumerate(NAMES)}
    found = read_run(run)
    assert list(found) == case.queries
    for query, distances in zip(case.queries, case.distances, strict=True):
        order = [numbers[name] for name, _ in found[query]]
        np.testing.assert_array_equal(order, rank(distances).order)
        scores = np.array([score for _, score in found[query]])
        np.testing.assert_allclose(-scores, rank(distances).distances, atol=2e-5)
    for number, query in enumerate(case.queries):
        right = {NAMES[n]: case.right[number, n] for n in np.flatnonzero(case.right[number])}
        assert read_qrels(qrels)[query] == right


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=50))
def test_scores_fall_strictly_as_float32(tmp_path_factory, values: list[float]) -> None:
    path = tmp_path_factory.mktemp("runs") / "run.trec"
    distances = np.sort(np.array(values, np.float32))
    with writing_run(path, [f"{n:02}" for n in range(len(values))], "tag") as write:
        write("q", Ranking(np.arange(len(values)), distances))
    scores = np.array([line.split()[4] for line in path.read_text().splitlines()], np.float32)
    assert (np.diff(scores.astype(np.float64)) < 0).all()
    if len(set(distances)) == len(distances) and np.abs(distances).max() < 1e38:
        np.testing.assert_array_equal(scores, -distances)


def test_lines_are_what_trec_wants(tmp_path: Path) -> None:
    with writing_run(tmp_path / "run", ["a b.jpg", "c.jpg"], "hsv") as write:
        write("q 1", Ranking(np.array([1, 0]), np.array([0, 0.25], np.float32)))
    assert (tmp_path / "run").read_text() == (
        "q%201 Q0 c.jpg 1 0 hsv\nq%201 Q0 a%20b.jpg 2 -0.25 hsv\n"
    )


def test_runs_are_cut_at_their_depth(tmp_path: Path) -> None:
    _, run = Case().write(tmp_path, depth=7)
    assert {len(entries) for entries in read_run(run).values()} == {7}
    assert depth_to_keep(100, 1000, 10) == 1000
    assert depth_to_keep(100, 5000, 10) == 1000
    assert depth_to_keep(100, 5000, 10, depth=50) == 50
    assert depth_to_keep(10**6, 5, 10) == 5


def test_a_run_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_text("the old one")

    def stopped() -> None:
        with writing_run(path, NAMES, "hsv") as write:
            write("q", rank(np.zeros(len(NAMES))))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert path.read_text() == "the old one"
    assert [*tmp_path.iterdir()] == [path]
    with pytest.raises(BadOutput), writing_run(tmp_path / "none/run.trec", NAMES, "hsv"):
        pass


def test_queries_that_rank_nothing_leave_no_lines(tmp_path: Path) -> None:
    with writing_run(tmp_path / "run", ["a"], "hsv") as write:
        write("q", rank(np.zeros(1), np.array([0])))
        write("r", rank(np.zeros(1)))
    assert (tmp_path / "run").read_text() == "r Q0 a 1 0 hsv\n"


def test_writing_does_not_load_pandas(tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from cbir.evaluation.runs import writing_run; from cbir.evaluation.ranking import rank\n"
        f"with writing_run(Path({str(tmp_path / 'run')!r}), ['a', 'b'], 't') as write:\n"
        "    write('q', rank(np.zeros(2)))\n"
        "print([m for m in ('pandas', 'scipy', 'matplotlib', 'numba') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_runs_of_other_tools(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.write_bytes(
        b"\xef\xbb\xbf# made by another\n"
        b"q1\tQ0\tb.jpg\t9\t1.5e0\tother\r\n"
        b"\n"
        b"q2 Q0 x 0 -3 other\n"
        b"q1 0  caf\xc3\xa9.jpg first 2 other\n"
        b"q1 Q0 a.jpg 1 1.5 other\n"
        b"q1 Q0 100%.jpg 1 0.1 other"
    )
    assert read_run(path) == {
        "q1": [("café.jpg", 2), ("a.jpg", 1.5), ("b.jpg", 1.5), ("100%.jpg", 0.1)],
        "q2": [("x", -3)],
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "holds no lines"),
        (b"# nothing\n\n", "holds no lines"),
        (b"q Q0 a 1 0.5 t\nq Q0 a\n", "line 2: a run's lines read"),
        (b"q Q0 a 1 0.5 t more\n", "line 1: a run's lines read"),
        (b"q Q0 a 1 high t\n", "line 1: 'high' is no score"),
        (b"q Q0 a 1 nan t\n", "line 1: 'nan' is no score"),
        (b"q Q0 a 1 -inf t\n", "line 1: '-inf' is no score"),
        (b"q Q0 a 1 \xff\xfe t\n", "is no score"),
        (b"q Q0 a 1 2 t\nq Q0 a 2 1 t\n", "line 2: 'a' stands there a second time for 'q'"),
        (b"q Q0 %FF 1 2 t\n", "line 1: a name is not UTF-8"),
        (b"q Q0 \xff 1 2 t\n", "line 1: a name is not UTF-8"),
        (b"a " * 100_000, "line 1: a run's lines read"),
        (b"\x00" * 100, "line 1: a run's lines read"),
    ],
)
def test_what_is_no_run_gets_one_line(tmp_path: Path, text: bytes, words: str) -> None:
    path = tmp_path / "run"
    path.write_bytes(text)
    with pytest.raises(BadSource) as caught:
        read_run(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 120


def test_what_can_not_be_read_gets_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, Path("/dev/null")):
        with pytest.raises(BadSource, match="can't read"):
            read_run(path)


def test_qrels_judge_each_name_once(tmp_path: Path) -> None:
    path = tmp_path / "qrels"
    path.write_text("q 0 a 2\nq 0 b -1\nq 0 a 0\n")
    with pytest.raises(BadSource, match="line 3: 'a' stands there a second time"):
        read_qrels(path)
    path.write_text("q 0 a%20b 2\nq 0 b -1\n")
    assert read_qrels(path) == {"q": {"a b": 2, "b": 0}}
