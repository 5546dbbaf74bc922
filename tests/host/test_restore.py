"""A restore gives a host the archive's tree, entire, or leaves it as it was; Kometa runs afterwards as before."""

import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from tests.host.driver import CONFIG, Pyinfra, trigger_run, wait_for_kometa
from tests.host.restore_host import BREAKS, STATE, UNIT, Campaign, RestoreHost, full, make_tree, packed
from tests.sandbox import Sandbox
from tests.unit import hostile


@pytest.fixture(scope="module")
def restoring(sandbox: Sandbox, deployed_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestoreHost]:
    """A deployed host for all tests of this module; each leaves it with a whole tree."""
    with sandbox.host(deployed_kind) as host:
        wait_for_kometa(host)
        folder = tmp_path_factory.mktemp("restore")
        yield RestoreHost(host, Pyinfra(folder, host), folder)


@pytest.fixture(scope="module")
def first(restoring: RestoreHost) -> Path:
    """The archive of a tree named first."""
    return restoring.archive("first")


@pytest.fixture(scope="module")
def second(restoring: RestoreHost) -> Path:
    """The archive of a tree named second."""
    return restoring.archive("second")


def test_a_preview_lists_what_would_change_and_touches_nothing(restoring: RestoreHost, first: Path) -> None:
    before = restoring.everything()
    told = restoring.preview(first).text
    assert restoring.everything() == before
    assert "is whole: " in told
    assert "added: " in told
    assert '"collections/movies.yml"' in told
    assert "removed: " in told
    assert '"UUID"' in told
    assert "config.yml, " not in told  # the same addresses


def test_where_an_archive_from_elsewhere_would_lead_secrets_is_shown_before_anything_changes(
    restoring: RestoreHost,
) -> None:
    config = make_tree(restoring.folder, "elsewhere", files=1) / "config.yml"
    text = config.read_text().replace("http://plex:32400", "http://attacker.example")
    config.write_text(f"{text}trakt:\n  pin: <<plextoken>>\n")
    hostile_archive = restoring.sealed(packed(config.parent), "hostile")
    before = restoring.everything()
    known = [argument for argument in restoring.arguments(hostile_archive) if argument != "from=elsewhere"]
    refused = restoring.pyinfra.run(*known, "-y", status=1).text
    assert "does not know of having written hostile.tar.zst.age" in refused
    told = restoring.preview(hostile_archive).text
    assert re.findall(r"config\.yml, (.*)", told) == [
        "plex.url: http://plex:32400 -> http://attacker.example",
        "trakt.pin: nothing -> <<plextoken>>",
    ]
    assert restoring.everything() == before


def test_a_restore_replaces_the_tree_and_keeps_the_previous(restoring: RestoreHost, first: Path) -> None:
    told = restoring.restore(first).text
    assert restoring.marker() == "first"
    assert "Kometa runs with it" in told
    assert restoring.is_active()
    assert restoring.leftovers() == ""
    assert len(restoring.kept()) == 1
    assert restoring.kept()[0] in told
    owners = restoring.host.run(f"find {CONFIG} -printf '%U:%G\\n' | sort -u").stdout
    assert owners == "102999:102999\n"
    elsewhere = "/tmp /var/tmp /dev/shm /root /run /home/mms/.local/state"  # noqa: S108  (of the host)
    assert restoring.host.run(f"grep -rslE 'AGE-SECRET-KEY|first: .plex_all' {elsewhere}; true").stdout == ""


def test_an_undo_exchanges_the_trees_back_and_a_second_one_again(
    restoring: RestoreHost, first: Path, second: Path
) -> None:
    restoring.make_live(first)
    restoring.account(f"systemctl --user stop {UNIT}")
    restoring.restore(second)
    digest = restoring.digest()
    restoring.pyinfra.run("operations.restore.undo", "-y")
    assert restoring.marker() == "first"
    restoring.pyinfra.run("operations.restore.undo", "-y")
    assert restoring.digest() == digest
    assert len(restoring.kept()) == 2


def test_the_next_deploy_puts_back_the_projects_files_and_converges(restoring: RestoreHost, second: Path) -> None:
    restoring.make_live(second)
    restoring.account(
        f"mkdir {CONFIG}.stage-left; printf '%s\\n' stage={CONFIG}.stage-left live={CONFIG} >{STATE}/restore"
    )
    predicted = restoring.pyinfra.preview()
    assert {f"Config tree {CONFIG}", "Clean up after an interrupted restore"} <= predicted
    assert restoring.pyinfra.deploy() == predicted
    assert restoring.pyinfra.preview() == set()
    assert restoring.leftovers() == ""
    assert restoring.marker() == "second"
    restoring.account(f"systemctl --user stop {UNIT}")


def test_a_tree_with_which_kometa_is_not_healthy_is_taken_back(restoring: RestoreHost) -> None:
    tree = make_tree(restoring.folder, "sick")
    (tree / "config.yml").unlink()
    (tree / "config.yml").symlink_to("nowhere")
    restoring.start()
    before = restoring.marker(), restoring.kept()
    told = restoring.restore(restoring.sealed(packed(tree), "sick"), status=1).text
    assert "the previous one was put back" in told
    assert "The last lines of its log" in told
    assert (restoring.marker(), restoring.kept()) == before
    assert restoring.is_active()
    assert restoring.leftovers() == ""


def test_a_stopped_service_stays_stopped(restoring: RestoreHost, first: Path) -> None:
    restoring.account(f"systemctl --user stop {UNIT}")
    assert "was not running and stays so" in restoring.restore(first).text
    assert not restoring.is_active()
    assert restoring.marker() == "first"


def test_a_new_directory_takes_the_archive_and_nothing_else_is_touched(restoring: RestoreHost, second: Path) -> None:
    before = restoring.everything()
    restoring.restore(second, "destination=/home/mms/scratch")
    assert restoring.host.run("cat /home/mms/scratch/marker").stdout == "second\n"
    refused = restoring.restore(second, "destination=/home/mms/scratch", status=1).text
    assert "exists already" in refused
    restoring.host.run("rm -r /home/mms/scratch")
    after = restoring.everything()
    written_to = ("/home/mms ", STATE)
    assert [line for line in after.splitlines() if not line.startswith(written_to)] == [
        line for line in before.splitlines() if not line.startswith(written_to)
    ]


@pytest.mark.parametrize(
    "place", ["/", "/etc/kometa", "/home/mms", CONFIG, f"{CONFIG}/sub", "/data", "relative", "/a/../b"]
)
def test_a_dangerous_destination_is_refused(place: str, restoring: RestoreHost, first: Path) -> None:
    from kometa_host.errors import UserError
    from kometa_host.plans.restore import checked
    from kometa_host.settings.variables import Settings

    with pytest.raises(UserError, match="destination"):
        checked(Settings(), place, None, False, 0)


def test_single_paths_go_into_the_live_tree_each_at_once(restoring: RestoreHost, first: Path, second: Path) -> None:
    restoring.make_live(first)
    restoring.host.run(f"echo mine >{CONFIG}/mine.yml; rm -r {CONFIG}/collections")
    told = restoring.restore(second, "paths=collections/movies.yml,assets/second 1").text
    assert restoring.marker() == "first"
    assert "second:" in restoring.host.run(f"cat {CONFIG}/collections/movies.yml").stdout
    owners = restoring.host.run(f"stat -c '%u:%g %a' {CONFIG}/collections '{CONFIG}/assets/second 1'").stdout
    assert owners == "102999:102999 700\n102999:102999 755\n"
    assert restoring.host.run(f"cat {CONFIG}/mine.yml").stdout == "mine\n"
    assert restoring.leftovers() == ""
    assert "Kometa reads it when its next run starts" in told
    told = restoring.restore(first, "paths=collections").text
    assert "first:" in restoring.host.run(f"cat {CONFIG}/collections/movies.yml").stdout
    assert f"kept in {STATE}/replaced/" in told


def test_paths_that_cannot_be_restored_are_refused(restoring: RestoreHost, second: Path) -> None:
    before = restoring.everything()
    assert "does not hold" in restoring.restore(second, "paths=collections,nothing.yml", status=1).text
    assert "hard link" in restoring.restore(second, "paths=marker", status=1).text
    assert restoring.everything() == before


def test_a_path_through_a_link_in_the_live_tree_is_refused(restoring: RestoreHost, first: Path, second: Path) -> None:
    restoring.make_live(first)
    inner = f"cd {CONFIG}; mv collections elsewhere; ln -s elsewhere collections"
    restoring.inner(inner)
    told = restoring.restore(second, "paths=collections/movies.yml", status=1).text
    assert "symbolic link" in told
    assert "first:" in restoring.host.run(f"cat {CONFIG}/elsewhere/movies.yml").stdout
    assert restoring.leftovers() == ""
    restoring.inner(f"cd {CONFIG}; rm collections; mv elsewhere collections")


def test_a_run_in_progress_is_not_disturbed_unless_forced(restoring: RestoreHost, second: Path) -> None:
    before = restoring.marker()
    restoring.start()
    restoring.host.start_plex()  # without it a run ends at once
    trigger_run(restoring.host, 300)
    restoring.host.run(f"until grep -qE ' Starting .*Run ' {CONFIG}/logs/meta.log; do sleep 0.2; done")
    told = restoring.restore(second, "wait=1", status=1).text
    assert "a run is in progress since" in told
    assert "force=true" in told
    assert restoring.marker() == before
    assert restoring.leftovers() == ""
    assert restoring.is_active()
    restoring.restore(second, "force=true")
    assert restoring.marker() == "second"
    restoring.account("podman rm -f plex")
    restoring.account(f"systemctl --user stop {UNIT}")


def test_an_archive_of_the_previous_stack_is_restored_by_its_content(restoring: RestoreHost) -> None:
    restoring.account(f"systemctl --user stop {UNIT}")  # its start would give the tree to the ids of the container
    data = packed(make_tree(restoring.folder, "previous"), owner=0)
    name = "/data/backups/config/kometa/kometa-2025-01-31.tar.zst"
    restoring.host.run(f"mkdir -p {name.rpartition('/')[0]}; cat >{name}; chown -R mms: /data/backups", input=data)
    restoring.pyinfra.run("operations.restore.config", f"backup={name.rpartition('/')[2]}", "from=elsewhere", "-y")
    assert restoring.marker() == "previous"
    assert restoring.host.run(f"stat -c %u:%g {CONFIG}/marker").stdout == "102999:102999\n"


def test_a_restore_gives_the_tree_to_the_ids_that_the_host_has_now(restoring: RestoreHost, second: Path) -> None:
    pyinfra = Pyinfra(restoring.folder, restoring.host, kometa_puid=0, kometa_pgid=0)
    pyinfra.run(*restoring.arguments(second), "-y")
    owners = restoring.host.run(f"find {CONFIG} -printf '%U:%G\\n' | sort -u").stdout
    assert owners == "3000:3000\n"  # 0 inside the namespace is the account itself
    restoring.pyinfra.run("operations.restore.undo", "-y")


WRONG = {
    "a missing file": ("backup=/data/none", "there is no file /data/none"),
    "a directory": ("backup=/data", "there is no file"),
    "no backup": ("backup=latest", "no complete archive"),
    "an empty file": ("backup=/home/mms/empty", "it is empty"),
    "another service": ("backup=local:{folder}/radarr", "another service's archive"),
    "no config.yml": ("backup=local:{folder}/bare", "no config.yml"),
    "an unencrypted one called .age": ("backup=local:{folder}/plain.age", "its name says that it is"),
    "no identity": ("backup=local:{folder}/first.tar.zst.age", "give the identity"),
    "a path that leads nowhere": ("backup=a/b", "neither a bare file name nor a path"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_archive_of_ours_is_refused_by_name(what: str, restoring: RestoreHost, first: Path) -> None:
    argument, message = WRONG[what]
    restoring.host.run("rm -f /data/backups/config/kometa/*; touch /home/mms/empty; chown mms: /home/mms/empty")
    (restoring.folder / "radarr").write_bytes(hostile.compressed(hostile.folder(b"radarr/") + hostile.END))
    (restoring.folder / "bare").write_bytes(hostile.compressed(hostile.TOP + hostile.END))
    (restoring.folder / "plain.age").write_bytes(hostile.compressed(hostile.TOP + hostile.END))
    before = restoring.everything()
    told = restoring.pyinfra.run(
        "operations.restore.config", argument.format(folder=restoring.folder), "-y", status=1
    ).text
    assert message in told
    assert restoring.everything() == before


def test_paramiko_carries_a_restore_where_the_openssh_client_cannot(
    restoring: RestoreHost, first: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # It tells what the user's settings are, and cannot log in.
    (tmp_path / "ssh").write_text(f'#!/bin/sh\ncase " $* " in *" -G "*) exec {which("ssh")} "$@" ;; esac\nexit 255\n')
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    restoring.restore(first, "destination=/home/mms/by-paramiko")
    monkeypatch.undo()
    assert restoring.host.run("cat /home/mms/by-paramiko/marker; rm -r /home/mms/by-paramiko").stdout == "first\n"


@pytest.mark.parametrize("user", ["admin", "careful", "mms"])
def test_any_account_that_may_deploy_may_restore(user: str, restoring: RestoreHost, first: Path) -> None:
    own = "-o mms -g mms /home/mms/.ssh"
    restoring.host.run(
        f"install -d -m 700 {own}; install -m 600 -t /home/mms/.ssh {own.rpartition(' ')[0]} ~/.ssh/authorized_keys"
    )
    data = {"ssh_user": user} | ({"_sudo_password": "sandbox"} if user == "careful" else {})
    pyinfra = Pyinfra(restoring.folder, restoring.host, **data)
    arguments = restoring.arguments(first, "destination=/home/mms/by-other")
    pyinfra.run(*arguments, "-y")
    assert restoring.host.run("cat /home/mms/by-other/marker; rm -r /home/mms/by-other").stdout == "first\n"


WATCH = (
    f"touch /run/watch; looks=0; missing=0; while [ -e /run/watch ]; do looks=$((looks + 1));"
    f" [ -e {CONFIG}/config.yml ] || missing=$((missing + 1)); done; echo $looks $missing"
)


def test_there_is_always_a_tree_under_the_live_name(restoring: RestoreHost, second: Path) -> None:
    if not restoring.kept():
        restoring.restore(second)
    watch = [*restoring.host.ssh_options, f"root@{restoring.host.address}", WATCH]
    with subprocess.Popen(["ssh", *watch], stdout=subprocess.PIPE, text=True) as watching:
        for _ in range(2):
            restoring.pyinfra.run("operations.restore.undo", "-y")
        restoring.host.run("rm /run/watch")
        looks, missing = watching.communicate(timeout=60)[0].split()
    assert int(looks) > 1000
    assert missing == "0"


# --- another host -----------------------------------------------------------------------------------------------------


@pytest.mark.torture
@pytest.mark.long
def test_a_host_with_other_subordinate_ids_and_another_puid_takes_the_tree(
    sandbox: Sandbox, restoring: RestoreHost, second: Path, tmp_path: Path
) -> None:
    with sandbox.host("ready") as host:
        host.run(
            "useradd -u 3000 -m -s /bin/bash mms; "
            "usermod --del-subuids 1-4000000000 --del-subgids 1-4000000000 mms; true"
        )
        host.run(
            "sed -i /^mms:/d /etc/subuid /etc/subgid; "
            "for f in /etc/subuid /etc/subgid; do echo mms:700000:65536 >>$f; done"
        )
        other = RestoreHost(host, Pyinfra(tmp_path, host, kometa_puid=1000, kometa_pgid=1000), tmp_path, restoring.key)
        other.pyinfra.deploy()
        wait_for_kometa(host)
        told = other.restore(second).text
        assert "Kometa runs with it" in told
        assert host.run(f"find {CONFIG} -printf '%U:%G\\n' | sort -u").stdout == "700999:700999\n"
        predicted = other.pyinfra.preview()
        assert other.pyinfra.deploy() == predicted
        assert other.pyinfra.preview() == set()


# --- what comes out is what went in -----------------------------------------------------------------------------------


def random_tree(folder: Path, numbers: random.Random) -> None:
    """Make a tree of odd names, modes, links, sizes and times."""
    letters = "ab .-\u00e4\u65e5\\'\"*?[$`;&<>(){}!#%~\t"
    names = {"".join(numbers.choice(letters) for _ in range(numbers.randrange(1, 60))) for _ in range(40)}
    places, files = [folder], [folder / "config.yml"]
    files[0].write_text("{}")
    for name in sorted(names - {".", ".."}):
        path = numbers.choice(places) / name
        kind = numbers.choice(["file", "file", "folder", "symlink", "hardlink"])
        if kind == "folder":
            path.mkdir(mode=numbers.choice([0o700, 0o755, 0o2775, 0o1777]))
            places.append(path)
        elif kind == "symlink":
            path.symlink_to(numbers.choice(["/etc/passwd", "..", "config.yml", "x" * 300]))
        elif kind == "hardlink":
            path.hardlink_to(numbers.choice(files))
        else:
            path.write_bytes(numbers.randbytes(numbers.choice([0, 1, 511, 512, 513, 70_000])))
            path.chmod(numbers.choice([0o400, 0o600, 0o644, 0o755, 0o777]))
            files.append(path)
    for path in files:
        subprocess.run(["touch", "-d", f"@{numbers.randrange(2**31)}", path], check=True)


# Times in whole seconds, as an archive has them; the size of a directory is its file system's own matter.
LISTING = (
    r"find . -printf '%P\0%y\0%m\0%s\0%T@\0%n\0%l\0' | tr '\0\n' '\n?' | paste -d '|' - - - - - - - |"
    " awk -F '|' -v OFS='|' '{ if ($2 == \"d\") $4 = $6 = \"\"; sub(/[.].*/, \"\", $5); print }' | sort;"
    " find . -type f -print0 | sort -z | xargs -0 sha256sum"
)


@pytest.mark.torture
def test_what_comes_out_is_what_went_in(restoring: RestoreHost) -> None:
    for seed in range(full(60, 2)):
        tree = restoring.folder / f"random {seed}" / "kometa"
        tree.mkdir(parents=True)
        random_tree(tree, random.Random(seed))  # noqa: S311  (not for secrets)
        packing = restoring.sealed(packed(tree), f"random-{seed}")
        restoring.restore(packing, "destination=/home/mms/random")
        there = restoring.host.run(f"cd /home/mms/random; {LISTING}").stdout
        here = subprocess.run(LISTING, shell=True, cwd=tree, capture_output=True, text=True, check=True).stdout  # noqa: S602
        restoring.host.run("rm -r /home/mms/random")
        assert sorted(there.splitlines()) == sorted(here.splitlines()), seed


# --- hostile and cut archives -----------------------------------------------------------------------------------------


@pytest.mark.torture
def test_every_hostile_archive_leaves_the_host_untouched(restoring: RestoreHost) -> None:
    cases = [*hostile.TARS, *hostile.FILES]
    chosen = cases if full(1, 0) else cases[:: len(cases) // 3]
    path = restoring.folder / "hostile"
    restoring.identity.write_text(f"{hostile.key()}\n")
    before = restoring.everything()
    for case in chosen:
        path.write_bytes(hostile.compressed(case.data) if case in hostile.TARS else case.data)
        told = restoring.restore(path, status=1).text
        assert "hostile: " in told, (case.name, told)
        assert restoring.everything() == before, case.name
    restoring.identity.write_text(f"{restoring.key}\n")


@pytest.mark.torture
def test_an_archive_cut_at_every_64_kib_leaves_the_host_untouched(restoring: RestoreHost, first: Path) -> None:
    data = first.read_bytes()
    places = range(0, len(data), 65536)
    path = restoring.folder / "cut"
    before = restoring.everything()
    for place in places if full(1, 0) else places[:: max(1, len(places) // 3)]:
        path.write_bytes(data[:place])
        assert "cut" in restoring.restore(path, status=1).text
        assert restoring.everything() == before, place


# --- interruptions ----------------------------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_previous_tree(restoring: RestoreHost, first: Path) -> None:
    restoring.make_live(first)
    digest = restoring.digest()
    restoring.host.run("mkdir /mnt/small; mount -t tmpfs -o size=900k,mode=755 tmpfs /mnt/small; chown mms: /mnt/small")
    told = restoring.restore(first, "destination=/mnt/small/tree", status=1).text
    assert "MiB free" in told
    assert restoring.host.run("ls -A /mnt/small").stdout == ""
    restoring.host.run("umount /mnt/small; rmdir /mnt/small")
    assert restoring.digest() == digest


@pytest.mark.torture
def test_a_disk_that_fills_up_leaves_the_previous_tree(restoring: RestoreHost, second: Path) -> None:
    parent = CONFIG.rpartition("/")[0]
    restoring.account(f"systemctl --user stop {UNIT}")
    restoring.restore(second)
    restoring.host.run(
        f"mkdir /mnt/disk; mount -t tmpfs -o size=60m,mode=755 tmpfs /mnt/disk; cp -a {CONFIG} /mnt/disk/;"
        f" mount --bind /mnt/disk {parent}; chown mms: {parent}"
    )
    try:
        digest = restoring.digest()
        large = restoring.archive("large", files=400, size=40_000)
        for seed in range(full(20, 1)):
            after = random.Random(seed).uniform(0, 0.2)  # noqa: S311  (not for secrets)
            process = restoring.pyinfra.start(*restoring.arguments(large), "-y")
            # Below the account's reach: what the tree may not take from it.
            restoring.host.run(
                f"until ls -d {CONFIG}.stage-* >/dev/null 2>&1; do sleep 0.01; done; sleep {after};"
                f" cat /dev/zero >{parent}/filler; sleep 2; rm {parent}/filler; true",
            )
            process.communicate(timeout=120)
            restoring.settled()
            restoring.pyinfra.run("operations.restore.leftovers", "-y")
            assert restoring.leftovers() == ""
            assert restoring.digest() == digest or restoring.marker() == "large", seed
            if restoring.marker() == "large":
                restoring.pyinfra.run("operations.restore.undo", "-y")
    finally:
        restoring.host.run(f"umount {parent}; umount /mnt/disk; rmdir /mnt/disk")


@pytest.mark.torture
def test_whatever_interrupts_a_restore_the_tree_is_the_old_or_the_new_one(
    restoring: RestoreHost, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = Campaign(restoring, seed=random.randrange(10**6) if full(1, 0) else 1)  # noqa: S311  (not for secrets)
    for number in range(full(120, 3)):
        campaign.interrupt(BREAKS[number % len(BREAKS)])
    with capsys.disabled():
        print(f"\nseed {campaign.seed}", *campaign.summary(), sep="\n  ")
