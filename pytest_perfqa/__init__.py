"""Performance and availability requirements of HTTP services as ordinary pytest tests.

Tests work with fixtures (``perf_run``, ``perf_service``) and need to import nothing. These names
are for type annotations and for code that catches errors; each is loaded when first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base.metrics import RunMetric as RunMetric
    from .base.metrics import WindowCount as WindowCount
    from .base.units import Quantity as Quantity
    from .base.units import Unit as Unit
    from .capacity.character.kind import Character as Character
    from .capacity.limits.found import BreakingPoint as BreakingPoint
    from .errors import ConfigurationError as ConfigurationError
    from .errors import Inconclusive as Inconclusive
    from .errors import InvalidRun as InvalidRun
    from .errors import NoData as NoData
    from .errors import PerfqaError as PerfqaError
    from .errors import RequirementMissed as RequirementMissed
    from .errors import ServiceError as ServiceError
    from .errors import UnitError as UnitError
    from .result.run_result import RunResult as RunResult
    from .result.slice import Slice as Slice
    from .result.slice import Window as Window
    from .service.backend import Service as Service

__version__ = "0.1.0"

_HOMES = {
    "BreakingPoint": "capacity.limits.found",
    "Character": "capacity.character.kind",
    "ConfigurationError": "errors",
    "Inconclusive": "errors",
    "InvalidRun": "errors",
    "NoData": "errors",
    "PerfqaError": "errors",
    "Quantity": "base.units",
    "RequirementMissed": "errors",
    "RunMetric": "base.metrics",
    "RunResult": "result.run_result",
    "Service": "service.backend",
    "ServiceError": "errors",
    "Slice": "result.slice",
    "Unit": "base.units",
    "UnitError": "errors",
    "Window": "result.slice",
    "WindowCount": "base.metrics",
}
__all__ = [
    "BreakingPoint",
    "Character",
    "ConfigurationError",
    "Inconclusive",
    "InvalidRun",
    "NoData",
    "PerfqaError",
    "Quantity",
    "RequirementMissed",
    "RunMetric",
    "RunResult",
    "Service",
    "ServiceError",
    "Slice",
    "Unit",
    "UnitError",
    "Window",
    "WindowCount",
]


def __getattr__(name: str) -> object:
    """Load a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*_HOMES, "__version__"]
