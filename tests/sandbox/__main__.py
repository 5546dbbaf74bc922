"""The sandbox's command line: `python -m tests.sandbox up|down|list|ssh|build|reset|power-cut|boot|plex|why-not`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence

from tests.sandbox import images, packages, trees, variants
from tests.sandbox.address import PERSISTENT
from tests.sandbox.core import why_not
from tests.sandbox.host import Host
from tests.sandbox.session import Session, clean_up
from tests.sandbox.shell import SandboxError

SESSION = Session("persistent")


def find(name: str) -> Host:
    """Return the persistent host `name`."""
    for host in SESSION.hosts():
        if host.name == name:
            return host
    raise SandboxError(f"no host named {name} is up; `python -m tests.sandbox up --name {name}` makes one")


def describe(host: Host) -> str:
    """Return the line that `list` shows of a host."""
    kind = " ".join((host.kind, *host.like))
    return f"{host.name}  {host.address}  {kind}  {'running' if host.is_running() else 'off'}"


def up(options: argparse.Namespace) -> None:
    """Boot persistent hosts; one that is there already stays as it is."""
    packages.prepare_machine()
    clean_up()
    SESSION.begin(None)
    for number in range(1, options.count + 1):
        name = options.name if number == 1 else f"{options.name}-{number}"
        _up_one(name, options.kind, variants.chosen(options.like))


def _up_one(name: str, kind: str, like: Sequence[str]) -> None:
    known = [host for host in SESSION.hosts() if host.name == name]
    was_running = bool(known) and known[0].is_running()
    begin = time.monotonic()
    host = known[0] if known else SESSION.add_host(kind, name, network_online=True, like=like)
    SESSION.restart_services()
    host.boot()
    how = "was up already" if was_running else f"booted in {time.monotonic() - begin:.1f} s"
    print(f"{describe(host)}  ({how})")


def down(options: argparse.Namespace) -> None:
    """Destroy one persistent host, or all; the network goes with the last."""
    found = [host for host in SESSION.hosts() if options.all or host.name == options.name]
    for host in found:
        host.destroy()
        print(f"{host.name} is gone")
    if not found:
        print("no sandbox host is up" if options.all else f"no sandbox host {options.name} is up")
    if not SESSION.hosts():
        SESSION.end()
    clean_up()


def show(_options: argparse.Namespace) -> None:
    """List the persistent hosts."""
    for host in SESSION.hosts():
        print(describe(host))
    if not SESSION.hosts():
        print("no sandbox host is up")


def ssh(options: argparse.Namespace) -> None:
    """Log in to a persistent host, or run a command on it."""
    host = find(options.name)
    command = ["ssh", *host.ssh_options, f"{options.user}@{host.address}", *options.command]
    os.execvp(command[0], command)  # noqa: S606


def build(_options: argparse.Namespace) -> None:
    """Build what is not in the cache yet."""
    for kind in trees.KINDS:
        print(f"{kind}: {trees.tree(kind)}")
    for variant in images.VARIANTS:
        print(f"{variant}: {images.image(variant).digest}")


def reset(options: argparse.Namespace) -> None:
    """Give a persistent host a fresh tree: as if it had just been installed."""
    host = find(options.name)
    SESSION.reset_host(host)
    print(describe(host))


def power_cut(options: argparse.Namespace) -> None:
    """Kill a persistent host at once."""
    find(options.name).power_cut()


def boot(options: argparse.Namespace) -> None:
    """Start a persistent host that is off."""
    SESSION.restart_services()
    host = find(options.name)
    host.boot()
    print(describe(host))


def plex(options: argparse.Namespace) -> None:
    """Run the stand-in for Plex on a persistent host that was deployed to, as the service plex of mms."""
    find(options.name).install_plex()


def tell_why_not(_options: argparse.Namespace) -> None:
    """Say why sandbox hosts cannot run here; exit status 1 when they cannot."""
    reason = why_not()
    print(reason or "sandbox hosts can run here")
    sys.exit(1 if reason else 0)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    root = argparse.ArgumentParser(prog="python -m tests.sandbox", description="Throwaway hosts on this machine.")
    commands = root.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, action: Callable[[argparse.Namespace], None], takes_name: bool = False
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=(action.__doc__ or "").splitlines()[0])
        command.set_defaults(action=action)
        if takes_name:
            command.add_argument("name", nargs="?", default=PERSISTENT, metavar="NAME")
        return command

    making = add("up", up)
    making.add_argument("--name", default=PERSISTENT, help="the first host's name; further ones get -2, -3, ...")
    making.add_argument("--kind", default="bare", choices=sorted(trees.KINDS))
    making.add_argument("--like", nargs="*", default=(), choices=sorted(variants.VARIANTS), metavar="VARIANT")
    making.add_argument("--count", type=int, default=1)
    everyone = "every persistent host of this checkout, whoever brought it up"
    add("down", down, takes_name=True).add_argument("--all", action="store_true", help=everyone)
    add("list", show)
    login = add("ssh", ssh, takes_name=True)
    login.add_argument("--user", default="root")
    login.epilog = "What stands after -- is the command to run on the host."
    add("build", build)
    add("reset", reset, takes_name=True)
    add("power-cut", power_cut, takes_name=True)
    add("boot", boot, takes_name=True)
    add("plex", plex, takes_name=True)
    add("why-not", tell_why_not)
    return root


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what stands before the first "--" and what stands after it."""
    words = list(arguments)
    place = words.index("--") if "--" in words else len(words)
    return words[:place], words[place + 1 :]


def main(arguments: Sequence[str]) -> None:
    """Run the command line `arguments`; print an error in one line and exit with 1 when something cannot be done."""
    own, command = _split(arguments)
    options = parser().parse_args(own)
    options.command = command
    reason = why_not()
    if reason and options.action is not tell_why_not:
        sys.exit(f"sandbox: {reason}")
    try:
        options.action(options)
    except SandboxError as error:
        sys.exit(f"sandbox: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
