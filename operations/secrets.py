"""Kometa's secrets as Podman secrets of the account."""

from collections.abc import Mapping

from pydantic import SecretStr
from pyinfra import host

from kometa_host import secrets
from operations.base import Commands, account_change, confirm, host_operation, look_again, observe


@host_operation
def present(values: Mapping[str, SecretStr]) -> Commands:
    """Make sure that Podman holds exactly these secrets of Kometa; those of others are not touched.

    + values: name -> value; they travel on standard input and are compared by a salted digest

        secrets.present(name="Secrets", values=settings.kometa_secrets)
    """
    wanted = {name: value.get_secret_value() for name, value in values.items()}
    changed = secrets.changes(wanted, observe().secrets)
    if not changed:
        host.noop("secrets are as wanted")
        return
    change = account_change("writing secrets", "secrets", label=secrets.LABEL, data=secrets.stream(wanted, changed))
    yield change
    left = secrets.changes(wanted, look_again().secrets)
    confirm(not left, f"these secrets are still not as wanted: {', '.join([*left.put, *left.remove])}.")
