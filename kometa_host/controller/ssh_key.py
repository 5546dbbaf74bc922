"""The file that ssh_key names: whether it can be a private key at all, found before anything connects."""

from pathlib import Path

from kometa_host.errors import Problem

BEGINS = b"-----BEGIN "  # of every form of private key that OpenSSH and PuTTYgen's export write
REMEDY = (
    "name the private key, such as ~/.ssh/id_ed25519 (ssh-keygen -t ed25519 makes one), or leave ssh_key out: "
    "your agent and ~/.ssh/config then decide, as for ssh"
)


def problem(given: object) -> Problem | None:
    """Given the value of ssh_key, return what is wrong with it, None if nothing is or it is not set."""
    if not given:
        return None
    if not isinstance(given, str):
        return Problem("ssh_key", f"not a path but {type(given).__name__}", REMEDY)
    fault = _fault(Path(given).expanduser())
    return Problem("ssh_key", f"{given} {fault}", REMEDY) if fault else None


def _fault(path: Path) -> str:
    """Return why the file is no private key that can be read, empty if it looks like one."""
    try:
        if not path.is_file():
            return "is not a file" if path.exists() else "does not exist on this machine"
        with path.open("rb") as file:
            head = file.read(4096).lstrip()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if head.startswith((b"ssh-", b"ecdsa-", b"sk-", b"---- BEGIN SSH2 PUBLIC")):
        return "is a public key"
    return "" if head.startswith(BEGINS) else "is not a private key of OpenSSH's"
