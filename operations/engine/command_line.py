"""What pyinfra's command line does otherwise here: no question that nobody can answer, and facts that can fail."""

from collections.abc import Mapping
from typing import Any

import click
import pyinfra_cli.cli  # type: ignore[import-untyped]
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra_cli.exceptions import CliError  # type: ignore[import-untyped]


def refuse_unanswered_questions() -> None:
    """Make a question of pyinfra's that nobody is there to answer a refusal in words; a fact asks none at all."""
    ask = pyinfra_cli.cli._do_confirm

    def asked(question: str) -> bool:
        if _is_fact():
            return True
        try:
            return bool(ask(question))
        except EOFError:
            raise CliError("nobody is there to answer. Add -y, which asks nothing, or run it in a terminal.") from None

    pyinfra_cli.cli._do_confirm = asked


def judge_facts() -> None:
    """Make a fact that a host cannot tell fail this host, in the exit status too, and leave it out of the answer.

    pyinfra itself prints the fact's default for it, such as no backups at all, and ends with 0.
    """
    ask = pyinfra_cli.cli.get_facts

    def judged(state: State, *arguments: Any, **named: Any) -> Mapping[Host, Any]:
        failed: set[Host] = set()
        # That of pyinfra raises when no host is left, in a greenlet.
        state.fail_hosts = failed.update  # type: ignore[method-assign]
        told = ask(state, *arguments, **{**named, "apply_failed_hosts": True})
        state.failed_hosts.update(failed)
        return {host: value for host, value in told.items() if host not in failed}

    pyinfra_cli.cli.get_facts = judged


def _is_fact() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and context.params.get("operations", ("",))[0] == "fact"
