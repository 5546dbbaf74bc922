"""Hosts that tell what a test wants, as the composite read tells it."""

from base64 import b64encode

from kometa_host.state import observed
from kometa_host.state.observed import Observed


def lines(**told: str | bytes) -> list[str]:
    """Return the lines that tell these things; two underscores in a name are a dot, one is a dash."""
    values = {name: value.encode() if isinstance(value, str) else value for name, value in told.items()}
    names = {name: name.replace("__", ".").replace("_", "-") for name in told}
    return [f"{names[name]} {b64encode(value).decode()}" for name, value in values.items()]


def host(**told: str | bytes) -> Observed:
    """Return a host that told these things."""
    found = observed.parse([*lines(**told), "end"])
    assert found is not None
    return found
