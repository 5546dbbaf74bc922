"""What pyinfra works out again and again, worked out faster, or once: the same answers.

Together they took a fifth of the time of a run that changes nothing, and more with each further host.
"""

import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import dropwhile
from types import FrameType

import pyinfra
from pyinfra.api import arguments, connectors, inventory
from pyinfra.api.state import State
from pyinfra.api.util import PYINFRA_INSTALL_DIR

ORDER, ARGUMENTS, CONNECTORS = "get_operation_order_from_stack", "all_global_arguments", "get_all_connectors"


def install_faster_answers() -> None:
    """Make pyinfra use what is below in place of its own functions."""
    # `pyinfra.api.operation` as an attribute is the decorator of that name.
    import_module("pyinfra.api.operation").__dict__[ORDER] = call_order
    # The names and types of all arguments that any operation takes: constants.
    arguments.__dict__[ARGUMENTS] = cache(arguments.all_global_arguments)
    # What kinds of connection there are: for each answer the descriptions of all installed packages are read.
    connectors.__dict__[CONNECTORS] = inventory.__dict__[CONNECTORS] = cache(connectors.get_all_connectors)


def call_order(state: State) -> list[int]:
    """Return the lines of the calls that have led here, from the deploy file on, without those inside pyinfra.

    By them pyinfra tells operations apart, and puts them in order. It asks inspect.stack, which looks for the source of
    every frame among all modules; the frames themselves know what it wants to know.
    """
    frames = list(_with_callers(sys._getframe(1)))[::-1]
    deploy_file = state.current_deploy_filename
    if deploy_file:
        frames = list(dropwhile(lambda frame: frame.f_code.co_filename != deploy_file, frames))
    lines = [frame.f_lineno for frame in frames if not frame.f_code.co_filename.startswith(PYINFRA_INSTALL_DIR)]
    return [state.current_op_file_number, *lines] if pyinfra.is_cli else lines


def _with_callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame:
        yield frame
        frame = frame.f_back
