"""Whose word is taken for who a server is."""

import ssl
from functools import cache


@cache
def trusted() -> ssl.SSLContext:
    """The system's certificates, which a company may have added its own to, and Mozilla's."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
