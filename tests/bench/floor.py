"""The floor of a deploy that changes nothing: import pyinfra, connect to each host, read once all that a deploy reads.

`python -m tests.bench.floor inventory.json` takes a list of [name, data] entries; used by tests.bench.deploy.
"""

import json
import sys
from pathlib import Path

from pyinfra_cli.main import main as imported  # type: ignore[import-untyped]  # noqa: F401

import gevent  # isort: skip
from paramiko import Ed25519Key, SSHClient  # isort: skip


def read(data: dict[str, str], program: bytes) -> int:
    """Connect, run the program on its standard input, and return how many bytes it answered."""
    client = SSHClient()
    client.load_host_keys(data["ssh_known_hosts_file"])
    key = Ed25519Key.from_private_key_file(data["ssh_key"])
    client.connect(data["ssh_hostname"], username=data["ssh_user"], pkey=key, allow_agent=False, look_for_keys=False)
    stdin, stdout, _ = client.exec_command(f"bash -c 'eval \"$(head -c {len(program)})\"'")
    stdin.write(program)
    stdin.channel.shutdown_write()
    return len(stdout.read())


if __name__ == "__main__":
    entries, text = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]).read_bytes()
    greenlets = [gevent.spawn(read, data, text) for _, data in entries]
    gevent.joinall(greenlets, raise_error=True)
    if not all((greenlet.value or 0) > 1000 for greenlet in greenlets):
        sys.exit("a host did not answer")
