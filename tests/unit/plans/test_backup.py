"""Backups as far as they need no host: what a host gets, and what its archives tell."""

import subprocess
from datetime import UTC, datetime, timedelta

import pyrage  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kometa_host.archive.chain import Report
from kometa_host.archive.gate import Contents
from kometa_host.errors import SettingsError, UserError
from kometa_host.plans import backup as backup_plan
from kometa_host.plans.backup import FoundArchive, parse_archives
from kometa_host.plans.origin import Written
from kometa_host.settings.variables import Settings
from kometa_host.state import backup_files, desired, programs

RECIPIENT = str(pyrage.x25519.Identity.generate().to_public())
SECRET_URL = "https://ping.example/secret-id"  # noqa: S105
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DIRECTORY = "/data/backups/config/kometa"


def settings(**data: object) -> Settings:
    return Settings.from_data({"kometa_backup_recipients": [RECIPIENT], **data}, "test")


def archive(name: str, complete: bool = True) -> FoundArchive:
    return parse_archives([f"{10_000 if complete else 0} zstd {0 if complete else 1} {name}"])[0]


class TestWhatAHostGets:
    def test_nothing_without_recipients(self) -> None:
        known = Settings.from_data({}, "test")
        assert backup_files.units(known) == ()
        assert desired.library(known).files.keys() & {backup_files.SCRIPT, backup_files.RECIPIENTS} == set()

    def test_a_script_what_helps_it_and_a_list_of_recipients_for_the_account_alone(self) -> None:
        files = desired.library(settings()).files
        assert {backup_files.SCRIPT, backup_files.RECIPIENTS, *backup_files.HELPERS} <= set(files)
        assert all(file.mode & 0o077 == 0 for file in files.values())
        assert files[backup_files.RECIPIENTS].text() == f"{RECIPIENT}\n"

    def test_the_notify_url_is_in_a_private_file_and_nowhere_else(self) -> None:
        known = settings(kometa_notify_url=SECRET_URL)
        files = {**desired.library(known).files, **desired.units(known).files}
        assert files.pop(backup_files.NOTIFY_URL).mode == 0o600
        assert not [name for name, file in files.items() if "secret-id" in file.text()]

    def test_a_timer_in_the_hosts_time_zone_that_makes_up_for_a_missed_time(self) -> None:
        timer = desired.units(settings(mms_timezone="Europe/Berlin")).files[backup_files.TIMER].text()
        assert "OnCalendar=*-*-* 03:00:00 Europe/Berlin\n" in timer
        assert "Persistent=true\n" in timer

    def test_a_service_that_thaws_whatever_happens_and_waits_for_the_mount(self) -> None:
        text = desired.units(settings(kometa_backup_mount="/data")).files[backup_files.SERVICE].text()
        assert f"RequiresMountsFor={DIRECTORY} /data\n" in text
        assert "ExecStopPost=-bash /home/mms/.local/lib/kometa-host/kometa-backup finish\n" in text
        assert "[Install]" not in text  # enabled by mistake it would run at each boot

    def test_the_unit_is_not_ended_before_all_of_its_waits_are_over(self) -> None:
        known = settings(kometa_backup_max_pause=5000)
        assert backup_files.longest(known) > backup_files.LOCK_WAIT + backup_files.ATTEMPTS * 5000
        assert (
            f"TimeoutStartSec={backup_files.longest(known)}\n"
            in desired.units(known).files[backup_files.SERVICE].text()
        )

    def test_as_many_attempts_as_the_script_makes(self) -> None:
        assert f"\nattempts={backup_files.ATTEMPTS} " in backup_files.script(settings())

    def test_values_in_the_script_are_quoted(self) -> None:
        text = backup_files.script(settings(kometa_backup_keep={"daily": 3}))
        assert text.startswith("#!/usr/bin/env bash\n")
        assert "keep=(last=0 hourly=0 daily=3 weekly=0 monthly=0 yearly=0)\n" in text


REPOSITORY = {
    "kometa_backup_repository": "s3:https://s3.example/bucket",
    "kometa_repository_secrets": {"RESTIC_PASSWORD": "it's \"$secret`", "AWS_ACCESS_KEY_ID": "key"},
    "kometa_autodeploy_host": "tower.lan",
}


class TestRepository:
    def test_its_secrets_are_in_one_private_file_from_which_a_shell_reads_them_as_they_are(self) -> None:
        known = settings(**REPOSITORY)
        files = {**desired.library(known).files, **desired.units(known).files, **desired.quadlets(known).files}
        private = files.pop(backup_files.REPOSITORY)
        assert private.mode == 0o600
        assert not [name for name, file in files.items() if "secret`" in file.text()]
        shell = ["bash", "-c", f'{private.text()}\nprintf %s "$RESTIC_PASSWORD|$RESTIC_REPOSITORY"']
        read = subprocess.run(shell, capture_output=True, text=True, check=True)
        assert read.stdout == "it's \"$secret`|s3:https://s3.example/bucket"

    def test_without_recipients_there_are_no_archives_and_the_timer_runs_for_the_repository(self) -> None:
        known = settings(kometa_backup_recipients=[], **REPOSITORY)
        assert backup_files.RECIPIENTS not in desired.library(known).files
        assert backup_files.units(known) == (backup_files.SERVICE, backup_files.TIMER)
        assert "\narchives=\nrepository=yes\n" in backup_files.script(known)
        assert backup_plan.directory_step(known, "").step == "leave"

    def test_it_is_opened_once_for_each_new_setting(self) -> None:
        known = settings(**REPOSITORY)
        noted = backup_files.repository_fingerprint(known)
        other = settings(**{**REPOSITORY, "kometa_autodeploy_host": "attic.lan"})
        assert backup_plan.repository_is_settled(known, f"{noted}\n", noted)
        assert backup_plan.repository_is_settled(settings(), "", "x")
        assert backup_plan.repository_is_settled(known, "", noted) is None
        assert backup_plan.repository_is_settled(other, noted, backup_files.repository_fingerprint(other)) is None

    def test_without_a_password_it_is_refused_before_anything_changes(self) -> None:
        known = settings(kometa_backup_repository="/srv/kometa-restic")
        with pytest.raises(UserError, match="RESTIC_PASSWORD is not in kometa_repository_secrets"):
            backup_plan.refuse_without_password(known)
        backup_plan.refuse_without_password(settings(**REPOSITORY))
        backup_plan.refuse_without_password(settings())

    @pytest.mark.parametrize(
        ("place", "mount"), [("/data/restic", "/data"), ("/srv/restic", "''"), ("sftp:host:/data/x", "''")]
    )
    def test_a_repository_on_the_share_needs_the_share(self, place: str, mount: str) -> None:
        known = settings(**{**REPOSITORY, "kometa_backup_repository": place}, kometa_backup_mount="/data")
        assert f"\nrepository_mount={mount}\n" in backup_files.script(known)

    @pytest.mark.parametrize("place", [DIRECTORY, "/home/mms/config/kometa/restic", "/data/backups"])
    def test_it_lies_neither_in_the_tree_nor_among_the_archives(self, place: str) -> None:
        with pytest.raises(SettingsError, match="put neither inside the other"):
            settings(**{**REPOSITORY, "kometa_backup_repository": place})

    def test_snapshots_are_listed_among_the_archives(self) -> None:
        told = (
            '[{"time":"2026-03-02T08:00:00Z","paths":["/c"],"tags":["kometa-host","pinned"],"id":"1a2b3c4d5e","summary":'
            '{"total_bytes_processed":7}}]'
        )
        proof = "proof 2026-03-03T100000Z drilled restic:1a2b3c4d"
        second, first = parse_archives([proof, "5 other 0 kometa-2026-03-01T080000Z.tar.zst.age", told])
        assert (second.name, second.size, second.pinned, second.complete) == ("restic:1a2b3c4d", 7, True, True)
        assert second.proved == datetime(2026, 3, 3, 10, tzinfo=UTC)
        assert first.proved is None

    @pytest.mark.parametrize("name", ["restic:latest", "restic:1a2b3c4d"])
    def test_a_snapshot_is_a_backup_by_name(self, name: str) -> None:
        assert backup_plan.checked_backup(name, DIRECTORY) == name


class TestDirectory:
    @pytest.mark.parametrize(
        ("found", "step", "ready"),
        [
            ("", "make", False),
            ("missing", "make", False),
            ("writable", "leave", True),
            ("unwritable", "refuse", False),
            ("other", "refuse", False),
            ("unmounted", "leave", False),
            ("silent", "leave", False),
        ],
    )
    def test_is_made_left_or_refused(self, found: str, step: str, ready: bool) -> None:
        decided = backup_plan.directory_step(settings(kometa_backup_mount="/data"), found)
        assert (decided.step, decided.ready) == (step, ready)
        assert "/data" in decided.why

    @pytest.mark.parametrize(("found", "needs_root"), [("missing", False), ("beyond", True)])
    def test_what_is_missing_is_made_by_root_where_the_account_cannot(self, found: str, needs_root: bool) -> None:
        decided = backup_plan.directory_step(settings(), found)
        assert (decided.step, decided.needs_root) == ("make", needs_root)

    def test_is_no_concern_without_recipients_and_that_is_said(self) -> None:
        decided = backup_plan.directory_step(Settings.from_data({}, "test"), "")
        assert (decided.step, decided.ready) == ("leave", False)
        assert "kometa_backup_recipients is empty, and nothing is ever written unencrypted" in decided.why


class TestArchives:
    def encrypted(self, size: int) -> bytes:
        recipient = pyrage.x25519.Recipient.from_str(RECIPIENT)
        data: bytes = pyrage.encrypt(bytes(size), [recipient])
        return data

    def line(self, data: bytes, name: str = "kometa-2026-03-01T080000Z.tar.zst.age") -> str:
        return f"{len(data)} age {data.find(b'--- ')} {name}"

    @given(st.sampled_from([1, 100, 65535, 65536, 65537, 131072, 200_000]))
    def test_a_whole_age_file_is_complete_whatever_its_length(self, size: int) -> None:
        [found] = parse_archives([self.line(self.encrypted(size))])
        assert found.encrypted
        assert found.complete

    @pytest.mark.parametrize("payload", [-200, -100, -17, 0, 16, 65536 + 16 + 3])
    def test_one_that_was_cut_where_no_file_ends_is_not(self, payload: int) -> None:
        data = self.encrypted(200_000)
        header = data.find(b"--- ") + backup_plan.MAC_LINE + backup_plan.NONCE
        [found] = parse_archives([self.line(data[: max(header + payload, 0)])])
        assert not found.complete

    def test_marks_and_proofs_are_those_of_their_archive(self) -> None:
        name, other = (f"kometa-2026-01-0{day}T080000Z.tar.zst.age" for day in (1, 2))
        marks = [f"mark pinned {name}", f"mark by-hand {other}", "mark pinned gone", f"mark unknown {other}"]
        proofs = [f"proof 2026-0{month}-03T100000Z {how} {name}" for month, how in ((1, "drilled"), (2, "restored"))]
        second, first = parse_archives([*marks, *proofs, f"5 other 0 {name}", f"6 other 0 {other}"])
        assert (first.pinned, first.by_hand, first.proved) == (True, False, datetime(2026, 2, 3, 10, tzinfo=UTC))
        assert (second.pinned, second.by_hand, second.proved) == (False, True, None)
        assert first.to_json()["proved"] == "2026-02-03T10:00:00+00:00"

    def test_stages_are_told_with_time_and_name(self) -> None:
        found = backup_plan.parse_stages(
            ["written 2026-03-03T100000Z kometa-x", "checked 2026-03-04T100000Z the repository, part 6 of 12",
             "restored never"]
        )  # fmt: skip
        assert found["checked"] == backup_plan.Stage(
            datetime(2026, 3, 4, 10, tzinfo=UTC), "the repository, part 6 of 12"
        )
        assert found["restored"] is None
        assert list(found) == ["written", "checked", "restored"]

    def test_they_are_listed_newest_first_with_those_of_the_previous_stack(self) -> None:
        listed = parse_archives(
            [
                "5 other 0 kometa-2026-01-01.tar.zst.age",
                "9000 zstd 0 kometa-2026-02-01.tar.zst",
                "7 other 0 kometa-2026-03-01T080000Z.tar.zst.age.partial",
                "8 other 0 kometa-2026-02-31.tar.zst.age",
            ]
        )
        assert [(found.name, found.encrypted, found.complete) for found in listed] == [
            ("kometa-2026-03-01T080000Z.tar.zst.age.partial", False, False),
            ("kometa-2026-02-01.tar.zst", False, True),
            ("kometa-2026-01-01.tar.zst.age", False, False),
        ]
        assert listed[1].to_json()["time"] == "2026-02-01T00:00:00+00:00"

    def listed(self, *lines: str) -> tuple[list[FoundArchive], Written]:
        return parse_archives(lines), backup_plan.parse_written(lines)

    def test_the_latest_is_the_one_that_the_host_has_written_last_whatever_the_names_say(self) -> None:
        found, written = self.listed(
            f"written {'a' * 64} 500 kometa-2026-03-05.tar.zst",
            f"written {'b' * 64} 400 kometa-2026-03-01.tar.zst",  # the clock was set back
            "500 zstd 0 kometa-2026-03-05.tar.zst",
            "400 zstd 0 kometa-2026-03-01.tar.zst",
            "400 zstd 0 kometa-2099-01-01.tar.zst",
        )
        chosen = backup_plan.latest(found, written)
        assert chosen.name == "kometa-2026-03-01.tar.zst"
        assert backup_plan.missing_newer(chosen, written) is None
        assert [archive.written_here for archive in found] == [False, True, True]

    @pytest.mark.parametrize("newest", ["399 zstd 0", "400 zstd 1", ""], ids=["another size", "cut", "gone"])
    def test_a_newer_one_that_is_not_there_any_more_is_said(self, newest: str) -> None:
        found, written = self.listed(
            f"written {'a' * 64} 500 kometa-2026-03-01.tar.zst",
            f"written {'b' * 64} 400 kometa-2026-03-02.tar.zst",
            "500 zstd 0 kometa-2026-03-01.tar.zst",
            *([f"{newest} kometa-2026-03-02.tar.zst"] if newest else []),
        )
        chosen = backup_plan.latest(found, written)
        assert chosen.name == "kometa-2026-03-01.tar.zst"
        assert "kometa-2026-03-02.tar.zst is not there" in str(backup_plan.missing_newer(chosen, written))

    def test_one_that_the_host_has_not_written_is_never_the_latest(self) -> None:
        with pytest.raises(UserError, match=r"backup=kometa-2026-03-02\.tar\.zst from=elsewhere"):
            backup_plan.latest([archive("kometa-2026-03-02.tar.zst")], Written())

    def test_without_any_it_says_how_to_make_one(self) -> None:
        with pytest.raises(UserError, match=r"operations\.backup\.create"):
            backup_plan.latest([archive("kometa-2026-03-02.tar.zst", complete=False)], Written())


class TestWhatTheUserTypes:
    @pytest.mark.parametrize(
        ("typed", "meant"),
        [
            ("latest", "latest"),
            ("kometa-2026-01-01.tar.zst", f"{DIRECTORY}/kometa-2026-01-01.tar.zst"),
            ("/mnt/old/file", "/mnt/old/file"),
            ("local:~/file", "local:~/file"),
        ],
    )
    def test_names_an_archive(self, typed: str, meant: str) -> None:
        assert backup_plan.checked_backup(typed, DIRECTORY) == meant

    @pytest.mark.parametrize("typed", [None, "", 7, "a/b", "../x", "local:", "new\nline", ["latest"]])
    def test_or_is_refused(self, typed: object) -> None:
        with pytest.raises(UserError, match="backup="):
            backup_plan.checked_backup(typed, DIRECTORY)


class TestReports:
    def report(self, config: bool = True, types: tuple[str, ...] = ("X25519",)) -> Report:
        return Report(types, 2_000, Contents(12, 5_000, 20_480, config, 1_700_000_000))

    def test_tells_members_bytes_config_and_age(self) -> None:
        first, second = backup_plan.report_lines("archive", datetime(2026, 3, 9, 12, tzinfo=UTC), self.report(), NOW)
        assert "is whole: 12 members, 5000 bytes (4.9 KiB)" in first
        assert (
            "config.yml is in it; made 1 day ago (2026-03-09 12:00:00 UTC); encrypted to 1 recipient (X25519)" in second
        )

    def test_says_what_is_wrong_with_one_in_clear_and_without_config(self) -> None:
        text = "\n".join(backup_plan.report_lines("some-file", None, self.report(config=False, types=()), NOW))
        assert "config.yml is MISSING; of unknown age; NOT ENCRYPTED" in text

    def test_of_a_snapshot_what_counts_is_that_the_repository_has_all_of_it(self) -> None:
        text = "\n".join(backup_plan.report_lines("restic:1a2b3c4d", NOW, self.report(types=()), NOW))
        assert "made 0 seconds ago" in text
        assert text.endswith("every piece of it is in the repository")

    def test_a_drill_counts_what_changed(self) -> None:
        assert len(backup_plan.drill_lines("archive", "100 0 0 0\n", "")) == 1
        assert (
            "2 entries are not as in it any more, 3 are new or newer" in backup_plan.drill_lines("a", "98 2 3 0", "")[1]
        )

    def test_a_drill_fails_where_something_differs_that_did_not_change(self) -> None:
        with pytest.raises(UserError, match="1 entries of the tree did not change") as failure:
            backup_plan.drill_lines("archive", "99 0 0 1", "not as in the archive: f config.yml")
        assert "config.yml" in str(failure.value)

    @pytest.mark.parametrize(
        ("ago", "words"),
        [
            (0, "0 seconds ago"),
            (61, "1 minute ago"),
            (7200, "2 hours ago"),
            (90_000, "1 day ago"),
            (-5, "in the future"),
        ],
    )
    def test_age_in_words(self, ago: int, words: str) -> None:
        assert backup_plan.age_text(NOW - timedelta(seconds=ago), NOW).startswith(words)

    @pytest.mark.parametrize(("size", "text"), [(0, "0 bytes"), (1536, "1.5 KiB"), (1 << 40, "1024.0 GiB")])
    def test_sizes_as_people_read_them(self, size: int, text: str) -> None:
        assert backup_plan.size_text(size) == text


def test_the_scripts_hold_nothing_but_what_the_repository_shows() -> None:
    assert backup_files.script(settings()).endswith(programs.program("backup"))


class TestPinning:
    @pytest.mark.parametrize("typed", ["kometa-2026-01-31.tar.zst", f"{DIRECTORY}/kometa-2026-01-31.tar.zst"])
    def test_takes_a_name_of_the_directory(self, typed: str) -> None:
        assert backup_plan.checked_name(typed, DIRECTORY) == "kometa-2026-01-31.tar.zst"

    @pytest.mark.parametrize("typed", [None, "", "latest", "local:kometa-2026-01-31.tar.zst", "/else/x", "notes.txt"])
    def test_refuses_everything_else(self, typed: object) -> None:
        with pytest.raises(UserError, match="backup"):
            backup_plan.checked_name(typed, DIRECTORY)
