"""Where in deploy.py an operation is called: by that pyinfra tells operations apart, and puts them in order.

pyinfra asks inspect.stack, which looks for the source of every frame among all modules: 5 ms for each operation of each
host, a tenth of the time of a run that changes nothing. The frames themselves know what it wants to know.
"""

import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import dropwhile
from types import FrameType

import pyinfra
from pyinfra.api.state import State
from pyinfra.api.util import PYINFRA_INSTALL_DIR


def install() -> None:
    """Make pyinfra use what is below in place of its own function."""
    # `pyinfra.api.operation` as an attribute is the decorator of that name.
    import_module("pyinfra.api.operation").__dict__["get_operation_order_from_stack"] = call_order


def call_order(state: State) -> list[int]:
    """Return the lines of the calls that have led here, from the deploy file on, without those inside pyinfra."""
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
