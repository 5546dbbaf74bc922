"""What a destroy removes and what it leaves."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from kometa_host.errors import UserError
from kometa_host.plans import destroy as destroy_plan
from kometa_host.plans.destroy import Remains, without
from kometa_host.settings.variables import Settings
from kometa_host.state.filesets import Entry, FoundSet
from kometa_host.state.observed import Observed
from tests.unit.told import host

ACCOUNT = "mms:x:3000:3000:Managed by kometa-host:/home/mms:/bin/bash"
KOMETA = {
    "Names": ["kometa"], "State": "running", "Image": "lscr.io/linuxserver/kometa:latest", "ImageID": "k",
    "Labels": {"PODMAN_SYSTEMD_UNIT": "kometa.service"}, "Networks": ["mms"],
}  # fmt: skip
PLEX = {**KOMETA, "Names": ["plex"], "ImageID": "p", "Labels": None}


def told(**values: object) -> Observed:
    """Return what a program has told; anything but text is told as JSON."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return host(**texts)


def remains(found: dict[str, Any], more: dict[str, Any] | None = None) -> Remains:
    """Return the remains of a host that told these things."""
    return Remains(Settings(), told(**found), told(**(more or {})))


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        ("lscr.io/linuxserver/kometa:latest", "lscr.io/linuxserver/kometa"),
        ("lscr.io/linuxserver/kometa@sha256:" + "a" * 64, "lscr.io/linuxserver/kometa"),
        ("registry:5000/kometa", "registry:5000/kometa"),
        ("registry:5000/kometa:v1@sha256:" + "a" * 64, "registry:5000/kometa"),
    ],
)
def test_the_repository_of_an_image_has_no_tag_and_no_digest(image: str, repository: str) -> None:
    assert destroy_plan.repository_of(image) == repository


@pytest.mark.parametrize("value", [None, False, "", "no", "false"])
def test_data_stay_by_default(value: object) -> None:
    assert not destroy_plan.wants_data(value)


def test_destroy_data_is_yes_or_no_and_nothing_else() -> None:
    assert destroy_plan.wants_data(True)
    assert destroy_plan.wants_data("true")
    with pytest.raises(UserError, match="destroy_data is 'all'"):
        destroy_plan.wants_data("all")


def test_only_the_whole_name_of_the_host_confirms() -> None:
    assert destroy_plan.is_confirmed("tower, nas", "nas")
    for value in (None, "", True, "na", "nas2", "*"):
        assert not destroy_plan.is_confirmed(value, "nas")


def found_set(**deviations: set[str]) -> FoundSet:
    """Return a set of a directory and three files with these deviations."""
    entries = {"a.timer": Entry("1", 0o644, 0, 0), "b": Entry("2", 0o644, 0, 0), "c": Entry("3", 0o644, 0, 0)}
    how = {name.replace("_", "."): frozenset(kinds) for name, kinds in deviations.items()}
    return FoundSet(manifest={".": Entry(None, 0o755, 0, 0), **entries}, deviations=how)


def test_all_files_of_a_set_go_and_a_copy_is_kept_of_what_somebody_changed() -> None:
    _, changes = without(found_set(b={"changed"}, c={"missing"}), "units", "/root")
    assert (list(changes.remove), list(changes.save)) == (["b", "a.timer"], ["b"])


def test_what_is_kept_stays_in_the_manifest() -> None:
    wanted, changes = without(found_set(), "quadlets", "/root", keep=["b"])
    assert list(wanted.files) == ["b"]
    assert "b" not in changes.remove


def test_nothing_changes_where_nothing_of_the_set_is_left() -> None:
    assert not without(FoundSet(), "units", "/root")[1]
    assert not without(found_set(a_timer={"missing"}, b={"missing"}, c={"missing"}), "units", "/root")[1]
    assert without(FoundSet(pending=True), "units", "/root")[1]


def test_images_of_the_repository_go_unless_other_containers_use_them() -> None:
    images = [
        {"Id": "k", "Names": ["lscr.io/linuxserver/kometa:latest"]},
        {"Id": "k", "Names": ["lscr.io/linuxserver/kometa:v2.4.4"]},
        {"Id": "previous", "Names": None, "History": ["lscr.io/linuxserver/kometa:latest"]},
        {"Id": "p", "RepoDigests": ["lscr.io/linuxserver/kometa@sha256:1"]},
        {"Id": "other", "Names": ["docker.io/plexinc/pms-docker:latest"]},
    ]
    assert remains({"containers": [KOMETA, PLEX]}, {"images": images}).images == ("k", "previous")


def test_a_container_that_no_unit_of_ours_has_made_is_not_ours() -> None:
    assert remains({"containers": [{**KOMETA, "Labels": None}]}).container is None
    assert remains({"containers": [KOMETA]}).service_left


@pytest.mark.parametrize("more", ["ActiveState=activating", "ActiveState=inactive\nJob=77"])
def test_a_service_that_is_about_to_start_is_left_to_be_stopped(more: str) -> None:
    manifest = gzip.compress(b"done\nabc 1 1 1 644 0 0\tkometa.container\n")

    def left(unit: str) -> bool:
        found = host(units=f"Id=kometa.service\nLoadState=loaded\n{unit}", files__quadlets__manifest=manifest)
        return Remains(Settings(), found, host()).service_left

    assert left(more)
    assert not left("ActiveState=inactive")
    assert not left("ActiveState=inactive\nJob=")


def test_a_run_in_progress_is_refused_unless_it_may_be_killed() -> None:
    busy = remains({"run-in-progress": "1795365451", "containers": [KOMETA]})
    with pytest.raises(UserError, match="nothing was changed"):
        destroy_plan.refuse_during_run(busy)
    destroy_plan.refuse_during_run(Remains(Settings(kometa_restart="now"), busy.found, busy.more))


@pytest.mark.parametrize(
    ("found", "more", "reason"),
    [
        ({"passwd": ACCOUNT.replace("Managed by kometa-host", "")}, {}, "no deploy has made it"),
        ({"passwd": ACCOUNT, "connected-as": "mms"}, {}, "the connection is its own"),
        ({"passwd": ACCOUNT, "containers": [KOMETA, PLEX]}, {}, "other containers run under it (plex)"),
        ({"passwd": ACCOUNT}, {"volumes": "films"}, "it has Podman volumes"),
        ({"passwd": ACCOUNT}, {"files-of-others": "/home/mms/note"}, "other files are in its home (/home/mms/note)"),
    ],
)
def test_an_account_that_others_use_stays(found: dict[str, Any], more: dict[str, Any], reason: str) -> None:
    assert destroy_plan.why_account_stays(remains(found, more)) == reason


def test_an_account_of_our_own_making_goes_with_the_data() -> None:
    assert destroy_plan.why_account_stays(remains({"passwd": ACCOUNT, "containers": [KOMETA]})) is None


def test_what_goes_for_good_is_listed_with_its_size() -> None:
    more = {"trees": "3\t2048\t/home/mms/config/kometa", "archives": "5000000000 /data/a.age", "whole-state": "x"}
    lines = destroy_plan.data_of(remains({}, more), account=False)
    assert lines[0] == "/home/mms/config/kometa (3 files, 2.0 MiB)"
    assert lines[1] == "/data/a.age (4.7 GiB)"
    assert len(lines) == 3


def test_a_user_manager_that_does_not_run_is_said_before_anything_is_removed() -> None:
    unit = "Id=kometa.service\nLoadState=loaded\nActiveState=active"
    container = json.dumps([KOMETA])
    with pytest.raises(UserError, match=r"loginctl enable-linger mms && systemctl start user@\$\(id -u mms\)\.service"):
        destroy_plan.refuse_unreachable_manager(remains({"units": unit, "containers": container}))
    destroy_plan.refuse_unreachable_manager(remains({"bus": "yes", "units": unit, "containers": container}))
    destroy_plan.refuse_unreachable_manager(remains({}))
