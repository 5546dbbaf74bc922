"""make doctor: what is typed, and what is said of hosts that cannot be read."""

from tools.doctor import pyinfra_command, unread

ERRORS = """--> Connecting to hosts...
    [gone.lan] could not be reached: no route to host. Is gone.lan on? This must get in:
    ssh gone.lan true
    [tower]    Connected

--> Preparing operation func...
    [nas]      the host could not be read: no answer
"""


def test_nothing_is_asked_where_a_host_cannot_be_reached() -> None:
    assert pyinfra_command(["--json", "--limit", "tower"])[-5:] == [
        "operations.kometa.diagnose", "json=true", "-y", "--limit", "tower",
    ]  # fmt: skip


def test_hosts_that_could_not_be_read_are_said_beside_the_problems_of_others() -> None:
    assert unread(ERRORS) == [
        "[gone.lan] could not be reached: no route to host. Is gone.lan on? This must get in:",
        "ssh gone.lan true",
        "[nas]      the host could not be read: no answer",
    ]
