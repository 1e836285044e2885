"""What is to be characterised, and what may be spent on it."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...base.units import Unit, parse
from ...errors import ConfigurationError, UnitError

if TYPE_CHECKING:
    from collections.abc import Mapping

__tracebackhide__ = True


#: Most likely answered with 404, at once, by the same workers.
NO_SUCH_PATH = "/perfqa-no-such-path"
_LEAST_CONCURRENCY = 4
_LEAST_REQUESTS = 50


@dataclass(frozen=True)
class Question:
    """What is to be characterised, and what may be spent on it.

    Attributes:
        url, path: of the service.
        service: its name.
        quick: a path that is answered at once; one that doesn't exist will do in most services.
        budget: seconds, of real time.
        requests: sent at most.
        concurrency: open at one time at most.
        replica_header: an answer's header that tells the replica, where there is one.
        headers: sent with each request.
        time_scale: of the session: its texts are compared at full scale.
    """

    url: str
    path: str = "/"
    service: str = ""
    quick: str = NO_SUCH_PATH
    budget: float = 60.0
    requests: int = 1500
    concurrency: int = 256
    replica_header: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    time_scale: float = 1.0


def question(
    url: str,
    path: str,
    *,
    service: str,
    time_scale: float,
    ready: str | None,
    replica_header: str | None,
    budget: float | str = 60.0,
    requests: int = 1500,
    concurrency: int = 256,
    quick: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Question:
    """Make a question of what a user asks.

    Args:
        path: to characterise.
        ready: the path that tells that the service is ready, if there is one: it is quick.
        budget: real time, whatever the time scale: seconds, or a text such as ``"60s"``.
        requests: sent at most.
        concurrency: open at one time at most.
        quick: a path that is answered at once by the same workers. By default the ready path, or
            one that doesn't exist.
        headers: sent with each request.

    Raises:
        ConfigurationError: with all that can't be.
    """
    seconds = math.nan
    with contextlib.suppress(UnitError):
        seconds = float(parse(budget, Unit.SECOND) if isinstance(budget, str) else budget)
    mistakes = [
        f"{name}={value!r}: accepted: {accepted}"
        for name, value, is_accepted, accepted in (
            ("path", path, path.startswith("/"), "a path that begins with /"),
            ("quick", quick, quick is None or quick.startswith("/"), "a path that begins with /"),
            ("budget", budget, 0 < seconds < math.inf, "a time above 0, such as '60s'"),
            ("requests", requests, requests >= _LEAST_REQUESTS, f"{_LEAST_REQUESTS} or more"),
            (
                "concurrency",
                concurrency,
                concurrency >= _LEAST_CONCURRENCY,
                f"{_LEAST_CONCURRENCY} or more",
            ),
        )
        if not is_accepted
    ]
    if mistakes:
        raise ConfigurationError("\n".join(f"perf_characterize: {line}" for line in mistakes))
    return Question(
        url=url,
        path=path,
        service=service,
        quick=quick or (ready if ready not in {None, path} else None) or NO_SUCH_PATH,
        budget=seconds,
        requests=requests,
        concurrency=concurrency,
        replica_header=replica_header,
        headers=tuple((headers or {}).items()),
        time_scale=time_scale,
    )
