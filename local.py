"""This machine alone, as inventory.py describes it, without SSH: what a host in pull mode deploys to itself with."""

import os

from kometa_host.controller.preflight import refusing
from kometa_host.controller.pull_mode import groups_of

with refusing():
    globals().update(groups_of("inventory.py", os.environ.get("KOMETA_HOST_NAME", "")))
