"""What a run takes from the feature store and what it gives to it; sums and transforms, too."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from cbir.errors import BadPicture
from cbir.images.transforms import TRANSFORMS
from cbir.pipeline import Described, Settings, describe
from cbir.recipe import AnyRecipe, Recipe, Sum, parse
from cbir.store import Store
from cbir.types import Failure, Fetched, Picture, Vectors
from tests.conftest import encoded, picture


@dataclass(frozen=True)
class Counted:
    """Mean colours to a power; takes down how many pictures it prepared and described."""

    power: float = 1.0
    prepared: list[int] = field(default_factory=list, compare=False)
    described: list[int] = field(default_factory=list, compare=False)
    version: ClassVar[int] = 1
    distance: ClassVar[str] = "euclidean"
    pixels: ClassVar[int] = 32

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        self.prepared.append(1)
        return image.mean(axis=(0, 1))

    def describe(self, batch: Sequence[NDArray[np.float64]]) -> Vectors:
        self.described.append(len(batch))
        if any(mean.max() < 1 for mean in batch):
            raise BadPicture("too dark")
        return (np.stack(batch) ** self.power).astype(np.float32)


class Counter:
    """A recipe of it, whose spec has no lists in it."""

    def __init__(self, power: float = 1.0):
        self.descriptor = Counted(power)
        self.recipe = Recipe("test-counted", self.descriptor)
        object.__setattr__(self.recipe, "spec", f"test-counted:power={power},version=1")

    @property
    def prepared(self) -> int:
        return sum(self.descriptor.prepared)

    @property
    def described(self) -> int:
        return sum(self.descriptor.described)


@dataclass
class Shelf:
    """A source in memory whose stamps are said; it counts what is read."""

    files: dict[str, bytes]
    stamps: dict[str, str] = field(default_factory=dict)
    origin: str = "/shelf"
    failures: list[Failure] = field(default_factory=list)
    read_ids: list[str] = field(default_factory=list)

    def pictures(self) -> Iterator[Picture]:
        return (Picture(id, self.stamps.get(id, "1")) for id in sorted(self.files))

    def read(self, picture: Picture) -> bytes:
        self.read_ids.append(picture.id)
        return self.files[picture.id]


def shelf(count: int = 70) -> Shelf:
    return Shelf({f"{n:03}.png": encoded(picture(n, 40, 36), ".png") for n in range(count)})


def described(
    source: Shelf,
    recipes: Sequence[AnyRecipe],
    store: Store | None,
    transforms: Sequence[str] = ("original",),
    **how: Any,
) -> tuple[list[dict[tuple[str, str], bytes]], list[Failure]]:
    """By recipe, the vector of each picture and transform; and what failed. In order, checked."""
    rows: list[dict[tuple[str, str], bytes]] = [{} for _ in recipes]
    failures: list[Failure] = []
    for some in describe(
        source, list(source.pictures()), recipes, Settings(**how), store, transforms
    ):
        if not isinstance(some, Described):
            failures += some.failures
            continue
        names = some.transforms or ["original"] * len(some.ids)
        for id, name, vector in zip(some.ids, names, some.vectors, strict=True):
            assert (id, name) not in rows[some.recipe]
            rows[some.recipe][id, name] = vector.tobytes()
    for found in rows:
        assert list(found) == sorted(found)
    return rows, failures


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "features.db") as store:
        yield store


def test_a_second_run_reads_nothing(store: Store) -> None:
    source, counter = shelf(), Counter()
    fresh = described(source, [counter.recipe], None)
    assert described(source, [counter.recipe], store) == fresh
    before = (counter.prepared, counter.described)
    source.read_ids.clear()
    assert described(source, [counter.recipe], store) == fresh
    assert (counter.prepared, counter.described) == before
    assert source.read_ids == []


def test_it_holds_over_processes(tmp_path: Path) -> None:
    source = shelf()
    with Store.open(tmp_path / "features.db") as store:
        fresh = described(source, [Counter().recipe], store)
    counter = Counter()
    with Store.open(tmp_path / "features.db") as store:
        assert described(source, [counter.recipe], store) == fresh
    assert counter.described == 0


def test_only_new_and_changed_pictures_are_described(store: Store) -> None:
    source, counter = shelf(), Counter()
    described(source, [counter.recipe], store)
    source.files["007.png"] = encoded(picture(500), ".png")
    source.stamps["007.png"] = "2"
    source.files["new.png"] = encoded(picture(501), ".png")
    source.read_ids.clear()
    before = counter.described
    wanted = described(source, [Counter().recipe], None)
    source.read_ids.clear()
    assert described(source, [counter.recipe], store) == wanted
    assert counter.described == before + 2
    assert sorted(source.read_ids) == ["007.png", "new.png"]


def test_a_renamed_picture_is_read_but_not_described(store: Store) -> None:
    source, counter = shelf(), Counter()
    described(source, [counter.recipe], store)
    source.files["zzz.png"] = source.files.pop("003.png")
    before = (counter.prepared, counter.described)
    source.read_ids.clear()
    rows, _ = described(source, [counter.recipe], store)
    assert ("zzz.png", "original") in rows[0]
    assert (counter.prepared, counter.described) == before
    assert source.read_ids == ["zzz.png"]


@pytest.mark.parametrize("batch_size", [1, 8, 32, 1000])
@pytest.mark.parametrize("workers", [1, 4])
def test_equal_bytes_are_described_once_and_stay_pictures(
    store: Store, batch_size: int, workers: int
) -> None:
    one, other = encoded(picture(1), ".png"), encoded(picture(2), ".png")
    source = Shelf({f"{n:03}.png": one if n % 3 else other for n in range(100)})
    counter = Counter()
    how = {"batch_size": batch_size, "workers": workers}
    rows, _ = described(source, [counter.recipe], store, **how)
    assert len(rows[0]) == 100
    assert counter.described == 2
    assert rows == described(source, [Counter().recipe], None)[0]


def test_a_touched_picture_is_read_again_and_not_described(store: Store) -> None:
    source, counter = shelf(5), Counter()
    fresh = described(source, [counter.recipe], store)
    source.stamps = dict.fromkeys(source.files, "2")
    assert described(source, [counter.recipe], store) == fresh
    assert counter.described == 5
    source.read_ids.clear()
    described(source, [counter.recipe], store)
    assert source.read_ids == []  # the new stamps are known now


def test_a_second_descriptor_does_not_disturb_the_first(store: Store) -> None:
    source, one, other = shelf(), Counter(), Counter(2.0)
    described(source, [one.recipe], store)
    both = described(source, [one.recipe, other.recipe], store)
    assert (one.described, other.described) == (70, 70)
    assert both == described(source, [Counter().recipe, Counter(2.0).recipe], None)
    described(source, [one.recipe, other.recipe], store)
    assert (one.described, other.described) == (70, 70)


def test_a_sum_uses_what_its_parts_left_and_the_other_way_round(store: Store) -> None:
    source, one, other = shelf(), Counter(), Counter(2.0)
    both = Sum((one.recipe, other.recipe), (0.25, 0.75))
    described(source, [one.recipe], store)
    sums, _ = described(source, [both], store)
    assert (one.described, other.described) == (70, 70)
    again, _ = described(source, [both, one.recipe, other.recipe], store)
    assert (one.described, other.described) == (70, 70)
    assert again[0] == sums[0]
    alone = described(source, [Sum((Counter().recipe, Counter(2.0).recipe), (0.25, 0.75))], None)
    assert alone[0] == sums


@pytest.mark.parametrize("names", [list(TRANSFORMS), ["original", "rotate-90"]])
def test_transforms_are_kept_one_by_one(store: Store, names: list[str]) -> None:
    source, counter = shelf(10), Counter()
    described(source, [counter.recipe], store)
    rows, _ = described(source, [counter.recipe], store, names)
    assert len(rows[0]) == 10 * len(names)
    assert counter.described == 10 * len(names)  # the originals were there
    assert described(source, [counter.recipe], store, names)[0] == rows
    assert counter.described == 10 * len(names)


def test_transforms_of_a_sum(store: Store) -> None:
    source = shelf(10)
    both = Sum((Counter().recipe, parse("hsv")), (0.5, 0.5))  # type: ignore[arg-type]
    rows, _ = described(source, [both, parse("hsv")], store, list(TRANSFORMS), batch_size=7)
    assert [len(found) for found in rows] == [60, 60]
    assert described(source, [both, parse("hsv")], None, list(TRANSFORMS))[0] == rows


def test_a_picture_that_fails_in_one_part_fails_in_the_sum_once() -> None:
    source = shelf(40)
    source.files["020a.png"] = encoded(np.zeros((40, 50, 3), np.uint8), ".png")
    counter = Counter()
    both = Sum((counter.recipe, parse("hsv")), (0.5, 0.5))  # type: ignore[arg-type]
    for transforms in (["original"], list(TRANSFORMS)):
        rows, failures = described(source, [both, parse("hsv")], None, transforms)
        assert failures == [Failure("020a.png", "too dark")]
        assert len(rows[0]) == 40 * len(transforms)
        assert len(rows[1]) == 41 * len(transforms)


def test_failures_are_tried_again(store: Store) -> None:
    source, counter = shelf(3), Counter()
    source.files["bad.png"] = b"no picture"
    for _ in range(2):
        rows, failures = described(source, [counter.recipe], store)
        assert len(rows[0]) == 3
        assert [failure.id for failure in failures] == ["bad.png"]
    assert counter.described == 3


def test_named_files_are_looked_up_by_their_bytes_alone(store: Store) -> None:
    source, counter = shelf(5), Counter()
    described(source, [counter.recipe], store)
    queries = shelf(6)
    queries.origin = None  # type: ignore[assignment]
    described(queries, [counter.recipe], store)
    assert counter.described == 6
    assert len(queries.read_ids) == 6


def test_a_vector_of_another_length_in_the_store_is_made_anew(store: Store) -> None:
    source = shelf(4)
    fresh = described(source, [parse("hsv")], None)
    described(source, [Counter().recipe], store)
    contents = store.known("/shelf", list(source.pictures()))
    store.add(parse("hsv").spec, "original", list(contents.values()), np.ones((4, 7), np.float32))
    assert described(source, [parse("hsv")], store) == fresh


@pytest.mark.parametrize("with_store", [True, False])
def test_contents_tell_which_pictures_have_the_same_bytes(store: Store, with_store: bool) -> None:
    source = shelf(5)
    source.files["copy.png"] = source.files["003.png"]
    kept = store if with_store else None
    for _ in range(2):  # described, and then found in the store
        contents: dict[str, bytes] = {}
        found = describe(
            source, list(source.pictures()), [parse("hsv")], Settings(), kept, contents=contents
        )
        assert sum(len(some.ids) for some in found if isinstance(some, Described)) == 6
        assert contents == {id: sha256(data).digest() for id, data in source.files.items()}


@dataclass
class Desk(Shelf):
    """A shelf behind a desk: nobody sees stamps, but can ask whether a picture has changed."""

    connections: int = 3
    asked: list[tuple[str, str]] = field(default_factory=list)
    closed: int = 0

    def pictures(self) -> Iterator[Picture]:
        return (Picture(id, "") for id in sorted(self.files))

    def fetch(self, picture: Picture, stamp: str, room: Callable[[int], None]) -> Fetched | None:
        self.asked.append((picture.id, stamp))
        now = self.stamps.get(picture.id, "1")
        if stamp and stamp == now:
            return None
        self.read_ids.append(picture.id)
        return Fetched(self.files[picture.id], now)

    def stamp(self, picture: Picture) -> str:
        return picture.stamp

    def close(self) -> None:
        self.closed += 1


def desk(count: int = 70) -> Desk:
    return Desk(shelf(count).files)


def test_pictures_that_can_be_asked_for_are_not_sent_again(store: Store) -> None:
    source, counter = desk(), Counter()
    fresh = described(source, [counter.recipe], store)
    assert {stamp for _, stamp in source.asked} == {""}
    assert fresh == described(shelf(), [Counter().recipe], None)
    source.asked.clear()
    source.read_ids.clear()
    source.stamps = {"007.png": "2"}
    source.files["007.png"] = encoded(picture(500), ".png")
    contents: dict[str, bytes] = {}
    again = describe(
        source, list(source.pictures()), [counter.recipe], Settings(), store, contents=contents
    )
    assert sum(len(some.ids) for some in again if isinstance(some, Described)) == 70
    assert contents == {id: sha256(data).digest() for id, data in source.files.items()}
    assert sorted(source.asked) == [(f"{n:03}.png", "1") for n in range(70)]
    assert source.read_ids == ["007.png"]
    assert counter.described == 71
    assert source.closed == 2


def test_a_new_stamp_of_the_same_bytes_is_remembered(store: Store) -> None:
    source, counter = desk(3), Counter()
    described(source, [counter.recipe], store)
    source.stamps = dict.fromkeys(source.files, "2")
    described(source, [counter.recipe], store)
    source.asked.clear()
    source.read_ids.clear()
    described(source, [counter.recipe], store)
    assert {stamp for _, stamp in source.asked} == {"2"}
    assert source.read_ids == []
    assert counter.described == 3


def test_what_has_no_stamp_is_sent_again_and_its_vectors_are_found(store: Store) -> None:
    source, counter = desk(3), Counter()
    source.stamps = dict.fromkeys(source.files, "")
    for _ in range(2):
        source.asked.clear()
        described(source, [counter.recipe], store)
        assert {stamp for _, stamp in source.asked} == {""}
    assert counter.described == 3
    source.files["001.png"] = encoded(picture(500), ".png")
    assert described(source, [counter.recipe], store) == described(source, [Counter().recipe], None)


def test_a_picture_is_sent_whole_when_there_is_more_to_make_of_it(store: Store) -> None:
    source = desk(3)
    described(source, [Counter().recipe], store)
    source.asked.clear()
    rows, _ = described(source, [Counter().recipe, Counter(2.0).recipe], store)
    assert {stamp for _, stamp in source.asked} == {""}
    assert [len(some) for some in rows] == [3, 3]
