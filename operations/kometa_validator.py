"""Asks Kometa itself about a config tree before it goes live: its validator, in a throwaway container of the image."""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping

from pyinfra import host
from pyinfra.api.output import format_text

from kometa_host.config_tree import findings, validator
from kometa_host.config_tree.findings import Finding
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.config_tree.validator import Verdict
from kometa_host.errors import UserError
from kometa_host.state import answers, desired, programs
from kometa_host.state.filesets import FileSet
from kometa_host.state.programs import Actor
from operations.engine import transport
from operations.engine.operation import observe, settings
from operations.engine.run_state import run_state

YAML = (".yml", ".yaml")


def refuse_what_kometa_cannot_read(tree: FileSet, changed: Iterable[str]) -> None:
    """Given the tree as it is about to be written, and which files change, raise UserError if Kometa cannot read it.

    Where the image is on the host already, a preview finds that out as well.
    """
    image_there = observe().image_id is not None
    if any(name.endswith(YAML) for name in changed) and (host.state.is_executing or image_there):
        why_not = show_verdict(tree)
        if why_not:
            host.log(f"{why_not}; going on")


def show_verdict(tree: FileSet) -> str:
    """Show what Kometa says about a tree, once a run. Raise UserError if it cannot read the tree.

    Return why it could not be asked, which is no refusal, and empty if it accepts the tree.
    """
    archive = _archive(_yaml_files(tree))
    digest, image = hashlib.sha256(archive).hexdigest(), observe().image_id
    if image and run_state(host).accepted == (digest, image):
        return ""
    verdict = _ask(archive)
    _show(verdict, tree)
    run_state(host).accepted = (digest, image) if image else None
    return (
        f"Kometa of {settings().kometa_image} cannot check the config tree: {verdict.unable}" if verdict.unable else ""
    )


def _show(verdict: Verdict, tree: FileSet) -> None:
    found = _findings(verdict, tree)
    for finding in found:
        host.log(format_text(str(finding), "red" if finding.severity == "error" else "yellow"))
    errors = len(findings.errors(found))
    if errors:
        count = "one error" if errors == 1 else f"{errors} errors"
        raise UserError(f"Kometa cannot read the config tree because of {count}, shown above; nothing was changed.")


def _ask(archive: bytes) -> Verdict:
    known = settings()
    source = programs.path_of("validate.py").read_text(encoding="utf-8")
    script = programs.program("validate", image=known.kometa_image, validator=source)
    completed = transport.run(host, Actor.ACCOUNT, known.mms_user, script, archive)
    if completed.status:
        raise UserError(completed.stderr.strip() or "Kometa's validator could not be asked; nothing was changed.")
    return validator.parse(answers.json_text(completed.stdout))


def _yaml_files(tree: FileSet) -> dict[str, str]:
    return {name: file.text() for name, file in tree.files.items() if name.endswith(YAML)}


def _archive(files: Mapping[str, str]) -> bytes:
    """Return a tar stream of the files and of what marks its end."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, text in {**files, "end": ""}.items():
            member = tarfile.TarInfo(name)
            content = text.encode()
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _findings(verdict: Verdict, tree: FileSet) -> list[Finding]:
    """Return the findings with the lines of the project's own files; the host's config.yml can have others."""
    declared = _yaml_files(desired.config_tree(settings()))
    on_host = tree.files[CONFIG].text()
    known, secrets = settings(), validator.secrets_in(on_host)
    return validator.findings(verdict, declared, known.kometa_config_source, on_host, secrets, known.kometa_host_files)
