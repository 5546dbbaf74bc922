"""How a run ends in which every host has refused."""

from pathlib import Path

import pytest
from pyinfra.api.state import State
from pyinfra.context import ctx_state
from pyinfra_cli.exceptions import CliError  # type: ignore[import-untyped]
from pyinfra_cli.util import exec_file  # type: ignore[import-untyped]

from operations.engine.operation import NoHostLeftError


def test_it_passes_a_deploy_s_file_as_it_is_and_names_no_line_of_ours(tmp_path: Path) -> None:
    deploy = tmp_path / "deploy.py"
    deploy.write_text(
        "from operations.engine.operation import NoHostLeftError\nraise NoHostLeftError('No hosts remaining!')\n"
    )
    with ctx_state.use(State()), pytest.raises(NoHostLeftError, match="No hosts remaining!"):
        exec_file(str(deploy))
    assert issubclass(NoHostLeftError, CliError)
