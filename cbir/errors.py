"""What can go wrong, for a caller to catch. Messages say what to do; only the faces print them."""


class CbirError(Exception):
    """Anything that this package raises on purpose; its text is one line for a person."""


class BadPicture(CbirError):
    """One picture can't be used. A run lists it with this reason and goes on."""


class BadSpec(CbirError):
    """A descriptor, setting or distance that does not exist or does not fit."""


class BadIndex(CbirError):
    """An index file that is not one, is damaged, or does not fit the request."""


class BadSource(CbirError):
    """A data set that is not there or holds nothing to describe."""


class BadStore(CbirError):
    """A feature store that can't be used: not one, damaged, locked, or without room."""


class BadOutput(CbirError):
    """A place that can't be written to."""


class MissingPackage(CbirError):
    """An optional package is needed and not installed; the text names the pip line."""


def did_you_mean(word: str, known: list[str]) -> str:
    """A hint to append to an error: the nearest known word, or all of them when few."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; choose one of {', '.join(known)}" if known else ""
