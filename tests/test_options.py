"""What flags take for a number, and what they say of the rest."""

import math
from argparse import ArgumentTypeError
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbir.commands.options import MOST, distance, number, positive, similarity


@pytest.mark.parametrize(
    ("text", "found"),
    [("1", 1), ("007", 7), (str(MOST), MOST), (str(MOST + 1), MOST), ("9" * 9999, MOST)],
)
def test_counts(text: str, found: int) -> None:
    assert positive(text) == found


@pytest.mark.parametrize("text", ["", "0", "00", "-1", "1.5", "1e3", " 1", "²", "٣", "nan", "many"])
def test_what_is_no_count(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="is not a whole number of at least 1"):
        positive(text)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (distance, ["0", "0.5", "1e300"], ["-0.1", "inf", "nan", "", "far", "1e999"]),
        (similarity, ["-1", "0.845", "1"], ["1.1", "-1.1", "inf", "nan", "", "near"]),
    ],
)
def test_numbers_within_limits(
    kind: Callable[[str], float], good: list[str], bad: list[str]
) -> None:
    assert [kind(text) for text in good] == [float(text) for text in good]
    for text in bad:
        with pytest.raises(ArgumentTypeError, match="is not a"):
            kind(text)


@given(st.text(max_size=8))
def test_any_text_is_a_number_that_fits_or_refused(text: str) -> None:
    with suppress(ArgumentTypeError):
        assert math.isfinite(number("finite", math.isfinite)(text))
