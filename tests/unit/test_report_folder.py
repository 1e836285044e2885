"""The folder of a report: whole, tidy, and harmless whatever the names."""

from __future__ import annotations

import html.parser
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from demo_report import characters, conclusions, records, searches

from pytest_perfqa.base import files
from pytest_perfqa.errors import ConfigurationError, PrerequisiteMissing
from pytest_perfqa.report.html import folder, pages
from pytest_perfqa.report.html.pages import RunPage, run_page
from pytest_perfqa.report.record.schema import EndpointRecord, OutcomeRecord, Record

HOSTILE = (
    "\"'</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "__proto__",
    "../../etc/passwd",
    "{{ 7*7 }}{% raw %}${7*7}%{x}",
    "größe ✓ \U0001f600 \u2028 \u202e \x00\x1b[31m",
    "\ud800 half a character",
    "x" * 300,
)


@pytest.fixture(scope="module")
def made() -> list[Record]:
    """The records of the demonstration."""
    return records()


def hostile(record: Record, name: str) -> Record:
    """Give a record with a name in every place that takes one from outside."""
    found = record.measured
    assert found is not None
    phases = tuple(replace(phase, name=name) for phase in found.phases)
    windows = replace(
        found.windows,
        status={name: found.windows.launched},
        errors={name: found.windows.launched},
    )
    measured = replace(
        found,
        phases=phases,
        windows=windows,
        endpoints=(EndpointRecord(name, found.totals), EndpointRecord("b", found.totals)),
        replicas={name: 3},
        parts=tuple(replace(part, name=name) for part in found.parts),
        events=tuple(replace(event, name=name) for event in found.events),
        limits=tuple(replace(limit, name=name) for limit in found.limits),
        lines=tuple(replace(line, name=name) for line in found.lines),
    )
    return replace(
        record,
        service=name,
        scenario=name,
        error=name,
        invalid=(name,),
        notes=(name,),
        tests=(OutcomeRecord(name, "FAILED", name),),
        machine={name: name},
        measured=measured,
    )


class Tags(html.parser.HTMLParser):
    """Counts tags, and keeps what would run."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.images = 0
        self.handlers: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at a tag."""
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.images += tag == "img"
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text += data


@pytest.mark.parametrize("name", HOSTILE)
def test_names_stay_text(name: str, made: list[Record], tmp_path: Path) -> None:
    """In HTML nothing runs but our scripts; in the data script all is one ASCII text."""
    found, _ = characters()
    said = {"service": name, "path": name, "beyond_queue": name, "machine": {name: name}}
    found = replace(found, **said, evidence=(name,), notes=(name,))
    concluded = replace(conclusions()[0], service=name, queues={name: True})
    folder.write_pages(tmp_path, [hostile(made[0], name), made[1]], (), [found], [concluded])
    written = list(tmp_path.rglob("*.html"))
    assert len(written) == 4
    for page in written:
        tags = Tags()
        tags.feed(page.read_text())
        assert tags.images == 0
        assert tags.handlers == []
        assert len(tags.scripts) <= 3
        assert all(script is not None for script in tags.scripts)
        assert "alert(1)" not in tags.text or name in tags.text
    for path in tmp_path.rglob("*"):
        assert re.fullmatch(r"[\w.-]+", path.name), path
        assert tmp_path in path.resolve().parents
    for script in tmp_path.rglob("result.js"):
        text = script.read_text("ascii")
        match = re.fullmatch(r'perfqa\.receive\(("[\w-]+"), (".*")\);\n', text)
        assert match is not None
        assert json.loads(json.loads(match[2])) == json.loads(
            script.with_name("result.json").read_text()
        )


def test_names_that_look_alike_have_folders_of_their_own(
    made: list[Record], tmp_path: Path
) -> None:
    """What is left out of a folder's name does not make two runs one."""
    few = [replace(made[3], service=name) for name in ("a/b", "a b", "a-b", "A-B", "a-b")]
    folder.write_pages(tmp_path, few)
    assert len(list(tmp_path.glob("*/result.json"))) == 5


def test_what_an_earlier_report_left_goes_and_nothing_else(
    made: list[Record], tmp_path: Path
) -> None:
    """Stale pages are removed with their folders, foreign files stay, even in them."""
    folder.write_pages(tmp_path, made)
    (tmp_path / "mine.txt").write_text("keep")
    (tmp_path / "endurance-on-gunicorn" / "mine.txt").write_text("keep")
    first = folder.write_pages(tmp_path, made[:1])
    assert first == tmp_path / "index.html"
    assert not (tmp_path / "spike_heavy-on-gunicorn").exists()
    assert [path.name for path in (tmp_path / "endurance-on-gunicorn").iterdir()] == ["mine.txt"]
    assert (tmp_path / "mine.txt").read_text() == "keep"
    assert (tmp_path / "spike_heavy-on-node" / "result.json").exists()


def test_the_list_can_not_lead_out_of_the_folder(made: list[Record], tmp_path: Path) -> None:
    """A list that somebody changed removes nothing elsewhere."""
    report = tmp_path / "report"
    (tmp_path / "precious.txt").write_text("keep")
    folder.write_pages(report, made[:1])
    listed = report / ".perfqa-report.json"
    listed.write_text(json.dumps({"files": ["../precious.txt", str(tmp_path / "precious.txt")]}))
    folder.write_pages(report, made[:1])
    assert (tmp_path / "precious.txt").exists()
    listed.write_text("nonsense")
    folder.write_pages(report, made[:1])


def test_a_crash_leaves_no_half_written_page(
    made: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is the old or the new one; the report after that one still tidies up."""
    folder.write_pages(tmp_path, made)
    before = (tmp_path / "index.html").read_text()

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pages, "run_page", full)
        with pytest.raises(OSError, match="No space"):
            folder.write_pages(tmp_path, made[:1])
    assert (tmp_path / "index.html").read_text() == before

    def torn(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", torn)
        with pytest.raises(OSError, match="Input/output"):
            files.write(tmp_path / "index.html", "half")
    assert (tmp_path / "index.html").read_text() == before
    assert not list(tmp_path.rglob("*.part"))


def test_a_rate_that_broke_nothing_is_a_lower_bound(tmp_path: Path) -> None:
    """Also in the table of all breaking points, where nothing else says so."""
    found = searches()[0]
    for broken, shown in ((True, ">1.3/s<"), (False, ">&gt; 1.3/s<")):
        folder.write_pages(tmp_path, [], [replace(found, broken=broken, low=1.2)], [])
        assert shown in (tmp_path / "index.html").read_text()


def test_conclusions_over_all_scenarios_stand_first(made: list[Record], tmp_path: Path) -> None:
    """Who queues, who recovers; below, each scenario's table has it as well."""
    text = folder.write_pages(tmp_path, made, (), (), conclusions()).read_text()
    first, _, spike, *_ = re.findall(r"<table.*?</table>", text, re.DOTALL)
    assert "Queue grows under" in first
    assert re.findall(r'class="name">([^<]+)<', first) == [
        "spike_heavy?, endurance",
        "spike_heavy?, endurance",
        "none",
    ]
    assert re.findall(r"(\d of 2) peaks", first) == ["0 of 2", "0 of 2", "2 of 2"]
    assert text.index(first) < text.index("All runs")
    assert re.findall(r"<td>([^<]+)</td>", spike) == [
        "?",
        "never",
        "?",
        "never",
        "steady",
        "500 ms",
    ]


def test_a_report_of_nothing(tmp_path: Path) -> None:
    """An interrupted session without a run has an index that says so."""
    page = folder.write_pages(tmp_path, [], interrupted=True)
    assert "No run was made" in page.read_text()
    assert "INTERRUPTED" in page.read_text()


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    """Said before anything starts."""
    (tmp_path / "report").write_text("")
    with pytest.raises(ConfigurationError, match="is a file; accepted: a folder"):
        folder.check_writable(tmp_path / "report")


def test_a_missing_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install, before anything starts."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(PrerequisiteMissing, match=r"pip install 'pytest-perfqa\[report\]'"):
        pages.check_installed("--perfqa-report")


def test_a_page_stays_small(made: list[Record], tmp_path: Path) -> None:
    """Ten minutes on three configurations, all that their pages load but the shared scripts."""
    folder.write_pages(tmp_path, made[:3])
    shared = tmp_path / "assets"
    own = [path for path in tmp_path.rglob("*.*") if shared not in path.parents]
    assert sum(path.stat().st_size for path in own if path.suffix in {".js", ".html"}) < 1_000_000


def test_an_error_beside_a_result_is_told_as_that(made: list[Record]) -> None:
    """A hook may fail after a run that came to its result."""
    ended = replace(made[0], error="ValueError: post")
    page = run_page(RunPage("slug", ended), [])
    assert "It ended in an error" in page
    assert "came to no result" not in page
    assert "It came to no result" in run_page(RunPage("slug", replace(ended, measured=None)), [])
