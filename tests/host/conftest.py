"""Fixtures of the tests that need a real host."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.sandbox import Sandbox, why_not


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox for the whole test run; skips with the reason where hosts cannot run, unless they are required."""
    reason = why_not()
    if reason and os.environ.get("KOMETA_HOST_REQUIRE_SANDBOX") == "1":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    with Sandbox() as made:
        yield made
