"""Which entries of the config tree are not sent, by their names alone. Pure."""

import fnmatch
import re
from typing import Final

# never sent: traces of editors, file managers and git, and what only keeps an empty directory in git
IGNORED: Final = (
    "*~", ".*.sw[a-p]", ".#*", "._*", ".DS_Store", "Thumbs.db", "desktop.ini",
    ".git", ".gitkeep", ".keep", ".gitignore", ".gitattributes",
)  # fmt: skip
IGNORED_FILES: Final = ("#*#",)  # a folder of that name can be a collection's: assets/#Best#
# below /config, written by Kometa or its image: a file of ours would be overwritten, or overwrite
KOMETAS: Final = (
    "logs", "meta*.log", "config.cache", "config.cache-*", "UUID", "config.yml.template", "*_report.yml",
    "*_Metadata_Backup.yml", "title.*.tsv", "title.*.tsv.gz", "overlays/temp", "overlays/* Original Posters",
)  # fmt: skip
# what Kometa reads: definitions, images, fonts, themes; anything else only where a YAML file names it
READ_BY_KOMETA: Final = (
    ".yml", ".yaml", ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".ttf", ".otf",
    ".ttc", ".woff", ".woff2", ".mp3",
)  # fmt: skip
IS_IGNORED: Final = re.compile("|".join(map(fnmatch.translate, IGNORED)))
IS_IGNORED_FILE: Final = re.compile("|".join(map(fnmatch.translate, IGNORED_FILES)))
IS_KOMETAS: Final = re.compile("|".join(map(fnmatch.translate, KOMETAS)))


def is_entered(path: str, name: str) -> bool:
    """Return whether a directory is looked into."""
    return not (is_ignored(name, True) or IS_KOMETAS.match(path))


def is_ignored(name: str, is_directory: bool) -> bool:
    """Return whether a name is never sent to a host."""
    return bool(IS_IGNORED.match(name)) or (not is_directory and bool(IS_IGNORED_FILE.match(name)))
