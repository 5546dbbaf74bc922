"""Checks settings, secrets and config trees of all hosts after pyinfra has read the inventory, before it connects.

The one module of this package that imports pyinfra: pyinfra has no hook between inventory and connection, so the call
that lies there, State.init, is wrapped. config.py, which pyinfra runs first of all, does that.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from getpass import getpass
from logging import LogRecord
from pathlib import Path
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

import click
from pyinfra import logger
from pyinfra.api.config import Config
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host, HostData
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.context import ctx_state
from pyinfra_cli.exceptions import CliError  # type: ignore[import-untyped]

from kometa_host.config_tree.tree import TreeError
from kometa_host.controller import project, ssh_key
from kometa_host.errors import Problem, ProblemsError, UserError
from kometa_host.plans.retention import schedule_warning
from kometa_host.settings import names, notifications
from kometa_host.settings.urls import parts_of
from kometa_host.settings.variables import Settings
from kometa_host.state import answers, desired

MASK = "********"
# Names of data that pyinfra, we or others keep secrets in: ssh_password, _sudo_password, kometa_secrets, also misspelt.
# The colours in which pyinfra writes, but for those in which nothing can be read.
COLOUR = re.compile(r"(\x1b\[(?:0|1|2|3[1-7]|9[1-7])?m)")
SECRET_DATA = re.compile(r"passw|passphrase|secret|token|api_?key|credential|authorization", re.IGNORECASE)
# Operations that, called by themselves, need all secrets, or a good config tree, as a deploy does.
WITH_SECRETS = ("operations.kometa.running", "operations.kometa.run_once")
WITH_TREE = ("operations.kometa.running", "operations.kometa.validate")
# The config file, in pyinfra's sense, of a run that ends with the checks; see tools/check.py.
ONLY_CHECKS = "config_check.py"
_settings: "WeakKeyDictionary[Host, Settings]" = WeakKeyDictionary()


def check_settings_before_connecting() -> None:
    """Make the present pyinfra run refuse bad settings, with all problems of all hosts, before it connects anywhere."""
    state: State = ctx_state.get()  # type: ignore[no-untyped-call]
    original = state.init

    def init(inventory: Inventory, config: Config | None, initial_limit: list[Host] | None = None) -> None:
        # Checked first: a state that is not initialised has no hosts to disconnect from when this raises.
        _check_hosts(_hosts_of_run(inventory, initial_limit), inventory)
        for host in inventory:
            _mask_printed_data(host)
        original(inventory, config, initial_limit=initial_limit)

    state.init = init  # type: ignore[method-assign]
    logger.addFilter(_mask_logged_data)
    logger.addFilter(_escape_logged)


def check_and_end() -> None:
    """Make the present pyinfra run end with the checks of a deploy: it connects nowhere, whatever they find."""
    state: State = ctx_state.get()  # type: ignore[no-untyped-call]

    def init(inventory: Inventory, config: Config | None, initial_limit: list[Host] | None = None) -> NoReturn:
        hosts = _hosts_of_run(inventory, initial_limit)
        _check_hosts(hosts, inventory)
        click.echo(_conclusion(hosts))
        sys.exit(0)

    state.init = init  # type: ignore[method-assign]
    logger.addFilter(_mask_logged_data)
    logger.addFilter(_escape_logged)


def _hosts_of_run(inventory: Inventory, limit: list[Host] | None) -> list[Host]:
    return list(inventory) if limit is None else limit


def _conclusion(hosts: Sequence[Host]) -> str:
    """Return what the checks have come to if they found no problem; secrets that were not looked at are said."""
    unopened = {_settings[host].kometa_secrets_file for host in hosts if not _secrets_are_known(_settings[host])}
    count = "one host" if len(hosts) == 1 else f"{len(hosts)} hosts"
    if not unopened:
        return f"{count}: settings, secrets and config tree are in order"
    return (
        f"{count}: settings and config tree are in order; {', '.join(sorted(unopened))} was not opened, so whether "
        f"each <<name>> has a value is not known (export {project.IDENTITY_VARIABLE}=age-identity.txt)"
    )


@contextmanager
def refusing() -> Iterator[None]:
    """Make a UserError of an inventory one that pyinfra says without a traceback."""
    try:
        yield
    except UserError as error:
        raise PyinfraError(str(error)) from None


def settings_of(host: Host) -> Settings:
    """Given a host of pyinfra, return its settings, which are checked once; kometa_secrets has those of the file too.

    Raise PyinfraError, without a traceback.
    """
    try:
        return _checked_settings(host)
    except UserError as error:
        raise PyinfraError(str(error)) from None


def _checked_settings(host: Host) -> Settings:
    if host not in _settings:
        data = _data_of(host)
        name = name_in_secrets(host.name, data.get("kometa_autodeploy_host"))
        data["kometa_autodeploy_host"] = data.get("kometa_autodeploy_host") or host.name
        settings = Settings.from_data(data, host.name, more_secrets=True)
        if _secrets_are_known(settings):
            full = project.data_with_secrets(settings, data, name, host.groups, _ask())
            if full is not data or settings.kometa_notify:
                settings = Settings.from_data(full, host.name)
        _settings[host] = settings
    return _settings[host]


def name_in_secrets(inventory_name: str, pulls_as: str | None) -> str:
    """Return the name by which the secrets file knows a host.

    Only to itself a host in pull mode is @local; a controller knows it by the inventory's name, whatever it pulls as.
    """
    return pulls_as or inventory_name if inventory_name == "@local" else inventory_name


def _secrets_are_known(settings: Settings) -> bool:
    """Return whether kometa_secrets has the file's as well: a deploy needs them, others take what they can get."""
    if _needs_secrets():
        return True
    if not project.is_openable(settings):
        return False
    try:
        project.open_secrets(project.secrets_path(settings), settings.kometa_secrets_file)
    except ProblemsError:
        return False  # KOMETA_AGE_IDENTITY can be the one for backups
    return True


def _needs_secrets() -> bool:
    if _only_checks():  # also where nobody has the identity, such as in CI
        return bool(os.environ.get(project.IDENTITY_VARIABLE))
    command = _command()
    return _is_deploy(command) or command[0] in WITH_SECRETS


def _command() -> tuple[str, ...]:
    """Return what pyinfra was told to do: names of deploy files, or of an operation with its arguments."""
    context = click.get_current_context(silent=True)
    return tuple(context.params.get("operations", ())) if context else ()


def _only_checks() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and Path(context.params.get("config_filename", "")).name == ONLY_CHECKS


def _is_deploy(command: tuple[str, ...]) -> bool:
    files = [name for name in command if name.endswith(".py") and Path(name).name != "destroy.py"]
    return bool(files) or not command


def _checks_tree(command: tuple[str, ...]) -> bool:
    return _is_deploy(command) or command[0] in WITH_TREE


def _ask() -> Callable[[str], str] | None:
    return getpass if sys.stdin.isatty() and _needs_secrets() else None


def _data_of(host: Host) -> dict[str, Any]:
    """Return a host's data merged, by the class's own function, since that of the instance may mask secrets."""
    data: dict[str, Any] = HostData.dict(host.data)  # type: ignore[no-untyped-call]
    return data


def _check_hosts(hosts: Sequence[Host], inventory: Inventory) -> None:
    """Raise CliError with all problems of all hosts; say what is odd and does not hinder."""
    problems: dict[Problem, list[str]] = {}
    warnings: dict[str, None] = {}
    if not hosts:
        raise CliError(no_host([host.name for host in inventory]))
    for host in hosts:
        for problem in (*_problems_of_connection(host), *_problems_of(host, warnings)):
            problems.setdefault(problem, []).append(host.name)
    warnings |= dict.fromkeys(_warnings_of_secrets(inventory))
    for warning in warnings:
        logger.warning(warning)
    if problems:
        raise CliError(problem_report(problems, len(hosts)))


def no_host(known: Sequence[str]) -> str:
    """Given the names of all hosts of the inventory, return what to say where a run is to have none of them."""
    if known:
        why = f"--limit names none of the inventory's hosts ({', '.join(known[:10])})"
    else:
        why = "the inventory names no host, or is no file that is there"
    return f"{why}; nothing was connected to or changed"


CUT_OFF = Problem(
    "the project",
    "an adoption was killed half way, so that its files are partly those of before",
    "python -m tools.adopt SOURCE once more: it first puts back what there was",
)


def _problems_of_connection(host: Host) -> Iterator[Problem]:
    """Yield what in the inventory keeps this machine from connecting to a host."""
    is_by_ssh = issubclass(host.connector_cls, SSHConnector)
    if is_by_ssh and (problem := ssh_key.problem(_data_of(host).get("ssh_key"))):
        yield problem


def _problems_of(host: Host, warnings: dict[str, None]) -> Iterable[Problem]:
    try:
        settings = _checked_settings(host)
    except ProblemsError as error:
        return error.problems
    if _is_deploy(_command()) and (warning := schedule_warning(settings)):
        warnings[warning] = None
    warnings |= dict.fromkeys(notifications.warnings(settings))
    warnings |= dict.fromkeys(names.plex_url_warnings(settings.kometa_plex_url))
    if not _checks_tree(_command()):
        return []
    if project.adoption_was_cut_off():
        return [CUT_OFF]
    try:
        findings = project.tree_findings(settings, _secrets_are_known(settings))
    except TreeError as error:
        return project.problems_of(error, settings.kometa_config_source)
    warnings |= {str(finding): None for finding in findings if finding.severity == "warning"}
    warnings |= dict.fromkeys(desired.declared_tree(settings).warnings)
    return [project.problem_of(finding) for finding in findings if finding.severity == "error"]


def _warnings_of_secrets(inventory: Inventory) -> Iterator[str]:
    """Yield what is odd about the secrets files that were opened."""
    known = {settings.kometa_secrets_file: settings for settings in _settings.values()}
    for shown, settings in known.items():
        if not _secrets_are_known(settings):
            continue
        file = project.open_secrets(project.secrets_path(settings), shown, _ask())
        if file:
            yield from file.warnings
            yield from project.stray_sections(file, shown, (host.name for host in inventory), inventory.groups)


def problem_report(problems: Mapping[Problem, list[str]], hosts: int) -> str:
    """Given problems with the names of the hosts that have them, and how many hosts were checked, return one text."""
    blocks = [problem.text(_host_list(names, hosts)) for problem, names in problems.items()]
    count = "one problem" if len(blocks) == 1 else f"{len(blocks)} problems"
    return "\n\n".join((f"{count} in the project; nothing was connected to or changed", *blocks))


def _host_list(names: list[str], hosts: int) -> str:
    if len(names) == hosts and hosts > 1:
        return f"all {hosts} hosts"
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _mask_logged_data(record: LogRecord) -> bool:
    """Hide secrets in what pyinfra logs with --debug: it tells the data of each group as it reads them."""
    if isinstance(record.args, tuple):
        record.args = tuple(masked(part) if isinstance(part, dict) else part for part in record.args)
    return True


def _escape_logged(record: LogRecord) -> bool:
    """Let no word of a host's in what pyinfra logs be obeyed by the terminal; our own colours stay."""
    pieces = COLOUR.split(record.getMessage())
    record.msg = "".join(piece if COLOUR.fullmatch(piece) else _shown_lines(piece) for piece in pieces)
    record.args = ()
    return True


def _shown_lines(text: str) -> str:
    return "\n".join(map(answers.shown, text.split("\n")))


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
        return f"{parts_of(value).scheme}://{parts_of(value).hostname}/{MASK}" if isinstance(value, str) else MASK
    if SECRET_DATA.search(name) or name == "kometa_notify":
        return dict.fromkeys(value, MASK) if isinstance(value, Mapping) else MASK
    return value
