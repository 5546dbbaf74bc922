# pyinfra runs this in place of config.py for `make check`: the checks of a deploy, and no connection to any host.
from kometa_host.controller.preflight import check_and_end

check_and_end()
