"""The composite read: what is made of what a host tells."""

import json
from datetime import UTC, datetime

import pytest

from kometa_host.errors import UserError
from kometa_host.state import observed
from kometa_host.state.observed import (
    Account,
    ForeignOwned,
    HostFacts,
    Observed,
    SubordinateRange,
    parse_foreign_owned,
)
from tests.unit.told import host, lines

UNITS = (
    "Id=a.service\nLoadState=loaded\nActiveState=active\nNeedDaemonReload=yes\n\nId=b.timer\nUnitFileState=enabled\n"
)
CONTAINERS = [
    {"Names": ["kometa"], "State": "running", "Image": "i", "ImageID": "1", "Networks": ["mms"], "StartedAt": 5},
    {"Names": ["created"], "State": "created", "Image": "i", "ImageID": "1", "Labels": None, "Networks": None},
]


def test_a_read_that_was_cut_off_tells_nothing() -> None:
    told = lines(group="x", linger="yes")
    assert observed.parse(told) is None
    assert observed.parse([]) is None


def test_what_the_account_says_never_counts_as_a_fact_of_the_host() -> None:
    lies = lines(subuid="mms:0:65536", passwd="mms:x:0:0::/root:/bin/sh", linger="yes", account="x")  # noqa: S106
    told = "".join(f"{line}\n" for line in [*lies, "end", *lines(connected_as="root"), "end"])
    found = observed.parse([*lines(subuid="mms:100000:65536", account=told), "end"])
    assert found is not None
    assert found.host.subordinate("subuid") == (SubordinateRange("mms", 100_000, 65_536),)
    assert (found.host.accounts, found.host.text("linger"), found.host.text("connected-as")) == ((), "", "")


@pytest.mark.parametrize("cut", ["", "groups", "end of another kind\n", "\xff\n"])
def test_an_account_that_was_cut_off_leaves_nothing_to_decide_on(cut: str) -> None:
    assert observed.parse([*lines(linger="yes", account=cut), "end"]) is None


def test_what_comes_behind_the_accounts_end_is_told_as_far_as_it_came() -> None:
    told = "".join(f"{line}\n" for line in [*lines(bus="yes"), "end", *lines(tree_kib="1")])
    found = observed.parse([*lines(account=told), "end"])
    assert found is not None
    assert (found.text("bus"), found.text("tree-kib")) == ("yes", "1")


def test_values_arrive_whole() -> None:
    assert host(motd="a\nb ü\n").text("motd") == "a\nb ü"
    assert host(command__age="/usr/bin/age").host.has_command("age")
    assert not host().host.has_command("age")


def test_a_path_is_resolved_as_far_as_the_host_told() -> None:
    found = host(links="/home/mms\t/var/home/mms\n/home/mms/config\t/data/config")
    assert found.resolved("/home/mms/.ssh") == "/var/home/mms/.ssh"
    assert found.resolved("/home/mms/config/kometa") == "/data/config/kometa"
    assert found.resolved("/home/mmsx") == "/home/mmsx"
    assert host().resolved("/home/mms") == "/home/mms"


def test_an_empty_host_has_nothing_and_no_error() -> None:
    found = host()
    assert (found.host.accounts, dict(found.host.groups), found.host.subordinate("subuid")) == ((), {}, ())
    assert (dict(found.units), dict(found.containers), found.image_id, found.network) == ({}, {}, None, None)
    assert (dict(found.secrets), found.run_started, dict(found.quadlet_times)) == ({}, None, {})
    assert (found.foreign_owned, dict(found.foreign)) == (ForeignOwned(), {})
    assert (found.files("config").digest, found.files("config").text) == (None, None)


def test_an_account_that_two_questions_find_is_one() -> None:
    line = "mms:x:3000:3001:Kometa:/home/mms:/bin/bash\n"
    found = host(passwd=line * 2, group="mms:x:3001:\n")
    assert found.host.accounts == (Account("mms", 3000, 3001, "/home/mms", "/bin/bash", "Kometa"),)
    assert found.host.groups == {"mms": 3001}


def test_lines_of_subuid_that_are_none_are_passed_over() -> None:
    found = host(subuid="# a:1:2\na:1:2\n\nb:x:2\nc:1\n d:3:4 \n")
    assert found.host.subordinate("subuid") == (
        SubordinateRange("# a", 1, 2),
        SubordinateRange("a", 1, 2),
        SubordinateRange("d", 3, 4),
    )


def test_units_are_told_by_name() -> None:
    units = host(units=UNITS).units
    assert (units["a.service"].active, units["a.service"].needs_reload) == ("active", True)
    assert (units["b.timer"].enabled, units["b.timer"].load, units["b.timer"].needs_reload) == ("enabled", "", False)


def test_containers_that_never_ran_are_read_as_well() -> None:
    found = host(containers=json.dumps(CONTAINERS)).containers
    assert (found["kometa"].started, found["kometa"].networks, found["kometa"].labels) == (5, ("mms",), {})
    assert (found["created"].started, found["created"].networks) == (0, ())


def test_lists_that_podman_calls_null_are_empty() -> None:
    assert host(containers="null", images="null").image_id is None
    assert host(containers="null").containers == {}


def test_only_our_secrets_count_with_their_digest_and_the_second_of_their_writing() -> None:
    def secret(name: str, updated: str, **more: object) -> dict[str, object]:
        return {"Spec": {"Name": name} | more, "UpdatedAt": updated}

    told = [
        secret("kometa-a", "2023-11-14T22:13:20.123456789Z", Labels={"kometa-host.digest": "s:h"}),
        secret("kometa-b-c", "2023-11-14T23:13:20+01:00", Labels=None),
        secret("other", "never"),
    ]
    found = host(secrets=json.dumps(told)).secrets
    assert {name: (entry.digest, entry.updated) for name, entry in found.items()} == {
        "a": ("s:h", 1_700_000_000),
        "b-c": ("", 1_700_000_000),
    }


def test_foreign_entries_are_counted_whatever_their_names_are() -> None:
    assert parse_foreign_owned("0 0\n") == ForeignOwned()
    assert parse_foreign_owned("") == ForeignOwned()
    assert parse_foreign_owned("0:0 a b\n65534:0 c\n7 1") == ForeignOwned(7, 1, ("0:0 a b", "65534:0 c"))
    first = host(foreign_owned=b"0:0 poster \xff.jpg\n1 0\n").foreign_owned.first
    "".join(first).encode()  # can be printed


def test_times_of_quadlets_are_told_by_name_and_odd_names_disturb_nothing() -> None:
    told = "1700000000.5000000000 kometa.container\n1.0 a b.network\n2.0 line\nbreak\n"
    assert host(quadlet_times=told).quadlet_times == {"kometa.container": 1_700_000_000.5, "a b.network": 1, "line": 2}


def test_a_set_of_files_is_told_with_text_and_what_was_declared() -> None:
    found = host(
        files__config__root="700 3000 3000", files__config__digest="abc",
        files__config__deviations="changed config.yml",
        files__config__text="a: 1\n", files__config__declared=b"\xff", files__config__pending="yes",
    ).files("config")  # fmt: skip
    assert found.root is not None
    assert (found.root.mode, found.root.uid) == (0o700, 3000)
    assert (found.digest, found.text, found.declared, found.pending) == ("abc", "a: 1\n", "\ufffd", True)
    assert found.deviations == {"config.yml": {"changed"}}


def test_a_run_in_progress_is_a_time_and_none_is_none() -> None:
    assert host(run_in_progress="1700000000").run_started == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert host(run_in_progress="").run_started is None


@pytest.mark.parametrize("told", ["soon", "-1", "253402301000", "9" * 30, "9" * 5000])
def test_a_time_that_no_clock_shows_is_refused_by_name(told: str) -> None:
    with pytest.raises(UserError, match="about the run in progress makes no sense"):
        _ = host(run_in_progress=told).run_started


def test_an_image_that_hides_when_it_was_built_has_no_age() -> None:
    assert host(image_created="-62135596800").image_created is None
    assert host(image_created="0").image_created == datetime(1970, 1, 1, tzinfo=UTC)


def test_what_is_longer_than_any_answer_is_refused_before_it_is_taken_apart() -> None:
    with pytest.raises(UserError, match="about units is larger than 4 MiB"):
        _ = Observed({"units": b"Id=a\n\n" * 1_000_000}).units


def test_what_pyinfra_prints_of_it_holds_no_escape_and_no_text_of_a_file() -> None:
    found = Observed(
        {"units": b"a\x1b]0;x\xff", "files.config.text": b"token: hunter2", "foreign./a\x1b": b"X=hunter2"},
        HostFacts({"now": b"\xed\xa0\x80"}),
    )
    printed = json.dumps(found.to_json(), ensure_ascii=False)
    assert "hunter2" not in printed
    assert printed.isprintable()
