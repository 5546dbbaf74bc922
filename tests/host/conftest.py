"""Fixtures of the tests that need a real host."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.driver import Pyinfra, wait_for_kometa
from tests.sandbox import Host, Sandbox, why_not

DEPLOYED = "deployed"


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


@pytest.fixture(scope="session")
def deployed_kind(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a kind of host to which Kometa has been deployed; a host of it boots in seconds."""
    host = sandbox.host("ready", name="first")
    Pyinfra(tmp_path_factory.mktemp("first"), host).deploy()
    host.poweroff()
    host.save(DEPLOYED)
    host.destroy()
    return DEPLOYED


@pytest.fixture
def deployed(sandbox: Sandbox, deployed_kind: str) -> Iterator[Host]:
    """A fresh host to which Kometa has been deployed."""
    host = sandbox.host(deployed_kind)
    wait_for_kometa(host)
    yield host
    host.destroy()


@pytest.fixture(scope="module")
def shared(sandbox: Sandbox, deployed_kind: str) -> Iterator[Host]:
    """A host to which Kometa has been deployed, for all tests of a module: each leaves it as it found it."""
    host = sandbox.host(deployed_kind)
    wait_for_kometa(host)
    yield host
    host.destroy()


@pytest.fixture
def pyinfra(shared: Host, tmp_path: Path) -> Pyinfra:
    """The command line for the module's host."""
    return Pyinfra(tmp_path, shared)
