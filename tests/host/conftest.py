"""Fixtures of the tests that need a real host."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.host.driver import Pyinfra, wait_for_kometa
from tests.sandbox import Host, Sandbox, why_not
from tests.sandbox.shell import locked

DEPLOYED = "deployed"
HOSTS_OF_MODULES = ("shared", "restoring", "host", "previous", "odd", "fresh")
# Files that take longest, in that order, so that no process is left alone with one at the end (their tests stay in
# theirs). The first needs the host that all wait for, the next two begin with hosts of their own.
FIRST = (
    "deploy", "preview", "takeover", "restore", "backup", "pull", "autodeploy", "destroy", "secrets", "attacks",
    "repository", "sandbox", "run_once", "diagnose", "watch", "variants", "adopt",
)  # fmt: skip
FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not asked for: the many kinds of hosts, what takes minutes. The longest files come first."""
    wanted = {"variant": "KOMETA_HOST_VARIANTS", "long": "KOMETA_HOST_TORTURE"}
    unwanted = [marker for marker, variable in wanted.items() if not os.environ.get(variable)]
    left_out = [item for item in items if any(item.get_closest_marker(marker) for marker in unwanted)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = sorted((item for item in items if item not in left_out), key=_place)


def _place(item: pytest.Item) -> int:
    name = item.path.stem.removeprefix("test_")
    return FIRST.index(name) if name in FIRST else len(FIRST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give the tests after one that failed a host of their own: it may have left its host in any state."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    if report.when == "teardown" and item.stash.get(FAILED, False):
        # As pytest itself does where a module's fixture has other parameters: what rests on it is made again, too.
        for name in HOSTS_OF_MODULES:
            if definition := item._request._fixture_defs.get(name):
                definition.finish(item._request)  # type: ignore[arg-type]
    return report


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox for the whole test run; skips with the reason where hosts cannot run."""
    if reason := why_not():
        pytest.skip(reason)
    with Sandbox() as made:
        yield made


@pytest.fixture(scope="session")
def deployed_kind(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a kind of host to which Kometa has been deployed; a host of it boots in seconds.

    It is made by the first process of a test run that wants it, and copied by the others.
    """
    folder = tmp_path_factory.getbasetemp()
    note = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "deployed"
    with locked(note.with_suffix(".lock")):
        made = Path(note.read_text()) if note.exists() else None
        if made and made.is_dir():
            sandbox.save(DEPLOYED, made)
        else:
            note.write_text(str(_deployed(sandbox, tmp_path_factory.mktemp("first"))))
    return DEPLOYED


def _deployed(sandbox: Sandbox, folder: Path) -> Path:
    """Deploy to a host, keep it as a kind and return its tree."""
    with sandbox.host("ready", name="first") as host:
        Pyinfra(folder, host).deploy()
        host.poweroff()
        return host.save(DEPLOYED)


@pytest.fixture
def deployed(sandbox: Sandbox, deployed_kind: str) -> Iterator[Host]:
    """A fresh host to which Kometa has been deployed."""
    with sandbox.host(deployed_kind) as host:
        wait_for_kometa(host)
        yield host


@pytest.fixture(scope="module")
def shared(sandbox: Sandbox, deployed_kind: str) -> Iterator[Host]:
    """A host to which Kometa has been deployed, for all tests of a module; after a failed test there is another."""
    with sandbox.host(deployed_kind) as host:
        wait_for_kometa(host)
        yield host


@pytest.fixture
def pyinfra(shared: Host, tmp_path: Path) -> Pyinfra:
    """The command line for the module's host."""
    return Pyinfra(tmp_path, shared)
