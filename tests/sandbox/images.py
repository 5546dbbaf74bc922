"""The stand-in images: a Debian layer with Python and curl, and one small layer with the programs that imitate."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.sandbox import debian_layer, packages
from tests.sandbox.cache import SOURCES, cached

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
LIST_TYPE = "application/vnd.oci.image.index.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
KOMETA = "linuxserver/kometa"
PLEX = "plexinc/pms-docker"
_BASE_RECIPE = [SOURCES / "debian_layer.py", SOURCES / "packages.py"]


@dataclass(frozen=True)
class Variant:
    """One image that can be published: where, what its build says of itself, and what starts in it."""

    repository: str
    version: str
    entrypoint: str
    # "" works; "loop": Kometa crashes for ever; "exit": the container ends at once; "slow": its start takes minutes
    broken: str = ""
    labelled: bool = True  # with the label that tells the version


VARIANTS = {
    "good": Variant(KOMETA, "2.4.4", "/init"),
    "good2": Variant(KOMETA, "2.4.5", "/init"),
    "broken": Variant(KOMETA, "2.5.0", "/init", broken="loop"),
    "crashing": Variant(KOMETA, "2.5.1", "/init", broken="exit"),
    "slow": Variant(KOMETA, "2.4.6", "/init", broken="slow"),
    "unlabelled": Variant(KOMETA, "2.4.7", "/init", labelled=False),
    "plex": Variant(PLEX, "1.42.2", "/app/plex.py"),
}


@dataclass(frozen=True)
class Image:
    """An image ready to be pushed."""

    manifest: bytes
    blobs: dict[str, Path] = field(default_factory=dict)  # digest: file

    @property
    def digest(self) -> str:
        """The digest by which it can be pulled."""
        return digest_of(self.manifest)


def digest_of(data: bytes) -> str:
    """Return the digest of `data` as registries write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def manifest_list(image: Image) -> bytes:
    """Return a list of manifests by architecture, as the real image has one, with this image for the present one."""
    platform = {"architecture": _architecture(), "os": "linux"}
    entry = {"mediaType": MANIFEST_TYPE, "digest": image.digest, "size": len(image.manifest), "platform": platform}
    return json.dumps({"schemaVersion": 2, "mediaType": LIST_TYPE, "manifests": [entry]}, sort_keys=True).encode()


def _architecture() -> str:
    return {"arm64": "arm64", "amd64": "amd64"}[packages.architecture()]


def image(variant: str) -> Image:
    """Return the image `variant`, built when it is not in the cache."""
    folder = cached("images", [SOURCES / "images.py", SOURCES / "image", *_BASE_RECIPE], _build_all)
    manifest = (folder / f"{variant}.json").read_bytes()
    content = json.loads(manifest)
    digests = [content["config"]["digest"], *(layer["digest"] for layer in content["layers"])]
    return Image(manifest, {digest: folder / digest.replace(":", "-") for digest in digests})


def _build_all(folder: Path) -> None:
    base = _base_layer(folder)
    for name, variant in VARIANTS.items():
        top = _store_layer(folder, _top_layer(variant))
        config = _config(variant, [base, top])
        _store(folder, config)
        (folder / f"{name}.json").write_bytes(_manifest(config, [base, top]))


@dataclass(frozen=True)
class Layer:
    """A layer: digest and size of what is pushed, and the digest of the tar archive within."""

    digest: str
    size: int
    inner: str


def _store(folder: Path, data: bytes) -> str:
    digest = digest_of(data)
    (folder / digest.replace(":", "-")).write_bytes(data)
    return digest


def _store_layer(folder: Path, archive: bytes) -> Layer:
    packed = gzip.compress(archive, compresslevel=5, mtime=0)
    return Layer(_store(folder, packed), len(packed), digest_of(archive))


def _base_layer(folder: Path) -> Layer:
    """Take the Debian layer from the cache, where it survives changes of the stand-ins."""
    base = cached("layer", _BASE_RECIPE, debian_layer.build)
    packed = (base / "layer.tar.gz").read_bytes()
    return Layer(_store(folder, packed), len(packed), (base / "inner").read_text())


def _top_layer(variant: Variant) -> bytes:
    """Return a tar archive of the stand-in's programs."""
    source = SOURCES / "image"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(source.rglob("*")):
            if "__pycache__" not in path.parts:
                _add(archive, str(path.relative_to(source)), path.read_bytes() if path.is_file() else None)
        _add(archive, "app/kometa/VERSION", f"{variant.version}\n".encode())
        _add(archive, "etc/standin-broken", f"{variant.broken}\n".encode())
        _add(archive, "config", None)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes | None) -> None:
    entry = tarfile.TarInfo(name)
    entry.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
    entry.mode = 0o755 if content is None or content.startswith(b"#!") else 0o644
    entry.size = len(content or b"")
    archive.addfile(entry, io.BytesIO(content or b""))


def _config(variant: Variant, layers: list[Layer]) -> bytes:
    ports: dict[str, object] = {"32400/tcp": {}} if variant.repository == PLEX else {}
    config = {
        "architecture": _architecture(),
        "os": "linux",
        "created": "2025-11-01T00:00:00Z",
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root"],
            "Entrypoint": [variant.entrypoint],
            "ExposedPorts": ports,
            "Labels": {"org.opencontainers.image.version": variant.version} if variant.labelled else {},
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.inner for layer in layers]},
        "history": [{"created_by": "the sandbox"} for _ in layers],
    }
    return json.dumps(config, sort_keys=True).encode()


def _manifest(config: bytes, layers: list[Layer]) -> bytes:
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": digest_of(config), "size": len(config)},
        "layers": [{"mediaType": LAYER_TYPE, "digest": layer.digest, "size": layer.size} for layer in layers],
    }
    return json.dumps(manifest, sort_keys=True).encode()
