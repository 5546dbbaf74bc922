"""Ctrl-C: a run that was ended says what it has done by then, and its exit status says that it was ended."""

import signal
import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import NoReturn

import click
from pyinfra.api.state import State
from pyinfra.context import ctx_state

INTERRUPTED = 128 + signal.SIGINT


def end_with_words() -> None:
    """Make Ctrl-C end the present pyinfra run with words and exit status 130; pyinfra itself ends with 0."""
    state: State = ctx_state.get()  # type: ignore[no-untyped-call]

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        click.echo("\n" + words(changes(state), state.is_executing), err=True)
        sys.exit(INTERRUPTED)

    signal.signal(signal.SIGINT, end)


def changes(state: State) -> dict[str, list[str]]:
    """Return, by host, the operations that have changed something."""
    done: dict[str, list[str]] = {}
    for host, operations in state.ops.items() if state.initialised else ():
        for identity, data in operations.items():
            if data.operation_meta.is_complete() and data.operation_meta.did_change():
                done.setdefault(host.name, []).extend(sorted(state.op_meta[identity].names))
    return done


def words(done: Mapping[str, Sequence[str]], is_executing: bool) -> str:
    """Return what to say of a run that was ended: what it has changed, by host."""
    if not is_executing:
        return "ended by Ctrl-C: nothing was changed."
    lines = [f"  {name}: {', '.join(operations)}" for name, operations in done.items()]
    what = "these were done:" if lines else "no operation was done yet."
    rest = "What was at work on a host there ends, or is undone. Run the command again: it goes on from what there is."
    return "\n".join([f"ended by Ctrl-C; {what}", *lines, rest])
