"""programs/lib/pull.sh: which commits a host in pull mode follows, and what a fetch leaves. git is real."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from kometa_host.state import programs

DAY = 86_400
PULL = """
now=$(date +%s)
pull_and_remember() { # until the deploy, which is another's
    mkdir -p -- "$pull_dir" "$records"
    deployed=$(known deployed) newest=$(known newest) new='' rewritten=$may_rewrite noted=''
    newest=${newest:-$deployed}
    fetch
    refuse_untrusted
    printf 'trusted\\n'
    stands_still
}
"""


# A gpg that signs anything, and for which every signature is good and of somebody who is fully trusted.
GPG = """\
#!/bin/sh
cat >/dev/null
case "$*" in
    *--verify*)
        key=1234567890ABCDEF1234567890ABCDEF12345678
        printf '\\n[GNUPG:] NEWSIG\\n[GNUPG:] GOODSIG 1234567890ABCDEF x\\n'
        printf '[GNUPG:] VALIDSIG %s 2026-01-01 1 0 4 0 1 8 00 %s\\n[GNUPG:] TRUST_ULTIMATE 0 pgp\\n' $key $key ;;
    *)
        printf '\\n[GNUPG:] SIG_CREATED x\\n' >&2
        printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nAAAA\\n-----END PGP SIGNATURE-----\\n' ;;
esac
"""


@dataclass
class Repository:
    """A work tree whose branch a host follows, and the host's home."""

    folder: Path
    counter: int = 0

    def __post_init__(self) -> None:
        self.home.mkdir()
        self.library.mkdir()
        self.git("init", "--quiet", "--initial-branch=main", str(self.work), place=self.folder)
        key = self.folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        signer = key.with_suffix(".pub").read_text()
        (self.library / "allowed-signers").write_text(f'signer namespaces="git" {signer}')

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def library(self) -> Path:
        return self.folder / "library"

    @property
    def state(self) -> Path:
        return self.home / ".local/state/kometa-host/autodeploy/git"

    def git(self, *arguments: str, place: Path | None = None, at: int = 0) -> str:
        when = f"{at or int(time.time())} +0000"
        who = {
            "GIT_AUTHOR_NAME": "S",
            "GIT_AUTHOR_EMAIL": "s@x",
            "GIT_COMMITTER_NAME": "S",
            "GIT_COMMITTER_EMAIL": "s@x",
        }
        settings = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={self.folder / 'key'}")
        environment = {**os.environ, **who, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when, "HOME": str(self.home)}
        done = subprocess.run(
            ["git", *settings, *arguments], cwd=place or self.work, env=environment, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, *options: str, days_ago: int = 0, data: bytes = b"") -> str:
        """Make a commit, signed unless --no-gpg-sign is among the options; return its name."""
        self.counter += 1
        (self.work / "file").write_bytes(data or str(self.counter).encode())
        self.git("add", "file")
        at = int(time.time()) - days_ago * DAY
        self.git("commit", "--quiet", "-m", f"postponed {self.counter}", "-S", *options, at=at)
        return self.git("rev-parse", "HEAD")

    def pull(self, may_rewrite: bool = False, largest_kib: int = 1 << 20) -> str:
        """Let the host fetch and judge what it has fetched; return what it says."""
        program = programs.program(
            "pull", group="interactive", idle_wait=0, lock_wait=1, library_dir=str(self.library), timezone="UTC",
            config_dir=str(self.home), repository=str(self.work), branch="main", unsigned="", inventory_host="h",
            may_rewrite="yes" if may_rewrite else "",
        )  # fmt: skip
        environment = {**os.environ, "HOME": str(self.home), "KOMETA_HOST_LARGEST_KIB": str(largest_kib)}
        done = subprocess.run(
            ["bash", "-c", f"{program}{PULL}pull_and_remember"], env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    def leftovers(self) -> list[str]:
        return [path.name for path in self.state.rglob("*tmp*")]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_a_commit_is_remembered_as_soon_as_it_is_trusted_and_no_older_one_is_followed(repository: Repository) -> None:
    old = repository.commit()
    assert "trusted" in repository.pull()
    repository.commit()
    assert "trusted" in repository.pull()  # its deploy may be postponed, or fail
    repository.git("reset", "--quiet", "--hard", old)
    assert "the branch was rewritten" in repository.pull()
    assert "trusted" in repository.pull(may_rewrite=True)
    assert "trusted" in repository.pull()


def test_the_host_has_deployed_counts_before_there_is_anything_newer(repository: Repository) -> None:
    old, deployed = repository.commit(), repository.commit()
    repository.state.mkdir(parents=True)
    (repository.state / "deployed").write_text(f"{deployed}\n")
    assert "trusted" in repository.pull()
    repository.git("reset", "--quiet", "--hard", old)
    assert "the branch was rewritten" in repository.pull()


def test_a_signature_of_pgp_never_counts(repository: Repository, tmp_path: Path) -> None:
    gpg = tmp_path / "gpg"
    gpg.write_text(GPG)
    gpg.chmod(0o755)
    settings = f'[gpg]\n\tprogram = {gpg}\n[gpg "openpgp"]\n\tprogram = {gpg}\n'
    (repository.home / ".gitconfig").write_text(settings)
    repository.git("-c", "gpg.format=openpgp", "commit", "--quiet", "--allow-empty", "-m", "PGP", "-S")
    assert "PGP" in repository.git("verify-commit", "-v", "HEAD")  # git itself believes it, whatever gpg.format says
    assert "is signed by a key of kometa_autodeploy_signers" in repository.pull()


def test_what_is_too_large_is_not_fetched_and_leaves_nothing(repository: Repository) -> None:
    repository.commit(data=os.urandom(3 << 20))
    assert "larger than 1 MiB" in repository.pull(largest_kib=1024)
    assert not (repository.state / "repository.git").exists()
    assert "trusted" in repository.pull()


def test_what_a_fetch_that_was_cut_left_is_gone(repository: Repository) -> None:
    repository.commit()
    repository.pull()
    copy = repository.state / "repository.git"
    for name in ("objects/pack/tmp_pack_a", "objects/pack/.tmp-1-pack-b.pack", "HEAD.lock", "objects/tmp_obj_c"):
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text("x")
    (repository.state / "trees/abc.partial").mkdir(parents=True)
    assert "trusted" in repository.pull()
    assert repository.leftovers() == []
    assert list((repository.state / "trees").iterdir()) == []


@pytest.mark.parametrize(
    ("days_ago", "still"), [((200, 190, 20), False), ((200, 190, 60), False), ((200, 190, 180), True), ((40,), True)]
)
def test_a_branch_that_stands_still_a_month_longer_than_ever_is_said(
    repository: Repository, days_ago: tuple[int, ...], still: bool
) -> None:
    for days in days_ago:
        repository.commit(days_ago=days)
    assert ("nothing new since" in repository.pull()) is still
