"""A project of a test's own."""

import shutil
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def copied(folder: Path, *names: str) -> Path:
    """Copy files and packages of the project into a folder, and return that.

    Byte code goes along: without it each run of Python there would compile all again, for a second. While another test
    writes some it has an ending of its own.
    """
    for name in names:
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc.*"))
        else:
            shutil.copy(PROJECT / name, folder)
    return folder
