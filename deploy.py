"""The desired state of a Kometa host, read top to bottom. `pyinfra inventory.py deploy.py` makes it so."""

from pyinfra import host

from kometa_host.controller.preflight import settings_of
from kometa_host.state import desired
from operations import (
    account,
    backup,
    config_tree,
    kometa,
    packages,
    podman,
    preconditions,
    quadlet,
    restore,
    secrets,
    systemd,
    takeover,
    units,
)

settings = settings_of(host)

preconditions.met(name="The host can be deployed to")
takeover.previous_stack(name="Previous stack")
account.user(
    name=f"Account {settings.mms_user}",
    user=settings.mms_user,
    uid=settings.mms_uid,
    gid=settings.mms_gid,
    home=settings.home,
)
packages.installed(name="Packages: Podman, age, zstd and what they need")
account.lingering(name=f"Services of {settings.mms_user} run without a login", user=settings.mms_user)
systemd.network_online(name="The boot reaches network-online.target")

# The image is there before anything refers to it: a pull that fails leaves Kometa as it is.
podman.image(name=f"Image {settings.kometa_image}", image=settings.kometa_image)
restore.leftovers(name="Clean up after an interrupted restore")
secrets.present(name="Secrets", values=settings.kometa_secrets)
podman.unshare_chown(
    name=f"Config tree belongs to {settings.kometa_puid}:{settings.kometa_pgid} in the container",
    path=settings.kometa_config_dir,
    uid=settings.kometa_puid,
    gid=settings.kometa_pgid,
)
config_tree.present(name=f"Config tree {settings.kometa_config_dir}", tree=desired.config_tree(settings))
quadlet.present(name="Quadlets", quadlets=desired.quadlets(settings))
podman.network(name=f"Network {settings.mms_network}", network=settings.mms_network)
kometa.running(name="Service kometa")
secrets.removed(name="Secrets no longer wanted", keep=settings.kometa_secrets)

backup.directory(name=f"Backup directory {settings.kometa_backup_dir}")
backup.repository(name="Backup repository")
units.library(name="Host scripts", library=desired.library(settings))
units.present(name="Timers", units=desired.units(settings))
kometa.trial_message(name="Trial message")
