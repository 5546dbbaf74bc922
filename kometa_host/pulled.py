"""A host in pull mode as its own inventory: the groups and data that the project's inventory gives it, without SSH.

Its secrets are those that it has, since what opens the secrets file stays with the controller. Only where
KOMETA_AGE_IDENTITY is set, as for the first deploy on a host that no controller reaches, the file is opened as usual.
"""

import json
import os
import runpy
import shutil
import subprocess
from typing import Any

from pydantic import SecretStr

from kometa_host import secrets
from kometa_host.errors import UserError
from kometa_host.project import IDENTITY_VARIABLE

Entry = tuple[str, dict[str, Any]]
NO_FILE = "no-secrets-file"  # absent, for it could not be opened here


def groups_of(inventory: str, name: str) -> dict[str, list[Entry]]:
    """Given the path of an inventory and a host's name in it, return its groups with that host alone, as @local.

    Raise UserError if the inventory cannot be read or has no such host.
    """
    try:
        found = runpy.run_path(inventory)
    except Exception as error:  # whatever the user's own program raises
        raise UserError(f"{inventory} cannot be read: {type(error).__name__}: {error}") from None
    groups = {key: _entries(value) for key, value in found.items() if isinstance(value, list | tuple) and key[0] != "_"}
    names = sorted({entry[0] for entries in groups.values() for entry in entries})
    if name not in names:
        raise UserError(
            f"{inventory} has no host {name!r}; it has {', '.join(names) or 'none'}. "
            "Set kometa_autodeploy_host to this host's name there, and deploy once from the controller."
        )
    own = {key: dict(entries)[name] for key, entries in groups.items() if name in dict(entries)}
    return {
        key: [("@local", {**given, "kometa_autodeploy_host": name, **_secrets(given)})] for key, given in own.items()
    }


def _secrets(given: dict[str, Any]) -> dict[str, Any]:
    """Return what the host's data has instead of the secrets file: the secrets that are here, and what is given."""
    if os.environ.get(IDENTITY_VARIABLE):
        return {}
    return {"kometa_secrets_file": NO_FILE, "kometa_secrets": {**podman_secrets(), **given.get("kometa_secrets", {})}}


def _entries(group: list[Any] | tuple[Any, ...]) -> list[Entry]:
    """Return the hosts of a group, which is a list of them or a tuple (list, data of all), each with its data."""
    hosts, common = group if isinstance(group, tuple) else (group, {})
    return [(item, dict(common)) if isinstance(item, str) else (item[0], {**common, **item[1]}) for item in hosts]


def podman_secrets() -> dict[str, SecretStr]:
    """Return Kometa's secrets as the account's Podman has them, by name. Raise UserError if it does not tell."""
    if not shutil.which("podman"):
        return {}
    names = [name for name in _podman("ls", "--format", "{{.Name}}").split() if name.startswith(secrets.PREFIX)]
    found = json.loads(_podman("inspect", "--showsecret", *names)) if names else []
    return {
        item["Spec"]["Name"].removeprefix(secrets.PREFIX): SecretStr(item["SecretData"])
        for item in found
        if secrets.LABEL in (item["Spec"].get("Labels") or {})
    }


def _podman(*arguments: str) -> str:
    done = subprocess.run(["podman", "secret", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            f"Podman does not tell its secrets ({done.stderr.strip()}). Podman 4.7 or newer is needed here."
        )
    return done.stdout
