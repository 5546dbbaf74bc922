"""Who tells what: a fact of the host is asked of root's word alone, what the account has of the account's."""

import re
from pathlib import Path

from kometa_host.state import programs
from tests.unit.told import OF_THE_HOST

PROJECT = Path(programs.__file__).resolve().parents[2]
TELLS = re.compile(r"\bemit(?:_value)? \"?([a-z][a-z.-]*)")
ASKS = re.compile(r"([\w.()]+)\.text\(f?\"([a-z][a-z.-]*)")


def told_by(*names: str) -> set[str]:
    """Return the names under which programs tell something."""
    return {name for program in names for name in TELLS.findall(programs.program(program))} - {"account"}


def test_root_tells_what_only_root_may_tell_and_the_account_nothing_of_it() -> None:
    of_root, of_account = (
        told_by("look"),
        told_by("look_account"),
    )
    assert len(of_root) > 20
    assert {name for name in of_root if not OF_THE_HOST.match(f"{name}x" if name.endswith(".") else name)} == set()
    assert {name for name in of_account if OF_THE_HOST.fullmatch(name)} == set()


def test_whoever_decides_asks_the_one_who_may_tell() -> None:
    of_root = told_by("look")
    asked = 0
    for path in [*PROJECT.glob("kometa_host/**/*.py"), *PROJECT.glob("operations/**/*.py")]:
        for of, name in ASKS.findall(path.read_text(encoding="utf-8")):
            is_of_host = (of.endswith("host") and of != "host") or path.name in ("observed.py", "rootless.py")
            asked += name in of_root
            assert (name in of_root) <= is_of_host, f"{path}: {of}.text({name!r})"
    assert asked > 15
