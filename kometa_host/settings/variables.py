"""The variables of a Kometa host, checked before anything connects: every problem at once, by name, with what to do."""

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher, get_close_matches
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, ValidationError, ValidationInfo

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
from kometa_host.settings.refusals import RefusalError, every, kind, quoted, text_of, whole_number

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


def _notify(value: object, info: ValidationInfo) -> tuple[SecretStr, ...]:
    return notifications.checked_notify(value, info.data.get("kometa_secrets"))


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


def _userns(value: object, info: ValidationInfo) -> str | None:
    return names.checked_userns(value, info.data.get("kometa_image"))


def _schedule(value: object, info: ValidationInfo) -> str:
    return times.checked_schedule(value, info.data.get("mms_timezone"))


def _environment(value: object) -> dict[str, str]:
    return environment.checked_environment(value)


def _secrets(value: object, info: ValidationInfo) -> dict[str, SecretStr]:
    secrets = environment.checked_secrets(value)
    plain = info.data.get("kometa_environment", {})
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


def _config_dir(value: object, info: ValidationInfo) -> str:
    path = paths.checked_directory(value, CONFIG_EXAMPLE)
    user = info.data.get("mms_user", "mms")
    if user != "mms" and paths.contains("/home/mms", path):
        wanted = path.replace("/home/mms", f"/home/{user}", 1)
        raise RefusalError(f"{path}, while mms_user is {user}", f"write {wanted}: the account's home is /home/{user}")
    paths.refuse_account_internals(path, f"/home/{user}", CONFIG_EXAMPLE)
    return path


def _backup_dir(value: object, info: ValidationInfo) -> str:
    path = paths.checked_directory(value, BACKUP_EXAMPLE)
    paths.refuse_account_internals(path, f"/home/{info.data.get('mms_user', 'mms')}", BACKUP_EXAMPLE)
    config = info.data.get("kometa_config_dir")
    if config and paths.overlap(path, config):
        raise RefusalError(
            f"{path}, while kometa_config_dir is {config}",
            f"put neither inside the other, since a backup would contain the backups; for example {BACKUP_EXAMPLE}",
        )
    return path


def _backup_mount(value: object, info: ValidationInfo) -> str | None:
    if value is None or value == "":
        return None
    path = paths.checked_host_path(value, "/data")
    if path == "/":
        raise RefusalError(
            "/, which is always mounted", "write the share's mount point, such as /data, or None for no check"
        )
    backups = info.data.get("kometa_backup_dir")
    if backups and not paths.contains(path, backups):
        raise RefusalError(
            f"{path}, while kometa_backup_dir is {backups}",
            "write the mount point that holds kometa_backup_dir, or move that there",
        )
    return path


def _volumes(value: object, info: ValidationInfo) -> tuple[str, ...]:
    home = f"/home/{info.data.get('mms_user', 'mms')}"
    known = (info.data.get("kometa_config_dir"), info.data.get("kometa_backup_dir"))
    return container_shape.checked_volumes(value, *known, home)


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


def _repository(value: object, info: ValidationInfo) -> str | None:
    url = repositories.checked_repository(value)
    if url is None and info.data.get("kometa_autodeploy_source") == "git":
        raise RefusalError("none, while kometa_autodeploy_source is git", repositories.REPOSITORY)
    return url


def _signers(value: object, info: ValidationInfo) -> tuple[str, ...]:
    keys = repositories.checked_signers(value)
    wanted = info.data.get("kometa_autodeploy_source") == "git"
    if not keys and wanted and info.data.get("kometa_autodeploy_unsigned") is False:
        raise RefusalError(
            "none, while kometa_autodeploy_source is git",
            "write the ssh public keys that sign your commits or tags: without, whoever can write to the repository "
            "could run anything on the host (kometa_autodeploy_unsigned = True allows that)",
        )
    return keys


def _exclude(value: object) -> tuple[str, ...]:
    return restic.checked_exclude(value)


def _restic_repository(value: object, info: ValidationInfo) -> str | None:
    repository = restic.checked_repository(value)
    for name in ("kometa_config_dir", "kometa_backup_dir"):
        taken = info.data.get(name)
        if repository and taken and repository.startswith("/") and paths.overlap(repository, taken):
            raise RefusalError(f"{repository}, while {name} is {taken}", "put neither inside the other")
    return repository


class Settings(BaseModel):
    """What a Kometa host is told, one attribute for each variable, checked; it cannot be changed.

    Checks run in the order of the fields: one that needs another variable sees those above it, and only good ones.
    """

    # Nothing that a user typed may be in an error that we did not write: it could be a secret.
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    mms_user: Annotated[str, BeforeValidator(names.checked_user)] = "mms"
    mms_uid: Annotated[int, BeforeValidator(_host_id)] = 3000
    mms_gid: Annotated[int, BeforeValidator(_host_id)] = 3000
    mms_network: Annotated[str, BeforeValidator(names.checked_network)] = "mms"
    mms_timezone: Annotated[str, BeforeValidator(times.checked_timezone)] = "America/New_York"

    kometa_image: Annotated[str, BeforeValidator(names.checked_image)] = "lscr.io/linuxserver/kometa:latest"
    kometa_config_dir: Annotated[str, BeforeValidator(_config_dir)] = CONFIG_EXAMPLE
    kometa_puid: Annotated[int, BeforeValidator(_inner_id)] = 3000
    kometa_pgid: Annotated[int, BeforeValidator(_inner_id)] = 3000
    kometa_times: Annotated[tuple[str, ...], BeforeValidator(times.checked_times)] = ("06:00",)
    kometa_plex_url: Annotated[str, BeforeValidator(names.checked_plex_url)] = "http://plex:32400"
    kometa_userns: Annotated[str | None, BeforeValidator(_userns)] = None
    kometa_environment: Annotated[dict[str, str], BeforeValidator(_environment)] = {}
    kometa_config_source: Annotated[str, BeforeValidator(_config_source)] = "kometa"
    kometa_host_files: Annotated[tuple[str, ...], BeforeValidator(_host_files)] = ()
    kometa_secrets_file: Annotated[str, BeforeValidator(_secrets_file)] = "secrets.yml.age"
    kometa_secrets: Annotated[dict[str, SecretStr], BeforeValidator(_secrets)] = {}
    kometa_authorization: Annotated[dict[str, dict[str, SecretStr]], BeforeValidator(_authorization)] = {}
    kometa_restart: Annotated[Literal["when-idle", "now"], BeforeValidator(_restart)] = "when-idle"

    kometa_backup_dir: Annotated[str, BeforeValidator(_backup_dir)] = BACKUP_EXAMPLE
    kometa_backup_schedule: Annotated[str, BeforeValidator(_schedule)] = "*-*-* 03:00:00"
    kometa_backup_recipients: Annotated[tuple[str, ...], BeforeValidator(recipients.checked_recipients)] = ()
    kometa_backup_keep: Annotated[dict[str, int], BeforeValidator(_keep)] = {"daily": 7, "weekly": 4, "monthly": 6}
    kometa_backup_mount: Annotated[str | None, BeforeValidator(_backup_mount)] = None
    kometa_backup_max_pause: Annotated[int, BeforeValidator(_max_pause)] = 600
    kometa_drill_days: Annotated[int, BeforeValidator(_drill_days)] = 90
    kometa_backup_exclude: Annotated[tuple[str, ...], BeforeValidator(_exclude)] = ()
    kometa_backup_repository: Annotated[str | None, BeforeValidator(_restic_repository)] = None
    kometa_repository_secrets: Annotated[dict[str, SecretStr], BeforeValidator(restic.checked_secrets)] = {}
    kometa_volumes: Annotated[tuple[str, ...], BeforeValidator(_volumes)] = ()
    kometa_memory: Annotated[str | None, BeforeValidator(container_shape.checked_memory)] = None
    kometa_quadlet: Annotated[dict[str, container_shape.Lines], BeforeValidator(container_shape.checked_quadlet)] = {}
    kometa_run_limit: Annotated[int, BeforeValidator(_run_limit)] = 24
    kometa_notify: Annotated[tuple[SecretStr, ...], BeforeValidator(_notify)] = ()
    kometa_notify_on: Annotated[tuple[str, ...], BeforeValidator(notifications.checked_notify_on)] = ("failure",)
    kometa_notify_url: Annotated[str | None, BeforeValidator(notifications.checked_notify_url)] = None

    kometa_autodeploy_group: Annotated[str, BeforeValidator(names.checked_group)] = "interactive"
    kometa_autodeploy_schedule: Annotated[str, BeforeValidator(_schedule)] = "*-*-* 02:00:00"
    kometa_autodeploy_source: Annotated[Literal["registry", "git"], BeforeValidator(_source)] = "registry"
    kometa_autodeploy_repository: Annotated[str | None, BeforeValidator(_repository)] = None
    kometa_autodeploy_branch: Annotated[str, BeforeValidator(repositories.checked_branch)] = "main"
    kometa_autodeploy_unsigned: Annotated[bool, BeforeValidator(_unsigned)] = False
    kometa_autodeploy_signers: Annotated[tuple[str, ...], BeforeValidator(_signers)] = ()
    kometa_autodeploy_host: Annotated[str | None, BeforeValidator(repositories.checked_host)] = None

    @classmethod
    def from_data(cls, data: Mapping[str, object], where: str) -> "Settings":
        """Given the data of a host and how to call it, return its settings; data of others is left alone.

        Raise SettingsError with every problem at once.
        """
        problems = list(_misspelt(data))
        ours = {name: value for name, value in data.items() if name in cls.model_fields}
        settings = None
        try:
            settings = cls(**ours)  # type: ignore[arg-type]  # the checks take any object
        except ValidationError as error:
            problems += _problems_of(error)
        # Raised out here, so that pydantic's error is not chained to it.
        if settings is None or problems:
            raise SettingsError(where, tuple(problems))
        return settings

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


def _problems_of(error: ValidationError) -> Iterator[Problem]:
    for details in error.errors(include_url=False, include_input=False):
        variable = str(details["loc"][0])
        refusal: Any = details.get("ctx", {}).get("error")
        if isinstance(refusal, RefusalError):
            yield from (Problem(variable, *complaint) for complaint in refusal.complaints)
        else:
            yield Problem(variable, details["msg"], "write a value like the one in group_data/all.py")


def _misspelt(data: Mapping[str, object]) -> Iterator[Problem]:
    """Find names that are meant for us and are not ours: those with our prefixes, and those that differ in little."""
    known = tuple(Settings.model_fields)
    for name in data:
        if name in known or name.startswith(("_", "ssh_")):
            continue
        plain = name.lower().replace("-", "_")
        near = get_close_matches(plain, known, n=1, cutoff=0.6)
        ours = plain.startswith(PREFIXES)
        if ours or (near and SequenceMatcher(None, plain, near[0]).ratio() >= ALIKE):
            remedy = f"did you mean {near[0]}? " if near else ""
            yield Problem(name, "a name that is none of our variables", f"{remedy}group_data/all.py has all of them")
