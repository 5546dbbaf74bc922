"""Writing a file as a whole: a failure leaves the previous or the new one, and nothing beside it."""

import os
import tempfile
from pathlib import Path


def replace(path: Path, content: bytes, mode: int, on_disk: bool = True) -> None:
    """Replace a file, or make it, with this mode. Raise OSError; the previous file is as it was then.

    + on_disk: wait for the disk first, so that a power failure leaves either whole, too; a cache needs none
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            if on_disk:
                stream.flush()
                os.fsync(stream.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
