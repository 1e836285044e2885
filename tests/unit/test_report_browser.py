"""The report in a real browser: opened from the disk, without network, without complaint."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from demo_report import characters, conclusions, records, searches, slo_search

from pytest_perfqa.report.html import folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from pytest_perfqa.report.record.schema import SearchRecord

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.equipped,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(find_spec("playwright") is None, reason="playwright is not installed"),
]

RUN = "spike_heavy-on-node_replicated"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of three configurations, an INVALID run and one without a result."""
    directory = tmp_path_factory.mktemp("report")
    folder.write_pages(directory, records(), searches(), characters(), conclusions())
    return directory


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium; without a sandbox where there is no user for one."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@dataclass
class Visit:
    """A page, and what it complained of or asked the network for."""

    page: Page
    report: Path
    complaints: list[str] = field(default_factory=list)

    def open(self, name: str) -> Page:
        """Open a page of the report."""
        self.page.goto("about:blank")
        self.page.goto((self.report / name).as_uri().replace("%23", "#"))
        return self.page

    def drawn(self, name: str) -> Page:
        """Open the page of a run and wait for its charts."""
        self.open(name)
        self.page.wait_for_selector("body[data-drawn]")
        return self.page


@pytest.fixture
def visit(browser: Browser, report: Path) -> Iterator[Visit]:
    """A browser window that fails the test for any complaint or request."""
    with visiting(browser, report) as one:
        yield one
    assert one.complaints == []


@contextlib.contextmanager
def visiting(browser: Browser, report: Path) -> Iterator[Visit]:
    """Open a browser window, and note what it complains of."""
    context = browser.new_context(color_scheme="light")
    page = context.new_page()
    one = Visit(page, report)
    page.on("console", lambda message: one.complaints.append(message.text))
    page.on("pageerror", lambda error: one.complaints.append(str(error)))
    page.on("requestfailed", lambda asked: one.complaints.append(f"failed {asked.url}"))
    page.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith(("file:", "about:", "data:", "blob:"))
            else one.complaints.append(asked.url)
        ),
    )
    yield one
    context.close()


@dataclass(frozen=True)
class Seen:
    """A page as a telephone shows it: its heading, how many charts, how many pixels wide."""

    heading: str
    charts: int
    width: int


@pytest.fixture(scope="module")
def walk(browser: Browser, report: Path) -> tuple[dict[str, Seen], list[str]]:
    """All pages that the index links to, on a telephone; and all complaints."""
    seen = {}
    with visiting(browser, report) as visit:
        page = visit.open("index.html")
        page.set_viewport_size({"width": 400, "height": 800})
        targets = page.locator("tbody a").evaluate_all("links => links.map(link => link.href)")
        for target in dict.fromkeys(targets):
            page.goto(target)
            heading = page.locator("h1").inner_text()
            charts = page.locator("figure.chart .main-svg").count()
            width = page.evaluate("document.documentElement.scrollWidth")
            seen[target] = Seen(heading, charts, width)
    return seen, visit.complaints


def ranges(page: Page) -> set[str]:
    """Give the stretches of time that the charts over time show."""
    shown = "all => all.slice(0, 5).map(one => one.layout.xaxis.range.join())"
    return set(page.locator(".plot").evaluate_all(shown))


def test_the_index_sorts(visit: Visit) -> None:
    """By numbers as numbers, both ways; a run without a result comes last either way."""
    page = visit.open("index.html")
    table = page.locator("table.sortable").first
    button = table.get_by_role("button", name="p95")
    orders = []
    for direction in ("ascending", "descending"):
        button.click()
        assert table.locator("th[aria-sort]").get_attribute("aria-sort") == direction
        orders.append(table.locator("tbody tr th").all_inner_texts())
    assert orders[0][0] == "node_replicated"
    assert orders[0][-1] == orders[1][-1] == "node"
    assert orders[0][:-1] == orders[1][:-1][::-1]


def test_every_page_opens(walk: tuple[dict[str, Seen], list[str]]) -> None:
    """From the index by its links; one without a result has no charts."""
    seen, complaints = walk
    assert len(seen) == 9
    for target, page in seen.items():
        assert page.heading
        assert (page.charts == 0) == ("endurance-on-node" in target or "gunicorn-" in target)
    assert complaints == []


def test_the_charts_of_a_characterisation(visit: Visit) -> None:
    """Each burst beside its prediction, the law, and both as tables."""
    page = visit.open("index.html")
    page.locator("section[aria-labelledby=characterisations] a").first.click()
    page.wait_for_selector("body[data-drawn]")
    assert page.locator("h1").inner_text() == "Characterisation of node, /heavy"
    stairs = page.locator("figure[data-chart=staircase]")
    before = stairs.locator(".scatterlayer .trace").count()
    stairs.get_by_role("button", name="burst 5: 16", exact=True).click()
    assert stairs.locator(".scatterlayer .trace").count() == before - 1
    law = page.locator("figure[data-chart=scalability]")
    assert law.locator(".scatterlayer .trace").count() == 2
    law.locator("details.data summary").click()
    assert law.locator("tbody tr").count() == 5 + 60


def test_the_index_fits_a_window_of_1180_pixels(visit: Visit) -> None:
    """No table is cut off at its right edge."""
    page = visit.open("index.html")
    page.set_viewport_size({"width": 1180, "height": 900})
    over = page.locator(".scroll").evaluate_all("a => a.map(e => e.scrollWidth - e.clientWidth)")
    assert max(over) <= 0


def test_the_charts_of_a_run(visit: Visit) -> None:
    """All are drawn over one time axis; a series goes and comes back by its button."""
    page = visit.drawn(f"{RUN}/index.html")
    names = page.locator("figure.chart").evaluate_all("all => all.map(one => one.dataset.chart)")
    assert names == ["load", "latency", "status", "cpu", "memory", "histogram"]
    assert len(ranges(page)) == 1
    figure = page.locator("figure[data-chart=latency]")
    button = figure.locator("button[data-series='latency.p95']")
    lines = figure.locator(".scatterlayer .trace")
    before = lines.count()
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    assert lines.count() == before - 1
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    assert lines.count() == before


def test_zoom_and_cursor_are_common(visit: Visit) -> None:
    """By numbers, by keys and by the mouse; the table says the same as the chart."""
    page = visit.drawn(f"{RUN}/index.html")
    whole = ranges(page)
    page.get_by_label("From, in seconds").fill("100")
    page.get_by_label("To, in seconds").fill("200")
    page.locator("[data-do=zoom]").click()
    shown = (
        "[...document.querySelectorAll('.plot')].slice(0, 5).map(p => p.layout.xaxis.range.join())"
    )
    assert set(page.evaluate(shown)) == {"100,200"}
    plot = page.locator("figure[data-chart=load] .plot")
    plot.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".readout").inner_text().startswith("At 110 s, plateau: launched ")
    page.wait_for_selector("figure[data-chart=memory] .hoverlayer > *", state="attached")
    page.get_by_role("button", name="Whole run").click()
    assert ranges(page) == whole
    plot.hover(position={"x": 400, "y": 100})
    page.wait_for_selector("figure[data-chart=cpu] .hoverlayer > *", state="attached")
    page.locator("figure[data-chart=status] details.data summary").click()
    cells = page.locator("figure[data-chart=status] table tbody tr").first.locator("td")
    assert cells.first.inner_text().endswith("/s")


def test_runs_are_laid_over_one_another(visit: Visit) -> None:
    """Their data are loaded from beside the page when they are asked for."""
    page = visit.drawn(f"{RUN}/index.html")
    figure = page.locator("figure[data-chart=latency]")
    before = figure.locator("button").count()
    page.get_by_text("Lay other runs over this one").click()
    page.get_by_label("gunicorn", exact=True).check()
    figure.get_by_role("button", name="gunicorn: p95").wait_for()
    page.get_by_label("gunicorn", exact=True).uncheck()
    assert figure.locator("button").count() == before


def test_configurations_on_one_axis_from_the_index(visit: Visit) -> None:
    """The link of the comparison opens them together."""
    page = visit.open("index.html")
    page.get_by_role("link", name="All configurations on one time axis").first.click()
    page.wait_for_selector("body[data-drawn]")
    assert page.locator("[name=overlay]:checked").count() == 2
    legend = page.locator("figure[data-chart=load] .legend")
    legend.get_by_role("button", name="node_replicated: pending").wait_for()
    legend.get_by_role("button", name="gunicorn: pending").wait_for()


def test_drawn_quickly(visit: Visit) -> None:
    """Three configurations of ten minutes; the limit leaves room for a busy machine."""
    page = visit.drawn("spike_heavy-on-node/index.html#overlay=spike_heavy-on-gunicorn," + RUN)
    assert int(page.locator("body").get_attribute("data-drawn") or "") < 3000


def test_what_is_left_at_the_end_is_no_peak(visit: Visit) -> None:
    """Less than half a window counts with the one before; nothing is lost by that."""
    page = visit.drawn(f"{RUN}/index.html")
    result = json.loads((visit.report / RUN / "result.json").read_text())
    launched = result["measured"]["windows"]["launched"]
    plot = page.locator("figure[data-chart=load] .plot")
    choice = page.get_by_label("Counts over")
    leftovers = set()
    for text in choice.locator("option").evaluate_all("all => all.map(one => one.value)"):
        choice.select_option(text)
        factor = int(text)
        points = plot.evaluate("one => [...one.data[0].x]")
        leftovers.add(len(launched) / factor % 1)
        assert len(points) == math.floor(len(launched) / factor + 0.5)
        widths = [2 * points[0]] * (len(points) - 1)
        widths.append(2 * (points[-1] - sum(widths)))
        rates = plot.evaluate("one => [...one.data[0].y]")
        sent = sum(rate * width for rate, width in zip(rates, widths, strict=True))
        assert sent == pytest.approx(sum(launched))
    assert any(0 < one < 0.5 for one in leftovers)


def test_colours_follow_the_system(visit: Visit) -> None:
    """Charts, too, when it changes while the page is open."""
    from playwright.sync_api import expect

    page = visit.drawn(f"{RUN}/index.html")
    paper = "one => one.layout.paper_bgcolor"
    plot = page.locator(".plot").first
    assert plot.evaluate(paper) == "#ffffff"
    page.emulate_media(color_scheme="dark")
    expect(page.locator(".plot .main-svg").first).not_to_have_css(
        "background-color", "rgb(255, 255, 255)"
    )
    assert plot.evaluate(paper) == "#15191f"


def test_no_page_is_wider_than_a_telephone(walk: tuple[dict[str, Seen], list[str]]) -> None:
    """Tables that are wider scroll by themselves."""
    assert {target: page.width for target, page in walk[0].items() if page.width > 400} == {}


PLOTS = """[...document.querySelectorAll(".plot")].map((plot) =>
    [plot.querySelector(".main-svg").clientWidth, plot.layout.paper_bgcolor])"""


def eventually(page: Page, expression: str, expected: object) -> None:
    """Wait until an expression is what it should be; the page's policy forbids Playwright's way."""
    for _ in range(100):
        if page.evaluate(expression) == expected:
            return
        page.wait_for_timeout(50)
    assert page.evaluate(expression) == expected


def test_charts_on_paper_are_light_and_fit(visit: Visit) -> None:
    """Whatever the window is like; afterwards they are as they were, with what was hidden."""
    page = visit.drawn(f"{RUN}/index.html")
    page.set_viewport_size({"width": 1600, "height": 900})
    page.emulate_media(color_scheme="dark")
    page.locator("button[data-series='latency.p99']").click()
    eventually(page, f"new Set({PLOTS}.map(one => one[1])).has('#ffffff')", expected=False)
    before = page.evaluate(PLOTS)
    assert {width for width, _ in before} != {700}
    page.evaluate(f"addEventListener('beforeprint', () => {{ window.printed = {PLOTS}; }})")
    assert page.pdf().startswith(b"%PDF")
    assert {tuple(one) for one in page.evaluate("printed")} == {(700, "#ffffff")}
    eventually(page, PLOTS, before)
    assert (
        page.locator("button[data-series='latency.p99']").get_attribute("aria-pressed") == "false"
    )


@pytest.fixture
def probes(visit: Visit, tmp_path: Path) -> Callable[..., tuple[Page, dict[str, Any]]]:
    """Give what draws the page of a search, and its charts: their titles, points and lines."""

    def draw(record: SearchRecord) -> tuple[Page, dict[str, Any]]:
        folder.write_pages(tmp_path, [], [record])
        (page,) = tmp_path.glob("breaking-point-*/index.html")
        visit.page.goto(page.as_uri())
        visit.page.wait_for_selector("body[data-drawn]")
        charts = {}
        for name in ("probes", "slowest"):
            plot = visit.page.locator(f"figure[data-chart={name}] .plot")
            charts[name] = plot.evaluate("""one => ({
                x: one.layout.xaxis.title.text, y: one.layout.yaxis.title.text,
                points: one.data.slice(1)
                    .flatMap((each) => Array.from(each.x, (x, index) => [x, each.y[index]]))
                    .sort((a, b) => a[0] - b[0]),
                lines: one.layout.shapes
                    .filter((each) => each.type === "line").map((each) => each.y0),
                names: one.data.slice(1).map((each) => each.name) })""")
        return visit.page, charts

    return draw


def test_rates_are_drawn_where_rates_were_asked(probes: Any) -> None:
    """Beside the limits between which the answer lies; what came all at once has none."""
    record = slo_search()
    page, charts = probes(record)
    rated = {number: one for number, one in enumerate(record.probes, 1) if one.rate is not None}
    assert (charts["probes"]["x"], charts["probes"]["y"]) == ("probe", "per second")
    assert charts["probes"]["points"] == [[number, one.rate] for number, one in rated.items()]
    assert charts["probes"]["lines"] == [record.low, record.high]
    assert charts["probes"]["names"] == ["FAILED", "PASSED"]
    assert (charts["slowest"]["x"], charts["slowest"]["y"]) == ("per second", "seconds")
    slowest = sorted([one.rate, one.slowest] for one in rated.values())
    assert charts["slowest"]["points"] == slowest
    assert page.locator("tbody tr").count() == len(record.probes)
    assert "all at once have no rate" in page.locator("figure[data-chart=probes]").inner_text()


def test_bursts_are_drawn_by_their_sizes(probes: Any) -> None:
    """How long one waits follows from that, though the answer is a rate."""
    record = searches()[0]
    _, charts = probes(record)
    assert charts["probes"]["points"] == [
        [number, one.rate] for number, one in enumerate(record.probes, 1)
    ]
    assert charts["probes"]["lines"] == [record.low, record.high]
    assert charts["slowest"]["x"] == "requests"
    assert sorted(charts["slowest"]["points"]) == sorted(
        [one.size, one.slowest] for one in record.probes
    )


def test_a_search_that_never_got_to_a_rate(probes: Any) -> None:
    """It has its requests, and no limits among them."""
    only = replace(slo_search(), low=None, high=None, probes=slo_search().probes[:3])
    _, charts = probes(only)
    assert charts["probes"]["y"] == charts["slowest"]["x"] == "requests"
    assert charts["probes"]["points"] == [[1, 8], [2, 32], [3, 128]]
    assert charts["probes"]["lines"] == []


def test_the_probes_of_a_breaking_point(visit: Visit) -> None:
    """One mark per load, by verdict; those of a verdict go and come back by its button."""
    page = visit.open("index.html")
    page.locator("section[aria-labelledby=breaking-points] a").first.click()
    page.wait_for_selector("body[data-drawn]")
    figure = page.locator("figure[data-chart=probes]")
    assert figure.locator(".points path").count() == 5
    figure.get_by_role("button", name="FAILED").click()
    assert figure.locator(".points path").count() == 2
