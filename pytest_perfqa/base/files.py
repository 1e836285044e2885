"""Files and folders that are there as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def write(path: Path, content: bytes | str) -> None:
    """Write a file in one step, in folders that are made where they are missing.

    Whoever reads it meanwhile, or after a crash, finds what was there before or all of ``content``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".perfqa-", suffix=".part")
    scratch = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        scratch.chmod(0o666 & ~_umask())
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def folder(path: Path) -> Iterator[Path]:
    """Fill a folder in one step: gives one beside it, which takes its place when all is written.

    What was there before is gone then; after an error, or a crash, it is there as it was.
    """
    path = path.absolute()  # the parent of "." is another folder
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=path.parent, prefix=".perfqa-", suffix=".part"))
    try:
        scratch.chmod(0o777 & ~_umask())
        yield scratch
        _put_in_place(scratch, path)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _put_in_place(scratch: Path, path: Path) -> None:
    try:
        scratch.rename(path)  # also where an empty folder is
    except OSError:
        if not path.is_dir():
            raise
        before = scratch.with_suffix(".old")
        path.rename(before)
        try:
            scratch.rename(path)
        except OSError:
            before.rename(path)
            raise
        shutil.rmtree(before)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
