"""Reports from saved runs: the same figures again, and the runs of other tools beside them."""

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import pytrec_eval

from cbir.evaluation.runs import read_run
from tests.conftest import Done, Run, encoded, picture
from tests.ranx_oracle import ranx

TABLES = ("summary.csv", "per_query.csv", "significance.csv", "qrels.trec")


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `cbir compare` has run: items and, apart from them, queries."""
    folder = tmp_path_factory.mktemp("compared")
    for name in ("items", "queries"):
        (folder / name).mkdir()
    for item in range(8):
        for view in range(4):
            own = picture(100 + item * 10 + view)
            image = cv2.addWeighted(picture(item), 0.45, own, 0.55, 0)
            place = "queries" if view == 3 else "items"
            (folder / place / f"item{item}_{view}.png").write_bytes(encoded(image, ".png"))
    return folder


@pytest.fixture
def home(compared: Path, tmp_path: Path) -> Path:
    """A copy of that to change."""
    return Path(shutil.copytree(compared, tmp_path / "home"))


def compare(run: Run, home: Path, *flags: str | Path) -> Done:
    done = run("compare", *flags, cwd=home)
    assert done.returncode == 0, done.stderr
    return done


BASE = ("--dataset", "items", "-d", "hsv", "hsv-regions", "--distances", "cosine", "--out", "out")


@pytest.mark.parametrize(
    "flags",
    [
        ("--labels", "items"),
        ("--labels", "items", "--queries", "queries", "--level", "item"),
        ("--labels", "items", "--tune", "hsv+hsv-regions"),
        ("--labels", "items", "--seed", "7", "--metrics", "map@3"),
        ("--labels", "edits"),
    ],
    ids=" ".join,
)
def test_our_own_runs_give_the_same_report(home: Path, run: Run, flags: tuple[str, ...]) -> None:
    first = compare(run, home, *BASE, *flags)
    again = compare(run, home, "--from-runs", "out", "--out", "again")
    assert again.stdout == first.stdout
    for name in TABLES:
        assert (home / "again" / name).read_bytes() == (home / "out" / name).read_bytes()
    pages = [(home / place / "report.html").read_text() for place in ("out", "again")]
    assert pages[0].count("data:image/jpeg") == pages[1].count("data:image/jpeg") > 10
    assert all("<pre><code>cbir compare --dataset items" in page for page in pages)
    assert "--from-runs out" in pages[1]
    assert not (home / "again/runs").exists()


def test_runs_of_other_tools_take_part(home: Path, run: Run) -> None:
    compare(run, home, *BASE, "--labels", "items")
    ours = read_run(home / "out/runs/hsv-chi2.trec")
    # Reversed, only the first ten, with the query itself on top, as other tools leave it.
    lines = []
    for query, entries in ours.items():
        names = [query, *(name for name, _ in reversed(entries))][:11]
        lines += [f"{query} Q0 {name} {i} {50 - i} theirs\n" for i, name in enumerate(names)]
    (home / "out/runs/theirs.run").write_text("".join(lines))
    stranger = "nobody Q0 item0_0.png 1 1.5 stranger\n"
    (home / "out/runs/stranger.txt").write_text(stranger)
    done = compare(run, home, "--from-runs", "out", "--out", "again", "--json")
    *said, _ = [json.loads(line) for line in done.stdout.splitlines()]
    (theirs,) = [one for one in said if one["descriptor"] == "theirs"]
    assert (theirs["spec"], theirs["distance"]) == ("", "")
    assert theirs["map"] < min(one["map"] for one in said if one["descriptor"] == "hsv")
    assert "the run stranger answers none of these queries and is left out" in done.stderr
    rows = list(csv.DictReader((home / "again/summary.csv").read_text().splitlines()))
    assert rows[-1]["describe_per_s"] == ""

    for path in (home / "out/runs/theirs.run", home / "out/runs/stranger.txt"):
        path.unlink()
    compare(run, home, *BASE, "--labels", "items")
    assert (home / "out/comparison.json").exists()


def test_a_folder_of_strangers_runs_needs_only_labels(home: Path, run: Run) -> None:
    folder = home / "theirs"
    folder.mkdir()
    for name, wrong in (("good", 0), ("bad", 5)):
        lines = []
        for query in ("q1", "q2", "q3"):
            ranked = [f"x{i}" for i in range(wrong)] + [f"right {query}.jpg".replace(" ", "%20")]
            lines += [f"{query} Q0 {id} 0 {9 - i} tag\n" for i, id in enumerate(ranked)]
        (folder / f"{name}.run").write_text("".join(lines))
    qrels = [f"q{i} 0 right%20q{i}.jpg 1\n" for i in (1, 2, 3, 4)]
    (home / "qrels").write_text("".join(qrels))
    done = compare(run, home, "--from-runs", "theirs", "--labels", "qrels", "--json")
    said = [json.loads(line) for line in done.stdout.splitlines()]
    figures = {one["descriptor"]: one["map"] for one in said[:-1]}
    assert figures == {"good": 1.0, "bad": pytest.approx(1 / 6)}
    with ranx() as ask:
        (home / "qrels").write_text("".join(qrels[:3]))  # ranx wants an answer to all
        theirs = ask(home / "qrels", folder / "bad.run", ["map"])["map"]
    assert np.mean(list(theirs.values())) == pytest.approx(figures["bad"])


def test_runs_that_were_cut_say_so(home: Path, run: Run) -> None:
    compare(run, home, *BASE, "--labels", "items")
    path = home / "out/runs/hsv-chi2.trec"
    for other in (home / "out/runs").glob("*.trec"):
        if other != path:
            other.unlink()
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if int(line.split()[3]) <= 2))
    done = compare(run, home, "--from-runs", "out", "--out", "again")
    assert "the runs end after 2 results; what is behind them counts as missed" in done.stderr


def test_a_new_comparison_forgets_the_old_runs_only(home: Path, run: Run) -> None:
    compare(run, home, *BASE, "--labels", "items")
    (home / "out/runs/theirs.run").write_text("item0_0.png Q0 item0_1.png 1 2 theirs\n")
    compare(run, home, "--dataset", "items", "--labels", "items", "-d", "hsv", "--out", "out")
    left = sorted(path.name for path in (home / "out/runs").iterdir())
    assert left == ["hsv-chi2.trec", "theirs.run"]
    assert [path.name for path in (home / "out/cutoffs").iterdir()] == ["hsv-chi2.json"]


def foreign(folder: Path, qrels: str, **runs: str) -> Path:
    """A folder of runs, `name: query of ranked names`, and qrels, `query name grade` a line."""
    folder.mkdir()
    for name, text in runs.items():
        lines = []
        for line in text.splitlines():
            query, *ranked = line.split()
            lines += [f"{query} Q0 {id} {i} {9 - i} t\n" for i, id in enumerate(ranked)]
        (folder / name.replace("_dot_", ".")).write_text("".join(lines))
    lines = [line.split() for line in qrels.splitlines()]
    text = "".join(f"{query} 0 {name} {grade}\n" for query, name, grade in lines)
    (folder / "qrels.trec").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("qrels", "run_text"),
    [
        ("t1 doc 1\nt1 other 1", "t1 doc_1 doc_2 other"),  # names like items, which they are not
        ("1 1 1\n1 3 1\n2 1 1", "1 2 1 3\n2 3 1 2"),  # a query called like what is right for it
        ("1 10 1\n1 11 1\n2 12 1\n3 1 1", "1 1 10 11\n2 2 12\n3 3 1"),  # numbers on both sides
        ("a x 2\na y 0\nb x 1", "a y x z\nb z y"),
    ],
)
def test_foreign_runs_score_as_trec_eval_scores_them(
    tmp_path: Path, run: Run, qrels: str, run_text: str
) -> None:
    folder = foreign(tmp_path / "theirs", qrels, a_dot_run=run_text)
    done = run("compare", "--from-runs", "theirs", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ours = json.loads(done.stdout.splitlines()[0])
    with open(folder / "qrels.trec") as lines, open(folder / "a.run") as ranked:
        evaluator = pytrec_eval.RelevanceEvaluator(pytrec_eval.parse_qrel(lines), {"map"})
        theirs = evaluator.evaluate(pytrec_eval.parse_run(ranked))
    assert ours["map"] == pytest.approx(np.mean([one["map"] for one in theirs.values()]))


def test_a_query_that_a_run_ranks_itself_does_not_count(tmp_path: Path, run: Run) -> None:
    run_text = "a.jpg a.jpg b.jpg c.jpg\nb.jpg b.jpg a.jpg c.jpg"
    foreign(tmp_path / "theirs", "a.jpg b.jpg 1\nb.jpg a.jpg 1", x_dot_run=run_text)
    done = run("compare", "--from-runs", "theirs", "--json", cwd=tmp_path)
    assert json.loads(done.stdout.splitlines()[0])["map"] == 1
    assert "2 times a run ranks the query itself, which does not count" in done.stderr


def test_runs_of_one_name_are_told_apart(tmp_path: Path, run: Run) -> None:
    runs = {"bm25_dot_trec": "a b c\nd b c", "bm25_dot_run": "a c b\nd c b"}
    foreign(tmp_path / "theirs", "a b 1\nd b 1", **runs)
    done = run("compare", "--from-runs", "theirs", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "results/compare/significance.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert [(row["a"], row["b"]) for row in rows] == [("bm25.run", "bm25.trec")]


def test_a_stranger_s_run_shows_no_picture_from_elsewhere(home: Path, run: Run) -> None:
    (home / "secret.png").write_bytes(encoded(picture(99), ".png"))
    runs = {"x_dot_run": "item0_0.png ../secret.png", "y_dot_run": "item0_0.png item0_1.png"}
    foreign(home / "theirs", "item0_0.png item0_1.png 1", **runs)
    compare(run, home, "--from-runs", "theirs", "--dataset", "items", "--out", "again")
    page = (home / "again/report.html").read_text()
    assert page.count("data:image/jpeg") == 2  # the query, and the right answer
    assert page.count("not shown") == 1


def test_the_rate_of_the_cutoffs_is_kept_or_changed(home: Path, run: Run) -> None:
    compare(run, home, *BASE, "--labels", "items", "--false-matches", "0.2")
    compare(run, home, "--from-runs", "out", "--out", "again")
    assert (home / "again/report.md").read_text().count("only 0.2 of the pairs") == 1
    compare(run, home, "--from-runs", "out", "--out", "again", "--false-matches", "0.3")
    assert (home / "again/report.md").read_text().count("only 0.3 of the pairs") == 1


@pytest.mark.parametrize("flag", ["--dataset", "--queries"])
def test_a_place_that_is_not_there_is_told(home: Path, run: Run, flag: str) -> None:
    compare(run, home, *BASE, "--labels", "items")
    done = run("compare", "--from-runs", "out", flag, "nowhere", "--out", "again", cwd=home)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "'nowhere'" in done.stderr


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": -1},
        {"seed": float("inf")},
        {"gallery": 10**10},
        {"gallery": 2.5},
        {"rate": 0},
        {"rate": "much"},
        {"class_of": []},
        {"systems": {"../x": {}}},
        {"systems": {"a\0b": {}}},
        {"systems": {"x" * 5000: {}}},
        {"systems": {"x": {}}},
        {"format": 3},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_a_hostile_record_gets_one_line(home: Path, run: Run, changes: dict[str, object]) -> None:
    compare(run, home, "--dataset", "items", "--labels", "items", "-d", "hsv", "--out", "out")
    path = home / "out/comparison.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    for command in (("--from-runs", "out"), (*BASE, "--labels", "items")):
        done = run("compare", *command, cwd=home)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "is no record of a comparison" in done.stderr


@pytest.mark.parametrize("cost", [10**400, 1e-308, -1, "much", [1]])
def test_a_hostile_cost_gets_one_line(home: Path, run: Run, cost: object) -> None:
    compare(run, home, "--dataset", "items", "--labels", "items", "-d", "hsv", "--out", "out")
    path = home / "out/comparison.json"
    record = json.loads(path.read_text())
    record["systems"]["hsv-chi2"]["costs"]["describe_per_s"] = cost
    path.write_text(json.dumps(record))
    done = run("compare", "--from-runs", "out", cwd=home)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a.run": "q Q0 x 1 2 t\n"}, "holds no qrels.trec; --labels FILE"),
        ({"a.run": "q Q0 x 1 2\n", "qrels.trec": "q 0 x 1\n"}, "a.run, line 1"),
        ({"a.run": "", "qrels.trec": "q 0 x 1\n"}, "holds no lines"),
        ({"a.run": "q Q0 x 1 2 t\n", "qrels.trec": "r 0 x 1\n"}, "no run answers a query"),
        ({"a.run": "q Q0 x 1 2 t\n", "qrels.trec": "q 0 x 0\n"}, "no query has a right answer"),
        ({"qrels.trec": "q 0 x 1\n"}, "holds no runs"),
        ({"comparison.json": "[]", "a.run": "q Q0 x 1 2 t\n"}, "no record of a comparison"),
        ({"comparison.json": "[" * 9999, "a.run": "q Q0 x 1 2 t\n"}, "no record of a comparison"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_what_is_no_run_gets_one_line(
    tmp_path: Path, run: Run, files: dict[str, str], words: str
) -> None:
    (tmp_path / "theirs").mkdir()
    for name, text in files.items():
        (tmp_path / "theirs" / name).write_text(text)
    done = run("compare", "--from-runs", "theirs", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert words in done.stderr
