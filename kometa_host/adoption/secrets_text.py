"""The decrypted text of the secrets file with what adoption adds to it. Pure; the text is never in a message."""

from collections.abc import Iterable, Mapping

from kometa_host.adoption.plan import Adoption
from kometa_host.secrets import file as secrets_file
from kometa_host.settings.environment import variable_of

SHOWN = "secrets.yml.age"


def with_adopted(text: bytes, adoption: Adoption) -> tuple[bytes, list[str]]:
    """Given the decrypted file, return it with the secrets that it lacks, and what to say of those that differ.

    What the file has already stays. Raise SecretsFileError if it cannot be read.
    """
    before = secrets_file.parse(text, SHOWN)
    known = {variable_of(name): value.get_secret_value() for name, value in before.common.items()}
    lines = [_line(name, value) for name, value in adoption.secrets.items() if variable_of(name) not in known]
    lines += _commented(text, adoption.commented)
    lines += _commented(text, {name: "" for name in adoption.missing if variable_of(name) not in known})
    seeds = {section: tokens for section, tokens in adoption.seeds.items() if section not in before.authorization}
    if not lines and not seeds:
        return text, _differing(known, adoption.secrets)
    after = _joined(text, lines, seeds if not before.authorization else {})
    if seeds and before.authorization:
        after = _below_authorization(after, seeds)
    secrets_file.parse(after, SHOWN)
    return after, _differing(known, adoption.secrets)


def _differing(known: Mapping[str, str], secrets: Mapping[str, str]) -> list[str]:
    return [
        f"{SHOWN} has another value for {name}, which stays; make secrets-edit changes it"
        for name, value in secrets.items()
        if known.get(variable_of(name), value) != value
    ]


def _commented(text: bytes, commented: Mapping[str, str]) -> Iterable[str]:
    """Return secrets that stood in comments, or have no value yet, as comments."""
    lines = [f"# {_line(name, value)}" for name, value in commented.items()]
    return [line for line in lines if line.encode() not in text]


def _line(name: str, value: str) -> str:
    return f"{name}: '{value.replace(chr(39), chr(39) * 2)}'"


def _joined(text: bytes, lines: Iterable[str], seeds: Mapping[str, Mapping[str, str]]) -> bytes:
    start = text if not text or text.endswith(b"\n") else text + b"\n"
    return start + "".join(f"{line}\n" for line in [*lines, *_authorization(seeds)]).encode()


def _authorization(seeds: Mapping[str, Mapping[str, str]]) -> list[str]:
    head = ["# with which a new host begins; from then on it keeps those that Kometa refreshes there", "authorization:"]
    return [*head, *_sections(seeds)] if seeds else []


def _sections(seeds: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [
        line
        for section, tokens in seeds.items()
        for line in (f"  {section}:", *(f"    {_line(name, value)}" for name, value in tokens.items()))
    ]


def _below_authorization(text: bytes, seeds: Mapping[str, Mapping[str, str]]) -> bytes:
    more = "".join(f"{line}\n" for line in _sections(seeds)).encode()
    return text.replace(b"\nauthorization:\n", b"\nauthorization:\n" + more, 1)
