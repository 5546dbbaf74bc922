"""The account is not trusted: it lies and swaps while root and the operator work, and nothing of root's changes."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.host.backup_host import BACKUPS, Key
from tests.host.driver import CONFIG, PROJECT, Outcome, Pyinfra, environment, wait_for_kometa
from tests.host.sampler import Sampler
from tests.sandbox import Host

# All that root owns and no command of these tests is to change: names, kinds, owners, modes, targets; texts of /etc.
ROOTS = (
    "find /etc /root /usr /opt /srv /var/spool /var/lib/systemd/linger -printf '%p %y %U:%G %m %l\\n' | sort;"
    " find /etc -type f ! -name mtab -print0 | sort -z | xargs -0 sha256sum"
)
# What podman runs for the account speaks first and last: what would make root give it everybody's ids, what inflates to
# a quarter of a gigabyte, what makes no sense, and what a terminal would obey.
LIAR = """\
lie() {
    local root line
    printf 'files.config.manifest %s\n' "$(cat /home/mms/bomb)"
    printf 'run-in-progress LTk5\ncontainers W1s=\n\033]0;owned\007\n'
    printf '\033]52;c;b3duZWQ=\007\n' >&2
    root=$(printf mms:x:0:0::/root:/bin/sh | base64)
    for line in 'subuid ' 'subgid ' "passwd $root" 'linger eWVz' 'connected-as bW1z' end
    do printf '%s\n' "$line"; printf '%s\n' "$line" >&2; done
}
lie
trap lie EXIT
"""
MAKE_BOMB = "head -c 268435456 /dev/zero | gzip -9 | base64 -w0 >~/bomb"
# A log that never ends a look, and one that is a terminal's.
BAD_LOGS = f"cd {CONFIG}/logs && rm -f meta.log && mkfifo meta.log && ln -sfn /dev/zero meta.log.1"
# Puts a link to root's where a directory is, and the directory back, all the time.
WRONG, SECRET = "mistyped", "hunter2hunter2"  # passwords
CANARY = "cnry-hunter2-hunter2"
VICTIM = "/srv/victim"
SWAPPER = (
    "cd; while :; do mv -T config config.kept && ln -sT /srv/victim config; sleep 0.03;"
    " if [ -L config ]; then rm config; mv -T config.kept config; fi; sleep 0.03; done"
)
PUT_BACK = "cd; if [ -L config ]; then rm config; fi; if [ -d config.kept ]; then mv -T config.kept config; fi"
# Fills the directory that root lends the account for a look, and names root's process as the account's own.
NAMER = (
    "while :; do mkdir -p /run/user/3000/libpod/tmp && echo {canary} >/run/user/3000/libpod/tmp/pause.pid;"
    " ln -sfn /etc /run/user/3000/etc; done 2>/dev/null"
)
# Writes into the streams of all of the account's programs what a terminal obeys, as much as goes in.
FLOODER = """\
exec python3 - /home/mms/work.sh <<'END'
import os

SAID = (b"\\33]0;owned\\7\\33]52;c;b3duZWQ=\\7" + b"A" * 200 + b"\\n") * 300


def flood(stream):
    if os.readlink(stream).startswith("pipe:"):
        pipe = os.open(stream, os.O_WRONLY | os.O_NONBLOCK)
        try:
            for _ in range(2000):
                os.write(pipe, SAID)
                open("/home/mms/flooded", "w")
        finally:
            os.close(pipe)


while True:
    for process in filter(str.isdigit, os.listdir("/proc")):
        for stream in (f"/proc/{process}/fd/{number}" for number in (1, 2)):
            try:
                flood(stream)
            except OSError:
                pass  # it has ended, is full, or is somebody else's
END
"""
# Reads all that comes in at a login, and answers like a host whose sudo wants a password.
EAVESDROPPER = """\
exec < <(tee -a ~/heard)
printf 'kometa-host-asks\\n' >&2
if [ -e ~/asks ]; then sleep 0.5; exit 118; fi
"""
# Counts failed attempts, as the RHEL family does.
FAILLOCK = """\
auth required pam_faillock.so preauth silent
auth sufficient pam_unix.so nullok
auth required pam_faillock.so authfail
auth required pam_deny.so
"""


@contextmanager
def unharmed(host: Host) -> Iterator[None]:
    """See that nothing of root's has changed meanwhile."""
    before = host.run(ROOTS).stdout
    yield
    assert host.run(ROOTS).stdout == before


@contextmanager
def at_work(host: Host, text: str) -> Iterator[None]:
    """Let the account run something meanwhile."""
    host.run("cat >~/work.sh", user="mms", input=text.encode())
    host.run("setsid runuser -u mms -- bash /home/mms/work.sh </dev/null >/dev/null 2>&1 &")
    yield
    host.run("pkill -KILL -f /home/mms/work.sh", user="root", check=False)
    host.run("rm ~/work.sh", user="mms")


class Bounded(Pyinfra):
    """The operator's command line, which has so much memory and no more."""

    def completed(
        self, arguments: Sequence[str], stdin: int | None, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run pyinfra to its end and return what it left."""
        command = ["prlimit", f"--as={2 << 30}", "--", *self.command(*arguments)]
        return subprocess.run(
            command, cwd=PROJECT, env=environment(), stdin=stdin, capture_output=True, text=True, timeout=timeout
        )


@pytest.fixture
def commands(shared: Host, tmp_path: Path) -> Bounded:
    """The operator's command line, with backups and a key that opens them."""
    return Bounded(
        tmp_path,
        shared,
        kometa_backup_recipients=[Key.make(tmp_path).recipient],
        kometa_notify_url=f"http://127.0.0.1:9/{CANARY}",
        kometa_secrets={"plextoken": CANARY, "tmdbapikey": "made-up"},
    )


@pytest.fixture
def arguments(shared: Host) -> Iterator[None]:
    """See that no secret is in an argument list of any process meanwhile, a proxy's password neither."""
    proxies = f"https_proxy=http://user:{CANARY}@127.0.0.1:9\nno_proxy=*\n"
    shared.run("cp /etc/environment /root/environment; cat >>/etc/environment", input=proxies.encode())
    with Sampler(CANARY.encode(), "cmdline") as sampler:
        yield
    shared.run("mv /root/environment /etc/environment")
    assert sampler.rounds > 20
    assert sampler.found == set()


ALL = {
    "preview": ("deploy.py", "--dry"),
    "deploy": ("deploy.py", "-y"),
    "diagnose": ("operations.kometa.diagnose",),
    "status": ("fact", "facts.kometa.Status"),
    "logs": ("operations.kometa.logs", "runs=1"),
    "backup": ("operations.backup.create", "-y"),
    "restore": ("operations.restore.config", "backup=latest", "identity={}/identity.txt", "-y"),
    "destroy": ("destroy.py", "-y"),
}


def do(commands: Pyinfra, names: Iterable[str]) -> Iterator[Outcome]:
    """Do what an operator does, in a campaign all of it; it may fail, and says why without a traceback or an escape."""
    for name in ALL if os.environ.get("KOMETA_HOST_TORTURE") else names:
        outcome = commands.run(*(argument.format(commands.folder) for argument in ALL[name]), status=None)
        assert "\x1b]" not in outcome.output + outcome.errors
        yield outcome


@pytest.fixture
def liar(shared: Host) -> Iterator[Host]:
    """The host, whose account lies, and whose container has put what never ends where its logs are."""
    shared.run("mkdir -p ~/.config/containers; cat >~/lies", user="mms", input=LIAR.encode())
    shared.run(MAKE_BOMB, user="mms")
    shared.run(BAD_LOGS)
    conf = '[engine]\nenv = ["BASH_ENV=/home/mms/lies"]\n'
    shared.run("cat >~/.config/containers/containers.conf", user="mms", input=conf.encode())
    yield shared
    shared.run("rm ~/lies ~/bomb ~/.config/containers/containers.conf", user="mms")
    shared.run(f"rm {CONFIG}/logs/meta.log*")


@pytest.mark.torture
def test_lies_of_the_account_are_no_facts_of_the_host_and_the_other_host_is_done(
    liar: Host, commands: Bounded, deployed: Host, arguments: None
) -> None:
    with unharmed(liar):
        list(do(commands, ("diagnose", "logs", "backup", "restore")))
        commands.hosts.append(deployed)
        run = commands.run("deploy.py", "-y", status=1).text
    assert deployed.run("systemctl --user is-enabled kometa-backup.timer", user="mms").stdout == "enabled\n"
    assert "inflates to more than" in run


TYPED = re.compile(r"pyinfra inventory\.py (?:fact )?((?:operations|facts)\.[\w.]+)")
# All that anybody types, in an order in which it works, and the exit status that it has, None for any.
EVERYTHING: list[tuple[int | None, tuple[str, ...]]] = [
    (0, ("deploy.py", "--dry", "--diff")),
    (0, ("deploy.py", "-y")),
    (0, ("operations.kometa.validate", "-y")),
    (0, ("operations.kometa.run_once", "-y")),
    (0, ("operations.kometa.logs", "runs=2")),
    (1, ("operations.kometa.notify", "-y")),  # nobody listens
    (0, ("operations.autodeploy.run", "-y")),
    (0, ("operations.backup.create", "-y")),
    (0, ("operations.backup.verify", "identity={}/identity.txt", "-y")),
    (0, ("operations.backup.drill", "identity={}/identity.txt", "-y")),
    (0, ("operations.backup.drill", "backup=restic:latest", "-y")),
    (0, ("operations.backup.pin", "backup={archive}", "-y")),
    (0, ("operations.backup.unpin", "backup={archive}", "-y")),
    (0, ("operations.restore.config", "backup=latest", "identity={}/identity.txt", "-y")),
    (0, ("operations.restore.config", "backup=restic:latest", "-y")),
    (0, ("operations.restore.undo", "-y")),
    (0, ("operations.podman.unshare_chown", f"path={CONFIG}", "uid=3000", "gid=3000", "-y")),
    (None, ("operations.kometa.diagnose",)),  # the message of a run may have been tried by now: nobody listens
    *((0, ("fact", f"facts.{name}")) for name in ("host.HostState", "kometa.Status", "kometa.Runs")),
    *((0, ("fact", f"facts.{name}")) for name in ("backup.Archives", "backup.Stages", "autodeploy.History")),
    (0, ("destroy.py", "-y")),
]


def typed_commands() -> set[str]:
    """Return the operations and facts that the project's own words show with a command line."""
    texts = (path.read_text() for folder in ("operations", "facts", "docs") for path in (PROJECT / folder).rglob("*"
             ) if path.suffix in (".py", ".md"))  # fmt: skip
    return {name.rstrip(".") for text in [*texts, (PROJECT / "README.md").read_text()] for name in TYPED.findall(text)}


@pytest.mark.long
def test_no_operation_has_a_secret_in_an_argument(deployed: Host, tmp_path: Path) -> None:
    key = Key.make(tmp_path)
    deployed.run("install -d -o mms -g mms /srv/restic")
    proxies = f"https_proxy=http://user:{CANARY}@127.0.0.1:9\nno_proxy=*\n"
    deployed.run("cat >>/etc/environment", input=proxies.encode())
    deployed.start_plex(token=CANARY)
    pyinfra = Pyinfra(
        tmp_path,
        deployed,
        kometa_backup_recipients=[key.recipient],
        kometa_backup_repository="/srv/restic/kometa",
        kometa_repository_secrets={"RESTIC_PASSWORD": CANARY},
        kometa_notify=["json://127.0.0.1:9/<<hook>>"],
        kometa_notify_url=f"http://127.0.0.1:9/{CANARY}",
        kometa_secrets={"plextoken": CANARY, "tmdbapikey": "made-up", "hook": CANARY},
    )
    assert typed_commands() <= {name for _, arguments in EVERYTHING for name in arguments}
    with Sampler(CANARY.encode(), "cmdline") as sampler:
        for status, arguments in EVERYTHING:
            name = deployed.run(f"ls {BACKUPS} 2>/dev/null | head -n 1").stdout.strip()
            done = pyinfra.run(*(part.format(tmp_path, archive=name) for part in arguments), status=None)
            assert status in (None, done.status), f"{arguments}: {done.text}"
            assert CANARY not in done.text, arguments
    assert sampler.rounds > 100
    assert sampler.found == set()


@pytest.mark.torture
def test_a_directory_that_becomes_a_link_leads_root_nowhere(shared: Host, commands: Bounded, arguments: None) -> None:
    commands.deploy()
    shared.run(f"mkdir {VICTIM} && cp -r --no-preserve=ownership {CONFIG} {VICTIM} && touch {CONFIG}/theirs")
    with unharmed(shared), at_work(shared, SWAPPER):
        list(do(commands, ("deploy", "restore", "destroy")))
    shared.run(PUT_BACK, user="mms")
    shared.run(f"rm -rf {VICTIM}")


@pytest.mark.long
def test_what_the_account_writes_into_our_programs_streams_is_bounded_and_obeyed_by_no_terminal(
    shared: Host, commands: Bounded
) -> None:
    commands.deploy()
    commands.run("operations.backup.create", "-y")
    with unharmed(shared), at_work(shared, FLOODER):
        outcomes = [commands.run(*(part.format(commands.folder) for part in ALL[name]), status=None) for name in ALL]
    assert all("\x1b]" not in outcome.output + outcome.errors for outcome in outcomes)
    shared.run("rm ~/flooded", user="mms")  # it did write


def test_a_backup_directory_of_the_accounts_is_not_made_by_root(shared: Host, tmp_path: Path) -> None:
    shared.run("ln -sfn /etc ~/backups", user="mms")
    pyinfra = Pyinfra(
        tmp_path,
        shared,
        kometa_backup_recipients=[Key.make(tmp_path).recipient],
        kometa_backup_dir="/home/mms/backups/k/b",
    )
    with unharmed(shared):
        refused = pyinfra.run("deploy.py", "-y", status=1).text
    assert "root does not follow /home/mms" in refused
    assert "chown it to the id of mms (3000)" in refused
    shared.run("rm ~/backups", user="mms")


def test_a_look_kills_no_process_that_the_account_names(shared: Host, commands: Bounded) -> None:
    canary = shared.run("setsid sleep 9999 </dev/null >/dev/null 2>&1 & echo $!").stdout.strip()
    shared.run("loginctl disable-linger mms; systemctl stop user@3000")
    commands.run("deploy.py", "--dry")
    assert shared.run("ls /run/user; pgrep -u mms", check=False).stdout == "0\n"  # what was lent is taken back
    with at_work(shared, NAMER.format(canary=canary)), unharmed(shared):
        commands.run("deploy.py", "--dry", status=None)
        assert shared.run(f"kill -0 {canary} && echo alive").stdout == "alive\n"
    shared.run(f"kill {canary}; rm -rf /run/user/3000")


def test_the_password_for_sudo_never_reaches_the_account(shared: Host, tmp_path: Path) -> None:
    shared.run("mkdir -p ~mms/.ssh; cp /root/.ssh/authorized_keys ~mms/.ssh; chown -R mms: ~mms/.ssh")
    shared.run("cp ~/.bashrc ~/kept; cat - ~/kept >~/.bashrc", user="mms", input=EAVESDROPPER.encode())
    pyinfra = Pyinfra(tmp_path, shared, ssh_user="mms", _sudo_password=SECRET)
    pyinfra.run("deploy.py", "--dry", status=None)
    shared.run("touch ~/asks", user="mms")
    pyinfra.run("deploy.py", "--dry", status=1, typed=f"{SECRET}\n")
    heard = shared.run("cat ~/heard", user="mms").stdout
    assert "become" in heard  # it did listen
    assert "hunter2" not in heard
    shared.run("mv ~/kept ~/.bashrc; rm ~/asks ~/heard", user="mms")


def test_a_mistyped_password_is_one_attempt(shared: Host, tmp_path: Path) -> None:
    shared.run("cp /etc/pam.d/common-auth /root/; cat >/etc/pam.d/common-auth", input=FAILLOCK.encode())
    pyinfra = Pyinfra(tmp_path, shared, ssh_user="careful", _sudo_password=WRONG)
    assert "refused the password, which was tried once" in pyinfra.run("deploy.py", "-y", status=1).text
    assert shared.run("faillock --user careful | grep -c sudo").stdout == "1\n"
    shared.run("mv /root/common-auth /etc/pam.d/; faillock --user careful --reset")


def test_a_talkative_start_up_file_disturbs_nothing(shared: Host, tmp_path: Path) -> None:
    shared.run(
        "for home in /root /home/mms /home/admin; do sed -i '1i echo welcome; echo to you >&2' $home/.bashrc; done"
    )
    Pyinfra(tmp_path, shared).deploy()
    wait_for_kometa(shared)
    for user in ("root", "admin"):
        pyinfra = Pyinfra(tmp_path, shared, ssh_user=user)
        assert pyinfra.preview() == set()
        assert "welcome" not in pyinfra.run("operations.kometa.logs", "runs=1").text
    shared.run("chmod 600 ~mms/.config/containers/systemd/mms.network")
    assert Pyinfra(tmp_path, shared, ssh_user="admin").deploy() == {"Quadlets"}
    shared.run("sed -i 1d /root/.bashrc /home/mms/.bashrc /home/admin/.bashrc")
