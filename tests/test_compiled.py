"""When the compiled loops take over, and that they count colours as OpenCV does."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from cbir.compiled import Compiled
from cbir.descriptors.hsv_counts import count
from tests.conftest import picture

BINS = (8, 12, 3)


class Loader:
    """Counts how often it is asked to load."""

    def __init__(self, error: Exception | None = None, seconds: float = 0.0):
        self.calls, self.error, self.seconds = 0, error, seconds

    def __call__(self) -> str:
        self.calls += 1
        time.sleep(self.seconds)
        if self.error:
            raise self.error
        return "kernels"


def spend(compiled: Compiled[str], seconds: float) -> None:
    with compiled.plain():
        time.sleep(seconds)


def test_plain_until_the_worth_is_spent() -> None:
    load = Loader()
    compiled = Compiled(load, worth_seconds=0.05)
    assert compiled.ready() is None
    spend(compiled, 0.001)
    assert compiled.ready() is None
    assert load.calls == 0
    spend(compiled, 0.06)
    assert compiled.ready() == "kernels"
    assert compiled.ready() == "kernels"
    assert load.calls == 1


def test_many_small_pieces_add_up() -> None:
    compiled = Compiled(Loader(), worth_seconds=0.03)
    for _ in range(10):
        spend(compiled, 0.004)
    assert compiled.ready() == "kernels"


def test_time_counts_when_the_plain_work_fails_too() -> None:
    compiled = Compiled(Loader(), worth_seconds=0.01)

    def fail() -> None:
        with compiled.plain():
            time.sleep(0.02)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert compiled.ready() == "kernels"


def test_a_large_piece_of_work_starts_it_at_once() -> None:
    compiled = Compiled(Loader(), worth_seconds=10)
    assert compiled.ready("auto", expected_seconds=9) is None
    assert compiled.ready("auto", expected_seconds=11) == "kernels"


def test_expected_and_spent_are_added() -> None:
    compiled = Compiled(Loader(), worth_seconds=1.0)
    spend(compiled, 0.05)
    assert compiled.ready("auto", expected_seconds=0.96) == "kernels"


def test_plain_stays_plain_and_compiled_starts_at_once() -> None:
    load = Loader()
    compiled = Compiled(load, worth_seconds=100)
    assert compiled.ready("plain", expected_seconds=1000) is None
    assert load.calls == 0
    assert compiled.ready("compiled") == "kernels"
    assert compiled.ready("auto") == "kernels"
    assert compiled.ready("plain") is None


@pytest.mark.parametrize("error", [ImportError("no numba"), RuntimeError("no place to cache")])
def test_what_can_not_be_loaded_stays_plain(error: Exception) -> None:
    load = Loader(error)
    compiled = Compiled(load, worth_seconds=0)
    assert compiled.ready() is None
    assert compiled.ready("compiled") is None
    assert compiled.ready("auto", expected_seconds=1000) is None
    assert load.calls == 1


def in_threads(work: Callable[[], object], count: int) -> list[object]:
    """Results of `work` in threads that start at the same moment."""
    start, results = threading.Barrier(count), list[object]()

    def run() -> None:
        start.wait()
        results.append(work())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("error", [None, ImportError()])
def test_threads_load_it_once(error: Exception | None) -> None:
    load = Loader(error, seconds=0.05)
    compiled = Compiled(load)
    results = in_threads(lambda: compiled.ready("compiled"), 16)
    assert load.calls == 1
    assert results == [None if error else "kernels"] * 16


def both(image: NDArray[np.uint8]) -> tuple[list[int], list[int]]:
    plain, compiled = (count(image, BINS, engine=engine) for engine in ("plain", "compiled"))
    assert plain.dtype == compiled.dtype == np.int64
    assert plain.shape == compiled.shape == (288,)
    return plain.tolist(), compiled.tolist()


def test_every_colour_falls_into_opencvs_bin() -> None:
    """All 16.7 million, 4,096 pixels at a time: in whole pictures two errors could cancel out."""
    green, blue = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    strip = np.stack([green, green, blue], axis=-1).astype(np.uint8)
    for red in range(256):
        strip[..., 0] = red
        for quarter in np.array_split(strip, 16):
            plain, compiled = both(quarter)
            assert plain == compiled, f"red {red}, green {quarter[0, 0, 1]} and on"


def test_a_picture_of_every_colour() -> None:
    """The same as one picture, whose bins all fill up."""
    numbers = np.arange(1 << 24, dtype=np.uint32).reshape(4096, 4096)
    image = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=-1).astype(np.uint8)
    plain, compiled = both(image)
    assert plain == compiled
    assert sum(plain) == 1 << 24


@pytest.mark.parametrize("height", [1, 2, 3, 31])
@pytest.mark.parametrize("width", [1, 2, 3, 5, 67, 2047, 2048, 2049, 4099])
def test_odd_sizes(width: int, height: int) -> None:
    image = picture(width, width, height)
    plain, compiled = both(image)
    assert plain == compiled
    assert sum(compiled) == width * height


def test_slices_that_are_not_contiguous() -> None:
    image = picture(3, 301, 207)
    views = [image[:, ::2], image[::-1, ::-1], image[5:99, 17:203], image.transpose(1, 0, 2)]
    for view in [*views, image[..., ::-1], np.asfortranarray(image)]:
        plain, compiled = both(view)
        assert plain == compiled == both(view.copy())[0]


def test_pictures_are_left_as_they_are() -> None:
    image = picture(4)
    before = image.copy()
    image.flags.writeable = False
    both(image)
    assert np.array_equal(image, before)


@pytest.mark.parametrize("shape", [(0, 0, 3), (0, 5, 3), (5, 0, 3)])
def test_no_pixels_no_counts(shape: tuple[int, ...]) -> None:
    assert both(np.zeros(shape, np.uint8)) == ([0] * 288, [0] * 288)


def test_other_bins_and_masks_never_need_the_compiled_loop() -> None:
    image, mask = picture(5), np.zeros((120, 160), np.uint8)
    mask[10:20] = 255
    assert count(image, (4, 4, 4), engine="compiled").sum() == image.size // 3
    masked = count(image, BINS, mask, engine="compiled")
    assert masked.tolist() == both(image[10:20])[0]


def test_more_pixels_of_a_colour_than_float32_can_count() -> None:
    """OpenCV's counts are float32, whole up to 2^24. `size=full` gets there with 17 megapixels."""
    white = np.full((4097, 4097, 3), 255, np.uint8)
    plain, compiled = both(white)
    assert sum(compiled) == 4097 * 4097
    assert plain == compiled
