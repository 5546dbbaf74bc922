"""Asks Plex, by Kometa's own container, about the libraries that config.yml names."""

import json

from pyinfra import host
from pyinfra.api.output import format_text

from kometa_host.config_tree import plex_libraries, yaml12
from kometa_host.config_tree.yaml12 import YamlError
from kometa_host.state import programs
from kometa_host.state.programs import Actor
from operations.engine import transport
from operations.engine.operation import settings


def tell_missing_libraries(config: str) -> None:
    """Given the config.yml that now lies on the host, say which of its libraries Plex lacks.

    Nothing is said where Kometa's container does not run yet or Plex does not answer: that is no fault of the config.
    """
    known = settings()
    probe = programs.path_of("ask_plex.py").read_text(encoding="utf-8")
    script = programs.program("ask_plex", plex_url=known.kometa_plex_url, probe=probe)
    completed = transport.run(host, Actor.ACCOUNT, known.mms_user, script)
    try:
        titles = plex_libraries.titles(json.loads(completed.stdout or b"{}"))
        value = yaml12.load(config, "config.yml").value
    except (ValueError, AttributeError, RecursionError, YamlError):
        return
    for name, remedy in plex_libraries.missing(value, titles) if titles is not None else ():
        where = f"{known.kometa_config_source}/config.yml"
        message = f"warning: {where}: Plex has no library {name}, and Kometa leaves it out of its run; {remedy}"
        host.log(format_text(message, "yellow"))
