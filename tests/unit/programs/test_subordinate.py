"""programs/lib/subordinate.sh: which ids an account gets, decided on the file itself."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kometa_host.state import programs

FIRST, LAST, COUNT = 100_000, 2**32 - 2, 65_536
LINE = st.tuples(
    st.sampled_from(["mms", "3000", "eve", "30001"]),
    st.integers(0, 1_000_000) | st.integers(0, LAST),
    st.integers(0, 300_000) | st.integers(0, 2**32),
)


def answer(folder: Path, text: str, question: str) -> tuple[str, int]:
    """Return what a function says of the ranges of mms, uid 3000, in a file with this text, and its exit status."""
    (folder / "subuid").write_text(text)
    program = programs.program("subordinate", file=folder / "subuid")
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{program}\nranges \"$file\" mms 3000 | {question}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.stderr
    return done.stdout.strip(), done.returncode


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINE, max_size=9))
@example(lines=[("mms", 100_001, 0)])
def test_a_free_range_overlaps_nobodys_and_is_the_lowest(tmp_path: Path, lines: list[tuple[str, int, int]]) -> None:
    said, _ = answer(
        tmp_path, "".join(f"{owner}:{start}:{count}\n" for owner, start, count in lines), f"free_range {COUNT}"
    )
    ends = sorted({FIRST, *(start + count for _, start, count in lines)})
    free = [
        end for end in ends if FIRST <= end <= LAST - COUNT + 1 and not any(_overlap(end, *line[1:]) for line in lines)
    ]
    assert said == (str(free[0]) if free else "")


def _overlap(begin: int, start: int, count: int) -> bool:
    return count > 0 and start < begin + COUNT and begin < start + count


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", 0),
        ("mms:100000:65536\n", 65536),
        ("3000:1:10\nmms:20:30\neve:1:5\n", 40),
        ("mms:100000\nmms:x:1\nmms:1:-1\n# mms:1:2\nmms 1 2\nmms:1:65536:7\n", 0),
    ],
)
def test_only_whole_lines_of_the_accounts_own_count(tmp_path: Path, text: str, ids: int) -> None:
    assert answer(tmp_path, text, "own_ids") == (str(ids), 0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mms:100000:65536\neve:165536:65536\n", False),
        ("mms:100000:65536\neve:165535:1\n", True),
        ("eve:100000:300000\neve:1:1\nmms:200000:1\n", True),
        ("mms:100000:65536\n3000:100000:65536\n", False),
        ("mms:100000:65536\neve:100005:0\n", False),
    ],
)
def test_an_overlap_with_somebody_else_is_seen(tmp_path: Path, text: str, found: bool) -> None:
    assert answer(tmp_path, text, "overlapped") == ("", 0 if found else 1)


def test_a_file_that_is_not_there_has_no_ranges(tmp_path: Path) -> None:
    text = programs.program("subordinate", file=tmp_path / "none")
    done = subprocess.run(["bash", "-ec", f'{text}\nranges "$file" mms 3000'], capture_output=True, check=True)
    assert done.stdout == b""
