"""A service that has become worse is caught: each change makes the right test of the study fail.

The study's own tests and services are copied, one thing is changed, and pytest runs on the copy.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

NODE = "services/apps/node/server.js"
ROUTES = "const app = express();\n"


@dataclass(frozen=True)
class Sabotage:
    """One change, and what must come of it.

    Attributes:
        file: what is changed, by replacing ``old`` with ``new``.
        study: the file of the study whose tests look at it, on which service.
        fails: the tests of it that must fail, and what each failure must say.
        scale: of times; a twentieth of the study's unless that would change what comes of it.
    """

    file: str
    old: str
    new: str
    study: tuple[str, str]
    fails: dict[str, str]
    scale: str = "0.05"


SABOTAGES = {
    "one replica of three": Sabotage(
        "services/node_replicated/service.yaml",
        "replicas: 3",
        "replicas: 1",
        ("test_endurance.py", "node_replicated"),
        {
            "test_node_replicated_endurance_yields_zero_5xx": r"assert 2\d == 0",
            "test_node_replicated_shares_the_load_evenly": r"assert 1 == 3",
        },
    ),
    "half the proxy's time-out": Sabotage(
        "services/node/service.yaml",
        'PROXY_TIMEOUT_SECONDS: "60"',
        'PROXY_TIMEOUT_SECONDS: "30"',
        ("test_endurance.py", "node"),
        {"test_one_server_yields_504s_at_the_proxys_limit": r"'59s' < 1\.5\d* s"},
    ),
    "four workers": Sabotage(
        "services/apps/flask/gunicorn.conf.py",
        "workers = 1",
        "workers = 4",
        ("test_timeout.py", "gunicorn"),
        {"test_gunicorn_timeout_queues": r"assert 1\d\.?\d*/s <= '0\.25/s'"},
    ),
    "200 ms more": Sabotage(
        NODE,
        ROUTES,
        ROUTES + "app.use((request, response, next) => setTimeout(next, 200));\n",
        ("test_timeout.py", "node"),
        {
            "test_node_timeout_answers_everything_in_the_service_time": (
                r"assert 7\d\d\.?\d* ms < '5\.5s'"
            ),
        },
        # The delay is not scaled: with more of it than this, nginx runs out of connections first.
        scale="0.1",
    ),
    "1 % of errors": Sabotage(
        NODE,
        ROUTES,
        ROUTES
        + "let n = 0;\n"
        + "app.use((q, r, next) => (++n % 100 ? next() : r.status(500).end()));\n",
        ("test_timeout.py", "node"),
        # 36 or 37 of 3675, as those of the readiness checks count, too.
        {"test_node_timeout_answers_everything_in_the_service_time": r"assert 3[67] == 0"},
    ),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The study, to be changed."""
    for folder in ("services", "tests/perf"):
        ignore = shutil.ignore_patterns("node_modules", "__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignore)
    (tmp_path / "services/apps/node/node_modules").symlink_to(
        ROOT / "services/apps/node/node_modules"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nperfqa_backend = process\n")
    return tmp_path


@pytest.mark.parametrize("name", SABOTAGES)
def test_sabotage_is_caught(copy: Path, name: str) -> None:
    """The right tests fail, and say what they found; that all is accounted for still holds."""
    sabotage = SABOTAGES[name]
    file = copy / sabotage.file
    text = file.read_text()
    assert text.count(sabotage.old) == 1
    file.write_text(text.replace(sabotage.old, sabotage.new))

    study, service = sabotage.study
    tests = ["test_every_arrival_is_accounted_for", *sabotage.fails]
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
            f"--perfqa-time-scale={sabotage.scale}",
            *(f"tests/perf/{study}::{test}[{service}]" for test in tests),
        ],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout
    assert re.search(rf"=+ {len(sabotage.fails)} failed, 1 passed in", run.stdout), run.stdout
    for says in sabotage.fails.values():
        assert re.search(says, run.stdout), run.stdout
