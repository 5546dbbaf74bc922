"""Makes the pictures of docs/report again: `python -m tests.browser.screenshots`."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from kometa_host.reports.page.page import render
from tests.browser.chromium import chromium, why_not
from tools.made_up_fleet import NOW, fleet

DOCS = Path(__file__).resolve().parents[2] / "docs" / "report"


def picture(browser: Browser, file: Path, name: str, size: tuple[int, int], scheme: str, host: str = "") -> None:
    """Take a picture of the fleet, or of a host unfolded, as a window of this size shows it."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    page.goto(file.as_uri())
    if host:
        page.locator(".fleet a", has_text=host).click()
        page.locator("details[open]").first.evaluate("part => part.scrollIntoView()")
    page.screenshot(path=DOCS / f"{name}.png")
    context.close()


def main() -> int:
    """Take them all."""
    if reason := why_not():
        print(reason, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        file = Path(folder, "report.html")
        file.write_text(render(fleet(), NOW), encoding="utf-8")
        picture(browser, file, "fleet", (1100, 860), "light")
        picture(browser, file, "host", (1100, 1150), "dark", "attic.lan")
        picture(browser, file, "phone", (390, 844), "light", "attic.lan")
    return 0


if __name__ == "__main__":
    sys.exit(main())
