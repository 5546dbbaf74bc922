"""What kometa-watch starts when there is something to look at; its modules lie beside it."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve()
sys.pycache_prefix = str(Path.home() / ".local/state/kometa-host/python-cache")
sys.path.insert(0, str(HERE.parent))

from kometa_host.watcher.main import main  # noqa: E402  (found only now)

sys.exit(main(HERE, sys.argv[1:]))
