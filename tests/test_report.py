"""The report says what the figures support, on a page that nothing can break out of."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from html.parser import HTMLParser

import numpy as np
import pytest

from cbir.evaluation.report import (
    Breakdown,
    Comparison,
    Example,
    Pair,
    Ranked,
    Result,
    System,
    choose,
    disagreements,
    markdown,
    page,
    svg,
    table,
    thumbnail,
    verdict,
)
from cbir.evaluation.report.intervals import intervals
from cbir.evaluation.report.trade_off import AXES, front, trade_off
from cbir.evaluation.report.verdict import doubt
from cbir.images import decode
from tests.conftest import encoded, picture

HOSTILE = "<script>alert(1)</script>\"'|`*&amp;\n\u202egpj.exe"
VOID = {"meta", "br", "img", "wbr"}


def system(
    descriptor: str,
    quality: float,
    describe_per_s: float | None = 100.0,
    query_ms: float | None = 1.0,
    size: float | None = 1152,
    distance: str = "chi2",
) -> System:
    interval = (max(quality - 0.05, 0), min(quality + 0.05, 1))
    metrics = {"map": quality, "p@1": quality, "p@10": quality, "ndcg@10": quality}
    return System(
        descriptor,
        f"{descriptor}:version=1",
        distance,
        100,
        metrics,
        {"map": interval},
        describe_per_s,
        None if describe_per_s is None else 400.0,
        query_ms,
        query_ms,
        size,
    )


def comparison(*systems: System, apart: float = 0.05, queries: int = 100) -> Comparison:
    """All pairs; those at least `apart` from each other are told apart."""
    pairs = []
    for i, a in enumerate(systems):
        for b in systems[i + 1 :]:
            gap = a.quality - b.quality
            differ = abs(gap) >= apart
            p = 0.002 if differ else 0.4
            spread = 0.03 if gap else 0.0
            words = "a is better" if differ else "can't be told apart"
            needed = None if differ or not gap else 1234
            pairs.append(Pair(a.name, b.name, gap, gap - spread, gap + spread, p, p, words, needed))
    return Comparison(
        "Which one?", "shop", queries, 500, "Same folder.", "cbir compare", systems, pairs
    )


MOBILENET = system("mobilenet", 0.9, 80, 2, 4096, "cosine")
HSV = system("hsv", 0.7, 900)


class TestVerdict:
    def test_a_clear_winner_is_named_with_its_lead(self) -> None:
        said = verdict(comparison(HSV, MOBILENET, system("hsv-regions", 0.5)))
        assert said == (
            "For these pictures take mobilenet with cosine: its map of 0.900 (95% interval 0.850 "
            "to 0.950) is the highest of 3 on 100 queries, 0.200 above hsv with chi2 (95% interval "
            "of the difference 0.170 to 0.230, p = 0.002)."
        )

    def test_the_cheapest_of_those_not_told_apart_is_named(self) -> None:
        said = verdict(comparison(replace(HSV, metrics={"map": 0.88}), MOBILENET))
        assert said == (
            "For these pictures take hsv with chi2: its map of 0.880 (95% interval 0.650 to 0.750) "
            "can't be told apart from the highest, 0.900 of mobilenet with cosine (95% interval of "
            "the difference −0.010 to 0.050, 100 queries, p = 0.400 by Holm for all pairs), and "
            "it is the cheapest of these 2, decoding and describing 277 pictures a second against "
            "66.7; about 1,200 queries would settle which ranks better."
        )

    @pytest.mark.parametrize(
        ("rival", "reason", "words"),
        [
            (system("b", 0.69, 900), "b", "describing 277 pictures a second against 80"),
            (system("b", 0.69, query_ms=0.1), "b", "0.100 ms a query against 1.00"),
            (system("b", 0.69, size=100), "b", "100 bytes a picture against 1,152"),
            (system("b", 0.69, size=1100), "b", "1,100 bytes a picture against 1,152"),
            (system("b", 0.69, describe_per_s=20), "a", "against 19.0 of b with chi2"),
            (system("b", 0.69, describe_per_s=95), "a", "none of them is clearly cheaper"),
            (system("b", 0.69, None, None, None), "a", "no cost was measured"),
            (system("b", 0.69, None, 0.1), "b", "0.100 ms a query"),
            (system("b", 0.7), "a", "none of them is clearly cheaper"),
        ],
    )
    def test_costs_decide_in_order(self, rival: System, reason: str, words: str) -> None:
        said = verdict(comparison(system("a", 0.7), rival))
        assert said.startswith(f"For these pictures take {reason} with chi2: ")
        assert words in said

    def test_the_head_of_the_page_says_what_doubt_there_is(self) -> None:
        assert doubt(comparison(HSV, MOBILENET)) == ""
        close = replace(HSV, metrics={"map": 0.88})
        assert doubt(comparison(close, MOBILENET)) == (
            "can't be told apart from the highest, mobilenet with cosine, and is cheaper"
        )
        dear = system("b", 0.69, describe_per_s=20)
        assert doubt(comparison(system("a", 0.7), dear)) == "not told apart from b with chi2"
        lost = replace(comparison(HSV, MOBILENET), chance=0.99)
        assert doubt(lost) == "no better than a random order, as far as this tells"
        assert f'<p class="doubt">{doubt(lost)}</p>' in page(lost, nothing, nothing)

    def test_whoever_is_told_apart_is_not_taken_however_cheap(self) -> None:
        cheap = system("cheap", 0.5, 10_000, 0.01, 10)
        rival = system("rival", 0.89)
        choice = choose(comparison(MOBILENET, cheap, rival))
        assert (choice.system, choice.rivals) == (rival, [rival])

    def test_many_rivals_are_counted(self) -> None:
        said = verdict(comparison(*(system(name, 0.7) for name in "abc")))
        assert "not told apart from 2 others" in said
        assert "settle" not in said  # no number of queries would

    def test_few_queries_are_called_a_guess(self) -> None:
        # 2/2⁵ is more than 0.05, and of three pairs 6/2⁶ as well.
        assert "a first guess" in verdict(comparison(MOBILENET, HSV, apart=9, queries=5))
        assert "a first guess" not in verdict(comparison(MOBILENET, HSV, apart=9, queries=6))
        three = (MOBILENET, HSV, system("c", 0.5))
        assert "a first guess" in verdict(comparison(*three, apart=9, queries=6))
        assert choose(comparison(*three, apart=9, queries=6)).system is MOBILENET

    def test_one_alone(self) -> None:
        assert "nothing else was compared" in verdict(comparison(HSV))
        assert "on 1 query" in verdict(comparison(HSV, queries=1))

    def test_chance_is_said(self) -> None:
        made = comparison(system("a", 0.2), system("b", 0.1))
        assert "a random order reaches 0.160" in verdict(replace(made, chance=0.16))
        assert "random" not in verdict(replace(made, chance=0.14))

    def test_synthetic_edits_are_called_that(self) -> None:
        made = replace(comparison(HSV, MOBILENET), synthetic=True)
        assert "judged by synthetic edits only" in verdict(made)
        assert "robustness test on synthetic edits" in markdown(made)
        assert "robustness test on synthetic edits" in page(made, nothing, nothing)

    def test_a_run_of_another_tool_has_no_distance(self) -> None:
        other = System("bm25", "", "", 100, {"map": 0.5})
        assert verdict(comparison(other)).startswith("For these pictures take bm25: its map of")


class TestDisagreements:
    def test_where_the_winner_wins_and_where_it_loses(self) -> None:
        winner = np.array([0.9, 0.9, 0.5, 0.2, 0.1, 0.6])
        other = np.array([0.1, 0.3, 0.5, 0.4, 0.9, 0.6])
        assert disagreements({"w": winner, "o": other}, "w", count=4) == [0, 1, 4, 3]
        assert disagreements({"w": winner, "o": other}, "o", count=2) == [4, 0]

    def test_classes_take_turns(self) -> None:
        gaps = np.array([0.9, 0.8, 0.7, 0.6])
        made = {"w": gaps, "o": np.zeros(4)}
        assert disagreements(made, "w", 3, ["a", "a", "b", "a"]) == [0, 2, 1]

    def test_equals_disagree_nowhere(self) -> None:
        assert disagreements({"a": np.ones(9), "b": np.ones(9)}, "a") == []

    def test_one_alone_shows_its_best_and_worst(self) -> None:
        assert disagreements({"a": np.array([0.5, 1.0, 0.0, 0.5])}, "a", 2) == [1, 2]


def nothing(id: str) -> bytes | None:
    return None


def full(name: str = "photo.jpg") -> Comparison:
    """A comparison with every part, and `name` wherever something comes from outside."""
    made = comparison(HSV, MOBILENET, system(name, 0.69, 300))
    names = [s.name for s in made.systems]
    results = [Result(name, 0.1, True), Result("b.jpg", 0.2, False)]
    lost = Example(name, 3, [Ranked(s, 0.9 - 0.1 * i, results) for i, s in enumerate(names)])
    won = replace(lost, rankings=[Ranked(s, 0.5, results) for s in names])
    return replace(
        made,
        title=name,
        dataset=name,
        labels=name,
        command=name,
        warnings=[name],
        examples=[won, lost],
        breakdowns=[Breakdown(name, name, [(name, 4, dict.fromkeys(names, 0.5))])],
        chance=0.1,
    )


class Page(HTMLParser):
    """Reads a page as a browser does; fails where tags don't match."""

    def __init__(self, source: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())


class TestPage:
    @pytest.mark.parametrize("name", ["photo.jpg", HOSTILE])
    def test_nothing_gets_out_of_its_place(self, name: str) -> None:
        small = thumbnail(picture())
        source = page(full(name), lambda id: small, lambda id: small)
        read = Page(source)
        assert "script" not in {tag for tag, _ in read.tags}
        for _, attributes in read.tags:
            assert not any(key.startswith("on") for key in attributes)
            link = attributes.get("src") or attributes.get("href") or "data:"
            assert link.startswith("data:")
        assert "\u202e" not in source
        assert "url(" not in source
        assert "http://" not in source
        assert "https://" not in source

    def test_the_verdict_is_the_last_line(self) -> None:
        for made in (full(), full(HOSTILE), comparison(HSV)):
            assert Page(page(made, nothing, nothing)).words[-1] == verdict(made)

    def test_right_and_wrong_are_told_without_colour(self) -> None:
        words = Page(page(full(), nothing, nothing)).words
        assert words.count("✓") == words.count("✗") == 6

    def test_queries_and_results_have_their_own_pictures(self) -> None:
        asked: dict[str, set[str]] = {"query": set(), "result": set()}

        def seen(kind: str) -> Callable[[str], bytes | None]:
            return lambda id: asked[kind].add(id)

        source = page(full("q.jpg"), seen("query"), seen("result"))
        assert asked == {"query": {"q.jpg"}, "result": {"q.jpg", "b.jpg"}}
        assert "not shown" in source

    def test_the_one_to_take_is_marked_once_a_table(self) -> None:
        made = full()
        source = page(made, nothing, nothing)
        assert source.count('<tr class="chosen">') == 3  # results, differences, costs
        assert source.count("mobilenet · cosine wins") == 1
        assert source.count("mobilenet · cosine loses") == 1

    def test_what_is_not_known_is_left_out(self) -> None:
        bare = System("run", "", "", 3, {"map": 0.5})
        read = Page(page(comparison(bare), nothing, nothing))
        assert "How this was measured" in read.words
        assert not {"Cost", "Quality and cost", "Where they disagree most"} & set(read.words)

    def test_a_comparison_is_plain_data(self) -> None:
        assert json.loads(json.dumps(asdict(full())))["systems"][0]["descriptor"] == "hsv"


class TestCharts:
    @pytest.mark.parametrize("count", [2, 6, 14])
    def test_everything_lies_within_the_drawing(self, count: int) -> None:
        random = np.random.default_rng(count)
        systems = [
            system(f"descriptor-{i}", random.random(), 10 ** random.uniform(0, 4), random.random())
            for i in range(count)
        ]
        made = replace(comparison(*systems), chance=0.01)
        drawings = [intervals(made, systems[0])]
        drawings += [trade_off(made, axis, systems[0]) for axis in AXES]
        for drawn in drawings:
            width, height = map(float, re.search(r"0 0 (\d+) (\d+)", drawn).groups())  # type: ignore[union-attr]
            assert drawn.count("<circle") == count
            assert ("descriptor-1 · chi2<" in drawn) == (count <= 8 or drawn is drawings[0])
            for key, most in (("cx", width), ("x", width), ("cy", height), ("y", height)):
                places = [float(v) for v in re.findall(rf' {key}="([^"]+)"', drawn)]
                assert all(0 <= place <= most for place in places)

    def test_the_front_is_what_nothing_beats_in_both(self) -> None:
        points = [(5, 0.9), (1, 0.5), (2, 0.4), (1, 0.3), (3, 0.9), (9, 0.95)]
        assert front(points) == [1, 4, 5]

    def test_labels_keep_clear_of_each_other(self) -> None:
        within = svg.Box(0, 0, 400, 300)
        taken: list[svg.Box] = []
        for x, y in [(100, 100), (104, 102), (108, 98), (390, 100), (10, 290)]:
            left, _, box = svg.place("hsv · chi2", x, y, 13, taken, within)
            assert sum(map(box.overlap, taken)) == 0
            assert left >= 0
            assert left + box.width <= 400
            taken.append(box)

    @pytest.mark.parametrize(("low", "high"), [(0, 1), (0.13, 0.4), (0.891, 0.907), (3, 3000)])
    def test_ticks_are_few_and_round(self, low: float, high: float) -> None:
        values = svg.ticks(low, high)
        assert 3 <= len(values) <= 11
        assert all(low <= value <= high for value in values)
        assert all(len(f"{value:g}") <= 5 for value in values)

    @pytest.mark.parametrize(("low", "high"), [(0.9, 2.3), (0.004, 4000), (1e-9, 1e9), (3, 12)])
    def test_ticks_of_costs(self, low: float, high: float) -> None:
        values = svg.log_ticks(low, high)
        assert 2 <= len(values) <= 9
        assert all(low * 0.99 <= value <= high * 1.01 for value in values)

    def test_costs_that_one_alone_has_are_not_drawn(self) -> None:
        made = comparison(HSV, system("b", 0.5, None, None, None))
        assert trade_off(made, AXES[0], HSV) == ""


class TestText:
    def test_the_table_is_aligned_and_stars_the_one_to_take(self) -> None:
        wide = system("図形", 0.3, 1)
        lines = table(comparison(HSV, MOBILENET, wide)).splitlines()
        assert [line[0] for line in lines] == [" ", "*", " ", " "]
        assert [line.split()[-1] for line in lines] == ["bytes/picture", "4,096", "1,152", "1,152"]
        assert len(lines[0]) == len(lines[1]) == len(lines[2]) == len(lines[3]) + 2 <= 100

    def test_markdown_ends_with_the_verdict(self) -> None:
        made = comparison(HSV, MOBILENET)
        assert markdown(made).splitlines()[-1] == verdict(made)

    def test_markdown_can_not_be_broken(self) -> None:
        lines = markdown(full(HOSTILE)).splitlines()
        rows = [re.sub(r"\\.", "", line) for line in lines if line.startswith("|")]
        counts = [row.count("|") for row in rows]
        heads = [i + 1 for i, row in enumerate(rows) if set(row) <= set("|-: ")]
        assert len(heads) == 3
        assert len(set(counts)) == len({counts[i - 1] for i in heads})
        assert not any(re.search(r"(?<!\\)<", line) for line in lines if line[:4] != "    ")
        assert sum(line.startswith("    ") for line in lines) == 1

    def test_unknown_numbers_are_dashes(self) -> None:
        made = comparison(
            replace(HSV, query_ms=None, metrics={"map": 0.7, "p@1": math.nan}), MOBILENET
        )
        row = table(made).splitlines()[2].split()
        assert row == ["hsv", "chi2", "0.700", "0.650–0.750", "–", "–", "900", "–", "1,152"]


@pytest.mark.parametrize(("width", "height"), [(400, 300), (3000, 2), (1, 900), (20, 10)])
def test_thumbnails_are_small_jpegs(width: int, height: int) -> None:
    data = thumbnail(picture(width=width, height=height))
    shape = decode(data).shape
    assert max(shape[:2]) == min(144, max(width, height))
    assert len(data) < 16_000
    assert decode(thumbnail(decode(encoded(picture())))).shape == (108, 144, 3)
