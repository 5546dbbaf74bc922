"""The options and the judgement of a single run."""

import pytest

from kometa_host.errors import UserError
from kometa_host.plans.run_once import (
    MAX_WAIT,
    Options,
    checked,
    environment,
    podman_arguments,
    refuse_unready,
    verdict,
)
from kometa_host.settings.variables import Settings
from kometa_host.state.kometa_log import parse
from kometa_host.state.observed import Observed

SETTINGS = Settings.from_data({"kometa_secrets": {"plextoken": "s3cret-value"}}, "a host")


def test_the_options_are_those_of_the_document() -> None:
    arguments = podman_arguments(SETTINGS, Options())
    text = " ".join(arguments)
    for wanted in ("--rm", "--name test-kometa", "--network mms", "--tmpfs /run:U", "-e PUID=3000", "-e PGID=3000",
                   "-e TZ=America/New_York", "-e KOMETA_RUN=true"):  # fmt: skip
        assert wanted in text
    assert "userns" not in text
    assert ".network" not in text
    assert "KOMETA_TIME" not in text


def test_the_container_is_bounded() -> None:
    assert "--timeout 60" in " ".join(podman_arguments(SETTINGS, Options(timeout=60)))


def test_secrets_are_podmans_and_their_values_in_no_argument() -> None:
    text = " ".join(podman_arguments(SETTINGS, Options()))
    assert "--secret=kometa-plextoken,type=env,target=KOMETA_PLEXTOKEN" in text
    assert "s3cret-value" not in text


def test_kometas_own_options_are_passed_on() -> None:
    options = checked(collections="Alien Movies|1917", libraries=["TV Shows"], tests=True)
    variables = environment(SETTINGS, options)
    assert variables["KOMETA_RUN_COLLECTIONS"] == "Alien Movies|1917"
    assert variables["KOMETA_RUN_LIBRARIES"] == "TV Shows"
    assert variables["KOMETA_TESTS"] == "true"


def test_waiting_is_bounded() -> None:
    assert checked(wait=True).wait == MAX_WAIT
    assert checked(wait=5).wait == 5
    assert checked().wait == 0


@pytest.mark.parametrize(
    "arguments",
    [{"collections": 7}, {"collections": ["a|b"]}, {"libraries": [""]}, {"libraries": "a\nb"}, {"tests": "yes"},
     {"wait": "long"}, {"wait": -1}, {"timeout": 0}, {"timeout": True}],
)  # fmt: skip
def test_an_argument_that_cannot_work_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"write|holds"):
        checked(**arguments)


def test_a_host_without_a_deploy_is_refused_with_what_it_lacks() -> None:
    with pytest.raises(UserError, match=r"Podman is not on the host\. Deploy first"):
        refuse_unready(SETTINGS, Observed({}))


def test_no_run_in_the_log_is_a_failure_whatever_podman_said() -> None:
    assert not verdict([], 0).good
    assert "container could not be made" in verdict([], 125).lines[0]


def test_many_errors_are_shown_in_part_and_counted() -> None:
    stamp = "[2026-11-22 09:10:14,248] [kometa.py:1] "
    rows = [f"{stamp}[ERROR] | Plex Error: {number} |" for number in range(30)]
    lines = [f"{stamp}[INFO] |  Starting Run  |", *rows, f"{stamp}[INFO] |  Finished Run  |"]
    found = verdict(parse(lines, "Etc/UTC"), 0)
    assert found.good
    assert found.lines[-1].strip() == "... and 20 more"


def test_an_error_that_is_known_is_shown_with_its_cause_and_remedy_and_first() -> None:
    stamp = "[2026-11-22 09:10:14,248] [kometa.py:"
    lines = [
        f"{stamp}1] [INFO] |  Starting Run  |",
        f"{stamp}2] [ERROR] | Plex Error: Plex Library 'Films' not found. Options: ['Movies'] |",
        f"{stamp}3] [INFO] | Films Library Connection Failed |",
        f"{stamp}4] [CRITICAL] | Config Error: No libraries were found in config |",
        f"{stamp}5] [INFO] |  Finished Run  |",
    ]
    found = verdict(parse(lines, "Etc/UTC"), 0)
    assert not found.good
    assert "Library 'Films' not found" in found.lines[1]
    assert "it has: 'Movies'" in found.lines[2]
    assert "to do: write the library's name" in found.lines[3]


def test_a_run_that_could_not_work_on_one_of_two_libraries_is_not_good() -> None:
    stamp = "[2026-11-22 09:10:14,248] [kometa.py:1] "
    lines = [
        f"{stamp}[INFO] | {text} |" for text in (" Starting Run ", "Films Library Connection Failed", " Finished Run ")
    ]
    assert not verdict(parse(lines, "Etc/UTC"), 0).good


def test_a_single_run_has_the_shape_of_the_service() -> None:
    shape = {
        "kometa_volumes": ["/srv/assets:/assets:ro"],
        "kometa_memory": "2G",
        "kometa_quadlet": {"Container": {"DNS": ["10.0.0.1", "10.0.0.2"], "PodmanArgs": "--cpus 2", "HealthCmd": "x"}},
    }
    arguments = podman_arguments(Settings.from_data(shape, "a host"), Options())
    for words in (
        ["--volume=/srv/assets:/assets:ro"],
        ["--memory=2G"],
        ["--dns=10.0.0.1", "--dns=10.0.0.2"],
        ["--cpus", "2"],
    ):
        start = arguments.index(words[0])
        assert arguments[start : start + len(words)] == words
    assert not [word for word in arguments if word == "x"]
