"""A host in pull mode as its own inventory: the groups and data that the project's inventory gives it, without SSH.

Its secrets are those that it has, since what opens the secrets file stays with the controller. Only where
KOMETA_AGE_IDENTITY is set, as for the first deploy on a host that no controller reaches, the file is opened as usual.
"""

import json
import os
import runpy
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kometa_host.controller.project import IDENTITY_VARIABLE
from kometa_host.errors import UserError
from kometa_host.secrets.podman import LABEL, PREFIX
from kometa_host.settings.secret import SecretStr

Data = dict[str, Any]
Group = tuple[list[tuple[str, Data]], Data]  # hosts with their own data, and the group's
NO_FILE = "no-secrets-file"  # absent, for it could not be opened here


def groups_of(inventory: str, name: str) -> dict[str, Group]:
    """Given the path of an inventory and a host's name in it, return its groups with that host alone, as @local.

    Raise UserError if the inventory cannot be read or has no such host.
    """
    groups = _groups(inventory)
    names = _hosts(groups)
    if name not in names:
        raise UserError(
            f"{inventory} has no host {name!r}; it has {', '.join(names) or 'none'}. "
            "Set kometa_autodeploy_host to this host's name there, and deploy once from the controller."
        )
    mine = {key: (dict(hosts)[name], data) for key, (hosts, data) in groups.items() if name in dict(hosts)}
    own: Data = {}
    for given, _ in mine.values():  # as pyinfra does: what a later group says of the host wins
        own |= given
    own |= {"kometa_autodeploy_host": name, **_secrets(own)}
    here = {key: ([("@local", own)], data) for key, (_, data) in mine.items()}
    # pyinfra calls the group of all hosts of an inventory as its file.
    return {Path(inventory).stem: ([("@local", own)], {}), **here}


def hosts_in(inventory: str) -> list[str]:
    """Given the path of an inventory, return the names of its hosts. Raise UserError if it cannot be read."""
    return _hosts(_groups(inventory))


def _groups(inventory: str) -> dict[str, Group]:
    try:
        found = runpy.run_path(inventory)
    except Exception as error:  # whatever the user's own program raises
        raise UserError(f"{inventory} cannot be read: {type(error).__name__}: {error}") from None
    return {key: group for key, value in found.items() if (group := _group(value)) and not key.startswith("_")}


def _hosts(groups: Mapping[str, Group]) -> list[str]:
    return sorted({host for hosts, _ in groups.values() for host, _ in hosts})


def _group(value: object) -> Group | None:
    hosts, data = value if isinstance(value, tuple) and len(value) == 2 else (value, {})
    if not isinstance(hosts, list) or not isinstance(data, dict):
        return None
    if not all(isinstance(item, str | tuple) for item in hosts):
        return None
    return [(item, {}) if isinstance(item, str) else (item[0], dict(item[1])) for item in hosts], data


def _secrets(given: Data) -> Data:
    """Return what the host's data has instead of the secrets file: the secrets that are here, and what is given.

    root has other secrets than the account: for root nothing is changed, as for whoever has an identity.
    """
    if os.environ.get(IDENTITY_VARIABLE) or os.geteuid() == 0:
        return {}
    return {"kometa_secrets_file": NO_FILE, "kometa_secrets": podman_secrets() | (given.get("kometa_secrets") or {})}


def podman_secrets() -> dict[str, SecretStr]:
    """Return Kometa's secrets as the account's Podman has them, by name. Raise UserError if it does not tell."""
    if not shutil.which("podman"):
        return {}
    names = [name for name in _podman("ls", "--format", "{{.Name}}").split() if name.startswith(PREFIX)]
    found = json.loads(_podman("inspect", "--showsecret", *names)) if names else []
    return {
        item["Spec"]["Name"].removeprefix(PREFIX): SecretStr(item["SecretData"])
        for item in found
        if LABEL in (item["Spec"].get("Labels") or {})
    }


def _podman(*arguments: str) -> str:
    done = subprocess.run(["podman", "secret", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            f"Podman does not tell its secrets ({done.stderr.strip()}). Podman 4.7 or newer is needed here."
        )
    return done.stdout
