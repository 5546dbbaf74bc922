"""programs/lib/backup_repository.sh and restic.sh: what restic lists, as retention takes it, and whose locks may go."""

import json
import subprocess
from typing import Any

import pytest

from kometa_host.state import programs

INPUTS: dict[str, Any] = {
    "library_dir": "/nowhere", "backup_dir": "/nowhere", "config_dir": "/nowhere", "host_name": "tower",
    "repository_mount": "", "max_pause": 1,
}  # fmt: skip


def run(body: str, given: str = "") -> str:
    script = f"HOME=/nowhere\n{programs.program('backup_repository', **INPUTS)}\n{body}"
    return subprocess.run(["bash", "-c", script], input=given, capture_output=True, text=True, check=True).stdout


def snapshot(day: int, *tags: str) -> dict[str, object]:
    return {
        "time": f"2026-01-{day:02}T08:00:00Z", "paths": ["/home/mms/config/kometa"], "hostname": "tower",
        "tags": tags, "id": f"{day % 10}" * 64, "short_id": f"{day % 10}" * 8,
    }  # fmt: skip


def test_every_mark_of_a_snapshot_counts() -> None:
    listed = json.dumps(
        [
            snapshot(1, "kometa-host", "by-hand", "pinned"), snapshot(2, "kometa-host", "pinned"),
            snapshot(3, "kometa-host", "by-hand"), snapshot(4, "kometa-host"), snapshot(5, "pinned"),
        ],
        separators=(",", ":"),
    )  # fmt: skip
    assert run("list_snapshots | snapshot_marks", listed).splitlines() == [
        "by-hand kometa-2026-01-01T080000Z.restic.11111111",
        "pinned kometa-2026-01-01T080000Z.restic.11111111",
        "pinned kometa-2026-01-02T080000Z.restic.22222222",
        "by-hand kometa-2026-01-03T080000Z.restic.33333333",
    ]


@pytest.mark.parametrize(
    ("hostname", "pid", "is_dead"),
    [("tower", "4194304", True), ("attic", "4194304", False), ("tower", "$$", True), ("tower", "$restic", False)],
)
def test_only_a_lock_of_this_host_whose_restic_has_ended_may_go(hostname: str, pid: str, is_dead: bool) -> None:
    body = f"""hostname() {{ echo tower; }}
        cat() {{ if [ "$1" = "/proc/77/comm" ]; then echo restic; else command cat "$@"; fi; }}
        restic=77
        if is_dead_lock '{{ "time": "x", "hostname": "{hostname}", "username": "mms", "pid": '"{pid}"', "uid": 3000 }}'
        then echo dead; fi"""
    assert (run(body) == "dead\n") is is_dead


def test_progress_is_told_where_there_are_no_archives_yet() -> None:
    program = programs.program("backup_create", job_unit="u", identifier="i", backup_dir="/nowhere")
    functions = program.partition("\nbegan=$SECONDS\n")[0]
    body = f"HOME=/nowhere\n{functions}\nbegan=0 told_reading=\ntell_progress"
    assert subprocess.run(["bash", "-c", body], capture_output=True, text=True, check=True).stderr == ""
