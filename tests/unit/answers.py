"""All that a result can be asked, and its answers: for tests that compare one result to another.

Whatever is public is asked: a method that this module doesn't know how to call is an error, so
none is forgotten. What there is no answer to is answered by the error.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_perfqa.base.units import Quantity
from pytest_perfqa.errors import PerfqaError
from pytest_perfqa.report import comparison
from pytest_perfqa.result.requirements import judge, require
from pytest_perfqa.result.samples import Samples
from pytest_perfqa.result.slice import Slice

if TYPE_CHECKING:
    from pytest_perfqa.result.run_result import RunResult

_MOMENTS = np.linspace(-0.5, 12.0, 40)
# With what each method is called; of a name that several classes have, with what suits all.
_CALLS: Mapping[str, tuple[tuple[Any, ...], ...]] = {
    "above": ((0.1, 0.5, 0.0),),
    "apdex": ((0.1,), ("80ms",)),
    "area": ((_MOMENTS,),),
    "arrived": ((_MOMENTS,),),
    "at": ((_MOMENTS,),),
    "budget_spent": (("99%",), (0.9,)),
    "cold_start": ((), (3,)),
    "completed": ((),),
    "drift": ((), ("response",), ("pending",), ("memory",), ("nothing",)),
    "ended": ((_MOMENTS,),),
    "evidence": ((),),
    "expected_burst": ((), ("1s",)),
    "expected_first_timeout": ((),),
    "expected_recovery": (("b",), ("peak",)),
    "expected_timeouts": ((),),
    "histogram": ((np.geomspace(1e-4, 100, 30),),),
    "max_over": ((0.5,), ("1s",)),
    "metric": (("latency.p95",), ("skipped",), ("nothing",)),
    "notes": ((),),
    "pending_at": ((_MOMENTS,),),
    "percentile": ((50,), (75,), (95,), (99.9,)),
    "recovery_after": (("b",), ("peak",), ("nowhere",)),
    "refuse_disturbed": ((),),
    "sample_percentile": ((0,), (50,), (95,)),
    "share": ((200,), ("5xx",)),
    "share_below": ((0.1,), ("250ms",)),
    "share_of": (("timeout",), ("expectation",)),
    "timeline": ((0.7,),),
    "waiting_at": ((_MOMENTS,),),
    "windows": ((), (0.3,)),
    "endpoint_number": (("GET /",), ("GET /nothing",)),
}
_SLICED = {
    "phase": (("a",), ("peak",), ("nowhere",)),
    "endpoint": (("GET /",), ("POST /order",)),
    "between": ((0.5, 2.5), ("1s", "3s")),
}
# They make results, which are asked themselves, or files.
_DEEPEST = 9
# It has the same figures, or refuses them; what is known of the place of a run is no figure.
_NOT_ASKED = {"guarded", "provenance", "phases"}
_LEFT_OUT = {"load", "pooled_with", "save", "undisturbed", "of", "where"}
_LEFT_OUT |= {"means", "mean", "distance", "get", "items", "keys", "values"}


def answers(result: RunResult) -> dict[str, object]:
    """Give every answer of a result by the path of its question."""
    found = dict(_of(result, "result", inner=False))
    for held in (False, True):
        found |= _of(_said(lambda held=held: judge(result, held=held)), f"judge({held})")
        found |= _of(_said(lambda held=held: require(result, held=held)), f"require({held})")
    found |= _of(_said(lambda: comparison.row(result)), "row")
    return found


def _said(ask: Any) -> Any:
    """Give an answer, or the error that stands for it."""
    try:
        return ask()
    except (PerfqaError, ZeroDivisionError) as error:  # the latter of a slice that took no time
        return f"{type(error).__name__}: {error}"


def _of(thing: Any, path: str, *, inner: bool = True) -> Iterator[tuple[str, object]]:  # noqa: PLR0911
    if isinstance(thing, Quantity):
        yield path, (thing.hex(), thing.unit, thing.time_scale, thing.reach, thing.ends)
        if path.count("(") == path.count("percentile("):  # of slices, what is calculated will do
            yield from _of(_said(thing.evidence), f"{path}.evidence()")
        return
    if isinstance(thing, enum.Enum | datetime | Path | str | bytes | bool | int | None):
        yield path, (type(thing).__name__, thing)
        return
    if isinstance(thing, float):
        yield path, float(thing).hex()
        return
    if isinstance(thing, Samples | np.ndarray | np.generic):
        rows: Any = getattr(thing, "rows", thing)
        yield path, (str(rows.dtype), rows.shape, rows.tobytes())
        return
    if isinstance(thing, set | frozenset):
        yield path, sorted(map(repr, thing))
        return
    if isinstance(thing, Mapping):
        yield f"len({path})", len(thing)
        for name in thing:
            yield from _of(_said(lambda name=name: thing[name]), f"{path}[{name!r}]")
        if type(thing).__module__.partition(".")[0] != "pytest_perfqa":
            return
    elif isinstance(thing, list | tuple | Iterator):
        things = list(thing)
        yield f"len({path})", len(things)
        for number, one in enumerate(things):
            yield from _of(one, f"{path}[{number}]")
        return
    yield from _of_object(thing, path, inner=inner)


def _of_object(thing: Any, path: str, *, inner: bool) -> Iterator[tuple[str, object]]:
    if type(thing).__repr__ is not object.__repr__:
        yield f"repr({path})", "a function" if callable(thing) else _said(lambda: repr(thing))
    if not type(thing).__module__.startswith("pytest_perfqa.result."):
        return
    assert path.count(".") < _DEEPEST, path
    if hasattr(type(thing), "__bool__"):
        yield f"bool({path})", _said(lambda: bool(thing))
    names = {name for name in dir(type(thing)) if not name.startswith("_")}
    names |= {name for name in getattr(thing, "__dict__", {}) if not name.startswith("_")}
    names |= (
        {one.name for one in dataclasses.fields(thing)}
        if dataclasses.is_dataclass(thing)
        else set()
    )
    for name in sorted(names - _NOT_ASKED):
        if name in _SLICED:
            calls = () if inner else _SLICED[name]
        elif inspect.isfunction(inspect.getattr_static(thing, name)):
            if name in _LEFT_OUT:
                continue
            calls = _CALLS[name] if isinstance(thing, Slice) or name != "drift" else ((),)
        else:
            yield from _of(_said(lambda name=name: getattr(thing, name)), f"{path}.{name}")
            continue
        for call in calls:
            said = _said(lambda name=name, call=call: getattr(thing, name)(*call))
            yield from _of(said, f"{path}.{name}{call if len(repr(call)) < 40 else '(...)'}")
