"""Pictures to vectors: the same whatever the threads, in order, in bounded memory."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cbir.errors import BadPicture, BadSpec
from cbir.pipeline import Described, Settings, batching, describe, describe_one, describing
from cbir.pipeline.reading import Memory
from cbir.recipe import Recipe, parse
from cbir.types import Failure, Picture, Vectors
from tests.conftest import encoded, picture

OURS = [parse("hsv"), parse("hsv-regions"), parse("hsv:size=full,norm=l2")]


@dataclass
class Shelf:
    """A source in memory; a value that is None can't be read."""

    files: dict[str, bytes | None]
    failures: list[Failure] = field(default_factory=list)
    read_ids: list[str] = field(default_factory=list)

    def pictures(self) -> Iterator[Picture]:
        return (Picture(id, "") for id in sorted(self.files))

    def read(self, picture: Picture) -> bytes:
        self.read_ids.append(picture.id)
        data = self.files[picture.id]
        if data is None:
            raise BadPicture("can't be read")
        return data


def shelf(count: int = 45) -> Shelf:
    """Pictures of different sizes and formats."""
    files = {
        f"{number:03}{suffix}": encoded(picture(number, 60 + 7 * number, 50 + 3 * number), suffix)
        for number in range(count)
        for suffix in [".png" if number % 3 == 0 else ".jpg"]
    }
    return Shelf({**files})


@dataclass(frozen=True)
class Mean:
    """Mean colours of whole pictures; it has no `prepare`."""

    version: ClassVar[int] = 1
    distance: ClassVar[str] = "euclidean"
    pixels: ClassVar[int | None] = None

    def describe(self, batch: Sequence[NDArray[np.uint8]]) -> Vectors:
        return np.stack([image.mean(axis=(0, 1)) for image in batch]).astype(np.float32)


MEAN = Recipe("test-mean", Mean())


class Result:
    """All that `describe` gave, a list a recipe."""

    def __init__(self, recipes: int):
        self.ids: list[list[str]] = [[] for _ in range(recipes)]
        self.vectors: list[list[NDArray[np.float32]]] = [[] for _ in range(recipes)]
        self.failed: list[tuple[int | None, str, str]] = []
        self.largest_batch = 0

    def __eq__(self, other: object) -> bool:
        """Bit-equal; failures may come earlier or later."""
        assert isinstance(other, Result)
        mine, theirs = (
            [[row.tobytes() for row in rows] for rows in result.vectors] for result in (self, other)
        )
        failed = sorted(map(str, self.failed)) == sorted(map(str, other.failed))
        return self.ids == other.ids and mine == theirs and failed


def everything(source: Shelf, recipes: Sequence[Recipe], **how: Any) -> Result:
    result = Result(len(recipes))
    for some in describe(source, source.pictures(), recipes, Settings(**how)):
        if isinstance(some, Described):
            assert len(some.ids) == len(some.vectors)
            assert some.vectors.dtype == np.float32
            result.ids[some.recipe] += some.ids
            result.vectors[some.recipe] += list(some.vectors)
            result.largest_batch = max(result.largest_batch, len(some.ids))
        else:
            result.failed += [(some.recipe, *failure) for failure in some.failures]
    return result


def in_time(work: Callable[[], Any], seconds: float = 60) -> Any:
    """The result of `work`; a deadlock fails the test instead of stopping all of them."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(work()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "deadlock"
    assert results, "it raised"
    return results[0]


def reading_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("cbir-read")]


@pytest.fixture(scope="module")
def expected() -> Result:
    return everything(shelf(), [*OURS, MEAN], workers=1, batch_size=1)


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
@pytest.mark.parametrize("batch_size", [1, 7, 32, 1000])
def test_results_are_the_same_whatever_threads_and_batches(
    workers: int, batch_size: int, expected: Result
) -> None:
    result = everything(shelf(), [*OURS, MEAN], workers=workers, batch_size=batch_size)
    assert result == expected
    assert result.largest_batch == min(batch_size, 45)


def test_results_come_in_order_and_are_those_of_one_picture_alone(expected: Result) -> None:
    files = shelf().files
    assert expected.ids == [sorted(files)] * 4
    assert expected.failed == []
    for recipe, vectors in zip([*OURS, MEAN], expected.vectors, strict=True):
        for data, vector in zip(files.values(), vectors, strict=True):
            assert data is not None
            assert np.array_equal(describe_one(data, recipe)[0], vector)


@pytest.mark.parametrize("number", range(4))
def test_several_recipes_equal_separate_runs(number: int, expected: Result) -> None:
    alone = everything(shelf(), [[*OURS, MEAN][number]])
    assert alone.ids == [expected.ids[number]]
    assert np.array_equal(alone.vectors[0], expected.vectors[number])


@pytest.mark.parametrize("workers", [1, 4])
def test_each_picture_is_read_once(workers: int) -> None:
    source = shelf()
    everything(source, OURS, workers=workers)
    assert sorted(source.read_ids) == sorted(source.files)


def test_no_pictures() -> None:
    assert everything(Shelf({}), OURS) == Result(3)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("batch_size", [1, 32])
def test_failures_do_not_disturb_neighbours(
    workers: int, batch_size: int, expected: Result
) -> None:
    source = shelf()
    data = source.files["012.png"]
    assert data is not None
    source.files |= {"005a": None, "012a": b"no picture", "012b": data[: len(data) // 2], "zz": b""}
    result = everything(source, [*OURS, MEAN], workers=workers, batch_size=batch_size)
    assert [(recipe, id) for recipe, id, _ in result.failed] == [
        (None, id) for id in ("005a", "012a", "012b", "zz")
    ]
    assert result.failed[0][2] == "can't be read"
    assert all(reason for _, _, reason in result.failed)
    result.failed = []
    assert result == expected


def test_pictures_that_are_too_large_are_left_out() -> None:
    source = Shelf({"a": encoded(picture(1, 100, 100)), "b": encoded(picture(1, 101, 100))})
    result = everything(source, OURS, max_pixels=10_000)
    assert result.ids == [["a"]] * 3
    ((recipe, id, reason),) = result.failed
    assert (recipe, id) == (None, "b")
    assert "megapixels" in reason


def dark(image: NDArray[np.uint8]) -> bool:
    return bool(image.max() < 10)


@dataclass(frozen=True)
class Touchy(Mean):
    """Fails for dark pictures, in the way that `how` says."""

    how: str = "raise"

    def describe(self, batch: Sequence[NDArray[np.uint8]]) -> Vectors:
        vectors = super().describe(batch)
        for image, vector in zip(batch, vectors, strict=True):
            if dark(image) and self.how == "raise":
                raise KeyError("too dark")
            if dark(image) and self.how == "nan":
                vector[1] = np.nan
        return vectors


@dataclass(frozen=True)
class TouchyEarly(Mean):
    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if dark(image):
            raise ZeroDivisionError("too dark")
        return image


def with_a_dark_one() -> Shelf:
    source = shelf()
    source.files["020a.png"] = encoded(np.zeros((40, 50, 3), np.uint8), ".png")
    return source


@pytest.mark.parametrize("batch_size", [1, 8, 100])
@pytest.mark.parametrize(
    ("descriptor", "reason"),
    [
        (Touchy(how="raise"), "the descriptor test-touchy failed: KeyError: 'too dark'"),
        (Touchy(how="nan"), "the descriptor test-touchy gave values that are not finite"),
        (TouchyEarly(), "the descriptor test-touchy failed: ZeroDivisionError: too dark"),
    ],
)
def test_a_descriptor_that_fails_for_one_picture(
    descriptor: Any, reason: str, batch_size: int, expected: Result
) -> None:
    """That picture fails for that descriptor; the others, and other descriptors, don't."""
    recipes = [parse("hsv"), Recipe("test-touchy", descriptor)]
    result = everything(with_a_dark_one(), recipes, batch_size=batch_size)
    assert result.failed == [(1, "020a.png", reason)]
    assert "020a.png" in result.ids[0]
    assert result.ids[1] == expected.ids[3]
    assert np.array_equal(result.vectors[1], expected.vectors[3])


@dataclass(frozen=True)
class Returns(Mean):
    """Returns something else than vectors."""

    what: str = "flat"

    def describe(self, batch: Sequence[NDArray[np.uint8]]) -> Any:
        n = len(batch)
        return {
            "flat": np.ones(n),
            "none": None,
            "deep": np.ones((n, 2, 2)),
            "short": np.ones((max(n - 1, 0), 3)),
            "empty": np.ones((n, 0)),
            "words": np.full((n, 3), "a"),
            "complex": np.ones((n, 3), complex),
            "changing": np.ones((n, 3 + n % 2)),
        }[self.what]


@pytest.mark.parametrize(
    "what", ["flat", "none", "deep", "short", "empty", "words", "complex", "changing"]
)
def test_a_descriptor_that_returns_no_vectors_stops_the_run(what: str) -> None:
    recipe = Recipe("test-returns", Returns(what=what))
    with pytest.raises(
        BadSpec, match=r"the descriptor test-returns returned .* it must be float32"
    ):
        everything(shelf(5), [recipe], batch_size=2)
    assert reading_threads() == []


@pytest.mark.parametrize("type", [np.float64, np.float16, np.int32, np.uint8])
def test_other_numbers_become_float32(type: Any) -> None:
    @dataclass(frozen=True)
    class Typed(Mean):
        def describe(self, batch: Sequence[NDArray[np.uint8]]) -> Any:
            return np.full((len(batch), 3), 7, type)

    result = everything(shelf(3), [Recipe("test-typed", Typed())])
    assert np.array_equal(result.vectors[0], np.full((3, 3), 7, np.float32))


@dataclass(frozen=True)
class Scribbler(Mean):
    """Writes into what it is given."""

    early: bool = True

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.early:
            image[:] = 0
        return image

    def describe(self, batch: Sequence[NDArray[np.uint8]]) -> Vectors:
        for image in batch:
            image[:] = 0
        return np.zeros((len(batch), 3), np.float32)


@pytest.mark.parametrize("early", [True, False])
def test_a_descriptor_that_writes_into_pictures_spoils_only_its_own(
    early: bool, expected: Result
) -> None:
    """All recipes of a scale are given one image; vectors depend on nothing computed beside them.

    Whether the scribbler fails or gets a copy is left open.
    """
    recipes = [Recipe("test-scribbler", Scribbler(early)), OURS[2], MEAN]
    result = everything(shelf(), recipes, batch_size=4)
    assert np.array_equal(result.vectors[1], expected.vectors[2])
    assert np.array_equal(result.vectors[2], expected.vectors[3])


@dataclass(frozen=True)
class Hungry(Mean):
    """Runs out of memory while it prepares dark pictures."""

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if dark(image):
            raise MemoryError
        return image


@pytest.mark.parametrize("order", [1, -1])
def test_a_picture_is_described_or_fails_but_not_both(order: int) -> None:
    recipes = [parse("hsv"), Recipe("test-hungry", Hungry())][::order]
    result = everything(with_a_dark_one(), recipes)
    assert result.failed
    for recipe, id, _ in result.failed:
        for number in range(2) if recipe is None else [recipe]:
            assert id not in result.ids[number]


def large(count: int) -> Shelf:
    """Pictures whose decoding takes 5 MB and 13 MB, and so counts."""
    some = {}
    for number in range(count):
        side = 1500 if number % 4 == 1 else 900
        image = np.full((side, side, 3), (number * 9, 80, 200), np.uint8)
        some[f"{number:02}.png"] = encoded(image, ".png", cv2.IMWRITE_PNG_COMPRESSION, 1)
    return Shelf({**some})


@pytest.fixture(scope="module")
def large_ones() -> Shelf:
    return large(10)


@pytest.fixture(scope="module")
def large_expected(large_ones: Shelf) -> Result:
    return everything(large_ones, [parse("hsv"), MEAN], workers=1)


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("memory", [1, 16 << 20])
def test_little_memory_is_enough(
    workers: int,
    memory: int,
    large_ones: Shelf,
    large_expected: Result,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even if no single picture fits: the oldest one always goes on."""
    monkeypatch.setattr(describing, "MEMORY", memory)
    monkeypatch.setattr(batching, "BATCH_BYTES", 8 << 20)
    recipes = [parse("hsv"), MEAN]
    how = {"workers": workers, "batch_size": 4}
    result = in_time(lambda: everything(large_ones, recipes, **how))
    assert result == large_expected


@pytest.mark.parametrize("workers", [1, 4])
def test_little_memory_with_pictures_that_fail(
    workers: int, large_ones: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a damaged picture asked for is given back."""
    monkeypatch.setattr(describing, "MEMORY", 6 << 20)
    damaged = {id: (data or b"")[:-2000] for id, data in large_ones.files.items()}
    good = encoded(picture(0), ".png")
    source = Shelf({**damaged, **{f"{id}-good": good for id in damaged}})
    result = in_time(lambda: everything(source, [parse("hsv"), MEAN], workers=workers))
    assert len(result.failed) == len(damaged)
    assert len(result.ids[0]) == len(result.ids[1]) == len(damaged)


def test_memory_in_work_stays_below_the_limit(
    large_ones: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the oldest task, which gets what it needs."""
    seen: list[int] = []
    acquire = Memory.acquire

    def watched(self: Any, task: int, amount: int) -> None:
        acquire(self, task, amount)
        seen.append(self.used)

    monkeypatch.setattr(Memory, "acquire", watched)
    monkeypatch.setattr(describing, "MEMORY", 20 << 20)
    in_time(lambda: everything(large_ones, [MEAN], workers=8, batch_size=1))
    one = 6 * 1500 * 1500
    assert one < max(seen) <= (20 << 20) + one


@pytest.mark.parametrize("memory", [1, 512 << 20])
def test_an_early_close_stops_the_threads(
    memory: int, large_ones: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describing, "MEMORY", memory)
    before = cv2.getNumThreads()
    source = Shelf(
        {f"{n:03}-{id}": data for n in range(20) for id, data in large_ones.files.items()}
    )
    found = describe(source, source.pictures(), [MEAN], Settings(workers=4, batch_size=1))
    assert isinstance(in_time(lambda: next(found)), Described)
    assert reading_threads()
    in_time(lambda: found.close() or True)
    assert reading_threads() == []
    assert len(source.read_ids) < len(source.files) / 4
    assert cv2.getNumThreads() == before


def test_an_error_in_a_thread_comes_out_and_stops_the_others() -> None:
    @dataclass(frozen=True)
    class Wrong(Mean):
        def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
            raise BadSpec("these settings can't work")

    with pytest.raises(BadSpec, match="these settings can't work"):
        everything(shelf(), [parse("hsv"), Recipe("test-wrong", Wrong())], workers=4)
    assert reading_threads() == []


def test_one_picture_alone_fails_with_its_reason() -> None:
    with pytest.raises(BadPicture):
        describe_one(b"no picture", parse("hsv"))
    black = encoded(np.zeros((9, 9, 3), np.uint8), ".png")
    with pytest.raises(BadPicture, match="not finite"):
        describe_one(black, Recipe("test-touchy", Touchy(how="nan")))
