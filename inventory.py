"""The hosts. Out of the box that is the sandbox host, which `make demo` boots on this machine."""

from tests.sandbox.address import inventory_host

# Your own host: put its name in place of the sandbox, for example
#     hosts = [("tower.lan", {"ssh_user": "admin"})]
# ssh_user is root, somebody who may use sudo, or the account mms itself. Any variable of group_data/all.py can stand
# there too, for example {"ssh_user": "admin", "mms_timezone": "Europe/Berlin"}.
hosts = [inventory_host()]
