"""What is done with the running service, for every way in which it is not what it shall be."""

import json

import pytest

from kometa_host.plans.service import Pending, Step, decide
from kometa_host.settings.variables import Settings
from kometa_host.state.filesets import Changes
from tests.unit.told import host

SETTINGS = Settings()
NOTHING_PENDING = Pending(Changes(), network=False, secrets=False)
STARTED = 1_700_000_000


def container(**more: object) -> str:
    """Return Podman's list with Kometa's container, as wanted but for what is given."""
    entry = {
        "Names": ["kometa"],
        "State": "running",
        "Image": SETTINGS.kometa_image,
        "ImageID": "new",
        "Labels": {"kometa-host.inputs": "abc"},
        "StartedAt": STARTED,
    }
    return json.dumps([entry | more])


def unit(name: str = "kometa.service", active: str = "active") -> str:
    return f"Id={name}\nLoadState=loaded\nActiveState={active}\n"


def secret(updated: str) -> str:
    return json.dumps([{"Spec": {"Name": "kometa-a", "Labels": {}}, "UpdatedAt": updated}])


GOOD = {"containers": container(), "units": unit(), "images": '[{"Id": "new"}]', "kometa_alive": "77"}


def step(restart: str = "when-idle", **told: str) -> tuple[Step, str]:
    """Return what is done and why on a host that is as wanted but for what it tells here."""
    return step_after(NOTHING_PENDING, restart, **told)


def step_after(pending: Pending, restart: str = "when-idle", **told: str) -> tuple[Step, str]:
    """Return what is done and why where other operations are about to change this."""
    settings = Settings.from_data({"kometa_restart": restart, "kometa_secrets": {"a": "value"}}, "host")
    decision = decide(settings, host(**GOOD | told), "abc", pending)
    return decision.step, decision.why


def test_a_service_that_is_as_wanted_is_left_alone_also_in_a_run() -> None:
    assert step() == (Step.NOTHING, "it runs as wanted")
    assert step(run_in_progress="1700000500")[0] is Step.NOTHING


@pytest.mark.parametrize("told", [{"containers": "[]"}, {"containers": container(State="exited")}, {"containers": ""}])
def test_a_container_that_does_not_run_is_started(told: dict[str, str]) -> None:
    assert step(**told) == (Step.START, "it does not run")


@pytest.mark.parametrize("units", ["", unit(active="failed"), unit(active="activating")])
def test_a_container_without_its_unit_is_started_but_never_in_a_run(units: str) -> None:
    assert step(units=units)[0] is Step.START
    assert step(units=units, run_in_progress="1700000500")[0] is Step.POSTPONE
    assert step(units=units, run_in_progress="1700000500", restart="now")[0] is Step.START


def test_a_secret_that_nobody_wants_any_more_restarts_nothing() -> None:
    unwanted = secret("2023-11-14T22:13:25.123456789Z").replace("kometa-a", "kometa-b")
    assert step(secrets=unwanted)[0] is Step.NOTHING


OUTDATED = {
    "its Quadlet has changed": {"containers": container(Labels={"kometa-host.inputs": "old"})},
    "its Quadlet is newer than the container": {"quadlet_times": f"{STARTED + 2}.0 kometa.container"},
    "its image is newer than the container": {"containers": container(ImageID="old")},
    "its secrets have changed": {"secrets": secret("2023-11-14T22:13:25.123456789Z")},
    "it is frozen": {"containers": container(State="paused")},
    "Kometa is not alive in it": {"kometa_alive": ""},
}


@pytest.mark.parametrize("why", OUTDATED)
def test_whatever_is_outdated_restarts_it_unless_a_run_is_in_progress(why: str) -> None:
    told = OUTDATED[why]
    assert step(**told) == (Step.RESTART, why)
    # 2023-11-14 22:21:40 UTC, in the time zone of the settings
    assert step(**told, run_in_progress="1700000500") == (
        Step.POSTPONE,
        f"{why}, but a run is in progress since 17:21",
    )
    assert step(**told, run_in_progress="1700000500", restart="now")[0] is Step.RESTART


@pytest.mark.parametrize(
    ("pending", "why"),
    [
        (Pending(Changes(write=["kometa.container"]), network=False, secrets=False), "its Quadlet has changed"),
        (Pending(Changes(), network=True, secrets=False), "its network is recreated"),
        (Pending(Changes(), network=False, secrets=True), "its secrets have changed"),
    ],
)
def test_what_is_about_to_change_counts_so_that_the_preview_tells_the_restart(pending: Pending, why: str) -> None:
    assert step_after(pending) == (Step.RESTART, why)


def test_another_quadlets_change_restarts_nothing() -> None:
    assert step_after(Pending(Changes(write=["mms.network"]), network=False, secrets=False))[0] is Step.NOTHING


def test_an_image_that_is_not_there_says_nothing_about_the_container() -> None:
    assert step(images="[]")[0] is Step.NOTHING


def test_a_container_without_labels_is_outdated() -> None:
    assert step(containers=container(Labels=None))[0] is Step.RESTART


@pytest.mark.parametrize("active", ["activating", "deactivating"])
def test_a_container_that_a_backup_has_frozen_is_left_to_it(active: str) -> None:
    units = f"{unit()}\n{unit('kometa-backup.service', active)}"
    assert step(units=units, containers=container(State="paused"))[0] is Step.NOTHING


def test_one_that_was_frozen_after_the_units_were_read_is_left_to_the_backup() -> None:
    units = f"{unit()}\n{unit('kometa-backup.service', 'inactive')}"
    frozen = container(State="paused")
    assert step(units=units, containers=frozen, backup_state="activating")[0] is Step.NOTHING
    assert step(units=units, containers=frozen, backup_state="inactive") == (Step.RESTART, "it is frozen")


def test_what_was_written_right_before_the_start_is_not_newer() -> None:
    assert step(quadlet_times=f"{STARTED}.9 kometa.container", secrets=secret("2023-11-14T22:13:21Z"))[0] is (
        Step.NOTHING
    )
