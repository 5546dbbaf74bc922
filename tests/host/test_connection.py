"""Connections that pyinfra makes: which keys of hosts are accepted, and the ways that only the OpenSSH client knows."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyinfra.api import Config, Inventory, State
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host as PyinfraHost
from pyinfra.context import ctx_state

from kometa_host.state.programs import Actor
from operations.engine import openssh, transport
from operations.engine.connection import StrictConnector
from operations.engine.process import ConnectionLostError
from tests.host.driver import Pyinfra
from tests.host.jumps import behind
from tests.sandbox import Host, Sandbox
from tests.sandbox.trees import PASSWORD

NOBODYS_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture(scope="module")
def host(sandbox: Sandbox) -> Iterator[Host]:
    """A host with nothing on it."""
    with sandbox.host("bare") as made:
        yield made


def key_of(host: Host) -> str:
    """Return the host's own key."""
    return host.run("cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub").stdout.strip()


@contextmanager
def connected(host: Host, **data: object) -> Iterator[PyinfraHost]:
    """Connect as config.py does it, to the host or what the data name in its place."""
    plain = {name: host.pyinfra_data[name] for name in ("ssh_hostname", "ssh_user", "ssh_key", "ssh_known_hosts_file")}
    given = {name: value for name, value in {**plain, **data}.items() if value is not None}
    inventory = Inventory(([(host.name, given)], {}))  # type: ignore[no-untyped-call]
    for known in inventory:
        known.connector_cls = StrictConnector
    state = State(inventory, Config())  # type: ignore[no-untyped-call]
    with ctx_state.use(state):
        known = next(iter(state.inventory))
        known.connect(show_errors=False, raise_exceptions=True)
        connect_all(state)
        yield known
        disconnect_all(state)


def name_of_account(host: PyinfraHost, actor: Actor = Actor.ROOT) -> str:
    """Return as whom a program runs there."""
    return transport.run(host, actor, "mms", "id -un").stdout.decode().strip()


def known_hosts(tmp_path: Path, *lines: str) -> str:
    """Return the path of a known_hosts file."""
    path = tmp_path / "known_hosts"
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_a_key_that_nobody_has_looked_at_is_refused_with_the_command_to_look(host: Host, tmp_path: Path) -> None:
    none = known_hosts(tmp_path)
    with pytest.raises(ConnectError) as refused, connected(host, ssh_known_hosts_file=none):
        pass
    assert "is not known on this machine" in str(refused.value)
    command = next(line.strip() for line in str(refused.value).splitlines() if line.strip().startswith("ssh "))
    look = f"{command.removesuffix(' true')} -i {host.session.key} -o StrictHostKeyChecking=accept-new true"
    subprocess.run(["bash", "-c", look], check=True)
    # Another name for the file: pyinfra keeps what it has read as long as the process lives.
    with connected(host, ssh_known_hosts_file=str(Path(none).rename(tmp_path / "looked"))) as reached:
        assert name_of_account(reached) == "root"


def test_ctrl_c_ends_a_run_with_a_status_of_its_own_and_says_what_was_done(host: Host, tmp_path: Path) -> None:
    process = Pyinfra(tmp_path, host).start("deploy.py", "-y")
    assert process.stderr
    assert any("Connected" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 128 + signal.SIGINT
    assert "ended by Ctrl-C: nothing was changed" in said


@pytest.mark.parametrize("marked", [[], [f"@revoked other.lan {NOBODYS_KEY}"]], ids=["paramiko", "openssh"])
def test_another_key_than_the_known_one_is_refused(marked: list[str], host: Host, tmp_path: Path) -> None:
    other = known_hosts(tmp_path, *marked, f"{host.address} {NOBODYS_KEY}")
    with pytest.raises(ConnectError, match="has another SSH key than"), connected(host, ssh_known_hosts_file=other):
        pass


def test_lines_behind_a_marked_one_count(host: Host, tmp_path: Path) -> None:
    lines = (f"@cert-authority *.lan {NOBODYS_KEY}", f"{host.address} {key_of(host)}")
    with connected(host, ssh_known_hosts_file=known_hosts(tmp_path, *lines)) as reached:
        assert name_of_account(reached) == "root"


def test_a_revoked_key_is_refused(host: Host, tmp_path: Path) -> None:
    lines = (f"{host.address} {key_of(host)}", f"@revoked * {key_of(host)}")
    with (
        pytest.raises(ConnectError, match="marked as revoked"),
        connected(host, ssh_known_hosts_file=known_hosts(tmp_path, *lines)),
    ):
        pass


def test_an_authority_vouches_for_its_hosts(host: Host, tmp_path: Path) -> None:
    authority = tmp_path / "authority"
    (tmp_path / "host.pub").write_text(f"{key_of(host)}\n")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", authority], check=True)
    signed = str(tmp_path / "host.pub")
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-h", "-I", "a", "-n", host.address, signed]
    subprocess.run(sign, check=True)
    host.run("cat >/etc/ssh/cert.pub", input=(tmp_path / "host-cert.pub").read_bytes())
    host.run("echo HostCertificate /etc/ssh/cert.pub >/etc/ssh/sshd_config.d/cert.conf && systemctl reload ssh")
    vouched = known_hosts(tmp_path, f"@cert-authority * {authority.with_suffix('.pub').read_text().strip()}")
    with connected(host, ssh_known_hosts_file=vouched) as reached:
        assert name_of_account(reached) == "root"


@pytest.mark.parametrize("setting", ["no", "accept-new"])
def test_the_user_s_own_settings_decide_how_strict_it_is(setting: str, host: Host, tmp_path: Path) -> None:
    settings = tmp_path / "config"
    settings.write_text(f"Host *\n  StrictHostKeyChecking {setting}\n  ProxyJump none\n")
    none = known_hosts(tmp_path)
    with connected(host, ssh_config_file=str(settings), ssh_known_hosts_file=none) as reached:
        assert name_of_account(reached) == "root"
    assert (key_of(host) in Path(none).read_text()) is (setting == "accept-new")


@pytest.mark.parametrize("jumps", [1, 2])
def test_a_host_behind_others_by_its_other_address_on_another_port(
    jumps: int, sandbox: Sandbox, host: Host, jump_hosts: list[Host], tmp_path: Path
) -> None:
    data = behind(host, jump_hosts[-jumps:], "careful", sandbox, tmp_path)
    with connected(host, **data, _sudo_password=PASSWORD) as reached:
        assert name_of_account(reached) == "root"
        process = openssh.start(reached, Actor.ROOT, "mms", "sha256sum")
        process.write(bytes(1 << 20))
        process.close_input()
        assert b"".join(iter(process.read, b"")).startswith(b"30e14955ebf1352266dc2ff8067e68104607e750abb9d3b3")
        assert reached.run_shell_command("printf %s $USER")[1].stdout == "careful"


@pytest.fixture(scope="module")
def jump_hosts(sandbox: Sandbox, host: Host) -> Iterator[list[Host]]:
    """Two hosts, the second of which is the only one that the first host lets in."""
    with sandbox.host("bare") as first, sandbox.host("bare") as second:
        host.let_in_only_from(second)
        yield [first, second]


def test_a_jump_host_whose_key_is_unknown_is_not_trusted(host: Host, jump_hosts: list[Host], tmp_path: Path) -> None:
    settings = tmp_path / "config"
    settings.write_text(f"Host {host.address}\n  ProxyJump root@{jump_hosts[0].address}\n")
    with (
        pytest.raises(
            ConnectError, match=f"the SSH key of a jump host on the way to {host.name} is not known"
        ) as refused,
        connected(host, ssh_config_file=str(settings)),
    ):
        pass
    assert f"root@{host.address} true" in str(refused.value)


def test_a_line_that_is_lost_ends_the_command(host: Host, jump_hosts: list[Host], tmp_path: Path) -> None:
    lines = (f"@cert-authority *.lan {NOBODYS_KEY}", f"{host.address} {key_of(host)}")
    host.run("rm -f /etc/ssh/sshd_config.d/jump.conf; systemctl reload ssh")
    with connected(host, ssh_known_hosts_file=known_hosts(tmp_path, *lines)) as reached:
        host.power_cut()
        with pytest.raises(ConnectionLostError):
            name_of_account(reached)
