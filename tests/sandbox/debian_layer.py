"""The Debian layer that the stand-in images share: unpacked packages, without what nobody reads."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tarfile
from pathlib import Path

from tests.sandbox import packages
from tests.sandbox.shell import run

NEEDLESS = [
    "usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/i18n", "usr/share/info", "usr/share/lintian",
    "usr/lib/x86_64-linux-gnu/gconv", "usr/share/perl5", "usr/share/bash-completion", "usr/lib/systemd",
]  # fmt: skip


def build(folder: Path) -> None:
    """Write the layer, packed, and the digest of the archive within."""
    archive = _debian(folder)
    (folder / "layer.tar.gz").write_bytes(gzip.compress(archive, compresslevel=5, mtime=0))
    (folder / "inner").write_text(f"sha256:{hashlib.sha256(archive).hexdigest()}")


def _debian(folder: Path) -> bytes:
    """Return a tar archive of what the stand-ins need of Debian: unpacked packages, without what nobody reads."""
    repository = packages.repository()
    root = folder / "root"
    root.mkdir()
    names = (repository / "image.txt").read_text().split()
    for name in sorted(names, key=lambda name: (not name.startswith("base-files"), name)):
        run(["dpkg-deb", "--extract", repository / "debian" / "pool" / name, root])
    for needless in NEEDLESS:
        shutil.rmtree(root / needless, ignore_errors=True)
    run(["ldconfig", "-r", root])
    run(["chroot", root, "python3", "-m", "compileall", "-q", "/usr/lib/python3.13", "/usr/lib/python3"], check=False)
    archive = _pack(root)
    shutil.rmtree(root)
    return archive


def _pack(root: Path) -> bytes:
    """Return a tar archive of `root` that depends on contents, owners and modes alone."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime = 0
        return entry

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(root.iterdir()):
            archive.add(path, path.name, filter=plain)
    return buffer.getvalue()
