"""Search your own pictures by what they look like, and find out which descriptor does it best.

>>> from cbir import index, search
>>> made = index("data/dataset/shop")
>>> found = search(made.index, "queries/hat-tan_query.jpg", limit=1)
>>> found.hits["queries/hat-tan_query.jpg"][0].id
'hat-tan_3.jpg'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cbir.jobs import (
        Duplicated,
        Fitted,
        Found,
        FoundItems,
        Indexed,
        Matched,
        Searcher,
        VectorIndex,
        compare,
        duplicates,
        fit,
        index,
        match,
        search,
        visual_search,
    )

__version__ = "0.1.0"

__all__ = [
    "Duplicated",
    "Fitted",
    "Found",
    "FoundItems",
    "Indexed",
    "Matched",
    "Searcher",
    "VectorIndex",
    "compare",
    "duplicates",
    "fit",
    "index",
    "match",
    "search",
    "visual_search",
]


def __getattr__(name: str) -> Any:
    """The jobs, imported when one is asked for: a command needs few of them."""
    if name in __all__:
        return getattr(import_module("cbir.jobs"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
