"""What holds for all tests: where KOMETA_HOST_SKIPS_FAIL is set, one that is skipped has failed."""

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one, with the reason that it gave, on a machine that can run all of them."""
    report = yield
    if os.environ.get("KOMETA_HOST_SKIPS_FAIL") and isinstance(report.longrepr, tuple):  # place and reason of a skip
        report.outcome = "failed"
        report.longrepr = f"KOMETA_HOST_SKIPS_FAIL is set. {report.longrepr[2]}"
    return report
