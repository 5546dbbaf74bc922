"""A single run of Kometa in a container of its own: its options, and how it is judged. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kometa_host.errors import UserError
from kometa_host.secrets import podman as podman_secrets
from kometa_host.settings.environment import variable_of
from kometa_host.settings.variables import Settings
from kometa_host.state import container_shape, kometa_errors, kometa_log
from kometa_host.state.desired import container_environment
from kometa_host.state.kometa_log import Outcome, Run
from kometa_host.state.observed import Observed

CONTAINER = "test-kometa"
MAX_WAIT = 6 * 3600  # seconds for a run in progress; wait=true waits so long
MAX_RUN = 12 * 3600  # seconds after which Podman ends the container
SCHEDULE_VARIABLES = ("KOMETA_TIMES", "KOMETA_TIME")  # of no use to a run that starts at once
EXAMPLE = """for example collections='["Alien Movies", "1917"]'"""


@dataclass(frozen=True)
class Options:
    """What a run is told beyond the service's own settings. wait and timeout in seconds."""

    collections: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    tests: bool = False
    wait: int = 0
    timeout: int = MAX_RUN


def checked(
    collections: object = None, libraries: object = None, tests: object = False, wait: object = False,
    timeout: object = None,
) -> Options:  # fmt: skip
    """Given arguments as they were typed, return the options. Raise UserError if one cannot work."""
    if not isinstance(tests, bool):
        raise UserError(f"tests is {tests!r}; write tests=true to run only the collections that have `test: true`.")
    return Options(
        collections=_names("collections", collections),
        libraries=_names("libraries", libraries),
        tests=tests,
        wait=MAX_WAIT if wait is True else _seconds("wait", wait or 0),
        timeout=MAX_RUN if timeout is None else _seconds("timeout", timeout, low=1),
    )


def _names(argument: str, value: object) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        value = value.split("|")
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        # A number has lost what it was typed as: 007 comes here as 7.
        raise UserError(f"{argument} is {value!r}; write names, with a bar between several or as a list, {EXAMPLE}.")
    names = tuple(name.strip() for name in value)
    if not all(names) or any("|" in name or not name.isprintable() for name in names):
        raise UserError(f"{argument} holds an empty name, or one with a bar or a line break, which Kometa cannot take.")
    return names


def _seconds(argument: str, value: object, low: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= 7 * 86_400:
        raise UserError(f"{argument} is {value!r}; write a whole number of seconds, for example {argument}=3600.")
    return value


def environment(settings: Settings, options: Options) -> Mapping[str, str]:
    """Return the container's environment, without secrets: the service's own, and what makes Kometa run at once."""
    service = container_environment(settings)
    return {
        **{name: value for name, value in service.items() if name not in SCHEDULE_VARIABLES},
        **({"KOMETA_RUN_COLLECTIONS": "|".join(options.collections)} if options.collections else {}),
        **({"KOMETA_RUN_LIBRARIES": "|".join(options.libraries)} if options.libraries else {}),
        **({"KOMETA_TESTS": "true"} if options.tests else {}),
        "KOMETA_RUN": "true",
    }


def podman_arguments(settings: Settings, options: Options) -> list[str]:
    """Return the arguments of podman up to the mount of /config and the image, which the host adds.

    No --userns: s6-overlay needs root inside the container and goes down to PUID and PGID by itself. --timeout: the
    container can hang after its run, deaf to SIGTERM.
    """
    variables = [word for name, value in environment(settings, options).items() for word in ("-e", f"{name}={value}")]
    names = sorted(settings.kometa_secrets)
    kept = [f"--secret={podman_secrets.PREFIX}{name},type=env,target={variable_of(name)}" for name in names]
    return [
        "run", "--rm", "--replace", "--name", CONTAINER, "--network", settings.mms_network, "--tmpfs", "/run:U",
        "--timeout", str(options.timeout), *container_shape.podman_arguments(settings), *variables, *kept,
    ]  # fmt: skip


def refuse_unready(settings: Settings, found: Observed) -> None:
    """Raise UserError if the host is not ready for a run: nothing deployed yet, or secrets missing."""
    missing = [name for name in settings.kometa_secrets if name not in found.secrets]
    lacking = {
        "Podman is not on the host": not found.host.has_command("podman"),
        f"the network {settings.mms_network} is not on the host": found.network is None,
        f"the image {settings.kometa_image} is not on the host": found.image_id is None,
        f"{settings.kometa_config_dir} is not on the host": found.files("config").root is None,
        f"these secrets are not on the host: {', '.join(missing)}": bool(missing),
    }
    for what, lacks in lacking.items():
        if lacks:
            raise UserError(f"{what}. Deploy first: pyinfra inventory.py deploy.py")


@dataclass(frozen=True)
class Verdict:
    """Whether a single run was a good one, with the lines to show: what happened, then the errors."""

    good: bool
    lines: tuple[str, ...]


def verdict(found: list[Run], podman_status: int, shown_errors: int = 10) -> Verdict:
    """Given the runs in the log that the container wrote, and Podman's exit status, say how it went."""
    if not found:
        return Verdict(False, (f"Kometa did not run: {_podman_said(podman_status)}; see the lines above.",))
    run = found[-1]
    outcome, messages = run.outcome(), run.messages
    more = len(messages) - shown_errors
    return Verdict(
        outcome in (Outcome.GOOD, Outcome.WITH_ERRORS),
        (
            f"run {kometa_log.summary(run)}",
            *(line for message in messages[:shown_errors] for line in _explained(message)),
            *([f"  ... and {more} more"] if more > 0 else []),
        ),
    )


def _explained(message: str) -> Iterator[str]:
    yield f"  {message}"
    if known := kometa_errors.explain(message):
        yield f"    why:   {known.cause}"
        yield f"    to do: {known.remedy}"


def _podman_said(status: int) -> str:
    return "its container could not be made" if status in (125, 126, 127) else "its log has no run"
