"""The variables of a Kometa host, checked before anything connects: every problem at once, by name, with what to do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import SequenceMatcher, get_close_matches
from functools import cache
from urllib.parse import urlsplit

from kometa_host.errors import Problem, SettingsError
from kometa_host.settings import (
    container_shape,
    environment,
    names,
    notifications,
    paths,
    recipients,
    repositories,
    restic,
    times,
)
from kometa_host.settings.checked import Known, checked, related, variable
from kometa_host.settings.refusals import RefusalError, every, kind, quoted, text_of, whole_number
from kometa_host.settings.secret import SecretStr

CONFIG_EXAMPLE = "/home/mms/config/kometa"
BACKUP_EXAMPLE = "/data/backups/config/kometa"
CLASSES = ("last", "hourly", "daily", "weekly", "monthly", "yearly")  # from the finest to the coarsest
PREFIXES = ("kometa_", "mms_")
ALIKE = 0.87  # of 1: how alike another name and one of ours are before it counts as misspelt

# From 60001 on, ids are systemd's, nobody's (65534) or belong to subordinate ranges; 0 is root's.
HOST_ID = "write a whole number from 1 to 60000, such as 3000: 0 is root, and what follows is in use by the system"
INNER_ID = (
    "write a whole number from 0 to 65535: the account has 65,536 subordinate ids; n inside the container is the "
    "host's id start + n - 1, and 0 is the account itself"
)
MORE_SECRETS = "more secrets than these"  # what the check of addresses has to know besides the other variables
KEEP = 'write how many archives to keep, such as {"daily": 7, "weekly": 4, "monthly": 6}; what is left out keeps none'


def _host_id(value: object) -> int:
    return whole_number(value, 1, 60_000, HOST_ID)


def _inner_id(value: object) -> int:
    return whole_number(value, 0, 65_535, INNER_ID)


def _max_pause(value: object) -> int:
    return whole_number(value, 1, None, "write a whole number of seconds above 0, such as 600")


def _drill_days(value: object) -> int:
    return whole_number(value, 0, None, "write a whole number of days, such as 90; 0: nobody is reminded")


def _run_limit(value: object) -> int:
    return whole_number(value, 1, 24 * 30, "write a whole number of hours, such as 24: a longer run counts as hung")


def _notify(value: object, known: Known) -> tuple[notifications.Address, ...]:
    return notifications.checked_notify(value, known.get("kometa_secrets"), known.get(MORE_SECRETS, False))


def _metrics_dir(value: object) -> str | None:
    return paths.checked_host_path(value, "/var/lib/prometheus/node-exporter") if value else None


def _restart(value: object) -> str:
    if value not in ("when-idle", "now"):
        raise RefusalError(quoted(value), "write when-idle (a run in progress is never killed) or now (it is)")
    return str(value)


def _keep(value: object) -> dict[str, int]:
    if not isinstance(value, Mapping):
        raise RefusalError(kind(value), KEEP)
    unknown = [name for name in value if name not in CLASSES]
    if unknown:
        raise RefusalError(", ".join(quoted(name) for name in unknown), f"the names are {', '.join(CLASSES)}; {KEEP}")
    counts = every(lambda name: whole_number(value.get(name, 0), 0, None, f"{name}: {KEEP}"), CLASSES)
    if not any(counts):
        raise RefusalError("nothing to keep", f"every archive would be deleted; {KEEP}")
    return {name: count for name, count in zip(CLASSES, counts, strict=True) if count}


def _userns(value: object, known: Known) -> str | None:
    return names.checked_userns(value, known.get("kometa_image"))


def _schedule(value: object, known: Known) -> str:
    return times.checked_schedule(value, known.get("mms_timezone"))


def _environment(value: object) -> dict[str, str]:
    return environment.checked_environment(value)


def _secrets(value: object, known: Known) -> dict[str, SecretStr]:
    secrets = environment.checked_secrets(value)
    plain = known.get("kometa_environment", {})
    for name in secrets:
        variable = environment.variable_of(name)
        if variable in plain:
            raise RefusalError(
                f"{name}, which is {variable} in kometa_environment too", "remove it from kometa_environment"
            )
    return secrets


def _authorization(value: object) -> dict[str, dict[str, SecretStr]]:
    return environment.checked_authorization(value)


def _config_source(value: object) -> str:
    return paths.checked_project_path(value, "kometa")


def _host_files(value: object) -> tuple[str, ...]:
    return paths.checked_patterns(value, "UMTK/*.yml")


def _secrets_file(value: object) -> str:
    remedy = "write the path of the age-encrypted file, such as secrets.yml.age; the file may be absent"
    text = text_of(value, remedy)
    return text if text.startswith("/") else paths.checked_project_path(text, "secrets.yml.age")


def _config_dir(value: object, known: Known) -> str:
    path = paths.checked_directory(value, CONFIG_EXAMPLE)
    user = known.get("mms_user", "mms")
    if user != "mms" and paths.contains("/home/mms", path):
        wanted = path.replace("/home/mms", f"/home/{user}", 1)
        raise RefusalError(f"{path}, while mms_user is {user}", f"write {wanted}: the account's home is /home/{user}")
    paths.refuse_account_internals(path, f"/home/{user}", CONFIG_EXAMPLE)
    return path


def _backup_dir(value: object, known: Known) -> str:
    path = paths.checked_directory(value, BACKUP_EXAMPLE)
    paths.refuse_account_internals(path, f"/home/{known.get('mms_user', 'mms')}", BACKUP_EXAMPLE)
    config = known.get("kometa_config_dir")
    if config and paths.overlap(path, config):
        raise RefusalError(
            f"{path}, while kometa_config_dir is {config}",
            f"put neither inside the other, since a backup would contain the backups; for example {BACKUP_EXAMPLE}",
        )
    return path


def _backup_mount(value: object, known: Known) -> str | None:
    if value is None or value == "":
        return None
    path = paths.checked_host_path(value, "/data")
    if path == "/":
        raise RefusalError(
            "/, which is always mounted", "write the share's mount point, such as /data, or None for no check"
        )
    backups = known.get("kometa_backup_dir")
    if backups and not paths.contains(path, backups):
        raise RefusalError(
            f"{path}, while kometa_backup_dir is {backups}",
            "write the mount point that holds kometa_backup_dir, or move that there",
        )
    return path


def _volumes(value: object, known: Known) -> tuple[str, ...]:
    home = f"/home/{known.get('mms_user', 'mms')}"
    taken = (known.get("kometa_config_dir"), known.get("kometa_backup_dir"))
    return container_shape.checked_volumes(value, *taken, home)


def _unsigned(value: object) -> bool:
    if not isinstance(value, bool):
        raise RefusalError(quoted(value), "write True (commits are taken without a signature) or False")
    return value


def _source(value: object) -> str:
    if value not in ("registry", "git"):
        raise RefusalError(
            quoted(value), "write registry (newer images) or git (a repository of this project, and newer images)"
        )
    return str(value)


def _repository(value: object, known: Known) -> str | None:
    url = repositories.checked_repository(value)
    if url is None and known.get("kometa_autodeploy_source") == "git":
        raise RefusalError("none, while kometa_autodeploy_source is git", repositories.REPOSITORY)
    return url


def _signers(value: object, known: Known) -> tuple[str, ...]:
    keys = repositories.checked_signers(value)
    wanted = known.get("kometa_autodeploy_source") == "git"
    if not keys and wanted and known.get("kometa_autodeploy_unsigned") is False:
        raise RefusalError(
            "none, while kometa_autodeploy_source is git",
            "write the ssh public keys that sign your commits or tags: without, whoever can write to the repository "
            "could run anything on the host (kometa_autodeploy_unsigned = True allows that)",
        )
    return keys


def _exclude(value: object) -> tuple[str, ...]:
    return restic.checked_exclude(value)


def _restic_repository(value: object, known: Known) -> str | None:
    repository = restic.checked_repository(value)
    for name in ("kometa_config_dir", "kometa_backup_dir"):
        taken = known.get(name)
        if repository and taken and repository.startswith("/") and paths.overlap(repository, taken):
            raise RefusalError(f"{repository}, while {name} is {taken}", "put neither inside the other")
    return repository


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a Kometa host is told, one attribute for each variable, checked; it cannot be changed.

    Checks run in the order of the fields: one that needs another variable sees those above it, and only good ones.
    """

    mms_user: str = variable(names.checked_user, "mms")
    mms_uid: int = variable(_host_id, 3000)
    mms_gid: int = variable(_host_id, 3000)
    mms_network: str = variable(names.checked_network, "mms")
    mms_timezone: str = variable(times.checked_timezone, "America/New_York")

    kometa_image: str = variable(names.checked_image, "lscr.io/linuxserver/kometa:latest")
    kometa_config_dir: str = related(_config_dir, CONFIG_EXAMPLE)
    kometa_puid: int = variable(_inner_id, 3000)
    kometa_pgid: int = variable(_inner_id, 3000)
    kometa_times: tuple[str, ...] = variable(times.checked_times, ("06:00",))
    kometa_plex_url: str = variable(names.checked_plex_url, "http://plex:32400")
    kometa_userns: str | None = related(_userns, None)
    kometa_environment: dict[str, str] = variable(_environment, {})
    kometa_config_source: str = variable(_config_source, "kometa")
    kometa_host_files: tuple[str, ...] = variable(_host_files, ())
    kometa_secrets_file: str = variable(_secrets_file, "secrets.yml.age")
    kometa_secrets: dict[str, SecretStr] = related(_secrets, {})
    kometa_authorization: dict[str, dict[str, SecretStr]] = variable(_authorization, {})
    kometa_restart: str = variable(_restart, "when-idle")

    kometa_backup_dir: str = related(_backup_dir, BACKUP_EXAMPLE)
    kometa_backup_schedule: str = related(_schedule, "*-*-* 03:00:00")
    kometa_backup_recipients: tuple[str, ...] = variable(recipients.checked_recipients, ())
    kometa_backup_keep: dict[str, int] = variable(_keep, {"daily": 7, "weekly": 4, "monthly": 6})
    kometa_backup_mount: str | None = related(_backup_mount, None)
    kometa_backup_max_pause: int = variable(_max_pause, 600)
    kometa_drill_days: int = variable(_drill_days, 90)
    kometa_backup_exclude: tuple[str, ...] = variable(_exclude, ())
    kometa_backup_repository: str | None = related(_restic_repository, None)
    kometa_repository_secrets: dict[str, SecretStr] = variable(restic.checked_secrets, {})
    kometa_volumes: tuple[str, ...] = related(_volumes, ())
    kometa_memory: str | None = variable(container_shape.checked_memory, None)
    kometa_quadlet: dict[str, container_shape.Lines] = variable(container_shape.checked_quadlet, {})
    kometa_run_limit: int = variable(_run_limit, 24)
    kometa_notify: tuple[notifications.Address, ...] = related(_notify, ())
    kometa_notify_on: tuple[str, ...] = variable(notifications.checked_notify_on, ("failure",))
    kometa_notify_url: str | None = variable(notifications.checked_notify_url, None)
    kometa_metrics_dir: str | None = variable(_metrics_dir, None)

    kometa_autodeploy_group: str = variable(names.checked_group, "interactive")
    kometa_autodeploy_schedule: str = related(_schedule, "*-*-* 02:00:00")
    kometa_autodeploy_source: str = variable(_source, "registry")
    kometa_autodeploy_repository: str | None = related(_repository, None)
    kometa_autodeploy_branch: str = variable(repositories.checked_branch, "main")
    kometa_autodeploy_unsigned: bool = variable(_unsigned, False)
    kometa_autodeploy_signers: tuple[str, ...] = related(_signers, ())
    kometa_autodeploy_host: str | None = variable(repositories.checked_host, None)

    @classmethod
    def from_data(cls, data: Mapping[str, object], where: str, more_secrets: bool = False) -> "Settings":
        """Given the data of a host and how to call it, return its settings; data of others is left alone.

        more_secrets: a file may have secrets besides, which are not known yet. Raise SettingsError with every problem
        at once.
        """
        values, problems = checked(cls, data, {MORE_SECRETS: more_secrets})
        problems = [*_misspelt(data), *problems]
        if problems:
            raise SettingsError(where, tuple(problems))
        return cls(**values)

    @classmethod
    @cache
    def names(cls) -> tuple[str, ...]:
        """Return the names of all variables."""
        return tuple(one.name for one in fields(cls))

    @property
    def home(self) -> str:
        """The account's home on the host."""
        return f"/home/{self.mms_user}"

    @property
    def quadlet_dir(self) -> str:
        """Where the account's Quadlets are."""
        return f"{self.home}/.config/containers/systemd"

    @property
    def user_unit_dir(self) -> str:
        """Where the account's own systemd units are."""
        return f"{self.home}/.config/systemd/user"

    @property
    def state_dir(self) -> str:
        """Where the lock and what earlier runs left to know are, on the host."""
        return f"{self.home}/.local/state/kometa-host"

    @property
    def library_dir(self) -> str:
        """Where the host's scripts for backup and autodeploy are."""
        return f"{self.home}/.local/lib/kometa-host"

    @property
    def archives_enabled(self) -> bool:
        """Whether there is anyone to encrypt archives to; without, none are made."""
        return bool(self.kometa_backup_recipients)

    @property
    def backups_enabled(self) -> bool:
        """Whether there are backups: archives, a repository, or both."""
        return self.archives_enabled or bool(self.kometa_backup_repository)

    @property
    def secrets_of_messages(self) -> frozenset[str]:
        """The names of the secrets that stand in addresses of messages."""
        return frozenset(name for address in self.kometa_notify for name in address.secrets)

    @property
    def follows_git(self) -> bool:
        """Whether the host brings itself to the state of a git repository."""
        return self.kometa_autodeploy_source == "git"

    @property
    def plex_host(self) -> str:
        """Plex's host name or address as the container uses it."""
        return urlsplit(self.kometa_plex_url).hostname or ""

    @property
    def backup_calendar(self) -> str:
        """The value of OnCalendar= for backups, with the time zone."""
        return f"{self.kometa_backup_schedule} {self.mms_timezone}"

    @property
    def autodeploy_calendar(self) -> str:
        """The value of OnCalendar= for updates, with the time zone."""
        return f"{self.kometa_autodeploy_schedule} {self.mms_timezone}"


def _misspelt(data: Mapping[str, object]) -> Iterator[Problem]:
    """Find names that are meant for us and are not ours: those with our prefixes, and those that differ in little."""
    known = Settings.names()
    for name in data:
        if name in known or name.startswith(("_", "ssh_")):
            continue
        plain = name.lower().replace("-", "_")
        near = get_close_matches(plain, known, n=1, cutoff=0.6)
        ours = plain.startswith(PREFIXES)
        if ours or (near and SequenceMatcher(None, plain, near[0]).ratio() >= ALIKE):
            remedy = f"did you mean {near[0]}? " if near else ""
            yield Problem(name, "a name that is none of our variables", f"{remedy}group_data/all.py has all of them")
