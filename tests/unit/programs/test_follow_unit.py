"""programs/lib/follow_unit.sh: what a job says is shown to its end, however late the journal is."""

import os
import subprocess
from pathlib import Path

import pytest

from kometa_host.state import programs

# The job has ended at once. The journal has its first words, and takes the rest and the end some looks later.
FAKES = {
    "systemctl": """case $* in
    *LoadState*) echo loaded ;;
    *ActiveState*) echo inactive ;;
    *InvocationID*) echo x >>"$HOME/invocations"; wc -l <"$HOME/invocations" ;;
    *Result*) echo success ;;
esac""",
    "journalctl": """looks=$(wc -l <"$HOME/looks")
case $* in
    *SYSLOG_IDENTIFIER*)
        echo x >>"$HOME/looks"
        echo "the first words"
        if [ "$looks" -ge 6 ]; then echo "the last words"; fi ;;
    *JOB_RESULT*) if [ "$END" = yes ] && [ "$looks" -ge 6 ]; then echo Finished; fi ;;
esac""",
    "sleep": "",
}


@pytest.mark.parametrize("end", ["yes", "no"])
def test_the_last_words_are_shown_however_late_the_journal_is_and_whether_it_has_the_end(
    tmp_path: Path, end: str
) -> None:
    (tmp_path / "looks").touch()
    for name, body in FAKES.items():
        fake = tmp_path / name
        fake.write_text(f"#!/bin/bash\n{body}\n")
        fake.chmod(0o755)
    program = programs.program("autodeploy_run", job_unit="u.service", identifier="u")
    environment = {"HOME": str(tmp_path), "END": end, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == ["the first words", "the last words"]
    assert len((tmp_path / "looks").read_text().split()) < 30
