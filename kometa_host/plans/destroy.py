"""What a destroy removes and what it leaves, decided on what was found. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from kometa_host.errors import UserError
from kometa_host.plans import service
from kometa_host.plans.backup import size_text
from kometa_host.settings.variables import Settings
from kometa_host.state import answers
from kometa_host.state.desired import network_quadlet
from kometa_host.state.filesets import Changes, Entry, FileSet, FoundSet, WantedFile
from kometa_host.state.observed import Container, Observed

# The comments of an account that a deploy has made, today and before.
MADE_BY_US = ("Managed by kometa-host", "Kometa and its friends")
DATA, CONFIRM = "destroy_data", "destroy_confirm"


@dataclass(frozen=True)
class Tree:
    """A directory of Kometa's data: its path, how many files it has, how many KiB they take."""

    path: str
    files: int
    kib: int


@dataclass(frozen=True)
class Remains:
    """A host as a destroy sees it: the composite read, and what destroy_look.sh tells besides."""

    settings: Settings
    found: Observed
    more: Observed

    def lines(self, name: str) -> tuple[str, ...]:
        """Return the lines that were told under the name."""
        return tuple(self.more.text(name).splitlines())

    @property
    def container(self) -> Container | None:
        """Kometa's container, None if there is none or if no unit of ours has made it."""
        container = self.found.containers.get(service.CONTAINER)
        return container if container and container.labels.get("PODMAN_SYSTEMD_UNIT") == service.UNIT else None

    @property
    def service_left(self) -> bool:
        """Whether the unit of Kometa is anything but stopped, about to be started, or its container is there."""
        unit = self.found.units.get(service.UNIT)
        quadlet = service.QUADLET in self.found.files("quadlets").manifest
        return self.container is not None or bool(quadlet and unit and (unit.active != "inactive" or unit.has_job))

    @property
    def network_users(self) -> tuple[str, ...]:
        """Who else uses the network: containers and Quadlets of others, by name."""
        name = self.settings.mms_network
        containers = {c.name for c in self.found.containers.values() if name in c.networks} - {service.CONTAINER}
        return (*sorted(containers), *sorted(path.rpartition("/")[2] for path in self.lines("network-quadlets")))

    @property
    def network_is_ours(self) -> bool:
        """Whether the deploy has written the network's Quadlet; a network of others has another origin."""
        return network_quadlet(self.settings) in self.found.files("quadlets").manifest

    @property
    @answers.sensible("images")
    def images(self) -> tuple[str, ...]:
        """Ids of the images of Kometa's repository that no other container uses."""
        in_use = {c.image_id for c in self.found.containers.values()} - {None}
        in_use -= {self.container.image_id if self.container else None}
        repository = repository_of(self.settings.kometa_image)
        images = self.more.entries("images")
        # One with two tags is listed twice.
        ids = (i["Id"] for i in images if i["Id"] not in in_use and repository in _repositories(i))
        return tuple(dict.fromkeys(ids))

    @property
    @answers.sensible("config trees")
    def trees(self) -> tuple[Tree, ...]:
        """The config tree and what a restore has left beside it."""
        split = [line.split("\t", 2) for line in self.lines("trees")]
        return tuple(Tree(path, int(files), int(kib)) for files, kib, path in split)

    @property
    @answers.sensible("backups")
    def archives(self) -> tuple[tuple[str, int], ...]:
        """The backups: path and bytes."""
        split = [line.split(" ", 1) for line in self.lines("archives")]
        return tuple((path, int(size)) for size, path in split)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the Podman secrets that a deploy has made."""
        return tuple(sorted(name for name, secret in self.found.secrets.items() if secret.digest))


def repository_of(image: str) -> str:
    """Given the name of an image, return it without tag and digest."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


def _repositories(image: Mapping[str, Any]) -> set[str]:
    # An image that has lost its tag is still known by the digest it was pulled by.
    names = [*(image.get("Names") or ()), *(image.get("RepoDigests") or ()), *(image.get("History") or ())]
    return {repository_of(name) for name in names}


def without(found: FoundSet, name: str, root: str, keep: Sequence[str] = ()) -> tuple[FileSet, Changes]:
    """Given a set of files as found, return it reduced to the names to keep, and the changes that make it so.

    What is missing already needs no change. What somebody else has changed is kept as a copy.
    """
    kept = {n: _as_found(entry) for n, entry in found.manifest.items() if n in keep and entry.sha256}
    gone = {n for n, how in found.deviations.items() if "missing" in how}
    modified = {n for n, how in found.deviations.items() if how & {"changed", "kind"}}
    remove = sorted(n for n, entry in found.manifest.items() if n not in kept and n not in gone and n != ".")
    if not remove and not found.pending:
        return FileSet(name, root, kept, {}), Changes()
    save = [n for n in remove if n in modified and found.manifest[n].sha256]
    changes = Changes(
        remove=sorted(remove, reverse=True),
        save=save,
        finish_pending=found.pending,
        rewrite_manifest=True,
        since=found.digest,
    )
    return FileSet(name, root, kept, {}), changes


def _as_found(entry: Entry) -> WantedFile:
    return WantedFile(entry.mode, 0, entry.sha256 or "", lambda: BytesIO())


def empty_sets(settings: Settings) -> list[FileSet]:
    """Return the sets of files of a host from which all has been removed; the config tree is not among them."""
    roots = {"quadlets": settings.quadlet_dir, "units": settings.user_unit_dir, "library": settings.library_dir}
    return [FileSet(name, root, {}, {}) for name, root in roots.items()]


def root_of(settings: Settings, name: str) -> str:
    """Return the directory of a set of files."""
    return next(each.root for each in empty_sets(settings) if each.name == name)


def wants_data(value: object) -> bool:
    """Given the variable destroy_data, return whether data go too. Raise UserError if it says neither yes nor no."""
    if value in (None, "", False, 0, "false", "no"):
        return False
    if value in (True, 1, "true", "yes"):
        return True
    raise UserError(
        f"destroy_data is {value!r}. Write --data {DATA}=true to delete Kometa's data too, or leave it out."
    )


def is_confirmed(value: object, name: str) -> bool:
    """Given destroy_confirm, one name of a host or several with commas, return whether it names this host."""
    return name in [part.strip() for part in str(value or "").split(",")]


def refuse_during_run(remains: Remains) -> None:
    """Raise UserError if a Kometa run is in progress, unless runs may be killed."""
    started = remains.found.run_started
    if started and remains.settings.kometa_restart == "when-idle":
        raise UserError(
            f"{service.run_in_progress(remains.settings, started)}; nothing was changed. "
            "Wait for its end, or kill it with --data kometa_restart=now."
        )


def refuse_unreachable_manager(remains: Remains) -> None:
    """Raise UserError if units are left and the account's user manager, which alone can stop them, does not run."""
    units = any(remains.found.files(name).manifest for name in ("quadlets", "units"))
    if not (units or remains.service_left) or remains.found.text("bus"):
        return
    user = remains.settings.mms_user
    raise UserError(
        f"the user manager of {user} does not run, so its services and timers cannot be stopped in good order; "
        f"nothing was removed. As root: loginctl enable-linger {user} && systemctl start user@$(id -u {user}).service. "
        "Then run this again."
    )


def data_of(remains: Remains, account: bool) -> list[str]:
    """Return, a line each, what destroy_data=true deletes for good."""
    lines = [f"{tree.path} ({tree.files} files, {size_text(tree.kib * 1024)})" for tree in remains.trees]
    lines += [f"{path} ({size_text(size)})" for path, size in remains.archives]
    if remains.secrets:
        lines.append(f"the Podman secrets {', '.join(remains.secrets)}")
    if remains.lines("whole-state"):
        lines.append(f"{remains.settings.state_dir}, with the copies of files that deploys replaced")
    if account:
        lines.append(f"the account {remains.settings.mms_user} with {remains.settings.home}")
    return lines


def why_account_stays(remains: Remains) -> str | None:
    """Return why the account is not removed together with the data; None if nothing speaks for keeping it."""
    user = remains.settings.mms_user
    account = remains.found.host.account(user)
    others = sorted(c.name for c in remains.found.containers.values() if c != remains.container)
    reasons = {
        "no deploy has made it": account is None or account.comment not in MADE_BY_US,
        "the connection is its own": remains.found.host.text("connected-as") == user,
        f"other containers run under it ({', '.join(others)})": bool(others),
        "it has Podman volumes": bool(remains.lines("volumes")),
        f"other files are in its home ({', '.join(remains.lines('files-of-others')[:3])})": bool(
            remains.lines("files-of-others")
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)
