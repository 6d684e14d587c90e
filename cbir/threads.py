"""How many threads this process may keep busy."""

import os


def cores() -> int:
    """The cores that are ours: in a container fewer than the machine has."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1
