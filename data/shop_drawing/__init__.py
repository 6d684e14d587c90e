"""A small shop drawn by code: products, the places they stand in and their photographs."""

from .catalogue import ITEMS, KINDS
from .scene import draw_view

__all__ = ["ITEMS", "KINDS", "draw_view"]
