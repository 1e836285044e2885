"""What packages of others build on: backends, exporters, faults; see docs/extending.md."""

from __future__ import annotations

from .errors import ConfigurationError, NoData, PrerequisiteMissing, Problem, ServiceError
from .load.driver.generator import Progress
from .load.wire.outcome import Outcome
from .machine.children import Reaper, spawn, terminate
from .monitor.readings import Metric
from .monitor.source import Census, SelfObserved, Source
from .report.export.exporter import Exporter
from .report.record.schema import Record
from .result.run_result import RunResult
from .scenario.fault_kinds import FaultKind, FaultTarget
from .scenario.records import Scenario
from .service.backend import Backend, Leader, Part, Service, ServiceSection
from .service.config import ServiceConfig
from .service.shared.by_url import UrlService
from .service.shared.ports import take as free_port

__all__ = [
    "Backend",
    "Census",
    "ConfigurationError",
    "Exporter",
    "FaultKind",
    "FaultTarget",
    "Leader",
    "Metric",
    "NoData",
    "Outcome",
    "Part",
    "PrerequisiteMissing",
    "Problem",
    "Progress",
    "Reaper",
    "Record",
    "RunResult",
    "Scenario",
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
