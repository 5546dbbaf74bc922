"""The image registry of a session: Debian's docker-registry on the test network, serving as lscr.io and docker.io."""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.sandbox import images
from tests.sandbox.cache import SOURCES, cached
from tests.sandbox.packages import apt_alone, architecture
from tests.sandbox.shell import SOON, SandboxError, daemon_pid, run, start_daemon, stop_daemon, wait_until

if TYPE_CHECKING:
    from tests.sandbox.session import Session

SETTINGS = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {folder}}}
  delete: {{enabled: true}}
http: {{addr: "{address}"}}
"""


def registry_program() -> Path:
    """Return the registry's program, unpacked from Debian's package: not installed, so this machine gets no service."""
    return cached("registry", [architecture(), SOURCES / "registry.py"], _unpack) / "usr" / "bin" / "docker-registry"


def _unpack(folder: Path) -> None:
    with apt_alone():
        run(["apt-get", "update"], check=False)
        run(["apt-get", "-o", "APT::Sandbox::User=root", "download", "docker-registry"], cwd=folder)
    for package in folder.glob("*.deb"):
        run(["dpkg-deb", "--extract", package, folder])
        package.unlink()


class Registry:
    """The registry of one session; images and tags survive stop() and start()."""

    def __init__(self, session: Session) -> None:
        """Describe the registry of `session`, which need not run."""
        self.session = session

    @property
    def address(self) -> str:
        """Address and port, as in an image's name."""
        return f"{self.session.gateway}:{self.session.port('registry')}"

    @property
    def folder(self) -> Path:
        """Where the registry keeps its data."""
        return self.session.folder / "registry"

    def ensure(self) -> str:
        """Make the registry run with the good image as latest, the first time; return its address."""
        filled = self.session.folder / "registry.filled"
        if not filled.exists():  # an attempt that failed half way is made again
            self.publish("good", tag="latest")
            self.publish("good", tag="v2.4.4")
            filled.touch()
        return self.address

    def start(self) -> None:
        """Start the registry unless it runs."""
        pid_file = self.session.folder / "registry.pid"
        if daemon_pid(pid_file) is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.session.folder / "registry.yml"
        settings.write_text(SETTINGS.format(folder=self.folder, address=self.address))
        log = self.session.folder / "registry.log"
        start_daemon([registry_program(), "serve", settings], log, pid_file)
        wait_until(lambda: self._answers() or daemon_pid(pid_file) is None, "the registry answers", step=SOON)
        if daemon_pid(pid_file) is None:
            raise SandboxError(f"the registry ended as it started: {log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """Stop the registry: pulls find nobody there."""
        stop_daemon(self.session.folder / "registry.pid")

    def _answers(self) -> bool:
        try:
            return self._request("GET", "/v2/")[0] == 200
        except OSError:
            return False

    # -- images --------------------------------------------------------------------------------------------------

    def publish(self, variant: str, tag: str = "latest", in_list: bool = False) -> str:
        """Push the image `variant` (see images.VARIANTS) under `tag`, which may name a list; return its digest."""
        self.start()
        image = images.image(variant)
        name = images.VARIANTS[variant].repository
        for digest, path in image.blobs.items():
            self._push_blob(name, digest, path)
        self._push_manifest(name, image.digest if in_list else tag, image.manifest, images.MANIFEST_TYPE)
        if in_list:
            self._push_manifest(name, tag, images.manifest_list(image), images.LIST_TYPE)
        return image.digest

    def _push_manifest(self, name: str, reference: str, manifest: bytes, kind: str) -> None:
        path = f"/v2/{name}/manifests/{reference}"
        status, _, body = self._request("PUT", path, manifest, {"Content-Type": kind})
        if status != 201:
            raise SandboxError(f"the registry refused {name}:{reference}: {status} {body.decode(errors='replace')}")

    def remove_tag(self, tag: str, repository: str = images.KOMETA) -> None:
        """Remove `tag`: what had it can still be pulled by digest."""
        tags = self.folder / "docker/registry/v2/repositories" / repository / "_manifests" / "tags"
        shutil.rmtree(tags / tag)

    def digest(self, tag: str, repository: str = images.KOMETA) -> str:
        """Return the digest that `tag` has now."""
        accept = {"Accept": images.MANIFEST_TYPE}
        status, headers, body = self._request("GET", f"/v2/{repository}/manifests/{tag}", headers=accept)
        if status != 200:
            raise SandboxError(f"{repository}:{tag} is not in the registry ({status})")
        return headers.get("Docker-Content-Digest", f"sha256:{hashlib.sha256(body).hexdigest()}")

    def tags(self, repository: str = images.KOMETA) -> list[str]:
        """Return the tags of `repository`."""
        body = self._request("GET", f"/v2/{repository}/tags/list")[2]
        return sorted(json.loads(body).get("tags") or [])

    def _push_blob(self, name: str, digest: str, path: Path) -> None:
        if self._request("HEAD", f"/v2/{name}/blobs/{digest}")[0] == 200:
            return
        _, headers, _ = self._request("POST", f"/v2/{name}/blobs/uploads/", b"")
        place = headers["Location"].partition(self.address)[2]
        joint = "&" if "?" in place else "?"
        kind = {"Content-Type": "application/octet-stream"}
        status, _, body = self._request("PUT", f"{place}{joint}digest={digest}", path.read_bytes(), kind)
        if status != 201:
            raise SandboxError(f"the registry refused a layer: {status} {body.decode(errors='replace')}")

    def _request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        host, _, port = self.address.partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()
