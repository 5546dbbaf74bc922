"""pyinfra's command line, which says at its end how many SSH channels it opened: `python -m tests.host.counted ...`."""

import atexit
import sys
from typing import Any

from pyinfra_cli.main import main  # type: ignore[import-untyped]  # patches sockets, so it comes before paramiko

from paramiko import Transport  # isort: skip

opened: list[str] = []
original = Transport.open_session


def counted(self: Transport, *arguments: Any, **more: Any) -> Any:
    """Count a channel and open it."""
    opened.append("")
    return original(self, *arguments, **more)


if __name__ == "__main__":
    Transport.open_session = counted  # type: ignore[method-assign]
    atexit.register(lambda: print(f"SSH channels: {len(opened)}", file=sys.stderr))
    sys.argv[0] = "pyinfra"
    main()
