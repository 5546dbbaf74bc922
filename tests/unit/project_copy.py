"""A project of a test's own."""

import os
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
            copy = _linked if (PROJECT / name / "__init__.py").exists() else shutil.copy2
            ignored = shutil.ignore_patterns("*.pyc.*")
            shutil.copytree(PROJECT / name, folder / name, ignore=ignored, copy_function=copy)
        else:
            shutil.copy(PROJECT / name, folder)
    return folder


def _linked(source: str, target: str) -> None:
    """Make a second name of a file of code, to which no test writes; on another file system a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
