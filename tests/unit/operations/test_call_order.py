"""Our faster walk through the calls says what pyinfra's own says."""

import textwrap
from pathlib import Path
from typing import Any

import pyinfra
import pytest
from pyinfra.api.state import State
from pyinfra.api.util import get_operation_order_from_stack

from operations.engine.call_order import call_order

FILES = {
    "deploy.py": """
        include(inner)
        for _ in range(2):
            note(
                state,
            )
    """,
    "inner.py": """
        def helper():
            note(state)

        helper()
    """,
}


@pytest.mark.parametrize("is_cli", [True, False])
@pytest.mark.parametrize("deploy_file", ["deploy.py", "inner.py", "elsewhere.py", None])
def test_both_ways_agree(monkeypatch: pytest.MonkeyPatch, deploy_file: str | None, is_cli: bool) -> None:
    monkeypatch.setattr(pyinfra, "is_cli", is_cli)
    state = State()
    state.current_deploy_filename, state.current_op_file_number = deploy_file, 3
    both: list[tuple[list[int], list[int]]] = []

    def note(state: State) -> None:
        both.append((call_order(state), get_operation_order_from_stack(state)))

    code = {name: compile(textwrap.dedent(text), name, "exec") for name, text in FILES.items()}
    names: dict[str, Any] = {"note": note, "state": state, "inner": code["inner.py"]}
    exec(code["deploy.py"], names | {"include": lambda inner: exec(inner, names)})  # noqa: S102
    assert len(both) == 3
    assert all(ours == theirs for ours, theirs in both)
    assert (len({tuple(ours) for ours, _ in both}) > 1) == (deploy_file != "elsewhere.py")


def test_pyinfra_asks_it() -> None:
    source = Path(pyinfra.__file__).with_name("api") / "operation.py"
    # What call_order.install puts in its place.
    assert "op_order = get_operation_order_from_stack(state)" in source.read_text()
