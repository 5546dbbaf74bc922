"""What is in a folder, as fast as Python can tell: 50,000 posters in a fifth of a second."""

import marshal
import os
import stat
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

FRESH: Final = 2_000_000_000  # ns: what changed so recently may change again without its times showing it
Row = tuple[str, int, int, int, int, int]  # path, mode, size, mtime and ctime in ns, inode


class Listing(NamedTuple):
    """All entries below a folder, in no order, and why which directories could not be read."""

    rows: list[Row]
    unreadable: dict[str, str]

    @property
    def size(self) -> int:
        """The size of all entries in bytes."""
        return sum(row[2] for row in self.rows)

    def stamp(self, now: int, fresh: int = FRESH) -> str:
        """Return what is another for any other state of the folder; empty if it may change without being seen.

        + now: nanoseconds since the epoch
        """
        if self.unreadable or max((max(row[3], row[4]) for row in self.rows), default=0) >= now - fresh:
            return ""
        who = (os.geteuid(), os.getegid(), sorted(os.getgroups()))  # by that it is decided what can be read
        # Version 2 writes equal values as equal bytes; later ones write references.
        return sha256(marshal.dumps((who, self.rows), 2)).hexdigest()


def listing(root: Path, is_entered: Callable[[str, str], bool]) -> Listing:
    """Return what is below a folder.

    + is_entered: whether to look into the directory of this path and name
    """
    found = Listing([], {})
    directories = [""]
    while directories:
        directory = directories.pop()
        before = f"{directory}/" if directory else ""
        try:
            with os.scandir(root / directory) as entries:
                for entry in entries:
                    path = before + entry.name
                    about = entry.stat(follow_symlinks=False)
                    mode = about.st_mode
                    found.rows.append((path, mode, about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino))
                    if stat.S_ISDIR(mode) and is_entered(path, entry.name):
                        directories.append(path)
        except OSError as error:
            found.unreadable[directory] = error.strerror or str(error)
    return found
