"""What holds for all unit tests: they can run side by side in the workers of pytest-xdist.

Importing pyinfra's command line makes greenlets of threads (gevent.monkey.patch_all). A worker waits for its next test
in a thread that was there before, and would wait for ever. Here the import leaves the threads alone.
"""

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings

with patch("gevent.monkey.patch_all"):
    import pyinfra_cli  # type: ignore[import-untyped]  # noqa: F401

MAX_NAME = 50  # shorter than any key
NOBODY = 65534

# No test asserts a time: on a machine that has much to do, a fifth of a second says nothing.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# No run finds by chance what the run before did not: new cases are looked for, and many, with the long campaigns.
settings.register_profile("sample", patient, derandomize=True)
settings.register_profile("campaign", patient, max_examples=5_000)
settings.load_profile("campaign" if "KOMETA_HOST_TORTURE" in os.environ else "sample")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return for how many workers `auto` stands: one more than this machine has processors, since some tests wait."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for garbage only among what comes after the collection: thousands of tests stay to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long value by its argument: keys are made again in each worker, and all must call a test the same."""
    return argname if isinstance(val, str | bytes) and len(val) > MAX_NAME else None


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of an account that is not root, as which the test runs: root may read everything."""
    user = os.geteuid() or NOBODY
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, user, -1)
        os.seteuid(user)
        try:
            yield Path(name)
        finally:
            os.seteuid(os.getuid())
