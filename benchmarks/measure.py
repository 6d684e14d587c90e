"""Timing that survives a noisy machine: contestants take turns, and medians are compared."""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cbir.threads import cores

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("CBIR_SHARED", ROOT.parent / "shared"))


@dataclass(frozen=True)
class Row:
    """One figure. `at_least` tells whether it must reach the bound or stay below it."""

    what: str
    against: str
    value: float
    bound: float
    at_least: bool = True
    unit: str = "×"

    @property
    def good(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def fields(self) -> dict[str, Any]:
        return asdict(self) | {"good": self.good}


def in_turns(repeats: int, *contestants: Callable[[], object]) -> list[float]:
    """The median seconds of each, A B A B …, after one round that does not count.

    What is over quickly is done several times a turn, so that a turn lasts a tenth of a second.
    """
    times: list[list[float]] = [[] for _ in contestants]
    calls = [1] * len(contestants)
    for number in range(repeats + 1):
        for which, contestant in enumerate(contestants):
            started = time.perf_counter()
            for _ in range(calls[which]):
                contestant()
            seconds = (time.perf_counter() - started) / calls[which]
            if number:
                times[which].append(seconds)
            else:
                calls[which] = max(1, round(0.1 / seconds))
    return [statistics.median(own) for own in times]


def process(*command: str | Path) -> Callable[[], None]:
    """A contestant that is a whole Python process, run at the project's root."""

    def run() -> None:
        subprocess.run(
            [sys.executable, *map(str, command)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )

    return run


def peak_megabytes(command: Sequence[str | Path]) -> float:
    """The largest resident size of a Python process."""
    # Through a small process between, because Linux counts what a child was forked from.
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    arguments = [sys.executable, "-c", script, sys.executable, *map(str, command)]
    done = subprocess.run(arguments, cwd=ROOT, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1]) / (1024 if sys.platform == "linux" else 1 << 20)


def linked(files: Sequence[Path], count: int, folder: Path) -> Path:
    """A folder of `count` links that repeat the files."""
    folder.mkdir(parents=True)
    for number in range(count):
        file = files[number % len(files)]
        (folder / f"{number:06}{file.suffix}").symlink_to(file.resolve())
    return folder


def copied(files: Sequence[Path], count: int, folder: Path) -> Path:
    """A folder of `count` JPEGs that repeat the files, each with bytes of its own."""
    folder.mkdir(parents=True)
    for number in range(count):
        data = files[number % len(files)].read_bytes()
        # What follows a JPEG's end is not looked at.
        (folder / f"{number:06}.jpg").write_bytes(data + number.to_bytes(4))
    return folder


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    packages = ("opencv-python", "numpy", "numba", "pyarrow", "tensorflow", "onnxruntime")
    return {
        "cpu": f"{model}, {cores()} cores used",
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }
