"""The URL of a request: a path on the service under test, and the endpoint it belongs to."""

from __future__ import annotations

import re


def path_of(url: str, target: object) -> str:
    """Take the target, written out or as Artillery's variable, from the front of an URL."""
    fronts = [r"\{\{\s*target\s*\}\}"]
    if isinstance(target, str) and target:
        fronts.append(re.escape(target.rstrip("/")))
    path = re.sub(rf"\A(?:{'|'.join(fronts)})(?=[/?#]|\Z)", "", url)
    return path if path == url or path.startswith("/") else "/" + path


def has_host(url: str) -> bool:
    """Tell whether an URL names a host."""
    return re.match(r"https?://", url, re.IGNORECASE) is not None


def label(method: str, path: str) -> str:
    """Name the endpoint of a request that has no name of its own."""
    return f"{method.upper()} {re.split(r'[?#]', path, maxsplit=1)[0]}"
