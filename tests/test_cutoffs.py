"""Promised false-match rates are kept, probabilities are meant, and files are checked."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cbir import distances, pipeline, recipe
from cbir.errors import BadIndex, BadSource, BadSpec
from cbir.evaluation import cutoffs
from cbir.evaluation.calibration import Pairs, fit
from cbir.evaluation.cutoffs import Cutoffs
from cbir.items import item_rule
from cbir.sources import Folder

Query = tuple[np.ndarray, np.ndarray]


def drawn(random: np.random.Generator, queries: int, pictures: int = 300) -> list[Query]:
    """Queries with 4 pictures of the same item; some queries are nearer to everything."""
    same = np.arange(pictures) < 4
    found = []
    for near in random.normal(1, 0.1, queries):
        alike, unlike = random.gamma(4, 0.04, pictures), random.gamma(20, 0.03, pictures)
        found.append(((near * np.where(same, alike, unlike)).astype(np.float32), same))
    return found


def fitted(queries: list[Query], distance: str = "chi2") -> Cutoffs:
    pairs = Pairs()
    for query in queries:
        pairs.add(*query)
    return fit(pairs, "mine:version=1", distance, len(queries[0][0]))


def false_matches(queries: list[Query], threshold: float) -> float:
    return float(np.mean([np.mean(far[~same] <= threshold) for far, same in queries]))


@pytest.mark.parametrize("rate", [0.003, 0.01, 0.1])
def test_the_promised_rate_is_kept_on_the_other_half(rate: float) -> None:
    random = np.random.default_rng(1)
    rates = []
    for _ in range(60):
        half, other = drawn(random, 60), drawn(random, 60)
        rates.append(false_matches(other, fitted(half).threshold(rate)))
    assert np.mean(np.array(rates) <= rate) > 0.75  # the other half has its own chance
    assert np.quantile(rates, 0.9) < 1.3 * rate
    assert 0.5 * rate < np.mean(rates) < rate  # nor is the promise kept by finding nothing


def shop_queries(shop: Path) -> list[Query]:
    """Each picture of the sample set as a query on the rest, by its colours."""
    source = Folder(shop)
    made = list(
        pipeline.describe(source, source.pictures(), [recipe.parse("hsv")], pipeline.Settings())
    )
    found = [part for part in made if isinstance(part, pipeline.Described)]
    ids = [id for part in found for id in part.ids]
    far = distances.pairwise(*2 * [np.concatenate([part.vectors for part in found])])
    items = np.array([item_rule()(id) for id in ids])
    others = ~np.eye(len(ids), dtype=bool)
    return [(far[i][others[i]], (items == items[i])[others[i]]) for i in range(len(ids))]


def test_the_promised_rate_is_kept_on_the_other_half_of_the_sample_set(shop: Path) -> None:
    queries = shop_queries(shop)
    random = np.random.default_rng(2)
    for rate in (0.01, 0.05):
        rates = []
        for _ in range(40):
            order = random.permutation(len(queries))
            half, other = ([queries[i] for i in some] for some in np.array_split(order, 2))
            threshold = fitted(half).threshold(rate)
            rates.append(false_matches(other, threshold))
        assert np.mean(np.array(rates) <= rate) > 0.7
        assert np.quantile(rates, 0.9) < 1.4 * rate
    cut = fitted(queries)
    same = np.concatenate([far[same] for far, same in queries])
    assert cut.found_at(0.01) == pytest.approx(np.mean(same <= cut.threshold(0.01)), abs=1e-9)
    assert cut.found_at(0.01) > 0.4


def test_thresholds_are_those_of_the_sorted_distances() -> None:
    queries = drawn(np.random.default_rng(3), 100)
    cut = fitted(queries)
    unlike = np.concatenate([far[~same] for far, same in queries])
    for rate in (0.002, 0.01, 0.2):
        kept = np.mean(unlike <= cut.threshold(rate))
        assert 0.6 * rate < kept <= rate
    assert np.all(np.diff([cut.threshold(rate) for rate in np.linspace(0.001, 1, 999)]) >= 0)
    assert cut.threshold(1.0) == pytest.approx(unlike.max(), rel=2e-3)


@pytest.mark.parametrize("scale", [1e-5, 1e6])
def test_distances_of_any_size_are_told_apart(scale: float) -> None:
    queries = drawn(np.random.default_rng(4), 30)
    scaled = fitted([(far * np.float32(scale), same) for far, same in queries])
    assert scaled.threshold(0.01) == pytest.approx(
        fitted(queries).threshold(0.01) * scale, rel=0.01
    )


def test_probabilities_fall_and_are_right_for_other_queries() -> None:
    random = np.random.default_rng(5)
    cut = fitted(drawn(random, 200))
    assert cut.brier_skill > 0.5
    assert cut.calibration_error < 0.005
    assert np.all(np.diff(cut.probability(np.linspace(0, 3, 500))) <= 0)
    others = drawn(random, 200)
    far = np.concatenate([far for far, _ in others])
    same = np.concatenate([same for _, same in others])
    said = cut.probability(far)
    for low, high in ((0.0, 0.1), (0.3, 0.7), (0.8, 1.0)):
        some = (low <= said) & (said <= high)
        assert np.mean(same[some]) == pytest.approx(np.mean(said[some]), abs=0.07)
    assert said.mean() == pytest.approx(same.mean(), rel=0.1)  # rare, and not taken for even


def test_a_useless_distance_says_how_rare_the_same_item_is() -> None:
    random = np.random.default_rng(6)
    cut = fitted([(random.random(200), np.arange(200) < 10) for _ in range(100)])
    assert cut.probability([0.2, 0.5, 0.8]) == pytest.approx([0.05] * 3, abs=0.015)
    assert abs(cut.brier_skill) < 0.02


def test_equal_distances_pass_together_or_not_at_all() -> None:
    ties = np.repeat(np.float32([0, 0.5, 1]), [5, 45, 50])
    cut = fitted([(ties, np.arange(100) < 5)] * 20)
    assert cut.threshold(0.1) < 0.5 <= cut.threshold(0.5) < 1 <= cut.threshold(1.0)
    assert cut.found_at(0.1) == 1


def test_pictures_of_different_items_that_are_equal_allow_no_low_rate() -> None:
    cut = fitted([(np.zeros(100, np.float32), np.arange(100) < 5)] * 20)
    with pytest.raises(BadIndex, match="can't promise"):
        cut.threshold(0.01)


def test_few_pairs_promise_little() -> None:
    queries = drawn(np.random.default_rng(7), 20, pictures=6)
    cut = fitted(queries)
    with pytest.raises(
        BadIndex, match=r"40 labelled pairs .* a false-match rate of 0\.01; ask for"
    ):
        cut.threshold(0.01)
    for bad in (0, -1, 1.5, float("nan")):
        with pytest.raises(BadSpec, match="false-match rate"):
            cut.threshold(bad)


def test_few_queries_give_no_cutoffs() -> None:
    with pytest.raises(BadSource, match="from 20 queries or more"):
        fitted(drawn(np.random.default_rng(7), 19))


@pytest.mark.parametrize("different", [0.1, 0.3])
def test_promises_are_kept_where_queries_differ(different: float) -> None:
    """Distances of each query are larger or smaller as a whole, by so much."""
    random = np.random.default_rng(11)

    def some(count: int) -> list[Query]:
        scales = np.exp(random.normal(0, different, count))
        return [
            ((far * scale).astype(np.float32), same)
            for scale, (far, same) in zip(scales, drawn(random, count), strict=True)
        ]

    everything = some(1500)
    broken = np.mean(
        [false_matches(everything, fitted(some(100)).threshold(0.05)) > 0.05 for _ in range(60)]
    )
    assert broken < 0.2


@pytest.mark.parametrize("same", [np.zeros(5, bool), np.ones(5, bool)])
def test_one_kind_of_pairs_gives_no_cutoffs(same: np.ndarray) -> None:
    with pytest.raises(BadSource, match="of the same item and of different ones"):
        fitted([(np.arange(5.0), same)] * 40)


def test_the_file_says_the_same_again(tmp_path: Path) -> None:
    cut = fitted(drawn(np.random.default_rng(8), 40))
    path = cutoffs.beside(tmp_path / "index.csv")
    cutoffs.write(path, [cut])
    assert path.name == "index.csv.cutoffs"
    assert cutoffs.read(path, cut.spec, cut.distance) == cut
    first = path.read_bytes()
    cutoffs.write(path, [cut])
    assert path.read_bytes() == first


def test_an_index_keeps_one_for_each_distance(tmp_path: Path) -> None:
    index, queries = tmp_path / "index.csv", drawn(np.random.default_rng(8), 40)
    first, other, again = fitted(queries), fitted(queries[:20], "cosine"), fitted(queries[20:])
    for found in ([first], [other], [again]):
        cutoffs.keep(index, "photos", found)
    path = cutoffs.beside(index)
    assert cutoffs.read(path, first.spec, "chi2") == again
    assert cutoffs.read(path, first.spec, "cosine") == other
    with pytest.raises(BadIndex, match="--distances euclidean"):
        cutoffs.read(path, first.spec, "euclidean")
    assert cutoffs.kept(index, "photos", first.spec, "chi2") == again
    with pytest.raises(BadIndex, match="found for pictures in photos, and the index is of those"):
        cutoffs.kept(index, "other", first.spec, "chi2")
    cutoffs.keep(index, "other", [first])
    assert cutoffs.kept(index, "other", first.spec, "chi2") == first
    with pytest.raises(BadIndex, match="--distances cosine"):  # was for others
        cutoffs.kept(index, "other", first.spec, "cosine")
    cutoffs.keep(index, "photos", [replace(first, spec="made otherwise")])
    with pytest.raises(BadIndex, match="not 'mine:version=1'"):
        cutoffs.read(path, first.spec, "cosine")


def test_cutoffs_of_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.csv.cutoffs"
    with pytest.raises(BadIndex, match="cbir compare with labels writes them"):
        cutoffs.read(path, "mine:version=1", "chi2")
    cutoffs.write(path, [fitted(drawn(np.random.default_rng(9), 20))])
    with pytest.raises(BadIndex, match="chi2, not cosine"):
        cutoffs.read(path, "mine:version=1", "cosine")
    with pytest.raises(BadIndex, match="'mine:version=1', not 'other'"):
        cutoffs.read(path, "other", "chi2")


def changed(**some: object) -> bytes:
    """A good file, but for these fields."""
    good = {
        **{"spec": "s", "distance": "chi2", "queries": 2, "pictures": 3, "same": 4},
        **{"different": 5, "rates": [0.1, 0.2], "distances": [1, 2], "found": [0, 1]},
        **{"steps": [0.5, 1], "probabilities": [0.9, 0.1], "brier": 0, "brier_skill": 0},
        "calibration_error": 0,
    }
    return json.dumps({"format": 2, "cutoffs": [{**good, **some}]}).encode()


def test_a_file_by_hand_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(changed())
    assert cutoffs.read(path, "s", "chi2").threshold(0.15) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b"9" * 5000,
        b'{"format": 2, "cutoffs": []}',
        b'{"format": 2, "cutoffs": {}}',
        b'{"format": 2, "cutoffs": [3]}',
        changed(spec=None),
        changed(queries=True),
        changed(more=1),
        changed(rates="0.1"),
        changed(rates=[0.2, 0.1]),
        changed(rates=[0.1]),
        changed(distances=[1, float("inf")]),
        changed(distances=[1, float("nan")]),
        changed(distances=[1, 10**400]),
        changed(distances=[1, [2]]),
        changed(steps=[], probabilities=[]),
        changed(probabilities=[0.9, 0]),
        changed(probabilities=[0.1, 0.9]),
        changed(brier="good"),
        b" " * (2 << 20),
    ],
)
def test_what_holds_no_cutoffs_gets_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "index.csv.cutoffs"
    path.write_bytes(data)
    with pytest.raises(BadIndex, match="compare again") as caught:
        cutoffs.read(path, "s", "chi2")
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadIndex, match="a folder"):
        cutoffs.read(tmp_path, "s", "chi2")
