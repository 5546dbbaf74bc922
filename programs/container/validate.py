"""Asks Kometa's own validator about /config/config.yml and what it names. Runs on the Python of Kometa's image.

Prints one line of JSON: {"errors": [...], "warnings": [...]}, or {"unable": "why"} where the image has no such
validator. Kometa's command line is no help here: it needs GitHub before it validates, and its status is always 0.
"""

import json
import os
import sys
from pathlib import Path

PLACES = ("/app/kometa", "/")  # of Kometa in the images of LinuxServer.io, and in Kometa's own


class Silence:
    """Stands for Kometa's logger, which would write a log: what it would say is in the answer."""

    def __getattr__(self, name: str) -> object:
        """Return a method that does nothing, whatever its name."""
        return lambda *_, **__: None


def answer() -> dict[str, object]:
    """Return what the validator says, or why it cannot be asked."""
    place = next((path for path in PLACES if Path(path, "modules", "validator.py").exists()), None)
    if place is None:
        return {"unable": "it has no modules/validator.py"}
    sys.path.insert(0, place)
    os.chdir("/")  # where Kometa is started: relative paths in config.yml begin here
    try:
        from modules import util  # type: ignore[import-not-found]

        util.logger = Silence()
        from modules.validator import ConfigValidator  # type: ignore[import-not-found]

        settings = {"config_file": "/config/config.yml"}
        schema = str(Path(place, "json-schema"))
        validator = ConfigValidator(None, "/config", settings, {}, "structure", True, schema)
    except (ImportError, AttributeError, TypeError) as error:
        return {"unable": f"its validator is another one ({type(error).__name__})"}
    try:
        _, errors, warnings = validator.validate()
    except Exception as error:  # its checks take for granted what a run does not need
        return {"unable": f"its validator broke down ({type(error).__name__})"}
    return {"errors": [str(error) for error in errors], "warnings": [str(warning) for warning in warnings]}


def main() -> None:
    """Print the answer, and nothing else, on standard output."""
    output, sys.stdout = sys.stdout, sys.stderr
    json.dump(answer(), output)
    output.write("\n")


main()
