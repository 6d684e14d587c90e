"""Where this package keeps what is no output of a run. The faces say where, once, at their start.

The library itself never looks at the environment: `configure` is told what CBIR_HOME and
KERAS_HOME say.
"""

import os
from pathlib import Path

_home: Path | None = None
_keras: Path | None = None


def configure(home: str | None = None, keras: str | None = None) -> None:
    """`home`: one folder for all that is ours; `keras`: where Keras keeps its weights."""
    global _home, _keras
    _home = Path(os.path.expanduser(home)) if home else None
    _keras = Path(os.path.expanduser(keras)) if keras else None


def chosen() -> bool:
    """Whether a person named the folder."""
    return _home is not None


def cache() -> Path:
    """What can be made again: exported networks, digests of files."""
    if _home is not None:
        return _home / "cache"
    import platformdirs

    return platformdirs.user_cache_path("cbir", appauthor=False)


def data() -> Path:
    """What is expensive to make again: the feature store."""
    if _home is not None:
        return _home
    import platformdirs

    return platformdirs.user_data_path("cbir", appauthor=False)


def keras() -> Path:
    """The folder that Keras calls its home; weights lie in `models` below it."""
    return _keras or Path.home() / ".keras"
