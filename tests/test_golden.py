"""Values that must not change without a new `version`.

An index says which version made it; if the numbers change and the version does not, old vectors
are compared with new ones. If a change is meant: raise `version`, then put the new values here.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from cbir.recipe import parse


def drawn() -> NDArray[np.uint8]:
    """A picture of whole-number formulas alone, so that no library's version can change it."""
    y, x = np.mgrid[:96, :140]
    red = 40 + x + (y // 16) * 11
    green = (x * y // 24) % 256
    blue = np.where((x // 20 + y // 24) % 2 == 0, 220 - y, 30 + y + x // 2)
    return np.stack([red, green, blue], axis=-1).clip(0, 255).astype(np.uint8)


def vector(spec: str) -> NDArray[np.float32]:
    recipe = parse(spec)
    return recipe.describe([recipe.prepare(drawn())])[0]


PICTURE = [1841280, 1212120, 1934880]

GOLDEN = {
    "hsv:bins=8x12x3,norm=l1,size=128,version=1": (
        {83: 0.0363095, 209: 0.0275298, 215: 0.0498512, 251: 0.0283482},
        [0.057292, 0.060417, 0.12939, 0.013988, 0.009896, 0.21503, 0.287574, 0.226414],
        192.9019,
    ),
    "hsv:bins=8x12x3,norm=l2,size=128,version=1": (
        {83: 0.2922144, 209: 0.221556, 215: 0.401196, 251: 0.2281428},
        [0.461076, 0.486226, 1.041313, 0.112574, 0.07964, 1.730532, 2.314362, 1.822149],
        1552.4496,
    ),
    "hsv-regions:bins=8x12x3,norm=l1,size=128,version=1": (
        {212: 0.1031036, 215: 0.3450815, 539: 0.1002681, 848: 0.0975744},
        [0.320914, 0.281596, 0.453536, 0.040632, 0.023629, 0.945051, 1.695475, 1.239167],
        3891.5295,
    ),
    "hsv-regions:bins=8x12x3,norm=l2,size=128,version=1": (
        {215: 0.8618436, 539: 0.4303857, 848: 0.3936406, 1235: 0.4088404},
        [1.421637, 1.334898, 2.508794, 0.237762, 0.14677, 3.92902, 7.315627, 5.131985],
        19387.7125,
    ),
    "hsv:bins=4x4x4,norm=l1,size=128,version=1": (
        {23: 0.0692708, 47: 0.078869, 61: 0.0678571, 62: 0.0642113},
        [0.117708, 0.143378, 0.224926, 0.513988],
        43.9289,
    ),
}
"""Spec: the four largest values; sums of each hue; and all values, each times its place."""


def test_the_picture_is_the_same() -> None:
    assert drawn().astype(np.int64).sum(axis=(0, 1)).tolist() == PICTURE


@pytest.mark.parametrize("spec", GOLDEN)
def test_numbers_change_only_with_the_version(spec: str) -> None:
    largest, hues, weighted = GOLDEN[spec]
    found = vector(spec)
    assert sorted(np.argsort(-found, kind="stable")[:4].tolist()) == list(largest)
    assert found[list(largest)].tolist() == pytest.approx(list(largest.values()), abs=2e-7)
    a_hue = 36 if "8x12x3" in spec else 16
    sums = found.reshape(-1, len(hues), a_hue).sum(axis=(0, 2), dtype=np.float64)
    assert sums.tolist() == pytest.approx(hues, abs=2e-6)
    places = np.arange(1, len(found) + 1)
    assert (found * places).sum(dtype=np.float64) == pytest.approx(weighted, rel=1e-6)


@pytest.mark.parametrize("name", ["hsv", "hsv-regions"])
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_defaults_and_versions_are_those_of_the_golden_values(name: str, norm: str) -> None:
    """Another default, or another version, belongs here beside its numbers."""
    assert parse(f"{name}:norm={norm}").spec in GOLDEN
    assert parse(name).spec in GOLDEN
