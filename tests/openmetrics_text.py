"""OpenMetrics texts read strictly, as the specification has them: an export must not need luck."""

from __future__ import annotations

import re

LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|\Z)')


def strictly(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], list[tuple[float, float]]]]:
    """Read an OpenMetrics text as its specification has it; give families, series and points.

    A family stands together, and each series in it; no two have the same labels, no label comes
    twice, and the moments of a series rise.
    """
    families: dict[str, dict[tuple[tuple[str, str], ...], list[tuple[float, float]]]] = {}
    kinds: dict[str, str] = {}
    before = None
    *lines, end, nothing = text.split("\n")
    assert (end, nothing) == ("# EOF", "")
    for line in lines:
        if line.startswith("#"):
            _, what, name, said = line.split(" ", 3)
            if what == "TYPE":
                assert name not in families
                families[name], kinds[name] = {}, said
            assert name == list(families)[-1]
            continue
        found = re.fullmatch(r"(\w+)\{(.*)\} (\S+) (\S+)", line)
        assert found, line
        name = list(families)[-1]
        assert found[1] == name + ("_total" if kinds[name] == "counter" else "")
        labels = tuple(sorted(LABEL.findall(found[2])))
        assert ",".join(f'{key}="{value}"' for key, value in LABEL.findall(found[2])) == found[2]
        assert len({key for key, _ in labels}) == len(labels)
        series = families[name].setdefault(labels, [])
        assert series is before or not series, f"{labels} is there twice"
        assert not series or float(found[4]) > series[-1][0], f"{labels} stands still"
        series.append((float(found[4]), float(found[3])))
        before = series
    for name, kind in kinds.items():
        for points in families[name].values():
            values = [value for _, value in points]
            assert kind == "gauge" or values == sorted(values), name
    return families


def runs_in(text: str) -> set[tuple[str, str]]:
    """Give the pairs of scenario and service that a text has series of."""
    launched = strictly(text)["perfqa_launched"]
    return {(dict(labels)["scenario"], dict(labels)["service"]) for labels in launched}
