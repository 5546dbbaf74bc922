"""The rootless account: what it takes for Podman to run under it, and what has to be made. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from kometa_host.errors import UserError
from kometa_host.state.observed import Account, Observed, SubordinateRange

SUBORDINATE_COUNT = 65_536  # what Podman, useradd and an image's ids up to 65,535 expect


@dataclass(frozen=True)
class WantedAccount:
    """The account of a Kometa host."""

    user: str
    uid: int
    gid: int
    home: str


@dataclass(frozen=True)
class AccountPlan:
    """What has to be made: the group, the user, ranges of subordinate ids. Nothing: the account can work.

    Which ids a range has is decided on the host, by the program that adds it and holds a lock meanwhile.
    """

    create_group: bool = False
    create_user: bool = False
    ranges: tuple[str, ...] = ()  # of subuid and subgid

    def __bool__(self) -> bool:
        return self != AccountPlan()


def account_plan(wanted: WantedAccount, found: Observed) -> AccountPlan:
    """Given the wanted account and what was found, return what to make. Raise UserError if the account cannot work."""
    account = found.host.account(wanted.user)
    if account:
        _refuse_unusable(wanted, account, found)
    else:
        _refuse_taken_ids(wanted, found)
    return AccountPlan(
        create_group=account is None and wanted.user not in found.host.groups,
        create_user=account is None,
        ranges=tuple(k for k in ("subuid", "subgid") if _lacks_range(k, wanted, account, found.host.subordinate(k))),
    )


def other_ids(wanted: WantedAccount, found: Observed) -> str:
    """Return, to be added to a sentence, that an account has another id than is wanted: it keeps what it has."""
    account = found.host.account(wanted.user)
    if account is None or (account.uid, account.gid) == (wanted.uid, wanted.gid):
        return ""
    return f" and keeps its ids, {account.uid}:{account.gid}; mms_uid and mms_gid are those of an account that is made"


def _refuse_unusable(wanted: WantedAccount, account: Account, found: Observed) -> None:
    if found.resolved(account.home.rstrip("/")) != found.resolved(wanted.home):
        raise UserError(
            f"the account {wanted.user} has the home {account.home}, but Kometa's files belong under {wanted.home}. "
            f"Move it (usermod --home {wanted.home} --move-home {wanted.user}) or choose another account with mms_user."
        )
    if account.uid == 0:
        raise UserError(f"the account {wanted.user} is root (uid 0). Choose an account of its own with mms_user.")


def _refuse_taken_ids(wanted: WantedAccount, found: Observed) -> None:
    for entry in found.host.accounts:
        if entry.uid == wanted.uid:
            raise UserError(
                f"uid {wanted.uid} belongs to {entry.user} already, so {wanted.user} cannot have it. "
                "Set mms_uid to a free one."
            )
    for name, gid in found.host.groups.items():
        if gid == wanted.gid and name != wanted.user:
            raise UserError(
                f"gid {wanted.gid} belongs to the group {name} already, so {wanted.user} cannot have it. "
                "Set mms_gid to a free one."
            )
        if name == wanted.user and gid != wanted.gid:
            raise UserError(
                f"the group {name} exists with gid {gid}, not {wanted.gid}. Set mms_gid to {gid} or remove the group."
            )


def _lacks_range(kind: str, wanted: WantedAccount, account: Account | None, ranges: Iterable[SubordinateRange]) -> bool:
    names = {wanted.user, str(account.uid if account else wanted.uid)}
    own = [entry for entry in ranges if entry.owner in names]
    others = [entry for entry in ranges if entry.owner not in names]
    for mine in own:
        for other in others:
            if mine.start < other.start + other.count and other.start < mine.start + mine.count:
                raise UserError(_overlap(kind, mine, other))
    return sum(entry.count for entry in own) < SUBORDINATE_COUNT


def _overlap(kind: str, mine: SubordinateRange, other: SubordinateRange) -> str:
    return (
        f"/etc/{kind}: the range {mine.owner}:{mine.start}:{mine.count} overlaps "
        f"{other.owner}:{other.start}:{other.count}, so files of the one are open to the other's containers. "
        "Give one of them another range; files that containers wrote keep their old ids until they are changed."
    )
