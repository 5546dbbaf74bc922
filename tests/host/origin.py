"""The git repository that a host in pull mode follows: this project with an inventory of its own, served over HTTP."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.host.driver import FAR_TIMES, PROJECT, QUICK_STOP


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class Origin:
    """A work tree, the bare repository that it is pushed to, and the server that hosts fetch from."""

    def __init__(self, folder: Path, address: str, host: str) -> None:
        self.work, self.bare, self.host = folder / "work", folder / "served" / "host.git", host
        self.key, self.strangers_key = self._key(folder / "signer"), self._key(folder / "stranger")
        self.bare.parent.mkdir()
        self._git("init", "--quiet", "--initial-branch=main", str(self.work))
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        self._copy_project()
        handler = partial(QuietHandler, directory=str(self.bare.parent))
        self.server = ThreadingHTTPServer((address, 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://{address}:{self.server.server_port}/host.git"

    @property
    def data(self) -> dict[str, object]:
        """The variables of a host that follows this repository."""
        signers = [self.key.with_suffix(".pub").read_text().strip()]
        return {
            **FAR_TIMES,
            "kometa_autodeploy_source": "git",
            "kometa_autodeploy_repository": self.url,
            "kometa_autodeploy_signers": signers,
            "kometa_environment": QUICK_STOP,
        }

    def close(self) -> None:
        """End the server."""
        self.server.shutdown()

    def commit(self, message: str, key: Path | None = None, signed: bool = True, **data: object) -> str:
        """Commit and push the project with these variables of the host; return the commit."""
        entry = (self.host, {**self.data, **data})
        (self.work / "inventory.py").write_text(f"hosts = [{entry!r}]\n")
        self.git("add", "--all", "--force")
        signature = f"--gpg-sign={key or self.key}" if signed else "--no-gpg-sign"
        self.git("commit", "--quiet", "--allow-empty", signature, "-m", message)
        self.push()
        return self.git("rev-parse", "HEAD")

    @contextmanager
    def away(self) -> Iterator[None]:
        """Have nothing to fetch for a while."""
        hidden = self.bare.with_suffix(".away")
        self.bare.rename(hidden)
        yield
        hidden.rename(self.bare)

    def tag(self, name: str) -> None:
        """Tag the newest commit with a signature and push."""
        self.git("tag", "--local-user", str(self.key), "-m", name, name)
        self.push()

    def push(self) -> None:
        """Push everything, rewritten or not; the server's files are brought up to date."""
        self.git("push", "--quiet", "--force", "--tags", str(self.bare), "HEAD:main")
        self._git("-C", str(self.bare), "update-server-info")

    def git(self, *arguments: str) -> str:
        """Run git in the work tree and return what it prints."""
        return self._git("-C", str(self.work), *arguments)

    def _git(self, *arguments: str) -> str:
        who = {"user.name": "Somebody", "user.email": "somebody@tower.lan", "gpg.format": "ssh"}
        settings = [part for name, value in who.items() for part in ("-c", f"{name}={value}")]
        environment: Mapping[str, str] = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        }
        done = subprocess.run(
            ["git", *settings, *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _key(self, path: Path) -> Path:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        return path

    def _copy_project(self) -> None:
        for name in self._git("-C", str(PROJECT), "ls-files", "-co", "--exclude-standard", "-z").split("\0"):
            if name and (PROJECT / name).is_file():
                target = self.work / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, target)
