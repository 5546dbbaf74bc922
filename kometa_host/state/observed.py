"""What was found on a host: the typed result of one composite read. Pure; the program is programs/read/observe.sh."""

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from kometa_host.errors import UserError
from kometa_host.secrets import podman as podman_secrets
from kometa_host.state import answers
from kometa_host.state.filesets import Entry, FoundSet, parse_deviations, parse_manifest

MAX_CONFIG = 1 << 20  # bytes of a config.yml


@dataclass(frozen=True)
class SubordinateRange:
    """A line of /etc/subuid or /etc/subgid: ids start ... start + count - 1 belong to the owner."""

    owner: str
    start: int
    count: int


@dataclass(frozen=True)
class Account:
    """A line of passwd."""

    user: str
    uid: int
    gid: int
    home: str
    shell: str
    comment: str = ""


@dataclass(frozen=True)
class Unit:
    """A unit of the account's user manager, as `systemctl --user show` says it."""

    load: str
    active: str
    sub: str
    needs_reload: bool
    enabled: str
    result: str
    source: str = ""  # the Quadlet it was made from
    path: str = ""
    has_ended: bool = False  # by itself, since it was last started by somebody: systemd has started it again
    has_job: bool = False  # that waits: to be started, as soon as what comes before it is there


@dataclass(frozen=True)
class Container:
    """A container as `podman ps` lists it; times in seconds since the epoch."""

    name: str
    state: str
    image: str
    image_id: str
    labels: Mapping[str, str]
    networks: tuple[str, ...]
    started: int


@dataclass(frozen=True)
class ForeignOwned:
    """Entries below a path that belong to somebody else: how many, and the first few as `uid:gid name`.

    out_of_reach of them, which come first, belong to nobody inside the user namespace, such as the host's root, and the
    account cannot put a copy of its own in their place: an administrator has to give them away.
    """

    count: int = 0
    out_of_reach: int = 0
    first: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """What somebody on a host has told, decoded, by name."""

    values: Mapping[str, bytes] = field(repr=False)

    def text(self, name: str) -> str:
        """Return what was told under the name, empty if nothing was. Raise UserError if it is longer than any is."""
        value = self.values.get(name, b"")
        if len(value) > answers.MAX_TEXT:
            raise UserError(f"the host's answer about {name} is larger than {answers.MAX_TEXT >> 20} MiB, and none is.")
        return value.decode("utf-8", "surrogateescape").strip()


@dataclass(frozen=True)
class HostFacts(Told):
    """A host as root told it; as the account did where the connection is its own. Root acts on nothing else."""

    @cached_property
    def os_release(self) -> Mapping[str, str]:
        """The distribution's own description: ID, VERSION_ID, PRETTY_NAME, ..."""
        pairs = (line.partition("=") for line in self.text("os-release").splitlines())
        return {name: value.strip("\"'") for name, _, value in pairs}

    def has_command(self, name: str) -> bool:
        """Return whether the host has a program of that name."""
        return f"command.{name}" in self.values

    @cached_property
    @answers.sensible("accounts")
    def accounts(self) -> tuple[Account, ...]:
        """The accounts that have the wanted name or the wanted uid."""
        fields = [line.split(":") for line in self.text("passwd").splitlines()]
        return tuple(dict.fromkeys(Account(f[0], int(f[2]), int(f[3]), f[5], f[6], f[4]) for f in fields))

    def account(self, user: str) -> Account | None:
        """Return the account of that name, if it is one of those."""
        return next((account for account in self.accounts if account.user == user), None)

    @cached_property
    @answers.sensible("groups")
    def groups(self) -> Mapping[str, int]:
        """The groups that have the wanted name or the wanted gid."""
        fields = [line.split(":") for line in self.text("group").splitlines()]
        return {f[0]: int(f[2]) for f in fields}

    def subordinate(self, kind: str) -> tuple[SubordinateRange, ...]:
        """Return all ranges of `subuid` or `subgid`; lines not of the form owner:start:count are passed over."""
        lines = [line.strip().split(":") for line in self.text(kind).splitlines()]
        whole = [f for f in lines if len(f) == 3 and f[1].isdecimal() and f[2].isdecimal()]
        return tuple(SubordinateRange(f[0], int(f[1]), int(f[2])) for f in whole)


@dataclass(frozen=True)
class Observed(Told):
    """A host as it was found: what the account has, by its own word, and the host itself."""

    host: HostFacts = HostFacts({})

    def to_json(self) -> dict[str, dict[str, str]]:
        """Return what pyinfra prints of it: texts of files, where secrets may stand, by their length alone."""
        return {"host": _printed(self.host), "account": _printed(self)}

    def resolved(self, path: str) -> str:
        """Return a path without the symbolic links that the host has above it, as far as it told of them."""
        links = dict(line.split("\t", 1) for line in self.text("links").splitlines() if "\t" in line)
        above = max((link for link in links if f"{path}/".startswith(f"{link}/")), key=len, default="")
        return f"{links[above]}{path.removeprefix(above)}" if above else path

    @cached_property
    @answers.sensible("units")
    def units(self) -> Mapping[str, Unit]:
        """The units that were asked for, by their names."""
        blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in self.text("units").split("\n\n")]
        return {block["Id"]: _unit(block) for block in blocks if "Id" in block}

    @cached_property
    @answers.sensible("containers")
    def containers(self) -> Mapping[str, Container]:
        """All containers of the account, by name."""
        found = [_container(entry) for entry in self.entries("containers")]
        return {container.name: container for container in found}

    def entries(self, name: str) -> list[dict[str, Any]]:
        """Return the JSON list of objects that was told under the name."""
        try:
            listed = json.loads(self.text(name) or "[]") or []
        except (ValueError, RecursionError):
            listed = None
        if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
            shown = answers.shown(self.text(name)[:80])
            raise UserError(f"Podman on the host does not answer as it should about {name}: {shown}. Is it Podman?")
        return listed

    @cached_property
    @answers.sensible("images")
    def image_id(self) -> str | None:
        """The id of the local image under the wanted name, None if it is not there."""
        return next((entry["Id"] for entry in self.entries("images")), None)

    @cached_property
    @answers.sensible("networks")
    def network(self) -> Mapping[str, Any] | None:
        """The wanted network as Podman describes it, None if there is none of that name."""
        return next(iter(self.entries("networks")), None)

    @cached_property
    @answers.sensible("secrets")
    def secrets(self) -> Mapping[str, podman_secrets.FoundSecret]:
        """Our Podman secrets, by name without prefix."""
        ours = [entry for entry in self.entries("secrets") if entry["Spec"]["Name"].startswith(podman_secrets.PREFIX)]
        return {entry["Spec"]["Name"].removeprefix(podman_secrets.PREFIX): _secret(entry) for entry in ours}

    @answers.sensible("files")
    def files(self, name: str) -> FoundSet:
        """Return the state of a set of files."""
        told = f"files.{name}."
        root = self.text(told + "root").split()
        manifest = self.values.get(told + "manifest")
        text = self._config_yml(told + "text")
        return FoundSet(
            root=Entry(None, int(root[0], 8), int(root[1]), int(root[2])) if root else None,
            digest=self.text(told + "digest") or None,
            manifest=parse_manifest(answers.inflated(manifest).decode()) if manifest else {},
            deviations=parse_deviations(self.values.get(told + "deviations", b"").decode("utf-8", "surrogateescape")),
            text=_optional_text(text),
            text_sha256=None if text is None else hashlib.sha256(text).hexdigest(),
            declared=_optional_text(self._config_yml(told + "declared")),
            pending=told + "pending" in self.values,
            is_mountpoint=told + "mountpoint" in self.values,
        )

    def _config_yml(self, name: str) -> bytes | None:
        """Return a config.yml that was told. Raise UserError if it is larger than any is: each value takes memory."""
        text = self.values.get(name)
        if text is not None and len(text) > MAX_CONFIG:
            raise UserError(
                f"config.yml on the host has more than {MAX_CONFIG >> 20} MiB, and none of Kometa's has. "
                "Look what is in there, move it away, and run the command again."
            )
        return text

    @cached_property
    def foreign(self) -> Mapping[str, str]:
        """Files under names of ours that somebody else has written: their text by path."""
        return {n.removeprefix("foreign."): self.text(n) for n in self.values if n.startswith("foreign.")}

    @cached_property
    def foreign_owned(self) -> ForeignOwned:
        """Entries of the config tree that do not belong to the wanted ids."""
        return parse_foreign_owned(self.values.get("foreign-owned", b"").decode("utf-8", "replace"))

    @cached_property
    @answers.sensible("the run in progress")
    def run_started(self) -> datetime | None:
        """When the Kometa run that is in progress started, in UTC; None if none is."""
        told = self.text("run-in-progress")
        return answers.moment(told) if told else None

    @cached_property
    @answers.sensible("the age of the image")
    def image_created(self) -> datetime | None:
        """When the image of the container was built, in UTC; None where nothing tells it."""
        told = self.text("image-created")
        return answers.moment(told) if told.isdecimal() else None  # one of the year 1 is of a build that hides it

    @cached_property
    def quadlet_times(self) -> Mapping[str, float]:
        """When each file of the Quadlet directory was last written, in seconds since the epoch."""
        pairs = re.findall(r"^(\d+\.\d+) (.+)$", self.text("quadlet-times"), re.M)
        return {name: float(time) for time, name in pairs}


def _printed(told: Told) -> dict[str, str]:
    return {answers.shown(name): _printed_value(name, value) for name, value in sorted(told.values.items())}


def _printed_value(name: str, value: bytes) -> str:
    if name.startswith("foreign.") or name.endswith((".text", ".manifest", ".declared")):
        return f"{len(value)} bytes"
    return answers.shown(value.decode("utf-8", "replace"))


@answers.sensible("owners of files")
def parse_foreign_owned(text: str) -> ForeignOwned:
    """Given lines `uid:gid name` and last `count out-of-reach`, return them."""
    *first, counts = answers.parts(text, "\n") or ["0 0"]
    count, out_of_reach = counts.split()
    return ForeignOwned(int(count), int(out_of_reach), tuple(first[:5]))


def _optional_text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "replace")


def _unit(block: Mapping[str, str]) -> Unit:
    return Unit(
        load=block.get("LoadState", ""),
        active=block.get("ActiveState", ""),
        sub=block.get("SubState", ""),
        needs_reload=block.get("NeedDaemonReload") == "yes",
        enabled=block.get("UnitFileState", ""),
        result=block.get("Result", ""),
        source=block.get("SourcePath", ""),
        path=block.get("FragmentPath", ""),
        has_ended=block.get("NRestarts", "0") != "0",
        has_job=block.get("Job", "") not in ("", "0"),
    )


def _secret(entry: Mapping[str, Any]) -> podman_secrets.FoundSecret:
    labels = entry["Spec"].get("Labels") or {}
    # Podman writes nanoseconds, which Python does not read
    written = re.sub(r"\.\d+", "", entry["UpdatedAt"])
    return podman_secrets.FoundSecret(labels.get(podman_secrets.LABEL, ""), datetime.fromisoformat(written).timestamp())


def _container(entry: Mapping[str, Any]) -> Container:
    return Container(
        name=str(entry["Names"][0]),
        state=str(entry["State"]),
        image=str(entry["Image"]),
        image_id=str(entry["ImageID"]),
        labels={str(name): str(value) for name, value in (entry.get("Labels") or {}).items()},
        networks=tuple(map(str, entry.get("Networks") or ())),
        started=int(entry.get("StartedAt") or 0),
    )


def parse_told(lines: Iterable[str]) -> dict[str, bytes] | None:
    """Given the lines `name base64` or `name =value`, return what they tell; None if the line `end` is missing.

    What comes after it is told as well. Other lines are passed over.
    """
    values: dict[str, bytes] = {}
    for line in lines:
        name, _, told = line.rstrip("\n").partition(" ")
        with suppress(ValueError):
            values[name] = told[1:].encode() if told.startswith("=") else b64decode(told, validate=True)
    return values if values.pop("end", None) is not None else None


def parse(lines: Iterable[str]) -> Observed | None:
    """Given the lines of the composite read, return what they tell; None if they, or the account's own, were cut."""
    of_host = parse_told(lines)
    if of_host is None:
        return None
    of_account: dict[str, bytes] | None = {}
    if "account" in of_host:
        of_account = parse_told(answers.told_lines(of_host.pop("account")))
    return None if of_account is None else Observed(of_account, HostFacts(of_host))
