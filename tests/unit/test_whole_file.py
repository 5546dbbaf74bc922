"""A file is replaced as a whole, or stays as it was."""

from pathlib import Path

import pytest

from kometa_host import whole_file


def test_a_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("previous")
    whole_file.replace(path, b"new", 0o640)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_nothing_beside_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    (path / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        whole_file.replace(path, b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]
