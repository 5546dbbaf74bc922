"""The programs that a Kometa host needs, through its own package manager."""

from pyinfra import host

from kometa_host.plans import packages as packages_plan
from operations.engine.operation import (
    Commands,
    confirm,
    host_operation,
    look_again,
    needs_root,
    observe,
    root_change,
    settings,
)


@host_operation
def installed() -> Commands:
    """Install Podman 4.4 or newer, what rootless containers need, age, zstd and tar where one of them is missing.

    Where the settings want pings or a git repository, curl or git, ssh-keygen and Python's venv as well.

    packages.installed(name="Packages")
    """
    found = observe()
    packages_plan.refuse_old_podman(found)
    missing = packages_plan.missing_commands(settings(), found)
    if not missing:
        host.noop("all programs are there")
        return
    manager, names = packages_plan.packages_of(settings(), found)
    needs_root(found, f"installing {', '.join(missing)}")
    yield root_change(f"installing {', '.join(missing)}", "packages", manager=manager, packages=names)
    found = look_again()
    packages_plan.refuse_old_podman(found)
    still = packages_plan.missing_commands(settings(), found)
    confirm(not still, f"{', '.join(still)} still not there after {manager} had installed its packages.")
