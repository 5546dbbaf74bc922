import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kometa_host.settings import paths
from kometa_host.settings.refusals import RefusalError

EXAMPLE = "/home/mms/config/kometa"


@pytest.mark.parametrize(
    "path", [EXAMPLE, "/data/backups/config/kometa", "/srv/kometa", "/var/lib/kometa", "/mnt/käse/k-1.2"]
)
def test_a_directory_of_its_own_is_taken(path: str) -> None:
    assert paths.checked_directory(path, EXAMPLE) == path


def test_a_slash_at_the_end_is_left_out() -> None:
    assert paths.checked_directory("/data/backups/", EXAMPLE) == "/data/backups"


@pytest.mark.parametrize(
    "path", ["/", "//", "/home", "/home/mms", "/home/x/", "/root", "/etc", "/usr", "/var", "/boot", "/srv"]
)
def test_root_homes_and_system_directories_are_refused(path: str) -> None:
    with pytest.raises(RefusalError):
        paths.checked_directory(path, EXAMPLE)


@pytest.mark.parametrize("path", ["/etc/kometa", "/usr/local/kometa", "/run/user/3000/kometa", "/proc/1", "/var/run/x"])
def test_the_inside_of_system_directories_is_refused(path: str) -> None:
    with pytest.raises(RefusalError, match="belongs to the system"):
        paths.checked_directory(path, EXAMPLE)


@pytest.mark.parametrize("path", ["config", "./config", "~/config", "", "  ", None, 7, ["/srv/x"], True])
def test_what_is_no_absolute_path_is_refused(path: object) -> None:
    with pytest.raises(RefusalError, match=EXAMPLE):
        paths.checked_directory(path, EXAMPLE)


@pytest.mark.parametrize(
    "path", ["/srv/a b", "/srv/a:Z", "/srv/%h", "/srv/$HOME", "/srv/a;b", "/srv/a'b", "/srv/a\\b", "/srv/a,b"]
)
def test_characters_with_a_meaning_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(RefusalError, match="letters, digits"):
        paths.checked_directory(path, EXAMPLE)


@pytest.mark.parametrize("path", ["/srv/a\nb", "/srv/a\tb", "/srv/a\x00b", "/srv/a\u2028b", "/srv/a\x7f"])
def test_control_characters_are_refused(path: str) -> None:
    with pytest.raises(RefusalError, match="control character"):
        paths.checked_directory(path, EXAMPLE)


def test_dots_and_double_slashes_are_refused_with_the_tidy_path() -> None:
    with pytest.raises(RefusalError, match="write /etc"):
        paths.checked_directory("/srv/../etc", EXAMPLE)
    with pytest.raises(RefusalError, match="write /srv/kometa"):
        paths.checked_directory("/srv//./kometa", EXAMPLE)


@given(st.lists(st.sampled_from(["..", ".", "", "home", "mms", "etc", "srv", "a"]), max_size=6))
def test_every_path_taken_is_normal_and_narrow(parts: list[str]) -> None:
    try:
        path = paths.checked_directory("/" + "/".join(parts), EXAMPLE)
    except RefusalError:
        return
    assert path == posixpath.normpath(path)
    assert path not in paths.TOO_WIDE


@pytest.mark.parametrize(
    "path", ["/home/mms/.config", "/home/mms/.ssh", "/home/mms/.local/share/kometa", "/home/mms/.config/systemd/x"]
)
def test_what_the_account_keeps_for_itself_is_refused(path: str) -> None:
    with pytest.raises(RefusalError, match="kept for other things"):
        paths.refuse_account_internals(path, "/home/mms", EXAMPLE)


def test_another_folder_beside_those_is_fine() -> None:
    paths.refuse_account_internals("/home/mms/.config/kometa", "/home/mms", EXAMPLE)
    paths.refuse_account_internals(EXAMPLE, "/home/mms", EXAMPLE)


def test_a_name_that_begins_alike_is_not_inside() -> None:
    assert not paths.contains("/data", "/database")
    assert paths.contains("/data", "/data")
    assert paths.overlap("/data/x", "/data")


@pytest.mark.parametrize(("value", "path"), [("kometa", "kometa"), ("trees/kometa/", "trees/kometa"), ("./a", "a")])
def test_a_folder_of_the_project_is_taken(value: str, path: str) -> None:
    assert paths.checked_project_path(value, "kometa") == path


@pytest.mark.parametrize(
    "value", ["/kometa", "~/kometa", "../kometa", "a/../../b", ".", "a/..", "", "/", None, "a\nb", 3]
)
def test_what_is_outside_of_the_project_is_refused(value: object) -> None:
    with pytest.raises(RefusalError):
        paths.checked_project_path(value, "kometa")
