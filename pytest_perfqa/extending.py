"""What packages of others build on: backends, exporters, faults; see docs/extending.md."""

from __future__ import annotations

from .errors import ConfigurationError, PrerequisiteMissing, Problem, ServiceError
from .machine.children import Reaper, spawn, terminate
from .monitor.readings import Metric
from .monitor.source import Census, SelfObserved, Source
from .scenario.fault_kinds import FaultKind, FaultTarget
from .service.backend import Backend, Leader, Part, Service, ServiceSection
from .service.config import ServiceConfig
from .service.shared.by_url import UrlService
from .service.shared.ports import take as free_port

__all__ = [
    "Backend",
    "Census",
    "ConfigurationError",
    "FaultKind",
    "FaultTarget",
    "Leader",
    "Metric",
    "Part",
    "PrerequisiteMissing",
    "Problem",
    "Reaper",
    "SelfObserved",
    "Service",
    "ServiceConfig",
    "ServiceError",
    "ServiceSection",
    "Source",
    "UrlService",
    "free_port",
    "spawn",
    "terminate",
]
