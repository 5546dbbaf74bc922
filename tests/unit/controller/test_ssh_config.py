"""What the user's SSH settings say of a host: how strict, by which way, what to do about a key that is unknown."""

from socket import gaierror

import pytest
from paramiko import AuthenticationException
from paramiko.ssh_exception import NoValidConnectionsError

from kometa_host.controller import ssh_config
from kometa_host.controller.ssh_config import Given
from tests.sandbox.address import NOT_UP

DEFAULT = ssh_config.parse("host default\nhostname default\nport 22\nuser me\nidentityfile ~/.ssh/id_rsa\n")
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def settings(*lines: str) -> ssh_config.Effective:
    """Return the settings of a user who has these beside the defaults."""
    return {**DEFAULT, **ssh_config.parse("\n".join(lines))}


def test_a_setting_that_stands_twice_has_both_values() -> None:
    assert ssh_config.parse("IdentityFile a b\nidentityfile c\n") == {"identityfile": ("a b", "c")}


@pytest.mark.parametrize(
    ("configured", "given", "strict"),
    [
        ("ask", "", "yes"), ("true", "", "yes"), ("false", "", "no"), ("accept-new", "", "accept-new"),
        ("true", "no", "no"), ("false", "yes", "yes"), ("ask", "accept-new", "accept-new"), ("off", "", "no"),
    ],
)  # fmt: skip
def test_keys_are_checked_as_the_inventory_or_the_user_says_and_strictly_otherwise(
    configured: str, given: str, strict: str
) -> None:
    assert ssh_config.strictness(settings(f"stricthostkeychecking {configured}"), given) == strict
    assert ssh_config.strictness({}) == "yes"


@pytest.mark.parametrize(
    "lines",
    [
        [], ["hostname fd0a::1", "port 2222", "user admin"], ["identityfile ~/.ssh/tower"], ["connecttimeout 5"],
        ["stricthostkeychecking true", "hashknownhosts yes"], ["sendenv LANG", "controlmaster auto"],
    ],
)  # fmt: skip
def test_paramiko_can_honour_what_it_is_given(lines: list[str]) -> None:
    assert ssh_config.beyond_paramiko(settings(*lines), DEFAULT, {"known_hosts": f"a,b ssh-ed25519 {KEY}\n"}) == []


@pytest.mark.parametrize(
    "line",
    [
        "proxyjump a,b", "proxycommand nc %h %p", "hostkeyalias tower", "certificatefile ~/.ssh/c",
        "identitiesonly yes", "pkcs11provider /usr/lib/p11.so", "identityagent ~/agent", "knownhostscommand /usr/bin/x",
        "verifyhostkeydns yes", "something-new yes", "identityfile ~/.ssh/%h",
    ],
)  # fmt: skip
def test_whatever_else_the_user_has_set_is_for_the_openssh_client(line: str) -> None:
    (reason,) = ssh_config.beyond_paramiko(settings(line), DEFAULT, {})
    assert reason.casefold().startswith(line.partition(" ")[0])


def test_a_default_that_the_user_took_away_is_for_the_openssh_client() -> None:
    assert ssh_config.beyond_paramiko(settings(), settings("tunnel false"), {}) == ["tunnel in the SSH settings"]


@pytest.mark.parametrize(
    ("line", "readable"),
    [
        (f"tower ssh-ed25519 {KEY}", True),
        (f"|1|c2FsdA==|aGFzaA== ssh-ed25519 {KEY} a comment", True),
        ("  # a comment", True),
        ("", True),
        (f"@cert-authority *.lan ssh-ed25519 {KEY}", False),
        (f"@revoked * ssh-ed25519 {KEY}", False),
        (f"tower sk-ssh-ed25519@openssh.com {KEY}", False),
        (f"tower ssh-rsa {KEY}", False),
        ("tower ssh-ed25519 AAAA!", False),
        ("tower", False),
    ],
)
def test_known_hosts_is_read_whole_or_left_to_the_openssh_client(line: str, readable: bool) -> None:
    text = f"first ssh-ed25519 {KEY}\n{line}\nlast ssh-ed25519 {KEY}\n"
    assert ssh_config.unreadable_lines(text) == ([] if readable else [2])
    reasons = ssh_config.beyond_paramiko(DEFAULT, DEFAULT, {"/k": text})
    assert reasons == ([] if readable else ["line 2 of /k"])


def test_paramiko_reads_one_file() -> None:
    files = ssh_config.known_hosts_files(settings("userknownhostsfile ~/a ~/b", "globalknownhostsfile /etc/c"))
    assert files == ["~/a", "~/b", "/etc/c"]
    assert ssh_config.known_hosts_files({}, "/given") == ["/given"]
    assert ssh_config.beyond_paramiko(DEFAULT, DEFAULT, {"a": "", "b": ""}) == ["more than one known_hosts file"]


def test_the_client_is_told_what_the_inventory_says_and_may_ask_nothing() -> None:
    given = Given(
        "tower", user="admin", port=2222, key="/k", config_file="/c", known_hosts_file="/a b", forward_agent=False
    )
    words = ssh_config.client(given, "yes", "/s")
    assert words[-7:] == ["-F", "/c", "-p", "2222", "-l", "admin", "--", "tower"][-7:]
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes", "ControlPath=/s", "ForwardAgent=no"} < set(words)
    assert {'UserKnownHostsFile="/a b"', "IdentitiesOnly=yes", "/k"} < set(words)
    assert ssh_config.query(given) == ["ssh", "-G", "-F", "/c", "-p", "2222", "-l", "admin", "--", "tower"]


def test_who_shares_a_connection_makes_none_of_its_own() -> None:
    assert {"ProxyCommand=false", "ControlMaster=no", "BatchMode=yes"} < set(ssh_config.sharing("/s"))


@pytest.mark.parametrize(
    ("given", "configured", "command"),
    [
        (Given("tower.lan"), "ask", "ssh tower.lan true"),
        (Given("tower.lan", user="admin", port=2222), "ask", "ssh -p 2222 admin@tower.lan true"),
        (Given("tower.lan"), "true", "ssh -o StrictHostKeyChecking=ask tower.lan true"),
        (Given("a", known_hosts_file="/k"), "ask", """ssh -o 'UserKnownHostsFile="/k"' a true"""),
        (Given("$(x)", user="a b"), "ask", "ssh 'a b@$(x)' true"),
    ],
)
def test_the_command_to_look_at_a_key_is_the_user_s_own_ssh(given: Given, configured: str, command: str) -> None:
    assert ssh_config.acceptance(given, settings(f"stricthostkeychecking {configured}")) == command


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("No ED25519 host key is known for [10.0.0.5]:2222 and you have requested strict checking.", "ssh alias true"),
        ("No ED25519 host key is known for jump and you have requested strict checking.", "ssh jump true"),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nOffending ED25519 key in /k:3\n"
         "Host key for [10.0.0.5]:2222 has changed and you have requested strict checking.",
         "ssh-keygen -R '[10.0.0.5]:2222' -f /k"),
        ("Error: host key ED25519 revoked in file /k", "marked as revoked"),
        ("Host key verification failed.\nkex_exchange_identification: Connection closed", "ssh alias true"),
        ("me@tower: Permission denied (publickey).", "Permission denied (publickey)"),
        ("", "no answer"),
    ],
)  # fmt: skip
def test_what_the_client_says_becomes_what_to_do(said: str, shown: str) -> None:
    known = settings("hostname 10.0.0.5", "stricthostkeychecking ask")
    assert shown in ssh_config.failure(f"{said}\n", "tower", Given("alias"), known)


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (gaierror(-2, "Name or service not known"), "no machine of the name tower.lan is known here"),
        (
            NoValidConnectionsError({("10.0.0.5", 22): ConnectionRefusedError(111, "Connection refused")}),
            "refused. Is ",
        ),
        (TimeoutError("timed out"), "timed out. Is tower.lan on"),
        (EOFError(), "no answer. Is tower.lan on"),
        (AuthenticationException("Authentication failed."), "nobody was let in there: Authentication failed. This"),
    ],
)
def test_a_host_that_is_not_reached_is_told_with_what_to_try(error: BaseException, shown: str) -> None:
    said = ssh_config.unreachable(error, Given("tower", user="admin", port=2222), settings("hostname tower.lan"))
    assert shown in said
    assert said.endswith("This must get in without a question:\n    ssh -p 2222 admin@tower true")


def test_of_a_sandbox_host_that_is_not_up_is_said_how_it_gets_up() -> None:
    said = ssh_config.unreachable(gaierror(-2, "no"), Given(NOT_UP), settings(f"hostname {NOT_UP}"))
    assert "make demo boots it" in said
