"""The programs that a Kometa host needs, through its own package manager."""

from pyinfra import host

from kometa_host.plans import packages as packages_plan
from kometa_host.state.observed import Observed
from operations.engine.operation import (
    Change,
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
    """Install Podman 4.7 or newer, what rootless containers need, zstd and tar where one of them is missing.

    Where the settings want backups, pings or a git repository: age, curl or git, ssh-keygen and Python's venv as well.

    packages.installed(name="Packages")
    """
    found = observe()
    packages_plan.refuse_old_podman(found)
    if not packages_plan.missing_commands(settings(), found):
        host.noop("all programs are there")
        return
    yield _change(found)
    found = look_again()
    # Which Podman has come says what else it needs.
    if packages_plan.missing_commands(settings(), found) == [packages_plan.SLIRP]:
        yield _change(found)
        found = look_again()
    packages_plan.refuse_old_podman(found)
    still = packages_plan.missing_commands(settings(), found)
    confirm(not still, f"{', '.join(still)} still not there after the packages were installed.")


def _change(found: Observed) -> Change:
    family, names = packages_plan.packages_of(settings(), found)
    missing = ", ".join(packages_plan.missing_commands(settings(), found))
    needs_root(found, f"installing {missing}")
    return root_change(f"installing {missing}", "packages", manager=packages_plan.MANAGERS[family], packages=names)
