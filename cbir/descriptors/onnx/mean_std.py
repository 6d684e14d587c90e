"""Mean and standard deviation of a network's pixels: as a person writes them, or beside a model."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from cbir.errors import BadSpec, CbirError
from cbir.files import read_regular

NONE = "none"
"""For models that take bytes, as they are."""

# Where Hugging Face's tools write how pictures are prepared.
CONFIGS = ("preprocessor_config.json", "processor_config.json")
LARGEST = 1e4
SMALLEST = 1e-4
"""Of a standard deviation. Pixels are between 0 and 1."""


class Usual(NamedTuple):
    """How a model wants its pictures; the size is None when nothing says it."""

    mean: str
    std: str
    size: int | None


IMAGENET = Usual("0.485/0.456/0.406", "0.229/0.224/0.225", None)


def numbers(key: str, text: str) -> tuple[float, float, float]:
    """What `0.5/0.5/0.5` or `0.5` says, for red, green and blue."""
    try:
        found = [float(part) + 0.0 for part in text.replace(",", "/").split("/")]  # no -0.0
    except ValueError:
        found = []
    least = SMALLEST if key == "std" else -LARGEST
    if len(found) not in (1, 3) or not all(least <= number <= LARGEST for number in found):
        raise BadSpec(
            f"{key}={text}: write one number, or three for red, green and blue such as "
            f"0.5/0.5/0.5, for pixels between 0 and 1"
        )
    red, green, blue = found * 3 if len(found) == 1 else found
    return red, green, blue


def canonical(key: str, text: str) -> str:
    """The one way to write it."""
    return text if text == NONE else _written(numbers(key, text))


def usual(model: Path) -> Usual:
    """What the file beside the model says, or in the folder above it; else ImageNet's."""
    for folder in (model.parent, model.parent.parent):
        for name in CONFIGS:
            config = folder / name
            if config.is_file():
                return _read(config)
    return IMAGENET


def _read(config: Path) -> Usual:
    try:
        return _usual(json.loads(read_regular(str(config))))
    except (CbirError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
        why = " ".join(str(error).split())[:100]
        raise BadSpec(
            f"{config} does not say how pictures are prepared ({why}); give mean=, std= and size="
        ) from error


def _usual(config: Any) -> Usual:
    if isinstance(config, dict):
        config = config.get("image_processor", config)  # as newer versions nest it
    if not isinstance(config, dict):
        raise ValueError("it is no object")
    mean, std = numbers("mean", IMAGENET.mean), numbers("std", IMAGENET.std)
    if "image_mean" in config:
        mean = _listed("mean", config["image_mean"])
    if "image_std" in config:
        std = _listed("std", config["image_std"])
    if not config.get("do_normalize", True):
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    # Theirs are for pixels times a factor, which is 1/255 almost always.
    factor = config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 1.0
    most = 1.0 if math.isclose(factor, 1 / 255) else factor * 255
    scaled = _written([m / most for m in mean]), _written([s / most for s in std])
    return Usual(canonical("mean", scaled[0]), canonical("std", scaled[1]), _size(config))


def _listed(key: str, value: Any) -> tuple[float, float, float]:
    return numbers(key, _written(value if isinstance(value, list) else [value]))


def _written(values: Any) -> str:
    return "/".join(repr(value) for value in values)


def _size(config: dict[str, Any]) -> int | None:
    """The side of the square that the network gets in the end: a crop comes last."""
    size = config.get("size")
    if config.get("do_center_crop") and "crop_size" in config:
        size = config["crop_size"]
    if isinstance(size, dict):
        sides = {size[key] for key in ("height", "width", "shortest_edge") if key in size}
        size = sides.pop() if len(sides) == 1 else None
    return size if isinstance(size, int) else None
