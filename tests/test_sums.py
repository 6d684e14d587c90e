"""Several descriptors as one vector, whose cosine is the weighted sum of the parts' cosines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbir import registry
from cbir.distances import pairwise
from cbir.errors import BadSpec
from cbir.pipeline import describe_one
from cbir.recipe import Recipe, Sum, parse
from cbir.types import Vectors
from tests.conftest import encoded, picture


@dataclass(frozen=True)
class Tone:
    """Mean colours less their middle: may be negative."""

    power: int = 1

    version: ClassVar[int] = 1
    distance: ClassVar[str] = "cosine"
    pixels: ClassVar[int] = 32
    dim: ClassVar[int] = 3

    def describe(self, batch: Sequence[Any]) -> Vectors:
        means = np.stack([image.mean(axis=(0, 1)) for image in batch])
        return ((means / 255 - 0.5) ** self.power).astype(np.float32)


@dataclass(frozen=True)
class Nothing(Tone):
    """Always zero."""

    def describe(self, batch: Sequence[Any]) -> Vectors:
        return np.zeros((len(batch), 3), np.float32)


@pytest.fixture(autouse=True, scope="module")
def toys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        parse("hsv")  # so that our own are registered before the copy is made
        patch.setattr(
            registry, "_classes", {**registry._classes, "test-tone": Tone, "test-nothing": Nothing}
        )
        yield


def made(text: str) -> Sum:
    recipe = parse(text)
    assert isinstance(recipe, Sum)
    return recipe


HSV = "hsv:bins=8x12x3,norm=l1,size=128,version=1"
TONE = "test-tone:power=1,version=1"


@pytest.mark.parametrize(
    "typed",
    [
        "hsv*0.25+test-tone*0.75",
        " hsv * 0.25 + test-tone * 0.75 ",
        "test-tone*0.75+hsv*0.25",
        "hsv*1+test-tone*3",
        "hsv+test-tone*3",
        "hsv:norm=l1*0.25+test-tone:power=1*0.75",
        f"{HSV}*0.25+{TONE}*0.75",
        'hsv:norm="l1"*25e-2+test-tone*.75',
    ],
)
def test_all_ways_to_write_it_give_one_spec(typed: str) -> None:
    assert made(typed).spec == f"{HSV}*0.25+{TONE}*0.75"


def test_without_weights_all_count_the_same() -> None:
    assert made("hsv+test-tone").weights == (0.5, 0.5)


def test_it_tells_what_it_is() -> None:
    recipe = made("test-tone+hsv*3")
    assert (recipe.name, recipe.distance, recipe.dim) == ("hsv+test-tone", "cosine", 291)
    assert recipe.slug.startswith("hsv-test-tone-")
    assert recipe.slug != made("hsv+test-tone").slug
    assert [part.name for part in recipe.parts] == ["hsv", "test-tone"]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("hsv+", "no descriptor is called ''"),
        ("+hsv", "no descriptor is called ''"),
        ("hsv+hsv", "adds the same descriptor twice"),
        ("hsv*2+hsv:size=128", "adds the same descriptor twice"),
        ("hsv*0.5", "nothing to add"),
        ("hsv*0+test-tone", "0 is not a weight"),
        ("hsv*-1+test-tone", "-1 is not a weight"),
        ("hsv*nan+test-tone", "nan is not a weight"),
        ("hsv*inf+test-tone", "inf is not a weight"),
        ("hsv*+test-tone", "nothing is not a weight"),
        ("hsv*a+test-tone", "a is not a weight"),
        ("hsv*1*2+test-tone", "two stars"),
        ("0.25*hsv+test-tone", "hsv is not a weight"),
        ("hsv:siz=3+test-tone", "did you mean size"),
        ("hsv+test-ton", "did you mean test-tone"),
    ],
)
def test_nonsense_is_refused_in_one_line(typed: str, message: str) -> None:
    with pytest.raises(BadSpec) as caught:
        parse(typed)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


WEIGHTS = st.floats(1e-3, 1e3, allow_nan=False)


@given(WEIGHTS, WEIGHTS, WEIGHTS)
def test_canonical_specs_read_back_as_themselves(a: float, b: float, c: float) -> None:
    spec = made(f"hsv*{a!r}+test-tone*{b!r}+hsv-regions*{c!r}".replace("e+", "e")).spec
    assert made(spec).spec == spec
    assert sum(made(spec).weights) == pytest.approx(1, abs=1e-9)


@given(WEIGHTS, WEIGHTS)
def test_only_proportions_count(a: float, b: float) -> None:
    one = made(f"hsv*{a!r}+test-tone*{b!r}".replace("e+", "e")).weights
    doubled = made(f"hsv*{2 * a!r}+test-tone*{2 * b!r}".replace("e+", "e")).weights
    assert doubled == one


def vectors(recipe: Recipe | Sum) -> Vectors:
    return np.concatenate([describe_one(encoded(picture(seed)), recipe) for seed in range(6)])


@pytest.mark.parametrize("weights", [(0.25, 0.75), (0.5, 0.5), (0.9, 0.1)])
def test_the_cosine_is_the_weighted_sum_of_cosines(weights: tuple[float, float]) -> None:
    whole = vectors(made(f"hsv*{weights[0]}+test-tone*{weights[1]}"))
    assert (whole.shape, whole.dtype) == ((6, 291), np.float32)
    assert np.linalg.norm(whole, axis=1) == pytest.approx(np.ones(6), abs=1e-6)
    roots = np.sqrt(vectors(parse("hsv")))
    parts = [roots, vectors(parse("test-tone"))]
    cosines = [1 - pairwise(part, part, "cosine") for part in parts]
    wanted = weights[0] * cosines[0] + weights[1] * cosines[1]
    assert 1 - pairwise(whole, whole, "cosine") == pytest.approx(wanted, abs=1e-6)


def test_a_part_of_zeros_adds_nothing() -> None:
    whole = vectors(made("hsv+test-nothing"))
    assert np.linalg.norm(whole, axis=1) == pytest.approx(np.full(6, np.sqrt(0.5)))


def test_huge_values_do_not_overflow() -> None:
    recipe = made("hsv+test-tone")
    one = np.full((1, 3), 1e38, np.float32)
    whole = recipe.combine([np.ones((1, 288), np.float32), one])
    assert np.isfinite(whole).all()
    assert np.linalg.norm(whole) == pytest.approx(1)


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    recipe = made("hsv*0.3+test-tone*0.7")
    generator = np.random.default_rng(1)
    parts = [generator.random((9, 288), np.float32), generator.random((9, 3), np.float32)]
    whole = recipe.combine(parts)
    for row in range(9):
        alone = recipe.combine([part[row : row + 1] for part in parts])
        assert np.array_equal(alone[0], whole[row])
