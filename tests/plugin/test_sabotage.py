"""A service that has become worse is caught: each change makes the right test of the study fail.

The study's own tests and services are copied, all changes are made, each where no other is looked
at or none that the same test would find, and pytest runs once on the copy. Few loads are enough.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.timed

ROOT = Path(__file__).parents[2]

# No verdict here hangs on what doesn't follow the scale: each change is one of a third or more.
SCALE = 0.03

NODE = "services/apps/node/server.js"
ROUTES = "const app = express();\n"
# Of all requests, not of a replica's.
SPOIL = (
    "let n = 0;\n"
    'app.use("/timeout", (q, r, next) =>\n'
    "  process.env.SPOIL && ++n % 100 === 0 ? r.status(500).end() : next());\n"
)
ACCOUNTED = "test_every_arrival_is_accounted_for"


@dataclass(frozen=True)
class Sabotage:
    """A change, and what must come of it.

    Attributes:
        changes: files, and what in each of them is replaced with what.
        study: the file of the study whose tests look at it, on which service.
        fails: the tests of it that must fail, and what each failure must say: what no other change
            makes it say.
        holds: a test of it that must still hold.
    """

    changes: tuple[tuple[str, str, str], ...]
    study: tuple[str, str]
    fails: dict[str, str]
    holds: str = ACCOUNTED

    def id_of(self, test: str) -> str:
        """Name a test as pytest does."""
        file, service = self.study
        return f"tests/perf/{file}::{test}[{service}]"


SABOTAGES = {
    "one replica of three": Sabotage(
        (("services/node_replicated/service.yaml", "replicas: 3", "replicas: 1"),),
        ("test_endurance.py", "node_replicated"),
        {
            # As many as the study allows one server.
            "test_node_replicated_endurance_yields_zero_5xx": r"assert (2[6-9]|3[01]) == 0",
            "test_node_replicated_shares_the_load_evenly": r"assert 1 == 3",
        },
    ),
    "half the proxy's time-out": Sabotage(
        (
            (
                "services/node/service.yaml",
                'PROXY_TIMEOUT_SECONDS: "60"',
                'PROXY_TIMEOUT_SECONDS: "30"',
            ),
        ),
        ("test_concurrent_users.py", "node"),
        # A burst is done in half the time, or about.
        {"test_heavy_breaking_point": r"assert 0\.[67]\d*/s == 1\.3 "},
        holds="test_it_breaks_by_the_proxys_patience",
    ),
    "four workers": Sabotage(
        (("services/apps/flask/gunicorn.conf.py", "workers = 1", "workers = 4"),),
        ("test_timeout.py", "gunicorn"),
        {"test_gunicorn_timeout_queues": r"assert [23]\d\.?\d*/s <= '0\.25/s'"},
    ),
    "2 s more": Sabotage(
        (("services/node/service.yaml", 'TIMEOUT_SECONDS: "5"', 'TIMEOUT_SECONDS: "7"'),),
        ("test_timeout.py", "node"),
        {
            # 50 per second for 7 s each.
            "test_node_timeout_does_not_queue": r"assert 3[345]\d\.?\d* <= "
        },
    ),
    "1 % of errors": Sabotage(
        (
            (NODE, ROUTES, ROUTES + SPOIL),
            ("services/node/service.yaml", "env: {HOST", "env: {SPOIL: x, HOST"),
        ),
        ("test_timeout.py", "node"),
        # 36 or 37 of 3675: the count goes on where a run has to be made again.
        {"test_node_timeout_answers_everything_in_the_service_time": r"assert 3[67] == 0"},
    ),
}


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What pytest says of each test that fails or errs in the changed study; one run for all."""
    copy = tmp_path_factory.mktemp("study")
    for folder in ("services", "tests/perf"):
        ignore = shutil.ignore_patterns("node_modules", "__pycache__")
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignore)
    (copy / "services/apps/node/node_modules").symlink_to(ROOT / "services/apps/node/node_modules")
    (copy / "pytest.ini").write_text("[pytest]\nperfqa_backend = process\n")
    for sabotage in SABOTAGES.values():
        for file, old, new in sabotage.changes:
            change(copy / file, old, new)
    looked_at = dict.fromkeys(
        one.id_of(test) for one in SABOTAGES.values() for test in [one.holds, *one.fails]
    )
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--junit-xml=junit.xml"),
            f"--perfqa-time-scale={SCALE}",
            *looked_at,
        ],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout
    found = {
        f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}": "".join(
            each.text or "" for each in case if each.tag in {"failure", "error", "skipped"}
        )
        for case in ET.parse(copy / "junit.xml").getroot().iter("testcase")  # noqa: S314 - pytest's
    }
    assert found.keys() == looked_at.keys(), run.stdout
    return {test: text for test, text in found.items() if text}


def change(file: Path, old: str, new: str) -> None:
    """Replace what stands once in a file."""
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize("name", SABOTAGES)
def test_sabotage_is_caught(failures: dict[str, str], name: str) -> None:
    """The right tests fail, and say what they found; what the change doesn't touch still holds."""
    sabotage = SABOTAGES[name]

    assert sabotage.id_of(sabotage.holds) not in failures
    for test, says in sabotage.fails.items():
        assert re.search(says, failures.get(sabotage.id_of(test), "")), failures
