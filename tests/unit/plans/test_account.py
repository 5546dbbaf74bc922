"""The account: what is made, what is taken as it is, what is refused."""

import pytest

from kometa_host.errors import UserError
from kometa_host.plans.account import AccountPlan, WantedAccount, account_plan, other_ids
from kometa_host.state.observed import Observed
from tests.unit import told

WANTED = WantedAccount("mms", 3000, 3000, "/home/mms")
ACCOUNT = "mms:x:3000:3000::/home/mms:/bin/bash"
RANGES = "mms:100000:65536\n"


def host(account: str = "", **more: str) -> Observed:
    """Return a host with this line of passwd."""
    return told.host(passwd=account, **more)


def test_a_home_behind_a_symbolic_link_is_the_same_home() -> None:
    links = "/home/mms\t/var/home/mms\n/var/home/mms\t/var/home/mms"
    account = "mms:x:3000:3000::/var/home/mms:/bin/bash"
    account_plan(WANTED, host(account, links=links))
    with pytest.raises(UserError, match="has the home /var/home/mms"):
        account_plan(WANTED, host(account))


def test_an_account_that_can_work_needs_nothing() -> None:
    assert not account_plan(WANTED, host(account=ACCOUNT, subuid=RANGES, subgid=RANGES))


def test_ranges_of_the_uid_count_like_those_of_the_name() -> None:
    ranges = "3000:100000:65536\n"
    assert not account_plan(WANTED, host(account=ACCOUNT, subuid=ranges, subgid=ranges))


def test_an_existing_account_keeps_its_ids() -> None:
    account = "mms:x:1234:1234::/home/mms/:/usr/sbin/nologin"
    found = host(account=account, subuid="1234:100000:65536", subgid=RANGES)
    assert not account_plan(WANTED, found)
    assert other_ids(WANTED, found).startswith(" and keeps its ids, 1234:1234")
    assert not other_ids(WANTED, host(account=ACCOUNT))


def test_on_an_empty_host_all_is_made() -> None:
    assert account_plan(WANTED, host()) == AccountPlan(create_group=True, create_user=True, ranges=("subuid", "subgid"))


def test_a_group_that_is_there_with_the_right_id_is_used() -> None:
    plan = account_plan(WANTED, host(group="mms:x:3000:"))
    assert (plan.create_group, plan.create_user) == (False, True)


@pytest.mark.parametrize("ranges", ["", "mms:100000:1000\n", "other:100000:65536\nbroken\nmms:x:1\n# mms:1:2\n"])
def test_a_range_that_is_missing_or_too_small_is_added(ranges: str) -> None:
    assert account_plan(WANTED, host(account=ACCOUNT, subuid=ranges, subgid=RANGES)) == AccountPlan(ranges=("subuid",))
    assert account_plan(WANTED, host(account=ACCOUNT, subuid=RANGES, subgid=ranges)) == AccountPlan(ranges=("subgid",))


def refusal(**more: str) -> str:
    with pytest.raises(UserError) as caught:
        account_plan(WANTED, host(**more))
    return str(caught.value)


def test_what_cannot_work_is_refused_with_the_way_out() -> None:
    assert "usermod --home /home/mms" in refusal(account="mms:x:3000:3000::/srv/mms:/bin/sh")
    assert "is root (uid 0)" in refusal(account="mms:x:0:0::/home/mms:/bin/sh")
    assert "uid 3000 belongs to eve" in refusal(account="eve:x:3000:3000::/home/eve:/bin/sh")
    assert "gid 3000 belongs to the group media" in refusal(group="media:x:3000:eve")
    assert "Set mms_gid to 999" in refusal(group="mms:x:999:")


def test_a_range_that_overlaps_somebody_elses_is_refused() -> None:
    text = refusal(account=ACCOUNT, subuid="mms:100000:65536\neve:165535:65536\n", subgid=RANGES)
    assert "/etc/subuid: the range mms:100000:65536 overlaps eve:165535:65536" in text


def test_a_range_that_begins_where_anothers_ends_is_none_of_its_business() -> None:
    ranges = "mms:100000:65536\neve:165536:65536\n"
    assert not account_plan(WANTED, host(account=ACCOUNT, subuid=ranges, subgid=ranges))
