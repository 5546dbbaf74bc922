"""What is faster than pyinfra's own says what that says."""

import textwrap
from pathlib import Path
from typing import Any, get_type_hints

import pyinfra
import pytest
from pyinfra.api import arguments, connectors, inventory
from pyinfra.api.state import State
from pyinfra.api.util import get_operation_order_from_stack

from operations.engine.speed import CONNECTORS, call_order, install_faster_answers

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


@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("operation.py", "op_order = get_operation_order_from_stack(state)"),
        ("arguments.py", "for key, type_ in all_global_arguments():"),
        ("connectors.py", "for connector, connector_mod in get_all_connectors().items()"),
        ("inventory.py", "all_connectors = get_all_connectors()"),
    ],
)
def test_pyinfra_asks_what_was_put_in_the_place_of_its_own(module: str, call: str) -> None:
    assert call in (Path(pyinfra.__file__).with_name("api") / module).read_text()


def test_the_arguments_of_all_operations_are_what_pyinfra_says() -> None:
    own = arguments.all_global_arguments()
    install_faster_answers()
    assert arguments.all_global_arguments() == own == list(get_type_hints(arguments.AllArguments).items())
    assert arguments.all_global_arguments() is arguments.all_global_arguments()


def test_the_connectors_are_those_of_pyinfra() -> None:
    own = connectors.__dict__[CONNECTORS]()
    install_faster_answers()
    answers = [module.__dict__[CONNECTORS]() for module in (connectors, inventory)]
    assert answers == [own, own]
    assert answers[0] is answers[1]
    assert {"ssh", "local"} <= own.keys()
