"""Takes Kometa off a host: removes what deploy.py made. A later deploy brings everything back.

Config tree, backups, secrets and account stay, unless it is run with `--data destroy_data=true`: that lists what it
will delete and asks for the host's name (`--data destroy_confirm=NAME` where nobody can be asked). Packages stay.
"""

from pyinfra import host

from kometa_host.controller.preflight import settings_of
from operations import destroy

settings = settings_of(host)

destroy.agreed(name="Check that removal is safe")
destroy.files(name="Timers and units of backup and autodeploy", of="units")
destroy.kometa(name="Service kometa and its container")
destroy.network(name=f"Network {settings.mms_network}")
destroy.files(name="Quadlets", of="quadlets")
destroy.files(name="Scripts of backup and autodeploy", of="library")
destroy.images(name=f"Images of {settings.kometa_image}")
destroy.data(name="Data: config tree, backups, secrets")
destroy.state(name="Records of previous deploys")
destroy.account(name=f"Account {settings.mms_user}")
