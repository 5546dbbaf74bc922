"""The locks hold what pyproject.toml asks for, with hashes, and no registry's address."""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())
USERS, DEVELOPERS = PYPROJECT["project"]["dependencies"], PYPROJECT["dependency-groups"]["dev"]


class Pin(NamedTuple):
    """One version of a lock: for which platforms, with how many files, and whether pyproject.toml asks for it."""

    version: str
    marker: str
    hashes: int
    direct: bool


def pins(name: str) -> dict[str, list[Pin]]:
    found: dict[str, list[Pin]] = {}
    entry = r"^(\S+)==(\S+)(?: ; (.+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)    # via (.+)$"
    for package, version, marker, hashes, via in re.findall(entry, (PROJECT / name).read_text(), re.M):
        found.setdefault(package, []).append(Pin(version, marker, hashes.count("--hash"), "pyproject.toml" in via))
    return found


LOCKS = {"requirements.lock": USERS, "requirements-dev.lock": USERS + DEVELOPERS}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_is_made_of_pins_with_hashes_and_nothing_else(name: str) -> None:
    lines = [line for line in (PROJECT / name).read_text().splitlines() if not line.lstrip().startswith("#")]
    assert len([line for line in lines if "==" in line]) == sum(map(len, pins(name).values()))
    assert all(pin.hashes for versions in pins(name).values() for pin in versions)
    assert not [line for line in lines if "://" in line or line.startswith("-")]


@pytest.mark.parametrize(("name", "wanted"), LOCKS.items())
def test_a_lock_has_what_pyproject_asks_for_in_a_version_that_it_allows(name: str, wanted: list[str]) -> None:
    requirements = [Requirement(text) for text in wanted]
    locked = pins(name)
    for requirement in requirements:
        versions = [pin.version for pin in locked.get(canonicalize_name(requirement.name), ()) if pin.direct]
        assert any(requirement.specifier.contains(version) for version in versions), f"{requirement}: run make lock"
    asked_for = {canonicalize_name(requirement.name) for requirement in requirements}
    no_longer = {package for package, versions in locked.items() if any(pin.direct for pin in versions)} - asked_for
    assert not no_longer, f"{no_longer} are in {name} and no longer in pyproject.toml: run make lock"


def test_developers_run_what_users_run() -> None:
    # a marker may differ: what developers use besides can need a package on more machines
    theirs, ours = (
        {package: [(pin.version, pin.hashes) for pin in versions] for package, versions in pins(name).items()}
        for name in ("requirements-dev.lock", "requirements.lock")
    )
    assert {package: theirs.get(package) for package in ours} == ours
