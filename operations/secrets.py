"""Kometa's secrets as Podman secrets of the account."""

from collections.abc import Mapping

from pyinfra import host

from kometa_host.plans.service import Step
from kometa_host.secrets import podman as podman_secrets
from kometa_host.secrets.podman import SecretChanges
from kometa_host.settings.secret import SecretStr
from operations.engine.operation import Change, Commands, account_change, confirm, host_operation, look_again, observe
from operations.kometa import decision


@host_operation
def present(values: Mapping[str, SecretStr]) -> Commands:
    """Make sure that Podman holds these secrets of Kometa; those of others are not touched.

    + values: name -> value; they travel on standard input and are compared by a salted digest

        secrets.present(name="Secrets", values=settings.kometa_secrets)
    """
    wanted, found = _clear(values), observe().secrets
    podman_secrets.refuse_those_of_others(wanted, found)
    put = podman_secrets.changes(wanted, found).put
    if not put:
        host.noop("secrets are as wanted")
        return
    yield _change("writing secrets", wanted, SecretChanges(put=put))
    left = podman_secrets.changes(wanted, look_again().secrets).put
    confirm(not left, f"these secrets are still not as wanted: {', '.join(left)}.")


@host_operation
def removed(keep: Mapping[str, SecretStr]) -> Commands:
    """Make sure that no secret is left that was made here and is no longer wanted.

    + keep: name -> value of those that are

    This comes after the service: a container that still names a removed secret cannot be entered or restarted.

        secrets.removed(name="Secrets no longer wanted", keep=settings.kometa_secrets)
    """
    wanted = _clear(keep)
    remove = podman_secrets.changes(wanted, observe().secrets).remove
    if not remove:
        host.noop("there are none")
        return
    if decision().step is Step.POSTPONE:
        host.log(f"still used by the run in progress, removed by a later deploy: {', '.join(remove)}")
        return
    yield _change("removing secrets", wanted, SecretChanges(remove=remove))
    left = podman_secrets.changes(wanted, look_again().secrets).remove
    confirm(not left, f"these secrets could not be removed: {', '.join(left)}.")


def _clear(values: Mapping[str, SecretStr]) -> dict[str, str]:
    return {name: value.get_secret_value() for name, value in values.items()}


def _change(what: str, wanted: Mapping[str, str], changes: SecretChanges) -> Change:
    return account_change(what, "secrets", label=podman_secrets.LABEL, data=podman_secrets.stream(wanted, changes))
