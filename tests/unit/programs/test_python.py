"""programs/lib/python.sh: the Python that is new enough, whatever its name."""

import subprocess
from pathlib import Path

import pytest

from kometa_host.state import programs


def chosen(folder: Path, pythons: dict[str, int], least: int = 11) -> str:
    """Return what is chosen where these programs are, each of a minor version of Python 3; an odd one lacks venv."""
    for name, minor in pythons.items():
        condition = f"[ {minor} -ge {least} ]" if minor != 99 else "false"
        (folder / name).write_text(f"#!/bin/bash\n[[ $2 = *'(3, {least})'* ]] && {condition}\n")
        (folder / name).chmod(0o755)
    for tool in ("sort", "grep", "bash"):
        (folder / tool).symlink_to(Path("/usr/bin", tool))
    program = programs.program("python", call=f"new_python {least}")
    done = subprocess.run(
        ["/bin/bash", "-c", program], env={"PATH": str(folder)}, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("pythons", "name"),
    [
        ({"python3": 13, "python3.13": 13}, "python3"),
        ({"python3": 9, "python3.9": 9, "python3.11": 11, "python3.12": 12, "python3.12-config": 12}, "python3.12"),
        ({"python3": 6, "python3.6": 6, "python3.11": 11}, "python3.11"),
        ({"python3": 9, "python3.13": 99, "python3.11": 11}, "python3.11"),
        ({"python3.10": 10, "python3": 10}, ""),
        ({}, ""),
    ],
)
def test_the_first_that_is_new_enough_and_can_make_environments(
    pythons: dict[str, int], name: str, tmp_path: Path
) -> None:
    assert chosen(tmp_path, pythons) == name
