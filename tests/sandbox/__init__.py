"""Throwaway Debian hosts with an image registry, on this machine: see README.md.

The names are imported when they are first used, because inventory.py reads tests.sandbox.address in every command.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.sandbox.core import Sandbox, why_not
    from tests.sandbox.host import Completed, Host
    from tests.sandbox.shell import SandboxError

__all__ = ["Completed", "Host", "Sandbox", "SandboxError", "why_not"]

_HOMES = {"Sandbox": "core", "why_not": "core", "Completed": "host", "Host": "host", "SandboxError": "shell"}


def __getattr__(name: str) -> object:
    """Import the public name `name` from the module that has it."""
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
