# pyinfra runs this before it reads the inventory; the settings are then checked before it connects to any host.
from kometa_host.controller.preflight import check_settings_before_connecting

check_settings_before_connecting()
