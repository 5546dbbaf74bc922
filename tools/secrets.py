"""The secrets file on the operator's machine: `python -m tools.secrets init|edit|rekey`.

init makes an identity and a list of recipients, edit opens the decrypted file in $EDITOR, rekey encrypts it again to
the recipients. The decrypted text is only ever in memory.
"""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from getpass import getpass
from pathlib import Path

import pyrage  # type: ignore[import-untyped]

from kometa_host import whole_file
from kometa_host.archive.identity import Identities
from kometa_host.errors import UserError
from kometa_host.secrets import file as secrets_file
from kometa_host.secrets.file import IDENTITY_VARIABLE, RECIPIENTS_FILE, SecretsFileError
from kometa_host.settings.recipients import checked_recipients
from kometa_host.settings.refusals import RefusalError
from tools import editor
from tools.private_directory import private_directory

PROJECT = Path(__file__).resolve().parents[1]
SECRETS_FILE = "secrets.yml.age"
IDENTITY_FILE = "age-identity.txt"
USAGE = "usage: python -m tools.secrets init|edit|rekey"
FIRST_TEXT = """\
# Secrets of Kometa: name and value, one a line, values between single quotes. config.yml names them as <<name>>.
# A value in the section of a group or a host wins over the one for all.

# plextoken: ''
# tmdbapikey: ''

# groups:
#   media:
#     plextoken: ''
# hosts:
#   tower.lan:
#     plextoken: ''
"""
FIRST_RECIPIENTS = """\
# Who can open secrets.yml.age: age or ssh public keys, one a line. After a change here: make secrets-rekey
"""
KEEP_IDENTITY = f"{IDENTITY_FILE} is your identity: keep a copy where it cannot get lost, and never share or commit it."


def init(project: Path) -> None:
    """Make an identity for this operator and the list of recipients. Raise UserError if there are any already."""
    identity_path, recipients_path = project / IDENTITY_FILE, project / RECIPIENTS_FILE
    for path in (recipients_path, identity_path):
        if path.exists():
            raise UserError(f"{path.name} exists already and stays as it is; go on with make secrets-edit")
    identity, recipients = new_identity()
    descriptor = os.open(identity_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(identity)
    recipients_path.write_text(recipients)
    recipients_path.chmod(0o644)
    print(KEEP_IDENTITY)
    print(f"{RECIPIENTS_FILE} has its public key. Now: export {IDENTITY_VARIABLE}={IDENTITY_FILE} && make secrets-edit")


def new_identity() -> tuple[str, str]:
    """Return the content of an identity file with a new identity, and of a list of recipients with its public key."""
    identity = pyrage.x25519.Identity.generate()
    return f"# public key: {identity.to_public()}\n{identity}\n", f"{FIRST_RECIPIENTS}{identity.to_public()}\n"


def edit(project: Path) -> None:
    """Let the user edit the secrets. What is saved is checked, encrypted and put in place at once."""
    words = editor.command(os.environ)
    recipients = _recipients(project)
    with _sole_editor(project), private_directory() as directory:
        before, identities = _opened(project)
        file = directory / "secrets.yml"
        file.touch(mode=0o600)
        file.write_bytes(before.text)
        text = _edited(words, file, directory)
        if text == before.text:
            print("unchanged")
            return
        _replace(project, text, recipients, identities, before.encrypted)


def rekey(project: Path) -> None:
    """Encrypt the secrets file again, to the present recipients."""
    recipients = _recipients(project)
    if not (project / SECRETS_FILE).exists():
        raise UserError(f"there is no {SECRETS_FILE} yet; make secrets-edit creates it")
    with _sole_editor(project):
        before, identities = _opened(project)
        _replace(project, before.text, recipients, identities, before.encrypted)
    print("Whoever could open it before can still open the copies in version control: change the secrets themselves.")


class _Before:
    """The file as it was found: encrypted, None if there is none, and its text."""

    def __init__(self, encrypted: bytes | None, text: bytes) -> None:
        self.encrypted, self.text = encrypted, text


def _opened(project: Path) -> tuple[_Before, Identities]:
    ask = getpass if sys.stdin.isatty() else None
    path = project / SECRETS_FILE
    identities = secrets_file.identities_for(SECRETS_FILE, ask)
    for warning in identities.warnings:
        print(warning, file=sys.stderr)
    if not path.exists():
        return _Before(None, FIRST_TEXT.encode()), identities
    encrypted = secrets_file.read(path, SECRETS_FILE)
    return _Before(encrypted, secrets_file.decrypt(encrypted, SECRETS_FILE, identities)), identities


def _edited(words: list[str], file: Path, directory: Path) -> bytes:
    """Return the text as the user saved it; one with mistakes can be edited again. Raise UserError if given up."""
    while True:
        editor.edit(words, file, directory, os.environ)
        try:
            text = file.read_bytes()
            secrets_file.parse(text, "secrets.yml")
        except SecretsFileError as error:
            print(f"\n{error}\n", file=sys.stderr)
        except OSError as error:
            raise UserError(f"the editor left no file to read ({error.strerror}); nothing was changed") from None
        else:
            return text
        if not _agrees("Edit again? Otherwise your changes are lost [Y/n] ", default=True):
            raise UserError("nothing was changed")


def _agrees(question: str, *, default: bool) -> bool:
    if not sys.stdin.isatty():
        return False
    try:
        answer = input(question).strip().lower()
    except (EOFError, KeyboardInterrupt):
        return False
    return default if not answer else answer.startswith("y")


def _recipients(project: Path) -> list[object]:
    """Return pyrage's objects for the public keys of the recipients file. Raise UserError if there are none."""
    try:
        return recipients_in((project / RECIPIENTS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"there is no {RECIPIENTS_FILE}; python -m tools.secrets init makes it, and an identity"
        ) from None


def recipients_in(text: str) -> list[object]:
    """Return pyrage's objects for the public keys of a recipients file's text. Raise UserError if there are none."""
    keys = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not keys:
        raise UserError(f"{RECIPIENTS_FILE} names nobody; write an age or ssh public key on a line of its own")
    try:
        return [_recipient(key) for key in checked_recipients(keys)]
    except RefusalError as refusal:
        raise UserError(f"{RECIPIENTS_FILE}: {refusal}") from None


def _recipient(key: str) -> object:
    kind = pyrage.x25519 if key.startswith("age1") else pyrage.ssh
    recipient: object = kind.Recipient.from_str(key)
    return recipient


def _replace(
    project: Path, text: bytes, recipients: list[object], identities: Identities, before: bytes | None
) -> None:
    """Encrypt the text and put it in place of the file, which must still be as before. Raise UserError if not."""
    path = project / SECRETS_FILE
    encrypted: bytes = pyrage.encrypt(text, recipients, armored=True)
    try:
        secrets_file.decrypt(encrypted, SECRETS_FILE, identities)
    except SecretsFileError:
        raise UserError(
            f"your own public key is not in {RECIPIENTS_FILE}, so you could not open the file again. Add it; "
            "nothing was changed"
        ) from None
    present = path.read_bytes() if path.exists() else None
    if present != before and not _agrees(
        f"{SECRETS_FILE} was changed meanwhile. Overwrite that? [y/N] ", default=False
    ):
        raise UserError(f"{SECRETS_FILE} was changed by somebody else meanwhile, and stays as it is now")
    whole_file.replace(path, encrypted, 0o644)  # encrypted, and meant for version control
    count = "one recipient" if len(recipients) == 1 else f"{len(recipients)} recipients"
    print(f"{SECRETS_FILE} is written, encrypted to {count}")


@contextlib.contextmanager
def _sole_editor(project: Path) -> Iterator[None]:
    with (project / RECIPIENTS_FILE).open() as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError("the secrets are being edited in another window; finish that first") from None
        yield


COMMANDS = {"init": init, "edit": edit, "rekey": rekey}


def main(arguments: list[str], project: Path = PROJECT) -> int:
    """Run a command; return its exit status: 0, 1 for what cannot be done, 2 for what is no command."""
    os.umask(0o077)
    command = COMMANDS.get(arguments[0]) if len(arguments) == 1 else None
    if command is None:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        command(project)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("nothing was changed", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
