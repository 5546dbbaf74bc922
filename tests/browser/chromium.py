"""Chromium as the machine has it."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "google-chrome", "chromium-browser")


def path_of_chromium() -> str | None:
    """Return where Chromium is, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def why_not() -> str | None:
    """Return why the tests cannot have it here, None if they can."""
    if path_of_chromium() is None:
        return "there is no Chromium here; tools/prepare.sh test brings it on Debian"
    node, _ = compute_driver_executable()
    tried = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return f"the program that drives it does not start: {tried.stderr.strip()}" if tried.returncode else None


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a browser without windows."""
    with sync_playwright() as playwright:
        # without its sandbox, since root may not use that: it opens pages of ours alone
        browser = playwright.chromium.launch(executable_path=path_of_chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()
