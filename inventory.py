"""The hosts. Out of the box that is the sandbox host, which `make demo` boots on this machine."""

from tests.sandbox.address import inventory_host

sandbox, connection = inventory_host()
made_up = {"plextoken": "sandbox-plex-token", "tmdbapikey": "made-up-for-the-sandbox"}

hosts = [
    # Your own host: put it in place of the sandbox's line, for example
    #     ("tower.lan", {"ssh_user": "admin"}),
    # ssh_user is root, somebody who may use sudo, or mms itself. Any variable of group_data/all.py can stand there too.
    (sandbox, connection | {"kometa_secrets": made_up}),
]
