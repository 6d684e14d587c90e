"""What goes wrong on the way to a picture, in words for a person."""

from cbir.errors import BadPicture

STOPPED = "the download was stopped"


class Again(Exception):
    """A request that may go better another time; its text is the reason if it never does.

    `unanswered`: the server said nothing at all. `after`: seconds that it asks to wait.
    """

    def __init__(self, reason: str, unanswered: bool = False, after: float | None = None):
        super().__init__(reason)
        self.unanswered, self.after = unanswered, after


class TooSlow(BadPicture):
    """A picture that was not there in time, although its server went on sending."""


def not_public(address: str) -> BadPicture:
    return BadPicture(
        f"it leads to an address of this machine or a private network ({address}); "
        "--allow-local allows that"
    )


def of_status(status: int) -> str:
    """A status as HTTP names it. The server's own words for it are a stranger's."""
    from http import HTTPStatus

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"status {status}"


def in_words(error: Exception, answered: bool) -> str:
    """What broke a request off: one of httpcore's exceptions, before or after an answer began."""
    import httpcore

    if isinstance(error, httpcore.TimeoutException):
        return "its server stopped sending" if answered else "its server does not answer"
    if answered:
        return "it came only in part"
    if isinstance(error, httpcore.RemoteProtocolError) and "disconnected" not in str(error):
        return "its server's answer is no HTTP"
    return "its server broke the connection off"
