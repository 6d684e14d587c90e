"""Many texts in one run of UTF-8, as the sidecar holds the keys of its rows."""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray


class PackedKeys(Sequence[str]):
    """Keys in sorted order, decoded when asked for. `ends` (n,) says where in `text` each ends."""

    def __init__(self, ends: NDArray[np.uint64], text: NDArray[np.uint8]):
        self._ends, self._text = ends, text.data

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, number: int) -> str: ...
    @overload
    def __getitem__(self, number: slice) -> list[str]: ...
    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        number = range(len(self))[number]
        return self._decoded(self._start(number), int(self._ends[number]))

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in self._ends.tolist():
            yield self._decoded(start, end)
            start = end

    def holds(self, number: int, keys: Sequence[str]) -> bool:
        """Whether just these keys stand there from a number on; compared without decoding."""
        texts = [key.encode() for key in keys]
        start = self._start(number)
        ends = np.cumsum([start, *map(len, texts)], dtype=np.uint64)
        if not np.array_equal(self._ends[number : number + len(keys)], ends[1:]):
            return False
        return self._text[start : int(ends[-1])] == b"".join(texts)

    def _start(self, number: int) -> int:
        return int(self._ends[number - 1]) if number else 0

    def _decoded(self, start: int, end: int) -> str:
        return str(self._text[start:end], "utf-8", "replace")
