"""Where a skipped test counts as a failed one, and where not."""

import os
import sys
from pathlib import Path
from subprocess import run

import pytest

PROJECT = Path(__file__).parents[2]
TESTS = """
import pytest
def test_that_runs(): pass
def test_that_lacks_something(): pytest.skip("no gizmo here")
@pytest.mark.skipif(True, reason="no gadget here")
def test_that_lacks_something_else(): pass
"""


@pytest.mark.parametrize(
    ("variable", "status", "result"), [("", 0, "1 passed, 2 skipped"), ("1", 1, "1 failed, 1 passed, 1 error")]
)
def test_a_skipped_test_has_failed_where_the_environment_says_so(
    tmp_path: Path, variable: str, status: int, result: str
) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "tests.conftest", "--rootdir", str(tmp_path), str(tmp_path)]
    environment = os.environ | {"KOMETA_HOST_SKIPS_FAIL": variable, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, result in done.stdout) == (status, True), done.stdout
    assert "no gizmo here" in done.stdout
    assert "no gadget here" in done.stdout
