"""The rootless account under which Kometa runs."""

from pyinfra import host

from kometa_host.errors import UserError
from kometa_host.plans import account as account_plan
from kometa_host.plans.account import WantedAccount
from operations.engine.operation import (
    Commands,
    confirm,
    host_operation,
    left_to_root,
    look_again,
    needs_root,
    observe,
    root_change,
)


@host_operation
def user(user: str, uid: int, gid: int, home: str) -> Commands:
    """Make sure that the account exists and can run rootless containers. An existing one is taken as it is.

    + user: name of the account and of its group
    + uid, gid: ids for an account that is made
    + home: its home directory

    Subordinate uid and gid ranges of 65,536 ids that overlap nobody's are added where they are missing.

        account.user(name="Account mms", user="mms", uid=3000, gid=3000, home="/home/mms")
    """
    wanted = WantedAccount(user, uid, gid, home)
    plan = account_plan.account_plan(wanted, observe())
    if not plan:
        host.noop(f"account {user} exists" + account_plan.other_ids(wanted, observe()))
        return
    needs_root(observe(), f"making the account {user}")
    yield root_change(
        f"making the account {user}",
        "account",
        **vars(wanted),
        create_group=plan.create_group,
        create_user=plan.create_user,
        kinds=plan.ranges,
        count=account_plan.SUBORDINATE_COUNT,
    )
    confirm(not account_plan.account_plan(wanted, look_again()), f"the account {user} is still not as it has to be.")


@host_operation
def lingering(user: str) -> Commands:
    """Make sure that the account's user manager runs without a login and that its bus can be reached.

    + user: name of the account

        account.lingering(name="Lingering", user="mms")
    """
    found = observe()
    if found.host.text("linger") and found.text("bus"):
        host.noop(f"{user} lingers")
        return
    if left_to_root(found, f"letting {user} linger (its services run without a login)"):
        return
    yield root_change(f"letting {user} linger", "lingering", user=user)
    found = look_again()
    if not (found.host.text("linger") and found.text("bus")):
        raise UserError(f"the user manager of {user} is not reachable. See: journalctl -u 'user@*.service'")
