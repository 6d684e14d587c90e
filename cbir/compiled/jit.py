"""numba, as all loops here want it."""

from collections.abc import Callable
from typing import Any

import numba


def jit(**options: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """numba.njit that leaves the interpreter free, and keeps the machine code on disk.

    A `nogil` kernel in ordinary threads, because numba's own threads abort the process when two
    of ours start them at once, or hang a fork. Kernels are module-level functions: those inside
    functions would be compiled anew in every process.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        try:
            return numba.njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # numba found no folder that it could write its cache to
            return numba.njit(nogil=True, **options)(function)

    return decorate
