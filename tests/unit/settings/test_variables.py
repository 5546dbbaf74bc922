import json
import runpy
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kometa_host.errors import SettingsError, UserError
from kometa_host.settings.secret import SecretStr
from kometa_host.settings.variables import Settings

PROJECT = Path(__file__).parents[3]
VARIABLES = (
    *("mms_user", "mms_uid", "mms_gid", "mms_network", "mms_timezone", "kometa_image", "kometa_config_dir"),
    *("kometa_puid", "kometa_pgid", "kometa_times", "kometa_plex_url", "kometa_userns", "kometa_environment"),
    *("kometa_config_source", "kometa_host_files", "kometa_secrets_file", "kometa_secrets", "kometa_authorization"),
    *("kometa_restart", "kometa_backup_dir"),
    *("kometa_backup_schedule", "kometa_backup_recipients", "kometa_backup_keep", "kometa_backup_mount"),
    *(
        "kometa_backup_max_pause",
        "kometa_drill_days",
        "kometa_backup_exclude",
        "kometa_backup_repository",
        "kometa_repository_secrets",
    ),
    *("kometa_volumes", "kometa_memory", "kometa_quadlet"),
    *("kometa_run_limit", "kometa_notify", "kometa_notify_on", "kometa_notify_url", "kometa_metrics_dir"),
    *("kometa_autodeploy_group", "kometa_autodeploy_schedule"),
    *("kometa_autodeploy_source", "kometa_autodeploy_repository", "kometa_autodeploy_branch"),
    *("kometa_autodeploy_unsigned", "kometa_autodeploy_signers", "kometa_autodeploy_host"),
)


def group_data() -> dict[str, Any]:
    names = runpy.run_path(str(PROJECT / "group_data" / "all.py"))
    return {name: value for name, value in names.items() if not name.startswith("__")}


def problems(**data: object) -> dict[str, str]:
    """Return the problems of these variables, as texts by variable."""
    with pytest.raises(SettingsError) as refused:
        Settings.from_data({**group_data(), **data}, "host")
    return {problem.variable: problem.text() for problem in refused.value.problems}


def refusal_of(data: dict[str, object]) -> SettingsError | None:
    try:
        Settings.from_data(data, "host")
    except SettingsError as error:
        return error
    return None


def settings(**data: object) -> Settings:
    return Settings.from_data({**group_data(), **data}, "host")


def test_group_data_has_every_variable_once_and_no_other() -> None:
    assert tuple(group_data()) == VARIABLES
    assert Settings.names() == VARIABLES


def test_the_defaults_of_group_data_are_those_of_the_settings() -> None:
    assert json.loads(json.dumps(asdict(Settings()))) == group_data()
    assert settings() == Settings() == Settings.from_data({}, "host")


def test_every_variable_of_group_data_has_a_comment() -> None:
    lines = (PROJECT / "group_data" / "all.py").read_text().splitlines()
    assert all("  # " in line for line in lines if line and not line.startswith("#"))


def test_what_follows_from_the_variables() -> None:
    made = settings(mms_user="media", kometa_config_dir="/srv/kometa", kometa_plex_url="http://tv:32400")
    assert made.home == "/home/media"
    assert made.quadlet_dir == "/home/media/.config/containers/systemd"
    assert made.user_unit_dir == "/home/media/.config/systemd/user"
    assert made.state_dir == "/home/media/.local/state/kometa-host"
    assert made.library_dir == "/home/media/.local/lib/kometa-host"
    assert made.plex_host == "tv"
    assert not made.backups_enabled
    assert made.backup_calendar == "*-*-* 03:00:00 America/New_York"
    assert made.autodeploy_calendar == "*-*-* 02:00:00 America/New_York"


def test_values_as_the_command_line_gives_them_are_taken() -> None:
    made = settings(mms_uid=3007, kometa_times="07:15", kometa_puid=0, kometa_pgid="0", kometa_environment={"A": True})
    assert (made.mms_uid, made.kometa_times, made.kometa_puid, made.kometa_pgid) == (3007, ("07:15",), 0, 0)
    assert made.kometa_environment == {"A": "true"}


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        settings().mms_user = "x"  # type: ignore[misc]


def test_every_problem_is_reported_at_once_by_name_with_what_to_do() -> None:
    found = problems(mms_network="mms.network", kometa_times=["6am"], kometa_config_dir="/", kometa_userns="keep-id")
    assert list(found) == ["mms_network", "kometa_config_dir", "kometa_times", "kometa_userns"]
    assert all("found: " in text and "to do: " in text for text in found.values())


def test_the_error_is_one_for_users_and_says_whose_settings_they_are() -> None:
    with pytest.raises(UserError, match=r"the settings of host-7 cannot work(.|\n)*mms_user") as refused:
        Settings.from_data({"mms_user": "root"}, "host-7")
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


@pytest.mark.parametrize("value", [0, -1, 60_001, 65_534, True, None, "x", 1.5, [3000], "３"])
def test_ids_of_the_account_are_those_of_ordinary_users(value: object) -> None:
    assert problems(mms_uid=value, mms_gid=value).keys() == {"mms_uid", "mms_gid"}


@pytest.mark.parametrize("value", [-1, 65_536, True, None, "root"])
def test_inner_ids_outside_of_the_subordinate_range_are_refused(value: object) -> None:
    found = problems(kometa_puid=value, kometa_pgid=value)
    assert found.keys() == {"kometa_puid", "kometa_pgid"}
    assert "65,536 subordinate ids" in found["kometa_puid"]


@pytest.mark.parametrize(("puid", "pgid"), [(0, 0), (65_535, 65_535), (911, 911)])
def test_inner_ids_in_the_subordinate_range_are_taken(puid: int, pgid: int) -> None:
    assert settings(kometa_puid=puid, kometa_pgid=pgid).kometa_puid == puid


@pytest.mark.parametrize("value", ["later", True, None, "NOW", ["now"], {}])
def test_a_restart_is_when_idle_or_now(value: object) -> None:
    assert "when-idle" in problems(kometa_restart=value)["kometa_restart"]


@pytest.mark.parametrize("value", [0, -5, True, "soon", None])
def test_a_pause_is_a_number_of_seconds_above_zero(value: object) -> None:
    assert "above 0" in problems(kometa_backup_max_pause=value)["kometa_backup_max_pause"]


def test_a_class_of_archives_left_out_keeps_none() -> None:
    assert settings(kometa_backup_keep={"daily": 2}).kometa_backup_keep == {"daily": 2}
    assert settings(kometa_backup_keep={"yearly": 1, "last": 3, "daily": 0}).kometa_backup_keep == {
        "last": 3,
        "yearly": 1,
    }


@pytest.mark.parametrize(
    "value",
    [{}, {"daily": 0}, {"daily": -1}, {"daily": True}, {"minutely": 3}, {"daily": "x"}, {3: 3}, [7, 4, 6], 7, None],
)
def test_what_would_keep_nothing_or_the_unknown_is_refused(value: object) -> None:
    assert problems(kometa_backup_keep=value).keys() == {"kometa_backup_keep"}


@pytest.mark.parametrize(
    ("config", "backups"),
    [("/srv/kometa", "/srv/kometa/backups"), ("/srv/kometa/config", "/srv/kometa"), ("/srv/k", "/srv/k")],
)
def test_config_and_backups_inside_each_other_are_refused(config: str, backups: str) -> None:
    assert (
        "neither inside the other" in problems(kometa_config_dir=config, kometa_backup_dir=backups)["kometa_backup_dir"]
    )


def test_a_config_directory_around_the_default_backups_is_refused() -> None:
    assert problems(kometa_config_dir="/data/backups").keys() == {"kometa_backup_dir"}


def test_the_default_config_directory_of_another_account_is_refused_with_the_right_one() -> None:
    assert "write /home/media/config/kometa" in problems(mms_user="media")["kometa_config_dir"]


def test_the_mount_of_the_backups_holds_their_directory() -> None:
    assert settings(kometa_backup_mount="/data").kometa_backup_mount == "/data"
    assert "while kometa_backup_dir is" in problems(kometa_backup_mount="/mnt/nas")["kometa_backup_mount"]
    assert problems(kometa_backup_mount="/").keys() == {"kometa_backup_mount"}


def test_a_variable_in_environment_and_secrets_is_refused() -> None:
    found = problems(kometa_environment={"KOMETA_OMDB": "x"}, kometa_secrets={"omdb": "hunter2"})
    assert "KOMETA_OMDB" in found["kometa_secrets"]


def test_a_schedule_is_checked_against_the_time_zone_of_the_timers() -> None:
    assert "mms_timezone" in problems(kometa_backup_schedule="03:00 UTC")["kometa_backup_schedule"]
    assert settings(kometa_backup_schedule="03:00 UTC", mms_timezone="UTC").backup_calendar == "03:00 UTC"


def test_a_bad_time_zone_is_reported_alone() -> None:
    assert problems(mms_timezone="Berlin", kometa_backup_schedule="03:00 UTC").keys() == {"mms_timezone"}


@pytest.mark.parametrize("name", ["secrets.yml.age", "private/x.age", "/etc/kometa-host/secrets.yml.age"])
def test_the_file_of_secrets_is_in_the_project_or_at_an_absolute_path(name: str) -> None:
    assert settings(kometa_secrets_file=name).kometa_secrets_file == name


@pytest.mark.parametrize("name", ["", "../x.age", None, "~/x.age", "a\nb"])
def test_other_files_of_secrets_are_refused(name: object) -> None:
    assert problems(kometa_secrets_file=name).keys() == {"kometa_secrets_file"}


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("kometa_time", "kometa_times"),
        ("kometa-times", "kometa_times"),
        ("komet_times", "kometa_times"),
        ("KOMETA_TIMES", "kometa_times"),
        ("kometatimes", "kometa_times"),
        ("mms_usr", "mms_user"),
        ("mms-user", "mms_user"),
        ("kometa_backup_recipient", "kometa_backup_recipients"),
        ("kometa_xyzzy", "group_data/all.py"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_nearest_name(name: str, near: str) -> None:
    assert near in problems(**{name: ["06:00"]})[name]


@pytest.mark.parametrize(
    "name", ["ssh_user", "ssh_port", "_sudo", "_sudo_user", "user", "timezone", "image", "docker_identifier"]
)
def test_variables_of_others_are_left_alone(name: str) -> None:
    settings(**{name: "x"})


def test_secrets_show_in_no_text_of_the_settings() -> None:
    made = settings(kometa_secrets={"plextoken": "hunter2"})
    assert made.kometa_secrets["plextoken"] == SecretStr("hunter2")
    assert "hunter2" not in f"{made!r} {made} {asdict(made)}"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(VARIABLES), ANYTHING, max_size=6))
def test_any_value_is_taken_or_refused_by_name(data: dict[str, object]) -> None:
    refused = refusal_of(data)
    found = refused.problems if refused else ()
    assert {problem.variable for problem in found} <= set(VARIABLES)
    assert all(problem.found and problem.remedy for problem in found)


@given(st.text(alphabet="\n\r\t hunter", min_size=1, max_size=6), st.sampled_from(["plextoken", "Bad Name", "run", ""]))
def test_no_message_has_the_value_of_a_secret(ending: str, name: str) -> None:
    assert "S3CR3T" not in str(refusal_of({"kometa_secrets": {name: f"S3CR3T{ending}"}}))
