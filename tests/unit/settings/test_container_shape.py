"""Mounts, memory and further lines of the Quadlet: what works is taken, what would break the rest is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kometa_host.errors import SettingsError
from kometa_host.settings.container_shape import checked_memory, checked_quadlet, checked_volumes
from kometa_host.settings.refusals import RefusalError
from kometa_host.settings.variables import Settings


def volumes(value: object) -> tuple[str, ...]:
    return checked_volumes(value, "/home/mms/config/kometa", "/data/backups/config/kometa", "/home/mms")


def refusal(function: object, value: object) -> str:
    with pytest.raises(RefusalError) as refused:
        function(value)  # type: ignore[operator]
    return str(refused.value)


def test_mounts_are_taken() -> None:
    assert volumes(["/srv/assets:/assets:ro,z", "/mnt/user/media/:/media"]) == (
        "/srv/assets:/assets:ro,z", "/mnt/user/media:/media"
    )  # fmt: skip
    assert volumes("/a:/b") == ("/a:/b",)
    assert volumes([]) == ()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (["/srv/a:/config"], "below /config"),
        (["/srv/a:/config/assets"], "mount it beside"),
        (["/srv/a:/run/x"], "something else"),
        (["/srv/a:/"], "something else"),
        (["/:/host"], "the whole host"),
        (["/home/mms/.ssh:/ssh"], "kept for other things"),
        (["/home/mms:/home"], "kept for other things"),
        (["/home/mms/config/kometa/assets:/assets"], "/config already"),
        (["/data:/data"], "backups"),
        (["/srv/a:/a:Z"], "write z"),
        (["/srv/a:/a:U"], "Kometa's user"),
        (["/srv/a:/a:rbind"], "the options are"),
        (["assets:/assets"], "does not begin with /"),
        (["/srv/a"], "write host path"),
        (["/srv/a:/x", "/srv/b:/x"], "more than once"),
        (["/srv/%h:/x"], "%"),
        ([3], "write host path"),
        (["/srv/a\n:/x"], "line break"),
    ],
)
def test_mounts_that_cannot_be_meant_are_refused(value: object, said: str) -> None:
    assert said in refusal(volumes, value)


@pytest.mark.parametrize(
    ("value", "memory"), [("4G", "4G"), ("1500m", "1500M"), ("2gb", "2G"), (None, None), ("", None)]
)
def test_memory(value: object, memory: str | None) -> None:
    assert checked_memory(value) == memory


@pytest.mark.parametrize("value", ["4", "4Gi", "-1G", "lots", 4, "100M", "1.5G", "0G"])
def test_memory_that_is_no_size_or_too_little_is_refused(value: object) -> None:
    assert "write" in refusal(checked_memory, value)


def test_further_lines_are_taken_in_their_order() -> None:
    value = {"Container": {"DNS": ["10.0.0.1", "10.0.0.2"], "ReadOnly": True, "PodmanArgs": "--cpus 2"}, "Service": {}}
    lines = (("DNS", "10.0.0.1"), ("DNS", "10.0.0.2"), ("ReadOnly", "true"), ("PodmanArgs", "--cpus 2"))
    assert checked_quadlet(value) == {"Container": lines, "Service": ()}
    assert checked_quadlet(checked_quadlet(value)) == checked_quadlet(value)


@pytest.mark.parametrize(
    ("section", "keys", "said"),
    [
        ("Container", {"UserNS": "keep-id"}, "goes down to kometa_puid"),
        ("Container", {"UserNs": "keep-id"}, "goes down to kometa_puid"),
        ("Container", {"User": "3000"}, "goes down to kometa_puid"),
        ("Container", {"PublishPort": "8080:80"}, "listens on nothing"),
        ("Container", {"Volume": "/a:/config"}, "kometa_volumes"),
        ("Container", {"Environment": "A=1"}, "kometa_environment"),
        ("Container", {"PodmanArgs": "--userns=keep-id"}, "--userns"),
        ("Container", {"PodmanArgs": "--cpus 2 -p 80:80"}, "-p in PodmanArgs"),
        ("Container", {"PodmanArgs": "-p80:80"}, "listens on nothing"),
        ("Container", {"PodmanArgs": "'--volume' /a:/config"}, "kometa_volumes"),
        ("Container", {"PodmanArgs": "'open"}, "not closed"),
        ("Container", {"DNS": "10.0.0.1\nUserNS=keep-id"}, "line break"),
        ("Container", {"DNS": "10.0.0.1\\"}, "next line"),
        ("Container", {"DNS=1\nUserNS": "keep-id"}, "the key"),
        ("Container", {"DNS": None}, "write sections"),
        ("Service", {"ExecStart": "/bin/sh"}, "the unit is Podman's"),
        ("Install", {"WantedBy": "x"}, "the sections are"),
        ("Unit", "After=x", "write sections"),
    ],
)
def test_lines_that_would_break_the_rest_are_refused(section: str, keys: object, said: str) -> None:
    assert said in refusal(checked_quadlet, {section: keys})


@given(
    st.dictionaries(
        st.text(max_size=8), st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=2), max_size=2
    )
)
def test_whatever_is_taken_is_one_key_and_one_value_a_line(value: dict[str, dict[str, str]]) -> None:
    try:
        checked = checked_quadlet(value)
    except RefusalError:
        return
    for lines in checked.values():
        for key, text in lines:
            assert len(f"{key}={text}".splitlines()) == 1


def test_a_mount_of_the_backups_is_seen_with_the_settings() -> None:
    with pytest.raises(SettingsError, match="backups"):
        Settings.from_data({"kometa_backup_dir": "/data/b", "kometa_volumes": ["/data:/data"]}, "a host")
