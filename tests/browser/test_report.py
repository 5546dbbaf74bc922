"""The report in Chromium, as people and their screen readers have it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from kometa_host.reports.page.fleet import HostReport
from kometa_host.reports.page.page import render
from tests.browser.chromium import chromium, why_not
from tests.unit.reports.test_page import hostile
from tools.made_up_fleet import NOW, fleet

PHONE, SCREEN = (360, 780), (1280, 900)
# The lowest contrast between a text and what is behind it, of all texts that are seen; see WCAG 2.2, 1.4.3.
CONTRAST = """() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const light = text => parts(text).slice(0, 3).map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = element => {
    const colour = getComputedStyle(element).backgroundColor;
    return parts(colour)[3] === 0 ? behind(element.parentElement) : colour;
  };
  const ratio = (a, b) => (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  return Math.min(...[...document.querySelectorAll("body *")]
    .filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
    .map(e => ratio(light(e.closest("svg") ? getComputedStyle(e).fill : getComputedStyle(e).color), light(behind(e)))));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as the machine has it; the tests skip where there is none."""
    if reason := why_not():
        pytest.skip(reason)
    with chromium() as opened:
        yield opened


class Opened:
    """The report in a window."""

    def __init__(
        self, browser: Browser, file: Path, hosts: list[HostReport], size: tuple[int, int], scheme: str
    ) -> None:
        file.write_text(render(hosts, NOW), encoding="utf-8")
        self.said: list[str] = []
        self.asked: list[str] = []
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())

    def unfold_all(self) -> None:
        """Show all that is folded."""
        self.page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")

    def is_clean(self, file: Path) -> bool:
        """Whether the browser complained of nothing and asked for nothing but the file."""
        return self.said == [] and self.asked == [file.as_uri()]


@pytest.mark.parametrize("size", [PHONE, SCREEN], ids=["phone", "screen"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_window_is_legible_and_asks_for_nothing(
    browser: Browser, tmp_path: Path, size: tuple[int, int], scheme: str
) -> None:
    file = tmp_path / "report.html"
    opened = Opened(browser, file, fleet(), size, scheme)
    opened.unfold_all()
    assert opened.page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert opened.page.evaluate(CONTRAST) >= 4.5
    assert opened.is_clean(file)
    is_dark = opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 24)"
    assert is_dark is (scheme == "dark")


def test_it_can_be_used_by_the_keyboard_alone(browser: Browser, tmp_path: Path) -> None:
    page = Opened(browser, tmp_path / "report.html", fleet(), SCREEN, "light").page
    keyboard = page.keyboard
    keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the hosts")).to_be_focused()
    keyboard.press("Enter")
    keyboard.press("Tab")
    expect(page.get_by_role("checkbox")).to_be_focused()
    keyboard.press("Space")
    expect(page.get_by_role("link", name="tower.lan")).to_be_hidden()
    keyboard.press("Space")
    expect(page.get_by_role("link", name="tower.lan")).to_be_visible()
    keyboard.press("Tab")
    keyboard.press("Tab")
    expect(page.get_by_role("link", name="attic.lan")).to_be_focused()
    keyboard.press("Enter")
    expect(page.get_by_text("Plex has no library named Films").first).to_be_in_viewport()


@pytest.mark.parametrize("size", [PHONE, SCREEN], ids=["phone", "screen"])
def test_a_screen_reader_finds_tables_and_what_the_charts_say(
    browser: Browser, tmp_path: Path, size: tuple[int, int]
) -> None:
    opened = Opened(browser, tmp_path / "report.html", fleet(), size, "light")
    table = opened.page.get_by_role("table", name="All hosts")
    expect(table.get_by_role("row")).to_have_count(8)
    expect(table.get_by_role("columnheader")).to_have_count(7)
    expect(table.get_by_role("img", name="last 14 runs: 10 good, 4 failed")).to_have_count(1)
    opened.unfold_all()
    expect(opened.page.get_by_role("img", name="Runs of attic.lan over time: 354 good")).to_have_count(1)
    expect(opened.page.get_by_role("table", name="Runs of attic.lan, the newest").get_by_role("row")).to_have_count(7)


def test_two_hundred_hosts_open(browser: Browser, tmp_path: Path) -> None:
    hosts = [replace(host, name=f"host{number}", runs=host.runs[:30]) for number, host in enumerate(fleet(200))]
    opened = Opened(browser, tmp_path / "report.html", hosts, PHONE, "dark")
    expect(opened.page.locator(".fleet tbody tr")).to_have_count(200)
    opened.page.locator(".fleet a", has_text="host198").click()
    expect(opened.page.locator("details[open] h3", has_text="Findings")).to_be_in_viewport()
    assert opened.page.evaluate("document.documentElement.scrollWidth") == PHONE[0]


def test_what_a_host_says_stays_text(browser: Browser, tmp_path: Path) -> None:
    text = "<img src=x onerror=alert(1)><script>alert(2)</script>'\"></style></svg>{{7*7}}"
    file = tmp_path / "report.html"
    opened = Opened(browser, file, [hostile(text)], PHONE, "light")
    opened.unfold_all()
    expect(opened.page.get_by_role("heading", name=text).first).to_be_visible()
    assert opened.page.locator("img, script").count() == 0
    assert opened.page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    assert opened.is_clean(file)
