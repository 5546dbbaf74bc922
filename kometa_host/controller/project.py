"""What the project holds for its hosts besides settings, checked before anything connects: secrets and config tree.

The secrets file is opened once a run, whatever the number of hosts; one that is not there needs no identity.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kometa_host.config_tree.checks import check_tree
from kometa_host.config_tree.findings import Finding, summarised
from kometa_host.config_tree.tree import TreeError
from kometa_host.errors import Problem, ProblemsError
from kometa_host.settings.variables import Settings
from kometa_host.state import desired

if TYPE_CHECKING:
    from kometa_host.secrets.file import SecretsFile

_opened: "dict[Path, SecretsFile | ProblemsError | None]" = {}

MOST_ALIKE = 10  # findings of one remedy that are told
IDENTITY_VARIABLE = "KOMETA_AGE_IDENTITY"
# where tools.adopt prepares a change of the project; the journal is there as long as the change is half made
ADOPTION_FOLDERS = ".kometa-adopt-*"
ADOPTION_JOURNAL = "journal.json"


def adoption_was_cut_off() -> bool:
    """Return whether the project is neither as it was before an adoption nor as it is to be after it."""
    return any(desired.PROJECT.glob(f"{ADOPTION_FOLDERS}/{ADOPTION_JOURNAL}"))


def secrets_path(settings: Settings) -> Path:
    """Return the path of the secrets file on this machine; it need not exist."""
    return desired.PROJECT / settings.kometa_secrets_file


def is_openable(settings: Settings) -> bool:
    """Return whether the secrets file can be opened without asking: it is not there, or an identity is named."""
    return bool(os.environ.get(IDENTITY_VARIABLE)) or not secrets_path(settings).exists()


def open_secrets(path: Path, shown: str, ask: Callable[[str], str] | None = None) -> "SecretsFile | None":
    """Return what a secrets file holds, None if it is not there. Raise ProblemsError if it cannot be opened."""
    if path not in _opened:
        _opened[path] = _open(path, shown, ask)
    opened = _opened[path]
    if isinstance(opened, ProblemsError):  # remembered as well: nobody is asked for a passphrase once for each host
        raise opened
    return opened


def _open(path: Path, shown: str, ask: Callable[[str], str] | None) -> "SecretsFile | ProblemsError | None":
    if not path.exists():
        return None
    # Imported here: most of a deploy's time goes into imports, and these are needed for this file only.
    from kometa_host.secrets import file as secrets_file

    try:
        return secrets_file.load(path, shown, ask)
    except ProblemsError as error:
        return error


def data_with_secrets(
    settings: Settings,
    data: Mapping[str, Any],
    host: str,
    groups: Iterable[str],
    ask: Callable[[str], str] | None = None,
) -> Mapping[str, Any]:
    """Given a host's checked settings and the data they come from, return the data with the file's secrets added.

    What kometa_secrets and kometa_repository_secrets give directly wins over the file. Raise ProblemsError if the file
    cannot be opened.
    """
    file = open_secrets(secrets_path(settings), settings.kometa_secrets_file, ask)
    if file is None:
        return data
    from kometa_host.secrets import file as secrets_file

    values = secrets_file.merged(file.values_for(host, groups), settings.kometa_secrets)
    tokens = {**file.authorization, **settings.kometa_authorization}
    repository = file.repository_for(host, groups) | settings.kometa_repository_secrets
    return {
        **data,
        "kometa_secrets": values,
        "kometa_authorization": tokens,
        "kometa_repository_secrets": repository,
    }


def stray_sections(file: "SecretsFile", shown: str, hosts: Iterable[str], groups: Iterable[str]) -> list[str]:
    """Return what to say about sections of a secrets file that are for no host or group of the inventory."""
    known = {"hosts": set(hosts), "groups": set(groups)}
    sections = {"hosts": file.hosts, "groups": file.groups}
    return [
        f"{shown}: the section {name} below {kind} is for none of this inventory's {kind}"
        for kind, section in sections.items()
        for name in section
        if name not in known[kind]
    ]


# The config tree


def tree_findings(settings: Settings, secrets_known: bool = True) -> list[Finding]:
    """Return what is wrong or odd with the config tree for a host; the same for all hosts is looked at once.

    Of what has the same remedy only the first few are told, with the number of the others.

    Raise TreeError if the folder cannot be deployed at all.
    """
    tree = desired.declared_tree(settings)
    names = frozenset(settings.kometa_secrets) if secrets_known else None
    told = (
        tree.name,
        *(settings.kometa_plex_url, sorted(settings.kometa_environment.items())),
        *(sorted(settings.kometa_host_files), settings.kometa_volumes, None if names is None else sorted(names)),
        sorted(settings.secrets_of_messages),
    )
    question = f"findings {told} {tree.config_text}"
    found = tree.memory.answer(question, lambda: check_tree(tree, settings, names), _as_lists, _as_findings)
    return list(summarised((((one.severity, one.remedy), one) for one in found), MOST_ALIKE))


def _as_lists(findings: list[Finding]) -> list[object]:
    return [astuple(finding) for finding in findings]


def _as_findings(stored: Any) -> list[Finding]:
    return [Finding(*finding) for finding in stored]


def problem_of(finding: Finding) -> Problem:
    """Return a finding of the tree in the form in which the problems of all hosts are reported together."""
    where = f"{finding.file}, line {finding.line}" if finding.line else finding.file
    return Problem(where, finding.message, finding.remedy)


def problems_of(error: TreeError, shown: str) -> list[Problem]:
    """Return the problems of a folder that cannot be deployed."""
    split = [text.partition("; ") for text in error.problems]
    return [Problem(f"config tree {shown}", found, remedy or "mend it and run it again") for found, _, remedy in split]
