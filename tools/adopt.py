"""An existing Kometa becomes this project's: `python -m tools.adopt SOURCE [--dry]`.

SOURCE is a folder, an archive (.zip, .tar.*), a compose file, or any of the folders and compose files of a host, as
user@host:/path (over SSH, nothing is changed there). Exit status 0 if the project has all of it then, 1 if it cannot be
adopted: the project is as it was.
"""

import argparse
import contextlib
import io
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from getpass import getpass
from pathlib import Path
from typing import IO

import pyrage  # type: ignore[import-untyped]

from kometa_host.adoption import host_settings, report, secrets_text, variables_text
from kometa_host.adoption.plan import Adoption, adoption_of
from kometa_host.adoption.report import Outcome
from kometa_host.adoption.sample import SAMPLE
from kometa_host.adoption.sources import Archive, Host, Source, opened
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.controller.pull_mode import hosts_in
from kometa_host.errors import UserError
from kometa_host.secrets import file as secrets_file
from kometa_host.secrets.file import IDENTITY_VARIABLE, RECIPIENTS_FILE
from tools import secrets
from tools.private_directory import ENDINGS, ended_by_signals
from tools.secrets import IDENTITY_FILE, KEEP_IDENTITY, SECRETS_FILE
from tools.staging import Staging, digest_of, staging

PROJECT = Path(__file__).resolve().parents[1]
VARIABLES = "group_data/all.py"
DEFAULT_TREE = "kometa"
# as the account, in its user namespace: what root unpacks, the container could not take over
UNPACK = "sudo -iu mms podman unshare tar -C config/kometa --no-same-owner -xf -"
GIVE_TO_KOMETA = (
    "pyinfra inventory.py operations.podman.unshare_chown path=/home/mms/config/kometa uid=3000 gid=3000 -y"
)


def adopt(source: Source, project: Path, tree: str, *, dry: bool, overwrite: bool) -> str:
    """Adopt a source and return the report. Raise UserError if that cannot be; the project is as it was then."""
    adoption = adoption_of(source)
    with ended_by_signals(ENDINGS), staging(project, dry=dry) as staged:
        outcome = Outcome(tree, dry=dry, undone=staged.undone)
        outcome = _with_secrets(outcome, adoption, staged, project)
        outcome = _with_files(outcome, adoption, source, staged, project / tree, overwrite=overwrite)
        outcome = _with_variables(outcome, adoption, staged, project)
        if not dry:
            staged.commit()
    outcome = replace(outcome, next_steps=list(_next_steps(outcome, adoption, source, project)))
    return report.text(adoption, outcome, source.shown)


# The config tree


def _with_files(
    outcome: Outcome, adoption: Adoption, source: Source, staged: Staging, tree: Path, *, overwrite: bool
) -> Outcome:
    written: dict[str, list[str]] = {"new": [], "changed": [], "same": []}
    for path, stream in _contents(adoption, source):
        written[staged.put(tree / path, stream)].append(path)
    foreign = [path for path in written["changed"] if not _is_sample(tree, path)]
    if foreign and not overwrite:
        raise UserError(
            f"{tree.name}/ has other files of these names: {', '.join(foreign[:10])}. Nothing was changed; "
            "--overwrite puts those of the source in their place (commit first, so that you can go back)"
        )
    kept = {path for names in written.values() for path in names}
    removed = [path for path in SAMPLE if path not in kept and (tree / path).is_file() and _is_sample(tree, path)]
    for path in removed:
        staged.remove(tree / path)
    return replace(outcome, written=written, removed=removed)


def _contents(adoption: Adoption, source: Source) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the files of the new tree, config.yml last: a tree without its other files would be refused."""
    names = {adoption.in_source(path): path for path in adoption.copied}
    found = set()
    for name, stream in source.read(names):
        found.add(name)
        yield names[name], stream
    if lacking := sorted(names.keys() - found):
        raise UserError(f"{source.shown} lists {lacking[0]} and does not give it; is it a link, or changed just now?")
    for path in sorted(adoption.changed, key=lambda path: (path == CONFIG, path)):
        yield path, io.BytesIO(adoption.changed[path])


def _is_sample(tree: Path, path: str) -> bool:
    return SAMPLE.get(path) == digest_of(tree / path)


# Secrets


def _with_secrets(outcome: Outcome, adoption: Adoption, staged: Staging, project: Path) -> Outcome:
    """Stage the secrets file, and an identity where there is none yet."""
    if not (adoption.secrets or adoption.commented or adoption.seeds or adoption.missing):
        return outcome
    path, identity = project / SECRETS_FILE, project / IDENTITY_FILE
    before = _decrypted(path, identity)
    text, warnings = secrets_text.with_adopted(before or secrets.FIRST_TEXT.encode(), adoption)
    if text == before:
        return replace(outcome, warnings=warnings)
    recipients = _recipients(project, staged)
    staged.put(path, io.BytesIO(pyrage.encrypt(text, secrets.recipients_in(recipients), armored=True)))
    made = not identity.exists() and not (project / RECIPIENTS_FILE).exists()
    return replace(outcome, warnings=warnings, secrets_file=SECRETS_FILE, identity_made=made)


def _decrypted(path: Path, identity: Path) -> bytes | None:
    """Return the text of the secrets file, None if there is none; an identity beside it need not be named."""
    if not path.exists():
        return None
    environment = dict(os.environ)
    if identity.exists():
        environment.setdefault(IDENTITY_VARIABLE, str(identity))
    ask = getpass if sys.stdin.isatty() else None
    identities = secrets_file.identities_for(SECRETS_FILE, ask, environment)
    return secrets_file.decrypt(secrets_file.read(path, SECRETS_FILE), SECRETS_FILE, identities)


def _recipients(project: Path, staged: Staging) -> str:
    """Return the list of recipients; where there is none, it is staged with a new identity."""
    path, identity = project / RECIPIENTS_FILE, project / IDENTITY_FILE
    if path.exists():
        return path.read_text(encoding="utf-8")
    if identity.exists():
        raise UserError(
            f"there is {IDENTITY_FILE} and no {RECIPIENTS_FILE}; write its public key there: "
            f"grep -o 'age1.*' {IDENTITY_FILE} > {RECIPIENTS_FILE}"
        )
    made, recipients = secrets.new_identity()
    staged.put(identity, io.BytesIO(made.encode()), 0o600)
    staged.put(path, io.BytesIO(recipients.encode()))
    return recipients


# Variables


def _with_variables(outcome: Outcome, adoption: Adoption, staged: Staging, project: Path) -> Outcome:
    """Stage group_data/all.py; with several hosts, what is one's is not for all, and is only said."""
    wanted = dict(adoption.variables)
    if outcome.tree != DEFAULT_TREE:
        wanted["kometa_config_source"] = outcome.tree
    path = project / VARIABLES
    if not wanted or not path.exists() or _several_hosts(project):
        return replace(outcome, others=wanted)
    text, changed, others = variables_text.with_variables(path.read_text(encoding="utf-8"), wanted)
    if changed:
        staged.put(path, io.BytesIO(text.encode()))
    lines = [f"{name} = {host_settings.python(wanted[name])}" for name in changed]
    return replace(outcome, variables=lines, others=others)


def _several_hosts(project: Path) -> bool:
    inventory = project / "inventory.py"
    with contextlib.chdir(project):
        return inventory.exists() and len(hosts_in(str(inventory))) > 1


# What to do next


def _next_steps(outcome: Outcome, adoption: Adoption, source: Source, project: Path) -> Iterator[str]:
    if outcome.dry:
        yield "the same without --dry"
        return
    if outcome.identity_made:
        yield KEEP_IDENTITY
    if adoption.secrets or adoption.seeds or adoption.missing:
        yield f"export {IDENTITY_VARIABLE}={IDENTITY_FILE}"
    if adoption.missing:
        yield f"make secrets-edit        # give a value to {', '.join(adoption.missing)}"
    if _is_sandbox_only(project):
        yield f"inventory.py: put your host in place of the sandbox's line: {_inventory_line(source)}"
    yield "make check               # then: pyinfra inventory.py deploy.py --dry --diff"
    yield from _straight_to_the_host(adoption, source)


def _is_sandbox_only(project: Path) -> bool:
    inventory = project / "inventory.py"
    return inventory.exists() and bool(re.search(r"(?m)^\s*\(sandbox,", inventory.read_text(encoding="utf-8")))


def _inventory_line(source: Source) -> str:
    user, _, host = source.address.rpartition("@") if isinstance(source, Host) else ("admin", "", "tower.lan")
    return f'("{host}", {{"ssh_user": "{user or "root"}"}}),'


def _straight_to_the_host(adoption: Adoption, source: Source) -> Iterator[str]:
    """Yield the command that brings what the project cannot have from where it is to the host, after the deploy."""
    straight = [*adoption.large, *adoption.on_host]
    if not straight:
        return
    if isinstance(source, Archive):
        yield f"{', '.join(straight)} of {source.shown} goes straight to the host: unpack it, and adopt the folder"
        return
    folders = " ".join(shlex.quote(f"./{name}") for name in straight)
    place = source.path if isinstance(source, Host) else source.shown
    read = f"tar -C {shlex.quote(f'{place}/{adoption.root}'.rstrip('/'))} -cf - {folders}"
    reader = f"ssh {source.address} {shlex.quote(read)}" if isinstance(source, Host) else read
    yield f"after the deploy, straight to the host: {reader} | ssh HOST {UNPACK}"
    yield f"then: {GIVE_TO_KOMETA}"


def main(arguments: Sequence[str], project: Path = PROJECT) -> int:
    """Adopt what the command line names; return the exit status."""
    typed = _parsed(arguments)
    os.umask(0o022)
    try:
        source = opened(typed.source, sudo=typed.sudo)
        print(adopt(source, project, typed.into, dry=typed.dry, overwrite=typed.overwrite))
    except UserError as error:
        print(f"not adopted: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        print(f"not adopted: {error.strerror}{where}; nothing was changed", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("nothing was changed", file=sys.stderr)
        return 1
    return 0


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.adopt", description=__doc__.partition("\n")[0])
    parser.add_argument("source", help="a folder, an archive, a compose file, or user@host:/path")
    parser.add_argument("--dry", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--overwrite", action="store_true", help="replace files of the project that are other ones")
    parser.add_argument("--into", default=DEFAULT_TREE, metavar="FOLDER", help="the config tree (default: kometa)")
    parser.add_argument("--sudo", action="store_true", help="read the host's files with sudo -n")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
