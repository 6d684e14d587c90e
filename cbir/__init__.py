"""Search your own pictures by what they look like."""

__version__ = "0.1.0"
