"""Entries of a tree that belong to others: what the account can do about them, and what is left to an administrator.

Pure. Root gives nothing away itself: whoever has the account could swap a directory for a link while root walks.
"""

from shlex import quote

from kometa_host.state.observed import ForeignOwned


def administrators_command(path: str, user: str) -> str:
    """Return the commands with which an administrator gives a whole tree to the account."""
    return while_nothing_runs(f"chown -hR {user}: {quote(path)}", path, user)


def while_nothing_runs(command: str, path: str, user: str) -> str:
    """Return what an administrator types to do something about a path that the account may have led elsewhere.

    Nothing of the account runs meanwhile, and nothing is done if a link is on the way.
    """
    manager, place = f'"user@$(id -u {user}).service"', quote(path)
    return (
        f'systemctl stop {manager} && if [ "$(realpath -m {place})" = {place} ]; then {command}; '
        f"else echo 'a link is on the way: look where it leads'; fi; systemctl start {manager}"
    )


def left_to_administrator(path: str, user: str, found: ForeignOwned) -> str:
    """Given entries of a path, some out of the account's reach, return which and how to dispose of them."""
    named = ", ".join(found.first[: found.out_of_reach])
    more = ", ..." if found.out_of_reach > len(found.first) else ""
    return (
        f"left undone: giving away {found.out_of_reach} entries of {path} that are nobody's for {user} needs root "
        f"({named}{more}). Look at them; if they are Kometa's, run on the host, as root: "
        f"{administrators_command(path, user)}"
    )
