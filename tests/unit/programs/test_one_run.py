"""programs/lib/one_run.sh: a container that outlives its run."""

import subprocess
from pathlib import Path

from kometa_host.state import programs

# Each look is half a minute later; the container ends after the tenth, minutes after it was first told to.
PASSING_TIME = """
sleep() { SECONDS=$((SECONDS + 30)) turns=$((turns + 1)); if [ "$turns" -ge 10 ]; then kill "$run" && wait "$run"; fi; }
end_container() { echo ended >&2; }
turns=0
command sleep 600 &
run=$!
watch_container
"""


def test_a_container_that_outlives_its_run_is_ended_until_it_has_and_said_once(tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.write_text("|          Finished Collections Run          |\n")
    program = programs.program(
        "one_run", image="i", owner_uid=0, owner_gid=0, candidate_size=0, patience=1, config_dir=tmp_path,
        timezone="UTC", output=output, run_name="Collections Run",
    )  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", program + PASSING_TIME], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr.count("the run has finished, but its container has not") == 1, done.stderr
    assert done.stderr.count("ended") > 2


# Podman has made no container yet when it is first told to end it.
ENDED_EARLY = """
end_container() { turns=$((turns + 1)); if [ "$turns" -ge 3 ]; then kill "$run"; fi; }
in_namespace() { :; }
podman() { :; }
turns=0 was_active='' podman_status=0
command sleep 600 &
run=$!
attendant=$run.none
exec 6>&1
put_back_service
"""


def test_a_run_that_is_ended_before_its_container_is_there_does_not_go_on(tmp_path: Path) -> None:
    program = programs.program(
        "one_run", image="i", owner_uid=0, owner_gid=0, candidate_size=0, patience=1, config_dir=tmp_path,
        timezone="UTC", work=tmp_path,
    )  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", program + ENDED_EARLY], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.endswith("end\n"), done.stderr
