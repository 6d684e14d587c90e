"""Specs as people write them, and the canonical ones."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cbir import registry
from cbir.errors import BadSpec
from cbir.recipe import Recipe, parse
from cbir.types import Vectors


class Base:
    """What a descriptor must have, besides its settings."""

    version: ClassVar[int] = 3
    distance: ClassVar[str] = "cosine"
    pixels: ClassVar[int | None] = None

    def describe(self, batch: Sequence[Any]) -> Vectors:
        return np.ones((len(batch), 2), np.float32)


@dataclass(frozen=True)
class Toy(Base):
    """Every type that a setting may have."""

    word: str = "plain"
    number: int = 7
    real: float = 0.5
    flag: bool = False
    mode: Literal["fast", "slow"] = "fast"
    side: int | Literal["full"] = 32


@dataclass(frozen=True)
class Bare(Base):
    """No settings at all."""


@dataclass(frozen=True)
class WholeFloat(Base):
    real: float = 1


@dataclass(frozen=True)
class Optional(Base):
    most: int | None = None


@dataclass(frozen=True)
class OptionalWord(Base):
    word: str | None = None


@dataclass(frozen=True)
class Choice(Base):
    crop: Literal[True, "auto"] = True


@dataclass(frozen=True)
class Picky(Base):
    number: int = 1

    def __post_init__(self) -> None:
        if self.number > 9:
            raise ValueError("number is too large")


REGISTERED = {
    "test-toy": Toy,
    "test-bare": Bare,
    "test-whole-float": WholeFloat,
    "test-optional": Optional,
    "test-optional-word": OptionalWord,
    "test-choice": Choice,
    "test-picky": Picky,
}


@pytest.fixture(autouse=True, scope="module")
def toys() -> Iterator[None]:
    """The toys are registered for this module's tests and gone afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        parse("hsv")  # so that our own are registered before the copy is made
        patch.setattr(registry, "_classes", {**registry._classes, **REGISTERED})
        yield


def test_defaults_are_written_out() -> None:
    assert parse("hsv").spec == "hsv:bins=8x12x3,norm=l1,size=128,version=1"
    assert parse("hsv-regions").spec == "hsv-regions:bins=8x12x3,norm=l1,size=128,version=1"
    assert parse("test-bare").spec == "test-bare:version=3"
    toy = "test-toy:word=plain,number=7,real=0.5,flag=false,mode=fast,side=32,version=3"
    assert parse("test-toy").spec == toy


@pytest.mark.parametrize(
    "typed",
    [
        "hsv:norm=l2,size=full",
        "hsv:size=full,norm=l2",
        " hsv : norm = l2 , size=full ",
        "hsv:norm=l2,size=full,bins=8X12X3",
        "hsv:norm=l2,size=full,bins=08x012x3",
        'hsv:norm="l2",size="full"',
        "hsv:norm=l2,size=full,version=1",
    ],
)
def test_all_ways_to_write_it_give_one_spec(typed: str) -> None:
    assert parse(typed).spec == "hsv:bins=8x12x3,norm=l2,size=full,version=1"


def test_a_recipe_behaves_as_its_descriptor() -> None:
    recipe = parse("hsv:size=64")
    assert (recipe.name, recipe.distance, recipe.version) == ("hsv", "chi2", 1)
    assert (recipe.pixels, recipe.dim, recipe.prepares) == (64, 288, True)
    assert recipe.settings == {"bins": "8x12x3", "norm": "l1", "size": 64}
    assert recipe.typed == {"size"}
    toy = parse("test-toy")
    assert (toy.pixels, toy.dim, toy.prepares) == (None, None, False)
    image = np.zeros((2, 3, 3), np.uint8)
    assert toy.prepare(image) is image
    assert toy.describe([image]).tolist() == [[1, 1]]


def test_with_settings_changes_some() -> None:
    recipe = parse("hsv:norm=l2").with_settings(size="full")
    assert recipe.spec == "hsv:bins=8x12x3,norm=l2,size=full,version=1"
    assert recipe.typed == {"norm", "size"}
    with pytest.raises(BadSpec, match="no setting 'sise'"):
        recipe.with_settings(sise=3)


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
HARD = [
    "a,b",
    "a:b",
    "a+b",
    "a*b",
    "a b",
    'a"b',
    "\\",
    '\\"',
    "é→日本",
    "",
    " ",
    "a=b",
    "x\ny",
    "'",
]
TOYS = st.builds(
    Toy,
    word=st.one_of(WORDS, st.sampled_from(HARD)),
    number=st.integers(),
    real=st.floats(allow_nan=False, allow_infinity=False),
    flag=st.booleans(),
    mode=st.sampled_from(["fast", "slow"]),
    side=st.one_of(st.integers(), st.just("full")),
)


@settings(deadline=None)
@given(toy=TOYS)
@example(toy=Toy(word='"'))
@example(toy=Toy(word="\x85"))
def test_reading_a_canonical_spec_gives_the_same_descriptor(toy: Toy) -> None:
    spec = Recipe("test-toy", toy).spec
    assert "\n" not in spec
    assert parse(spec).descriptor == toy
    assert parse(spec).spec == spec


@settings(deadline=None)
@given(
    name=st.sampled_from(["hsv", "hsv-regions"]),
    bins=st.tuples(st.integers(1, 180), st.integers(1, 256), st.integers(1, 256)),
    norm=st.sampled_from(["l1", "l2"]),
    size=st.one_of(st.integers(1, 10_000), st.just("full")),
)
def test_our_own_specs_are_read_back(
    name: str, bins: tuple[int, ...], norm: str, size: Any
) -> None:
    typed = f"{name}:bins={'x'.join(map(str, bins))},norm={norm},size={size}"
    recipe = parse(typed)
    assert recipe.spec == f"{typed},version=1"
    assert parse(recipe.spec).descriptor == recipe.descriptor


@pytest.mark.parametrize("word", HARD)
def test_hard_values_are_quoted_in_the_canonical_spec(word: str) -> None:
    spec = Recipe("test-toy", Toy(word=word)).spec
    needs = word in ("", " ") or any(c in word for c in ',:+*" \n')
    assert ('word="' in spec) is needs
    assert parse(spec).descriptor == Toy(word=word)


@pytest.mark.parametrize(
    "name",
    ["test-whole-float", "test-optional", "test-optional-word", "test-choice"],
)
def test_a_spec_of_any_setting_can_be_read_back(name: str) -> None:
    """An index carries this spec, and search must be able to read it.

    Either the spec can be read, or such a setting is refused at once, before pictures are indexed.
    """
    try:
        recipe = parse(name)
    except BadSpec:
        return
    assert parse(recipe.spec).spec == recipe.spec
    assert parse(recipe.spec).descriptor == recipe.descriptor


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("hsv:nrom=l2", "hsv has no setting 'nrom'; did you mean norm?"),
        ("hsv:xyzzy=1", "no setting 'xyzzy'; choose one of bins, norm, size"),
        ("hvs", "no descriptor is called 'hvs'; did you mean hsv?"),
        ("", "no descriptor is called ''; choose one of"),
        ("hsv:norm=l3", "norm=l3 is not l1 or l2"),
        ("hsv:size=big", "size=big is not a whole number or full"),
        ("hsv:size=1.5", "size=1.5 is not a whole number or full"),
        ("test-toy:real=x", "real=x is not a number"),
        ("test-toy:real=nan", "real=nan is not a finite number"),
        ("test-toy:real=-inf", "real=-inf is not a finite number"),
        ("test-toy:flag=maybe", "flag=maybe is not true or false"),
        ("test-picky:number=10", "test-picky: number is too large"),
        ("hsv:size=64,size=64", "gives size twice"),
        ("hsv:version=1,version=1", "gives version twice"),
        ("hsv:size", "can't read 'hsv:size'"),
        ("hsv:size=64 norm=l2,", "size=64 norm=l2 is not a whole number"),
        ('test-toy:word="open', "can't read"),
        ('test-toy:word="a"b', "can't read"),
        ('test-toy:word="\\x"', "can't read the quoted value"),
        ("hsv:version=2", "version 2 of hsv is asked for, and version 1 is installed"),
        ("hsv:version=x", "version x of hsv is asked for"),
    ],
)
def test_errors_name_what_is_wrong_and_the_alternatives(typed: str, message: str) -> None:
    with pytest.raises(BadSpec) as caught:
        parse(typed)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "value"),
    [("true", True), ("YES", True), ("1", True), ("False", False), ("no", False), ("0", False)],
)
def test_words_for_true_and_false(typed: str, value: bool) -> None:
    descriptor = parse(f"test-toy:flag={typed}").descriptor
    assert isinstance(descriptor, Toy)
    assert descriptor.flag is value


NAMES = ["hsv", "hsv-regions", "test-toy"]
KEYS = ["bins", "norm", "size", "word", "real", "flag", "side", "number", "version"]
VALUES = ["1", "-1", "1e999", "l1", "full", "8x12x3", "٣", "²"]
PIECES = st.sampled_from([*NAMES, *KEYS, *VALUES, "9" * 5000, *':,="\\+* \n\0\udcff'])


@settings(max_examples=400, deadline=None)
@given(text=st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=12).map("".join)))
@example(text="hsv:bins=" + "9" * 5000 + "x1x1")
@example(text="hsv:size=" + "9" * 5000)
@example(text="hsv:bins=²x1x1")
def test_any_text_is_a_recipe_or_a_bad_spec(text: str) -> None:
    try:
        recipe = parse(text)
    except BadSpec:
        return
    assert parse(recipe.spec).spec == recipe.spec


def test_slugs_of_defaults_are_plain_names() -> None:
    assert parse("hsv").slug == "hsv"
    assert parse("hsv:bins=8x12x3,size=128").slug == "hsv"
    assert parse("hsv-regions").slug == "hsv-regions"


@pytest.mark.parametrize("typed", ["hsv:norm=l2", "hsv:size=full,norm=l2", "hsv:bins=4x4x4"])
def test_slugs_tell_what_differs_and_six_digits(typed: str) -> None:
    recipe = parse(typed)
    changed = [str(recipe.settings[key]) for key in recipe.settings if key in recipe.typed]
    start = re.escape("-".join(["hsv", *changed]))
    assert re.fullmatch(f"{start}-[0-9a-f]{{6}}", recipe.slug)
    assert recipe.slug == parse(recipe.spec).slug


@settings(deadline=None)
@given(one=TOYS, other=TOYS)
def test_slugs_are_safe_and_differ_when_specs_do(one: Toy, other: Toy) -> None:
    recipes = [Recipe("test-toy", toy) for toy in (one, other)]
    for recipe in recipes:
        assert re.fullmatch(r"test-toy(-[\w.]*)*", recipe.slug)
        assert len(recipe.slug) < 200
    same = recipes[0].spec == recipes[1].spec
    assert (recipes[0].slug == recipes[1].slug) is same


def test_slugs_of_words_from_a_command_line_that_is_not_utf8() -> None:
    """Python keeps such bytes as lone surrogates, which nothing can write to an index."""
    try:
        recipe = parse("test-toy:word=caf\udce9")
    except BadSpec:
        return
    assert recipe.slug.encode()
    assert recipe.spec.encode()
