"""Operations that only read: they do it at once and without a question, whether pyinfra was told -y or not."""

from collections.abc import Callable

import pyinfra_cli.cli  # type: ignore[import-untyped]
from pyinfra import host
from pyinfra.api.output import echo

from kometa_host.state import answers


def show(text: str) -> None:
    """Print a result on standard output, where pyinfra itself prints nothing; of a host's words nothing is obeyed."""
    echo("\n".join(map(answers.shown, text.split("\n"))))


def fail_quietly() -> None:
    """Let pyinfra's exit status be 1 without a word of its own: what is wrong has been shown."""
    host.state.failed_hosts.add(host)


def read_only(read: Callable[[], None]) -> None:
    """Do the reading. Nothing is to be executed after it, so pyinfra need not ask whether it shall.

    Nor whether to go on where a host failed: the others are read, and where nobody can answer that ends in a traceback.
    """
    host.state.should_raise_failed_hosts = lambda _: False
    read()
    if not host.state.is_executing:
        # pyinfra calls it next, to show the changes that it is about to ask about.
        pyinfra_cli.cli.print_meta = lambda _: pyinfra_cli.cli._exit()
