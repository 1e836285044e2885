"""Status codes of HTTP: which are as expected, and which come from a server that serves."""

from __future__ import annotations

#: As k6 and Locust have it.
USUAL = range(200, 400)
_FIRST_SERVER_ERROR = 500


def is_usual(status: int) -> bool:
    """Whether an answer with this status is as expected where nothing else is said."""
    return status in USUAL


def is_served(status: int) -> bool:
    """Whether there was an answer, and no error of the server: a refusal is one, too."""
    return 0 < status < _FIRST_SERVER_ERROR
