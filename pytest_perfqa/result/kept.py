"""Results as folders: exact samples and readings, and all that was known beside them.

    run.json      what is no array, and the digests of the files that are
    samples.npz   the samples, an array for each field
    readings.npz  what the monitor saw: times and values of each part and metric
    earlier-1     the same of a run whose samples were pooled in, and so on

numpy and json are enough to read them; nothing in them is ever run. docs/results.md says what is
in them. Whatever changes what a reader of them would find is another version.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from ..base import files
from ..base.units import Quantity, Unit
from ..errors import ConfigurationError, Lasting
from ..load.wire.plan import Example
from ..load.wire.watch import Aborted
from ..monitor.disturbance import Disturbance
from ..monitor.readings import Metric, Readings, ReadingSeries
from ..scenario.records import Scenario
from ..service.config import Limits
from .context import Context
from .fault_record import FaultRecord
from .provenance import Provenance
from .samples import ROW, Samples
from .validity import Generator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from pydantic import TypeAdapter

FORMAT: Literal["pytest-perfqa run"] = "pytest-perfqa run"
VERSION: Literal[1] = 1
RUN = "run.json"
_SAMPLES = "samples.npz"
_READINGS = "readings.npz"
_EARLIER = "earlier-"

T = TypeVar("T")
Arrays = dict[str, "NDArray[Any]"]


@dataclass(frozen=True)
class Kept:
    """What a result is made of.

    Attributes:
        notes: all of them, those about answers too.
        earlier: the runs whose samples were pooled in.
    """

    context: Context
    started_at: datetime
    wall: float
    generator: Generator
    invalid: tuple[str, ...]
    notes: tuple[str, ...]
    aborted: Aborted | None
    faults: tuple[FaultRecord, ...]
    max_error_rate: float
    provenance: Provenance
    earlier: tuple[Kept, ...] = ()


@dataclass(frozen=True)
class _Cause:
    """Why a run can't be believed, and whether another one of the same would have that, too."""

    text: str
    lasting: bool


@dataclass(frozen=True)
class _Fault:
    """A fault that was done; times in seconds from the start of the run."""

    text: str
    action: str
    part: str
    planned: float
    at: float
    ended: float | None


@dataclass(frozen=True)
class _Readings:
    """What the monitor saw; series by part and metric, as numbers of arrays in their file."""

    series: dict[str, dict[Metric, int]]
    missing: dict[str, dict[Metric, str]]
    reason: str
    cpu: float
    interval: float
    notes: tuple[str, ...]
    beside: frozenset[str]
    disturbances: tuple[Disturbance, ...]


@dataclass(frozen=True, kw_only=True)
class _Document:
    """What stands in ``run.json``; in base units, as the run was: scaled."""

    format: Literal["pytest-perfqa run"] = FORMAT
    version: Literal[1] = VERSION
    service: str
    scenario: Scenario
    time_scale: float
    started_at: datetime
    wall: float
    until: float | None
    guarded: bool
    max_error_rate: float
    endpoints: tuple[str, ...]
    replica_values: tuple[str, ...]
    replica_names: dict[str, str] | None
    limits: Limits
    workers: dict[str, float]
    examples: tuple[Example, ...]
    generator: Generator
    invalid: tuple[_Cause, ...]
    notes: tuple[str, ...]
    aborted: Aborted | None
    faults: tuple[_Fault, ...]
    readings: _Readings
    provenance: Provenance
    earlier: int
    sha256: dict[str, str]


def write_kept(folder: Path, kept: Kept) -> None:
    """Write a result in one step; one that was there is gone then.

    Raises:
        ConfigurationError: there is something else.
        OSError: it can't be written.
    """
    check(folder)
    with files.folder(folder) as scratch:
        _fill(scratch, kept)


def check(folder: Path) -> None:
    """Make sure that a result may be written there: nothing else is to be lost.

    Raises:
        ConfigurationError: there is something else.
    """
    accepted = "accepted: a new or empty folder, or one that a result was kept in"
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigurationError(f"{folder} is no folder; {accepted}")
    others = (
        sorted(one.name for one in folder.iterdir() if not _is_ours(one)) if folder.is_dir() else []
    )
    if others:
        raise ConfigurationError(f"{folder} holds something else: {others[0]}; {accepted}")


def _is_ours(path: Path) -> bool:
    if path.name == RUN:
        try:
            found = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return False
        return isinstance(found, dict) and found.get("format") == FORMAT
    if path.name.startswith(_EARLIER) and path.is_dir():
        return all(map(_is_ours, path.iterdir()))
    return path.name in {_SAMPLES, _READINGS} and (path.parent / RUN).is_file()


def _fill(folder: Path, kept: Kept) -> None:
    rows, readings = kept.context.everything.rows, kept.context.readings
    numbered, arrays = _taken_apart(readings)
    samples = {name: rows[name] for name in ROW.names or ()}
    digests = {
        name: _write_arrays(folder / name, content)
        for name, content in ((_SAMPLES, samples), (_READINGS, arrays))
    }
    write_document(folder / RUN, _adapter(), _document(kept, numbered, digests))
    for number, one in enumerate(kept.earlier, 1):
        inner = folder / f"{_EARLIER}{number}"
        inner.mkdir()
        _fill(inner, one)


def _taken_apart(readings: Readings) -> tuple[dict[str, dict[Metric, int]], Arrays]:
    """Number the series; give the numbers, and the arrays by name."""
    numbers: dict[str, dict[Metric, int]] = {}
    arrays: Arrays = {}
    for part, metrics in readings.parts.items():
        numbers[part] = {}
        for metric, series in metrics.items():
            number = numbers[part][metric] = len(arrays) // 2
            arrays[f"times_{number}"], arrays[f"values_{number}"] = series.times, series.values
    return numbers, arrays


def _write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> str:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    path.write_bytes(content.getvalue())
    return hashlib.sha256(content.getvalue()).hexdigest()


def _document(
    kept: Kept, numbered: dict[str, dict[Metric, int]], digests: dict[str, str]
) -> _Document:
    context, readings = kept.context, kept.context.readings
    names = context.replica_names
    return _Document(
        service=context.service,
        scenario=context.scenario,
        time_scale=context.time_scale,
        started_at=kept.started_at,
        wall=kept.wall,
        until=context.until,
        guarded=context.is_guarded,
        max_error_rate=kept.max_error_rate,
        endpoints=context.endpoints,
        replica_values=context.replica_values,
        replica_names=None if names is None else dict(names),
        limits=context.limits,
        workers=dict(context.workers),
        examples=context.examples,
        generator=kept.generator,
        invalid=tuple(_Cause(str(one), isinstance(one, Lasting)) for one in kept.invalid),
        notes=kept.notes,
        aborted=kept.aborted,
        faults=tuple(
            _Fault(
                one.text,
                one.action,
                one.part,
                float(one.planned),
                float(one.at),
                None if one.ended is None else float(one.ended),
            )
            for one in kept.faults
        ),
        readings=_Readings(
            series=numbered,
            missing={part: dict(why) for part, why in readings.missing.items()},
            reason=readings.reason,
            cpu=readings.cpu,
            interval=readings.interval,
            notes=readings.notes,
            beside=readings.beside,
            disturbances=readings.disturbances,
        ),
        provenance=kept.provenance,
        earlier=len(kept.earlier),
        sha256=digests,
    )


def read_kept(folder: Path) -> Kept:
    """Read what ``write`` has written.

    Raises:
        ConfigurationError: there is no result, it is damaged, or of another version.
    """
    found = document(folder / RUN, _adapter(), FORMAT, VERSION)
    rows = _rows(_read_arrays(folder / _SAMPLES, found), folder / _SAMPLES)
    series = _read_arrays(folder / _READINGS, found)
    earlier = range(1, found.earlier + 1)
    return _kept(
        found,
        Samples(rows),
        _readings(found.readings, series, folder / _READINGS),
        tuple(read_kept(folder / f"{_EARLIER}{number}") for number in earlier),
    )


def document(path: Path, adapter: TypeAdapter[T], format_: str, version: int) -> T:
    """Read a file of JSON that says of itself what it is.

    Raises:
        ConfigurationError: it can't be read, is something else, damaged, or of another version.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - 0.1 s that only who reads one should pay

    plain = _plain(path, format_, version)
    try:
        return adapter.validate_python(plain)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise ConfigurationError(f"{path} is damaged: {said}") from None


def _plain(path: Path, format_: str, version: int) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is damaged, or no {format_}: {error}") from None
    if not isinstance(found, dict) or found.get("format") != format_:
        raise ConfigurationError(f"{path} is no {format_}: its format is not {format_!r}")
    if found.get("version") != version:
        raise ConfigurationError(
            f"{path} is of version {found.get('version')} of the format {format_!r}; "
            f"accepted: version {version}"
        )
    return found


def _read_arrays(path: Path, document: _Document) -> Arrays:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != document.sha256.get(path.name):
        raise ConfigurationError(f"{path} is damaged, or of another run than {RUN} beside it")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise ConfigurationError(f"{path} is damaged: {error}") from None


def _rows(columns: Arrays, path: Path) -> NDArray[np.void]:
    kinds = {name: (one.dtype, one.ndim, len(one)) for name, one in columns.items() if one.ndim}
    length = len(columns.get("intended", ()))
    if kinds != {name: (ROW[name], 1, length) for name in ROW.names or ()}:
        raise ConfigurationError(f"{path} is damaged: its arrays are not those of samples")
    rows = np.zeros(length, ROW)
    for name, column in columns.items():
        rows[name] = column
    return rows


def _readings(document: _Readings, arrays: Arrays, path: Path) -> Readings:
    try:
        parts = {
            part: {
                metric: ReadingSeries(arrays[f"times_{number}"], arrays[f"values_{number}"])
                for metric, number in numbers.items()
            }
            for part, numbers in document.series.items()
        }
    except KeyError as error:
        raise ConfigurationError(f"{path} is damaged: it has no {error.args[0]}") from None
    return Readings(
        parts=parts,
        missing=document.missing,
        reason=document.reason,
        cpu=document.cpu,
        interval=document.interval,
        notes=document.notes,
        beside=document.beside,
        disturbances=document.disturbances,
    )


def _kept(
    document: _Document, samples: Samples, readings: Readings, earlier: tuple[Kept, ...]
) -> Kept:
    def seconds(value: float) -> Quantity:
        return Quantity(value, Unit.SECOND, document.time_scale)

    context = Context(
        service=document.service,
        scenario=document.scenario,
        time_scale=document.time_scale,
        endpoints=document.endpoints,
        everything=samples,
        replica_values=document.replica_values,
        replica_names=document.replica_names,
        readings=readings,
        limits=document.limits,
        workers=document.workers,
        generator=document.generator,
        until=document.until,
        is_guarded=document.guarded,
        examples=document.examples,
    )
    return Kept(
        context=context,
        started_at=document.started_at,
        wall=document.wall,
        generator=document.generator,
        invalid=tuple(Lasting(one.text) if one.lasting else one.text for one in document.invalid),
        notes=document.notes,
        aborted=document.aborted,
        faults=tuple(
            FaultRecord(
                one.text,
                one.action,
                one.part,
                seconds(one.planned),
                seconds(one.at),
                None if one.ended is None else seconds(one.ended),
            )
            for one in document.faults
        ),
        max_error_rate=document.max_error_rate,
        provenance=document.provenance,
        earlier=earlier,
    )


def write_document(path: Path, adapter: TypeAdapter[T], found: T) -> None:
    """Write a file that ``document`` reads: JSON in ASCII."""
    plain = _strict(adapter.dump_python(found, mode="json"))
    text = json.dumps(plain, indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="ascii")


def _strict(plain: Any) -> Any:
    """Write infinite numbers, which JSON doesn't have, as texts, which reading takes for them."""
    match plain:
        case dict():
            return {name: _strict(value) for name, value in plain.items()}
        case list():
            return [_strict(value) for value in plain]
        case float() if not math.isfinite(plain):
            return str(plain)
        case _:
            return plain


@cache
def _adapter() -> TypeAdapter[_Document]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - 0.1 s that only who keeps one should pay

    return TypeAdapter(_Document)
