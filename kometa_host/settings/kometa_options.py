"""The options of Kometa that a variable KOMETA_... sets: a secret of such a name would set the option instead.

Source: Kometa 2.4.4, kometa.py, with every spelling that it takes, and those of its predecessor.
"""

from typing import Final

OPTIONS: Final = frozenset(
    {
        "cache-libraries", "collection", "collection-only", "collections", "collections-only", "config", "debug",
        "delete", "delete-collection", "delete-collections", "delete-label", "delete-labels", "divider", "docker",
        "ignore-ghost", "ignore-schedules", "libraries", "libraries-only", "library", "library-only", "linuxserver",
        "log-request", "log-requests", "low-priority", "metadata", "metadata-files", "metadata-only", "metadatas-only",
        "no-countdown", "no-missing", "no-report", "no-verify-ssl", "operation", "operation-only", "operations",
        "operations-only", "overlay", "overlay-only", "overlays", "overlays-only", "playlist-only", "playlists-only",
        "plex-token", "plex-url", "read-only-config", "resume", "run", "run-collection", "run-collections", "run-file",
        "run-files", "run-libraries", "run-library", "run-metadata-files", "run-test", "run-tests", "schema-path",
        "test", "tests", "time", "timeout", "times", "trace", "validate", "validate-config", "validate-dir",
        "validate-directory", "validate-file", "validate-files", "validate-level", "validate-schema",
        "validate-schemas", "width",
    }
)  # fmt: skip


def is_option(name: str) -> bool:
    """Given what stands behind KOMETA_, in small letters with - or _, return whether it is an option."""
    return name.replace("_", "-") in OPTIONS
