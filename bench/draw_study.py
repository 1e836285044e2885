"""Takes the pictures of docs/study.md from a report of the study.

    ./run perf --perfqa-report=/tmp/study
    ./run python bench/draw_study.py /tmp/study docs/images/study

A picture of the four charts for each run, named as its page is, of each breaking point and each
characterisation, and of all configurations under a scenario on one time axis, named
``SCENARIO-by-configuration``; ``--only`` chooses some. Needs Chromium.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

# Two charts side by side would be too small to read in a page of text.
WIDTH, HEIGHT = 900, 1200
# Controls, which a reader of a picture can't use; the distribution, which the study did not draw.
STYLE = """
    form.tools, .readout, #charts, details, [data-chart=histogram] { display: none }
    section.charts { padding: 1rem; background: white }
"""


def main() -> None:
    """Open each run's page and keep a picture of its charts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--only", nargs="*", help="names of runs, such as spike-on-node")
    wanted = parser.parse_args()
    wanted.pictures.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        for name, address in addresses(page, wanted.report).items():
            if wanted.only and name not in wanted.only:
                continue
            page.goto("about:blank")  # a page that differs in its fragment only is not read again
            page.goto(address)
            if not page.query_selector("section.charts"):
                continue
            page.wait_for_selector("body[data-drawn]")
            page.add_style_tag(content=STYLE)
            picture = wanted.pictures / f"{name}.png"
            page.locator("section.charts").screenshot(path=picture)
            print(picture)
        browser.close()


def addresses(page: Page, report: Path) -> dict[str, str]:
    """Give what there is to draw by the names of the pictures."""
    found = {file.parent.name: file.as_uri() for file in sorted(report.glob("*/index.html"))}
    page.goto((report / "index.html").as_uri())
    for link in page.query_selector_all("a[href*='#overlay=']"):
        address = link.evaluate("link => link.href")
        scenario = Path(address.partition("#")[0]).parent.name.partition("-on-")[0]
        found[f"{scenario}-by-configuration"] = address
    return found


if __name__ == "__main__":
    main()
