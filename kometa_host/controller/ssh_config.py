"""What the user's own SSH settings say about a host, and whether paramiko can do the same. Pure.

`ssh -G` tells them, whatever files, patterns and defaults they come from. Paramiko takes a third of the time that the
OpenSSH client takes for each command, but it knows neither jump hosts nor certificates of hosts, and it stops reading
known_hosts at a line that it does not understand: then the OpenSSH client carries the whole connection.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from shlex import quote
from socket import gaierror

from paramiko import AuthenticationException
from paramiko.ssh_exception import NoValidConnectionsError

Effective = Mapping[str, tuple[str, ...]]

# What the connection through paramiko is given, so that it is honoured there.
GIVEN = frozenset({
    "host", "hostname", "port", "user", "identityfile", "stricthostkeychecking", "userknownhostsfile", "connecttimeout",
})  # fmt: skip
# What makes no difference to a program that runs commands.
INDIFFERENT = frozenset({
    "addkeystoagent", "controlmaster", "controlpath", "controlpersist", "enableescapecommandline", "escapechar",
    "forwardagent", "forwardx11", "forwardx11timeout", "forwardx11trusted", "gssapiauthentication",
    "gssapidelegatecredentials", "gssapikexalgorithms", "gssapikeyexchange", "gssapirenewalforcesrekey",
    "gssapitrustdns", "hashknownhosts", "ipqos", "localforward", "loglevel", "permitlocalcommand", "remotecommand",
    "remoteforward", "requesttty", "sendenv", "serveralivecountmax", "serveraliveinterval", "setenv", "tcpkeepalive",
    "updatehostkeys", "visualhostkey", "xauthlocation",
})  # fmt: skip
KEY_TYPES = frozenset({
    "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
})  # fmt: skip

UNKNOWN = re.compile(r"No \S+ host key is known for (\S+) and you have requested strict checking")
CHANGED = re.compile(r"Host key for (\S+) has changed and you have requested strict checking")


@dataclass(frozen=True)
class Given:
    """What the inventory says of a connection; empty is what it leaves to the user's SSH settings.

    destination: the name or address, or an alias of those settings; strict: ssh_strict_host_key_checking.
    """

    destination: str
    user: str = ""
    port: int = 0
    key: str = ""
    config_file: str = ""
    known_hosts_file: str = ""
    strict: str = ""
    forward_agent: bool | None = None


def parse(text: str) -> dict[str, tuple[str, ...]]:
    """Return what `ssh -G` has printed: the values of each setting, by its name in lower case."""
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        found[name.lower()] = (*found.get(name.lower(), ()), value)
    return found


def first(effective: Effective, name: str) -> str:
    """Return the one value of a setting, empty where it is not set."""
    return effective.get(name, ("",))[0]


def strictness(effective: Effective, given: str = "") -> str:
    """Return how host keys are checked: as the inventory says, else as the user's settings, and strictly if they ask.

    A question could only be answered blindly here: connections to several hosts are made at once.
    """
    said = given or first(effective, "stricthostkeychecking")
    return {"true": "yes", "false": "no", "off": "no", "ask": "yes", "": "yes"}.get(said, said)


def known_hosts_files(effective: Effective, given: str = "") -> list[str]:
    """Return the paths of the files that name keys of hosts: the inventory's or the user's, and the machine's."""
    own = [given] if given else first(effective, "userknownhostsfile").split()
    return [*own, *first(effective, "globalknownhostsfile").split()]


def beyond_paramiko(effective: Effective, default: Effective, known_hosts: Mapping[str, str]) -> list[str]:
    """Return what paramiko cannot honour, in words.

    Given the settings for the host, those of a user who has none, and the texts of the known_hosts files that exist.
    """
    known = GIVEN | INDIFFERENT
    unlike = [name for name in {**effective, **default} if effective.get(name) != default.get(name)]
    reasons = [f"{name} in the SSH settings" for name in sorted(unlike) if name not in known]
    lines = [f"line {line} of {path}" for path, text in known_hosts.items() for line in unreadable_lines(text)]
    if any("%" in name for name in effective.get("identityfile", ())):
        reasons.append("IdentityFile with a % in the SSH settings")
    return reasons + lines[:1] + (["more than one known_hosts file"] if len(known_hosts) > 1 else [])


def unreadable_lines(known_hosts: str) -> list[int]:
    """Return the numbers of the lines of a known_hosts file that paramiko does not read."""
    lines = enumerate(known_hosts.splitlines(), 1)
    return [number for number, line in lines if line.strip() and line.strip()[0] != "#" and not _is_plain(line.strip())]


def _is_plain(line: str) -> bool:
    # @cert-authority and @revoked stand in place of the names.
    names, kind, key, *_ = [*line.split(), "", "", ""]
    if names.startswith("@") or kind not in KEY_TYPES:
        return False
    try:
        content = base64.b64decode(key, validate=True)
    except binascii.Error:
        return False
    return content[4:].startswith(kind.encode())


def query(given: Given) -> list[str]:
    """Return the command that prints the user's settings for a host."""
    return ["ssh", "-G", *_target(given)]


def client(given: Given, strict: str, socket: str) -> list[str]:
    """Return the OpenSSH client's command line for a connection that others share by a socket, up to the command."""
    options = [
        "BatchMode=yes", f"StrictHostKeyChecking={strict}", f"ControlPath={socket}", "ControlMaster=yes",
        "ControlPersist=no", "ClearAllForwardings=yes", "ForwardX11=no", "PermitLocalCommand=no", "RemoteCommand=none",
        "RequestTTY=no", "LogLevel=ERROR", "ServerAliveInterval=15", "ServerAliveCountMax=4",
    ]  # fmt: skip
    if given.known_hosts_file:
        options.append(f'UserKnownHostsFile="{given.known_hosts_file}"')
    if given.key:
        options.append("IdentitiesOnly=yes")
    if given.forward_agent is not None:
        options.append(f"ForwardAgent={'yes' if given.forward_agent else 'no'}")
    flags = [argument for option in options for argument in ("-o", option)]
    return ["ssh", "-T", *flags, *(["-i", given.key] if given.key else []), *_target(given)]


def sharing(socket: str) -> list[str]:
    """Return the command line of a client that shares a connection; where that is gone, it makes none of its own."""
    options = ("BatchMode=yes", "ControlMaster=no", f"ControlPath={socket}", "ProxyCommand=false", "LogLevel=ERROR")
    flags = [argument for option in options for argument in ("-o", option)]
    return ["ssh", "-F", "none", "-T", *flags, "kometa-host"]


def _target(given: Given) -> list[str]:
    flags = {"-F": given.config_file, "-p": str(given.port or ""), "-l": given.user}
    return [*(word for flag, value in flags.items() if value for word in (flag, value)), "--", given.destination]


def acceptance(given: Given, effective: Effective, hop: str = "") -> str:
    """Return the command that shows a host's key and asks whether it is accepted; a jump host's, where one is named."""
    asked = Given(hop, config_file=given.config_file) if hop else given
    options = [] if first(effective, "stricthostkeychecking") in ("", "ask") else ["StrictHostKeyChecking=ask"]
    if asked.known_hosts_file:
        options.append(f'UserKnownHostsFile="{asked.known_hosts_file}"')
    flags = [word for option in options for word in ("-o", option)]
    return _line(["ssh", *flags, *_named(asked), "true"])


def _line(words: Sequence[str]) -> str:
    return " ".join(quote(word) for word in words if word != "--")


def failure(said: str, name: str, given: Given, effective: Effective) -> str:
    """Return what to say where the OpenSSH client, which has said this, could not connect to a host."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in said:
        files = [found[1] for line in lines if (found := re.match(r"Offending .* key in (.*):\d+$", line))]
        changed = next((found[1] for line in lines if (found := CHANGED.search(line))), name)
        return changed_key(changed, files)
    if "revoked" in said:
        return f"the SSH key of {name} is marked as revoked in known_hosts, and nothing was sent there."
    if unknown := UNKNOWN.search(said):
        own = {given.destination, first(effective, "hostname"), first(effective, "hostkeyalias")}
        bare = unknown[1].removeprefix("[").partition("]")[0]
        hop = "" if bare in own else bare
        return unknown_key(hop or name, acceptance(given, effective, hop))
    if "Host key verification failed" in said:  # asked by the client that leads through a jump host
        return unknown_key(f"a jump host on the way to {name}", acceptance(given, effective))
    return f"could not be reached: {lines[-1].rstrip('.') if lines else 'no answer'}. {_must_get_in(given)}"


def unreachable(error: BaseException, given: Given, effective: Effective) -> str:
    """Return what to say where paramiko could not connect to a host, for this error."""
    place = first(effective, "hostname")
    if place.endswith(".invalid"):  # as inventory.py calls a sandbox host that is not up; no real host is called so
        return f"{place}: make demo boots it; a host of your own takes its place in inventory.py."
    if isinstance(error, gaierror):
        return (
            f"could not be reached: no machine of the name {place} is known here ({error.strerror}). Mend it in "
            f"inventory.py. {_must_get_in(given)}"
        )
    if isinstance(error, AuthenticationException):
        return f"nobody was let in there: {str(error).rstrip('.')}. {_must_get_in(given)}"
    causes = error.errors.values() if isinstance(error, NoValidConnectionsError) else [error]
    why = ", ".join(dict.fromkeys(getattr(cause, "strerror", "") or str(cause) or "no answer" for cause in causes))
    return (
        f"could not be reached: {why}. Is {place} on, and does its SSH server listen on port "
        f"{first(effective, 'port')}? {_must_get_in(given)}"
    )


def _must_get_in(given: Given) -> str:
    return f"This must get in without a question:\n    {_line(['ssh', *_named(given), 'true'])}"


def _named(given: Given) -> list[str]:
    """Return what leads to a host as somebody types it, with the user in front of its name."""
    named = f"{given.user}@{given.destination}" if given.user else given.destination
    return _target(replace(given, user="", destination=named))


def unknown_key(name: str, command: str) -> str:
    """Return what to say where nothing vouches for a host's key."""
    return (
        f"the SSH key of {name} is not known on this machine, and nothing was sent there. Look at it, and accept it if "
        f"it is the host's own:\n    {command}\n"
        "The host itself shows its keys: for key in /etc/ssh/ssh_host_*.pub; do ssh-keygen -lf $key; done"
    )


def changed_key(entry: str, files: Sequence[str]) -> str:
    """Return what to say where a host, which known_hosts calls so, has another key than the one that is known."""
    file = files[0] if files else "~/.ssh/known_hosts"
    return (
        f"{entry} has another SSH key than the one in {file}, and nothing was sent there: somebody may be between. "
        f"If the host was installed again, forget the old key, then accept the new one after a look:\n"
        f"    {_line(['ssh-keygen', '-R', entry, '-f', file])}"
    )
