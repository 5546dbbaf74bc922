"""The secrets file: YAML with names and values for all hosts, for groups and for hosts, encrypted with age.

    plextoken: value for all hosts
    groups:
      media:
        tmdbapikey: value for the hosts of the group media
    hosts:
      tower.lan:
        plextoken: value for this host alone
    authorization:
      trakt:
        access_token: with which a new host begins; from then on it keeps those that Kometa refreshes there
    repository:
      RESTIC_PASSWORD: value for restic on all hosts, never for Kometa; a group or a host may have such a section too

It is opened in memory only. No value, and no piece of the text, is ever in a message.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

import pyrage  # type: ignore[import-untyped]
import yaml

from kometa_host.archive.errors import ArchiveError, IdentityError
from kometa_host.archive.header import AGE_PREFIX, ARMOR_BEGIN, peek_header, without_armor
from kometa_host.archive.identity import PASSPHRASE_VARIABLE, Ask, Identities, read_identities
from kometa_host.archive.source import Source
from kometa_host.errors import Problem, ProblemsError
from kometa_host.settings import restic
from kometa_host.settings.environment import checked_secrets, variable_of
from kometa_host.settings.refusals import RefusalError
from kometa_host.settings.secret import SecretStr

IDENTITY_VARIABLE = "KOMETA_AGE_IDENTITY"
RECIPIENTS_FILE = "secrets.recipients"
MAX_SIZE = 1 << 20  # bytes; a file of secrets has a few hundred
SECTIONS = ("groups", "hosts", "authorization")
REPOSITORY = "repository"
NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")
NAME_REMEDY = "name a secret with small letters, digits and single - or _, such as plextoken"

Values = dict[str, SecretStr]
Entry = tuple[yaml.ScalarNode, yaml.Node]


class SecretsFileError(ProblemsError):
    """The secrets file cannot be used: .problems says all that is wrong with it."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("\n\n".join(problem.text() for problem in problems))


@dataclass(frozen=True)
class SecretsFile:
    """What a secrets file holds: values for all hosts, for each group and for each host; warnings are for the user.

    authorization: for trakt and mal, the tokens with which a host begins that has none.
    """

    common: Values = field(default_factory=dict)
    groups: Mapping[str, Values] = field(default_factory=dict)
    hosts: Mapping[str, Values] = field(default_factory=dict)
    authorization: Mapping[str, Values] = field(default_factory=dict)
    repository: Mapping[tuple[str, str], Values] = field(default_factory=dict)  # by kind of section and its name
    warnings: tuple[str, ...] = ()

    def values_for(self, host: str, groups: Iterable[str]) -> Values:
        """Return the values of a host: its own before those of its groups, the last of these first, before all's."""
        sections = (self.common, *(self.groups.get(group, {}) for group in groups), self.hosts.get(host, {}))
        return merged(*sections)

    def repository_for(self, host: str, groups: Iterable[str]) -> Values:
        """Return restic's variables for a host, in the same order of precedence."""
        values: Values = {}
        for section in (("", ""), *(("groups", group) for group in groups), ("hosts", host)):
            values |= self.repository.get(section, {})
        return values


def merged(*sections: Mapping[str, SecretStr]) -> Values:
    """Return the values of all sections, later ones first; plex-token and plex_token are the same to the container."""
    by_variable: dict[str, tuple[str, SecretStr]] = {}
    for section in sections:
        by_variable |= {variable_of(name): (name, value) for name, value in section.items()}
    return dict(sorted(by_variable.values()))


# Opening


def load(path: Path, shown: str, ask: Ask | None = None, environment: Mapping[str, str] | None = None) -> SecretsFile:
    """Given the encrypted file and how messages call it, return what it holds. Raise SecretsFileError."""
    content = read(path, shown)
    identities = identities_for(shown, ask, environment)
    file = parse(decrypt(content, shown, identities), shown)
    return replace(file, warnings=identities.warnings)


def read(path: Path, shown: str) -> bytes:
    """Return the encrypted content. Raise SecretsFileError if it cannot be read or is not encrypted."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_SIZE + 1)
    except OSError as error:
        raise SecretsFileError(Problem(shown, f"it cannot be read: {error.strerror}", "make it readable")) from None
    if len(content) > MAX_SIZE:
        raise SecretsFileError(Problem(shown, "it is larger than 1 MiB", "is it the file of secrets?"))
    if not content.lstrip().startswith((AGE_PREFIX, ARMOR_BEGIN)):
        what = "it is not encrypted with age" if content.strip() else "it is empty"
        remedy = (
            "move it away and create it with make secrets-edit; if it held secrets and was committed or shared, "
            "have new ones made"
        )
        raise SecretsFileError(Problem(shown, what, remedy))
    return content


def identities_for(shown: str, ask: Ask | None = None, environment: Mapping[str, str] | None = None) -> Identities:
    """Return the identities of the file that KOMETA_AGE_IDENTITY names. Raise SecretsFileError."""
    known = os.environ if environment is None else environment
    path = known.get(IDENTITY_VARIABLE, "")
    if not path:
        remedy = f"name the identity file that opens it: export {IDENTITY_VARIABLE}=age-identity.txt"
        raise SecretsFileError(Problem(IDENTITY_VARIABLE, f"it is not set, and {shown} is encrypted", remedy))
    if not Path(path).expanduser().exists() and not path.upper().startswith("AGE-"):
        remedy = f"set {IDENTITY_VARIABLE} to the path of your identity file on this machine"
        raise SecretsFileError(Problem(IDENTITY_VARIABLE, f"there is no file {path}", remedy))
    try:
        return read_identities(path, ask, known)
    except (IdentityError, ArchiveError) as error:
        remedy = f"name the identity file that opens {shown}; {PASSPHRASE_VARIABLE} unlocks a protected one"
        raise SecretsFileError(Problem(IDENTITY_VARIABLE, str(error), remedy)) from None


def decrypt(content: bytes, shown: str, identities: Identities) -> bytes:
    """Return the decrypted content. Raise SecretsFileError, which never shows any of it."""
    mended = "take the last good one from version control or a backup"
    try:
        header = peek_header(without_armor(Source(BytesIO(content.lstrip()).read)))
        if header.needs_passphrase:
            found = "it is encrypted to a passphrase, not to recipients"
            raise SecretsFileError(Problem(shown, found, "move it away and create it with make secrets-edit"))
        text: bytes = pyrage.decrypt(content.lstrip(), list(identities.keys))
    except ArchiveError as error:
        raise SecretsFileError(Problem(shown, str(error), mended)) from None
    except (pyrage.DecryptError, OSError, ValueError) as error:
        if "No matching keys" in str(error):
            raise SecretsFileError(_wrong_identity(shown, identities)) from None
        raise SecretsFileError(Problem(shown, "it is cut short or damaged", mended)) from None
    return text


def _wrong_identity(shown: str, identities: Identities) -> Problem:
    remedy = (
        f"set {IDENTITY_VARIABLE} to another identity file, or have somebody who can open {shown} add your public key "
        f"to {RECIPIENTS_FILE} and run make secrets-rekey"
    )
    return Problem(shown, f"no identity in {identities.source} opens it", remedy)


# Reading the YAML. Scalars are taken as they are written, so that 0123 stays 0123 and no stays no.


def parse(content: bytes, shown: str) -> SecretsFile:
    """Given the decrypted YAML, return what it holds. Raise SecretsFileError with all problems, by line."""
    root = _root(content, shown)
    problems: list[Problem] = []
    sections: dict[tuple[str, str], list[Entry]] = {("", ""): []}
    for key, value in _entries(root, shown, problems):
        if key.value not in SECTIONS:
            sections["", ""].append((key, value))
            continue
        for name, section in _entries(value, shown, problems):
            sections[str(key.value), str(name.value)] = list(_entries(section, shown, problems))
    values = {name: _section(_others(entries), shown, problems) for name, entries in sections.items()}
    repository = {name: _repository(entries, shown, problems) for name, entries in sections.items()}
    if problems:
        raise SecretsFileError(*problems)
    of_kind = {kind: {name: found for (of, name), found in values.items() if of == kind} for kind in SECTIONS}
    return SecretsFile(values["", ""], of_kind["groups"], of_kind["hosts"], of_kind["authorization"], repository)


def _is_repository(entry: Entry) -> bool:
    """Return whether an entry is the section of restic's variables; a secret of that name is one of Kometa's."""
    key, value = entry
    return key.value == REPOSITORY and isinstance(value, yaml.MappingNode)


def _others(entries: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in entries if not _is_repository(entry)]


def _repository(entries: Iterable[Entry], shown: str, problems: list[Problem]) -> Values:
    values: Values = {}
    for _, section in filter(_is_repository, entries):
        for key, node in _entries(section, shown, problems):
            try:
                values |= restic.checked_secrets({key.value: _value(node)})
            except RefusalError as refusal:
                problems += [Problem(_where(shown, key), *complaint) for complaint in refusal.complaints]
    return values


def _root(content: bytes, shown: str) -> yaml.Node | None:
    try:
        return yaml.compose(content.decode("utf-8-sig"), Loader=yaml.BaseLoader)
    except UnicodeDecodeError:
        raise SecretsFileError(Problem(shown, "it is not UTF-8 text", "save it with the encoding UTF-8")) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        # PyYAML repeats pieces of the text between quotes: one may be of a secret.
        problem = error.problem or "no YAML"
        found = (
            "there is a tab, and YAML takes only spaces" if r"'\t'" in problem else re.sub(r"'[^']*'?", "...", problem)
        )
    except yaml.YAMLError:
        line, found = 1, "no YAML"
    remedy = "write each secret as `name: 'value'` on a line of its own, a ' in the value as ''"
    raise SecretsFileError(Problem(f"{shown}, line {line}", found, remedy))


def _entries(node: yaml.Node | None, shown: str, problems: list[Problem]) -> Iterator[Entry]:
    if node is None or _is_blank(node):
        return
    if not isinstance(node, yaml.MappingNode):
        remedy = "write names and values, `name: 'value'`, one a line"
        problems.append(Problem(_where(shown, node), "a value or a list where a mapping belongs", remedy))
        return
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            problems.append(Problem(_where(shown, key), "a name that is not text", "name it with letters and digits"))
        elif key.value in seen:
            problems.append(Problem(_where(shown, key), "a name that stands there twice", "remove one of the two"))
        else:
            seen.add(key.value)
            yield key, value


def _section(entries: Iterable[Entry], shown: str, problems: list[Problem]) -> Values:
    values: Values = {}
    by_variable: dict[str, str] = {}
    for key, node in entries:
        try:
            if not NAME.fullmatch(key.value):
                raise RefusalError("a name that cannot be one (not shown, it may be a value)", NAME_REMEDY)  # noqa: TRY301
            values |= checked_secrets({key.value: _value(node)})
            other = by_variable.setdefault(variable_of(key.value), key.value)
            if other != key.value:
                raise RefusalError(f"{other} and {key.value}, which are the same to Kometa", "rename one of them")  # noqa: TRY301
        except RefusalError as refusal:
            problems += [Problem(_where(shown, key), *complaint) for complaint in refusal.complaints]
    return values


def _value(node: yaml.Node) -> object:
    if isinstance(node, yaml.ScalarNode):
        if not node.tag.startswith("tag:yaml.org"):
            raise RefusalError("a value that begins with ! and is not quoted", "put it between single quotes")
        return "" if _is_blank(node) else str(node.value)
    found = "a mapping" if isinstance(node, yaml.MappingNode) else "a list"
    raise RefusalError(
        f"{found} where the value of a secret belongs",
        "put the value between single quotes; the sections for groups and hosts are called groups and hosts",
    )


def _is_blank(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in ("", "~", "null")


def _where(shown: str, node: yaml.Node) -> str:
    return f"{shown}, line {node.start_mark.line + 1}"
