"""Items that look alike: the most similar ones of each, and those that a photo shows.

>>> from cbir.vector_index import VectorIndex
>>> import numpy as np
>>> ids = ["cap_1.jpg", "cap_2.jpg", "hat.jpg", "shoe.jpg"]
>>> vectors = np.array([[1, 0], [1, 0.1], [1, 0.5], [0, 1]])
>>> catalogue = Catalogue(VectorIndex(ids=ids, vectors=vectors, spec="mine"), item_rule())
>>> [near.item for near in similar(catalogue, "cap")]
['hat', 'shoe']
"""

from cbir.catalogue.aggregates import AGGREGATES, item_distances
from cbir.catalogue.catalogue import Catalogue
from cbir.catalogue.described import Described, Wanted, describe
from cbir.catalogue.similar import Similar, fit, nearest_pictures, similar
from cbir.catalogue.visual_search import ItemHit, restricted, visual_search
from cbir.items import item_rule

__all__ = [
    "AGGREGATES",
    "Catalogue",
    "Described",
    "ItemHit",
    "Similar",
    "Wanted",
    "describe",
    "fit",
    "item_distances",
    "item_rule",
    "nearest_pictures",
    "restricted",
    "similar",
    "visual_search",
]
