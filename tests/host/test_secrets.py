"""Secrets on a real host: what is written, replaced and removed, and that a value appears nowhere else."""

import os
import re
import secrets as randomness
import subprocess
import time
from pathlib import Path

import pyrage  # type: ignore[import-untyped]
import pytest
import zstandard

from tests.host.driver import CONFIG, PROJECT, SECRETS, Pyinfra, start_run
from tests.host.sampler import Sampler, forms
from tests.sandbox import Host
from tests.sandbox.shell import wait_until


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pyrage.x25519.Identity:
    """An identity that the environment names."""
    made = pyrage.x25519.Identity.generate()
    path = tmp_path / "age-identity.txt"
    path.touch(mode=0o600)
    path.write_text(str(made))
    monkeypatch.setenv("KOMETA_AGE_IDENTITY", str(path))
    return made


def encrypted(folder: Path, identity: pyrage.x25519.Identity, text: str) -> str:
    path = folder / "secrets.yml.age"
    path.write_bytes(pyrage.encrypt(text.encode(), [identity.to_public()]))
    return str(path)


def stored(host: Host) -> dict[str, str]:
    """Return all Podman secrets of the account, name and id: an id changes when a secret is written."""
    lines = host.run("podman secret ls --format '{{.Name}} {{.ID}}'", user="mms").stdout.splitlines()
    return dict(line.split() for line in lines)


def in_container(host: Host, variable: str) -> str:
    return host.run(f"podman exec kometa printenv {variable}", user="mms", check=False).stdout.strip()


def test_only_what_differs_is_written_and_nothing_is_taken_from_a_run(
    shared: Host, tmp_path: Path, identity: pyrage.x25519.Identity
) -> None:
    shared.run("printf x | podman secret create kometa-theirs -; printf x | podman secret create other -", user="mms")
    before = stored(shared)
    text = f"plextoken: changed\ntmdbapikey: {SECRETS['tmdbapikey']}\nhosts: {{{shared.name}: {{tmdb-key: own}}}}\n"
    pyinfra = Pyinfra(tmp_path, shared, kometa_secrets={}, kometa_secrets_file=encrypted(tmp_path, identity, text))
    assert pyinfra.preview() == {"Secrets", "Quadlets", "Service kometa"}
    assert pyinfra.deploy() == {"Secrets", "Quadlets", "Service kometa"}
    after = stored(shared)
    assert {name for name in before if before[name] == after[name]} == {"kometa-theirs", "kometa-tmdbapikey", "other"}
    assert (in_container(shared, "KOMETA_PLEXTOKEN"), in_container(shared, "KOMETA_TMDB_KEY")) == ("changed", "own")
    assert pyinfra.deploy() == set()
    started = shared.run("podman inspect -f '{{.State.StartedAt}}' kometa", user="mms").stdout

    # Back to the previous secrets, while Kometa is at work: without its Plex it would end at once.
    shared.start_plex(token="changed")  # noqa: S106
    start_run(shared, seconds=600)
    back = Pyinfra(tmp_path, shared)
    outcome = back.run("deploy.py", "-y")
    assert "restart postponed" in outcome.text
    assert "still used by the run in progress" in outcome.text
    assert shared.run("podman inspect -f '{{.State.StartedAt}}' kometa", user="mms").stdout == started
    assert stored(shared)["kometa-tmdb-key"] == after["kometa-tmdb-key"]
    assert shared.run("podman exec kometa true", user="mms").returncode == 0

    end_run(shared)
    assert back.preview() == {"Service kometa", "Secrets no longer wanted"}
    assert back.deploy() == {"Service kometa", "Secrets no longer wanted"}
    assert set(stored(shared)) == {"kometa-plextoken", "kometa-theirs", "kometa-tmdbapikey", "other"}
    assert in_container(shared, "KOMETA_PLEXTOKEN") == SECRETS["plextoken"]
    assert in_container(shared, "KOMETA_TMDB_KEY") == ""
    assert back.deploy() == set()
    shared.run("podman secret rm kometa-theirs other; podman rm -f plex", user="mms")


def end_run(host: Host) -> None:
    """Let the run end at once."""
    host.run("podman exec kometa sh -c 'echo 0 >/config/.standin-run-seconds'", user="mms")
    wait_until(lambda: "Finished" in host.run(f"tail -n 8 {CONFIG}/logs/meta.log").stdout, "the run ends")


def test_a_secret_of_somebody_else_with_one_of_our_names_is_not_replaced(shared: Host, tmp_path: Path) -> None:
    shared.run("printf x | podman secret create kometa-spare -", user="mms")
    before = stored(shared)
    outcome = Pyinfra(tmp_path, shared, kometa_secrets=SECRETS | {"spare": "y"}).run("deploy.py", "-y", status=1)
    assert "podman secret rm kometa-spare" in outcome.text
    assert stored(shared) == before
    shared.run("podman secret rm kometa-spare", user="mms")


# The canary


def files_with(needles: list[bytes], since: float, *roots: Path) -> set[Path]:
    """Return the files below the roots that were written since a time and hold one of the needles."""
    found = set()
    for root in roots:
        command = ["find", str(root), "-xdev", "-type", "f", "-newermt", f"@{since}", "-size", "-64M", "-print0"]
        listed = subprocess.run(command, capture_output=True, check=False).stdout
        for name in filter(None, listed.split(b"\0")):
            path = Path(os.fsdecode(name))
            try:
                content = path.read_bytes()
            except OSError:
                continue
            if any(needle in content for needle in needles):
                found.add(path)
    return found


def test_a_canary_appears_nowhere(  # the backup, too: W17
    deployed: Host, tmp_path: Path, identity: pyrage.x25519.Identity
) -> None:
    began = time.time() - 1
    canary = f"cnry{randomness.token_hex(12)}"
    text = f"plextoken: {canary}\ntmdbapikey: {SECRETS['tmdbapikey']}\n"
    pyinfra = Pyinfra(
        tmp_path,
        deployed,
        kometa_secrets={},
        kometa_secrets_file=encrypted(tmp_path, identity, text),
        kometa_backup_recipients=[str(identity.to_public())],
    )
    with Sampler(canary.encode()) as sampler:
        shown = [pyinfra.run("debug-inventory", "--debug-all", "-vvv").text]
        for options in (
            ["--dry", "--diff", "-vvv", "--debug-all"],
            ["--dry", "--json", "-vv"],
            ["--debug-operations", "--dry"],
        ):
            shown.append(pyinfra.run("deploy.py", *options).text)
        shown.append(pyinfra.run("deploy.py", "-y", "-vvv", "--debug", "--debug-all", "--diff").text)
        shown.append(pyinfra.run("deploy.py", "-y", "-v", "--json").text)
        start_run(deployed, seconds=30)
        end_run(deployed)
        shown.append(pyinfra.run("operations.backup.create", "-y", "-vvv").text)
    assert in_container(deployed, "KOMETA_PLEXTOKEN") == canary
    assert not any(needle in backed_up(deployed, identity) for needle in forms(canary.encode()))
    assert sampler.rounds > 20
    assert sampler.found == set()
    needles = forms(canary.encode())
    assert not [text for text in shown if any(needle.decode() in text for needle in needles)]
    inspected = deployed.run("podman inspect kometa; podman secret inspect kometa-plextoken", user="mms").stdout
    journal = deployed.run("journalctl --no-pager -o export | cat").stdout
    assert canary not in inspected + journal
    assert not any(needle.decode() in inspected + journal for needle in needles)
    expect_only_podmans_own(deployed, files_with(needles, began, deployed.tree))
    assert files_with(needles, began, PROJECT, Path.home(), Path("/tmp"), Path("/dev/shm"), Path("/var/tmp")) == set()  # noqa: S108
    in_memory = deployed.run(
        "grep -rlsaF -f /dev/stdin /run /tmp /dev/shm /var/tmp || true", input=b"\n".join(needles), timeout=120
    ).stdout.split()
    # crun keeps its copy of Podman's config.json in the account's runtime directory, which is the account's alone.
    assert [
        path for path in in_memory if not re.fullmatch(r"/run/user/3000/crun/[0-9a-f]{64}/config\.json", path)
    ] == []
    assert deployed.run("stat -c %a /run/user/3000").stdout.strip() == "700"


def backed_up(host: Host, identity: pyrage.x25519.Identity) -> bytes:
    """Return the plain tar of the host's one backup."""
    (archive,) = (host.tree / "data/backups/config/kometa").glob("*.age")
    packed = pyrage.decrypt(archive.read_bytes(), [identity])
    tar: bytes = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    assert b"kometa/config.yml" in tar
    return tar


def expect_only_podmans_own(host: Host, found: set[Path]) -> None:
    """Podman's secret store holds it, and what Podman writes for the container's runtime: nobody else can go there."""
    storage = host.tree / "home/mms/.local/share/containers/storage"
    store = storage / "secrets/filedriver/secretsdata.json"
    assert store in found
    assert store.stat().st_mode & 0o077 == 0
    others = {path.relative_to(storage).as_posix() for path in found - {store} if path.is_relative_to(storage)}
    assert found - {store} == {storage / name for name in others}
    assert all(re.fullmatch(r"overlay-containers/[0-9a-f]{64}/userdata/config\.json", name) for name in others)
    assert (storage / "overlay-containers").stat().st_mode & 0o077 == 0
