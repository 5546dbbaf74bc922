"""Checks the settings of all hosts after pyinfra has read the inventory and before it connects to any of them.

The one module of this package that imports pyinfra: pyinfra has no hook between inventory and connection, so the call
that lies there, State.init, is wrapped. config.py, which pyinfra runs first of all, does that.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from pyinfra.api.config import Config
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host, HostData
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.context import ctx_state
from pyinfra_cli.exceptions import CliError  # type: ignore[import-untyped]

from kometa_host.errors import Problem, SettingsError
from kometa_host.settings import Settings

MASK = "********"
# Names of data that pyinfra, we or others keep secrets in: ssh_password, _sudo_password, kometa_secrets, also misspelt.
SECRET_DATA = re.compile(r"passw|passphrase|secret|token|api_?key|credential", re.IGNORECASE)
_settings: "WeakKeyDictionary[Host, Settings]" = WeakKeyDictionary()


def check_settings_before_connecting() -> None:
    """Make the present pyinfra run refuse bad settings, with all problems of all hosts, before it connects anywhere."""
    state: State = ctx_state.get()  # type: ignore[no-untyped-call]
    original = state.init

    def init(inventory: Inventory, config: Config | None, initial_limit: list[Host] | None = None) -> None:
        # Checked first: a state that is not initialised has no hosts to disconnect from when this raises.
        hosts = list(inventory) if initial_limit is None else initial_limit
        _check_hosts(hosts)
        for host in inventory:
            _mask_printed_data(host)
        original(inventory, config, initial_limit=initial_limit)

    state.init = init  # type: ignore[method-assign]


def settings_of(host: Host) -> Settings:
    """Given a host of pyinfra, return its settings, which are checked once. Raise PyinfraError, without a traceback."""
    try:
        return _checked_settings(host)
    except SettingsError as error:
        raise PyinfraError(str(error)) from None


def _checked_settings(host: Host) -> Settings:
    if host not in _settings:
        _settings[host] = Settings.from_data(_data_of(host), host.name)
    return _settings[host]


def _data_of(host: Host) -> dict[str, Any]:
    """Return a host's data merged, by the class's own function, since that of the instance may mask secrets."""
    data: dict[str, Any] = HostData.dict(host.data)  # type: ignore[no-untyped-call]
    return data


def _check_hosts(hosts: Iterable[Host]) -> None:
    problems: dict[Problem, list[str]] = {}
    checked = 0
    for host in hosts:
        checked += 1
        try:
            _checked_settings(host)
        except SettingsError as error:
            for problem in error.problems:
                problems.setdefault(problem, []).append(host.name)
    if problems:
        raise CliError(problem_report(problems, checked))


def problem_report(problems: Mapping[Problem, list[str]], hosts: int) -> str:
    """Given problems with the names of the hosts that have them, and how many hosts were checked, return one text."""
    blocks = [problem.text(_host_list(names, hosts)) for problem, names in problems.items()]
    count = "one problem" if len(blocks) == 1 else f"{len(blocks)} problems"
    return "\n\n".join((f"{count} in the settings; nothing was connected to or changed", *blocks))


def _host_list(names: list[str], hosts: int) -> str:
    if len(names) == hosts and hosts > 1:
        return f"all {hosts} hosts"
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _mask_printed_data(host: Host) -> None:
    """Hide secrets where pyinfra prints a host's data (debug-inventory); reading host.data.NAME stays as it is."""

    def printed() -> dict[str, Any]:
        return masked(_data_of(host))

    # Past HostData.__setattr__, which would store it as data of the host.
    host.data.__dict__["dict"] = printed


def masked(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a host as it may be shown: values of secrets and passwords hidden, their names kept."""
    return {name: _masked_value(name, value) for name, value in data.items()}


def _masked_value(name: str, value: Any) -> Any:
    if not value or name == "kometa_secrets_file":
        return value
    if name == "kometa_notify_url":
        # The path of such a URL often is its password.
        return f"{urlsplit(value).scheme}://{urlsplit(value).hostname}/{MASK}" if isinstance(value, str) else MASK
    if SECRET_DATA.search(name):
        return dict.fromkeys(value, MASK) if isinstance(value, Mapping) else MASK
    return value
