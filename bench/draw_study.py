"""Takes the pictures of docs/study.md from a report of the study.

    ./run perf --perfqa-report=/tmp/study
    python bench/draw_study.py /tmp/study docs/images/study

A picture of the four charts for each run, named as its page is; ``--only`` chooses some. Needs
Chromium.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

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
    pages = sorted(wanted.report.glob("*/index.html"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        for file in pages:
            if wanted.only and file.parent.name not in wanted.only:
                continue
            page.goto(file.as_uri())
            if not page.query_selector("section.charts"):
                continue
            page.wait_for_selector("body[data-drawn]")
            page.add_style_tag(content=STYLE)
            picture = wanted.pictures / f"{file.parent.name}.png"
            page.locator("section.charts").screenshot(path=picture)
            print(picture)
        browser.close()


if __name__ == "__main__":
    main()
