"""Asks Plex, by Kometa's own container, about the libraries that config.yml names."""

import json
from collections.abc import Iterator, Mapping

from pyinfra import host
from pyinfra.api.output import format_text

from kometa_host.config_tree import plex_libraries, yaml12
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.config_tree.yaml12 import Value, YamlError
from kometa_host.state import answers, programs
from kometa_host.state.programs import Actor
from operations.engine import transport
from operations.engine.operation import settings


def tell_what_plex_has_otherwise(config: str) -> None:
    """Given the config.yml that now lies on the host, say which of its libraries Plex lacks, or are of another kind.

    Nothing is said where Kometa's container does not run yet or Plex does not answer: that is no fault of the config.
    """
    known = settings()
    probe = programs.path_of("ask_plex.py").read_text(encoding="utf-8")
    script = programs.program("ask_plex", plex_url=known.kometa_plex_url, probe=probe)
    completed = transport.run(host, Actor.ACCOUNT, known.mms_user, script)
    try:
        libraries = plex_libraries.libraries(json.loads(answers.json_text(completed.stdout or b"{}")))
        value = yaml12.load(config, CONFIG).value
    except (ValueError, AttributeError, RecursionError, YamlError):
        return
    for said in _differences(value, libraries) if libraries is not None else ():
        host.log(format_text(f"warning: {known.kometa_config_source}/config.yml: {said}", "yellow"))


def _differences(config: Value, libraries: Mapping[str, str]) -> Iterator[str]:
    for name, remedy in plex_libraries.missing(config, libraries):
        yield f"Plex has no library {name}, and Kometa leaves it out of its run; {remedy}"
    for default, library, holds in plex_libraries.misplaced(config, libraries):
        yield f"the default {default} is not for {library}, which holds {holds} in Plex; name it in another library"
