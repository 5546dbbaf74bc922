"""A look at large trees that a process of its own begins with the run, while this one reads Python and the inventory.

To look at 50,000 posters takes a sixth of a second, which a deploy that changes nothing need not wait for. Which
folders of a project are large is remembered from one run to the next; all others are looked at when asked for.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn, TextIO

from kometa_host.config_tree.cache import CacheFile
from kometa_host.config_tree.left_behind import is_entered
from kometa_host.config_tree.listing import FRESH, Glance, glance

LARGE: Final = 5_000  # entries; to make a process takes as long as to look at a tenth of them
MAX_REMEMBERED: Final = 16  # folders
_under_way: dict[Path, Callable[[], Glance | None]] = {}


def begin(project: Path) -> bool:
    """Begin to look at the large folders of a project; return whether there are any."""
    if sys.platform != "linux":  # elsewhere a process that did not begin with exec may be killed by a library
        return False
    for root in _remembered():
        if root not in _under_way and root.is_relative_to(project.resolve()) and root.is_dir():
            _under_way[root] = _looked_at_beside(root)
    return bool(_under_way)


def glance_at(root: Path) -> Glance:
    """Return what tells the present state of a folder from another; a look that was begun is waited for."""
    begun = _under_way.pop(root, None)
    found = (begun() if begun else None) or _glance(root)
    _remember(root, found.entries >= LARGE)
    return found


def _glance(root: Path) -> Glance:
    return glance(root, is_entered, time.time_ns(), FRESH)


def _looked_at_beside(root: Path) -> Callable[[], Glance | None]:
    """Begin a look in another process; return what waits for it, and returns nothing where that process failed."""
    reads, writes = os.pipe()
    told, telling = os.fdopen(reads, "r"), os.fdopen(writes, "w")
    if os.fork() == 0:
        _tell_and_end(root, telling)
    telling.close()  # as a file: gevent puts os.close off until its loop runs

    def wait() -> Glance | None:
        with told:
            answer = told.read()  # its end, which takes longer, is not waited for
        return Glance(*json.loads(answer)) if answer else None

    return wait


def _tell_and_end(root: Path, telling: TextIO) -> NoReturn:
    """Tell what is seen as one piece, or nothing at all, and end without a word."""
    try:
        with telling:
            json.dump(_glance(root), telling)
    finally:
        os._exit(0)


def _remembered() -> list[Path]:
    stored = _large_folders().read().get("folders")
    return [Path(name) for name in stored if isinstance(name, str)] if isinstance(stored, list) else []


def _remember(root: Path, is_large: bool) -> None:
    """Remember that a folder is large, the last ones only; forget one that is so no more."""
    known = _remembered()
    if is_large != (root in known):
        others = [str(other) for other in known if other != root]
        _large_folders().write({"folders": [*others, *([str(root)] if is_large else [])][-MAX_REMEMBERED:]})


def _large_folders() -> CacheFile:
    return CacheFile("large-folders")
