"""The jobs of the command line as functions: `from cbir import index, search, fit, compare, …`.

Data sets are named as on the command line: a folder, the name of one under data/dataset, or a
table of paths and URLs. Pictures that fail are returned with their reasons; all else that goes
wrong is a CbirError. Nothing is printed, but for what libjpeg and libpng say of damaged pictures on
standard error. `store` is the file of a feature store that saves
describing anything twice; without one nothing is kept. `allow_local`: a table may name anything.
What CBIR_HOME and KERAS_HOME say when the first job is asked for, counts as on the command line.
"""

import os

from cbir import places
from cbir.jobs.comparison import compare
from cbir.jobs.indexes import Found, Indexed, index, search
from cbir.jobs.items import Fitted, FoundItems, fit, visual_search
from cbir.jobs.pairs import Duplicated, Matched, duplicates, match
from cbir.searcher import Searcher
from cbir.vector_index import VectorIndex

places.configure(os.environ.get("CBIR_HOME"), os.environ.get("KERAS_HOME"))

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
