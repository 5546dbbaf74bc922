"""The account and its user manager."""

from kometa_host.errors import UserError
from kometa_host.plans import account as account_plan
from kometa_host.plans import packages
from kometa_host.plans.account import WantedAccount
from kometa_host.reports.diagnosis.check import DEPLOY, Answer, Host, ok, problem, unknown, warning


def account(host: Host) -> Answer:
    user = host.settings.mms_user
    if not host.look.found.host.account(user):
        return problem(f"there is no account {user}", "nothing has been deployed to this host", DEPLOY)
    return ok(f"{user} exists")


def subordinate_ids(host: Host) -> Answer:
    known = host.settings
    try:
        plan = account_plan.account_plan(
            WantedAccount(known.mms_user, known.mms_uid, known.mms_gid, known.home), host.look.found
        )
    except UserError as error:
        return problem("the ranges overlap or cannot be used", str(error), "vi /etc/subuid /etc/subgid   (as root)")
    missing = plan.ranges
    if missing:
        return problem(
            f"{known.mms_user} has no 65,536 ids in {' and '.join(f'/etc/{kind}' for kind in missing)}",
            "without subordinate ids a container cannot have users of its own: PUID and PGID cannot work",
            f"{DEPLOY}   (connected as root or with sudo)",
        )
    return ok("65,536 or more, overlapping nobody's")


def lingering(host: Host) -> Answer:
    if host.look.found.host.text("linger"):
        return ok("on")
    return problem(
        "off",
        "Kometa stops when the account's last login ends, and does not start at boot",
        f"loginctl enable-linger {host.settings.mms_user}   (as root)",
    )


def bus(host: Host) -> Answer:
    if host.look.found.text("bus"):
        return ok("reachable")
    made = host.look.found.host.account(host.settings.mms_user)
    uid = made.uid if made else "UID"
    return problem(
        f"/run/user/{uid}/bus does not answer",
        "the account's user manager does not run, so none of its services can be asked or started",
        f"systemctl restart user@{uid}.service   (as root; it restarts all services of the account)",
    )


def journal(host: Host) -> Answer:
    """Judge whether the account's journal is kept where the account can read it."""
    user = host.settings.mms_user
    if not host.look.found.text("bus"):
        return unknown("the user manager cannot be asked")
    if host.has_journal:
        return ok(f"{user} can read its own")
    return warning(
        f"{user} cannot read its own",
        "the journal is in memory (Storage=volatile, or no /var/log/journal), where only root can read it: messages of "
        "backups and updates cannot be shown, and nothing is left of them after a boot",
        "mkdir -p /etc/systemd/journald.conf.d && printf '[Journal]\\nStorage=persistent\\n' > "
        "/etc/systemd/journald.conf.d/zz-persistent.conf && systemctl restart systemd-journald && journalctl --flush"
        "   (as root)",
    )


def network_online(host: Host) -> Answer:
    if not host.network_online_unreachable:
        return ok("nothing waits for it in vain")
    return problem(
        "network-online.target is never reached",
        "Podman lets every rootless Quadlet wait for it up to 90 s, and on this host nothing starts it",
        f"{DEPLOY}   (connected as root or with sudo)",
    )


def podman(host: Host) -> Answer:
    version = host.look.found.host.text("podman-version").removeprefix("podman version ")
    if not version:
        return problem("not there", "Podman is not installed", DEPLOY)
    if packages.is_too_old(packages.podman_version(version)):
        return problem(version, packages.WHY_NEWER, packages.UPGRADE)
    return ok(version)
