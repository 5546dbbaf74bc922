"""group_data/all.py with the variables that adoption sets: values alone change, and only those nobody has set. Pure."""

import ast
from collections.abc import Mapping
from typing import Any

from kometa_host.adoption.edits import Edit, applied
from kometa_host.adoption.host_settings import python
from kometa_host.settings.checked import default_of
from kometa_host.settings.variables import Settings


def with_variables(text: str, wanted: Mapping[str, Any]) -> tuple[str, list[str], dict[str, Any]]:
    """Return the file with the wanted values, the names of those that changed, and what has another value already."""
    edits: list[Edit] = []
    changed: list[str] = []
    others = dict(wanted)
    for name, node in _values(text).items():
        if name not in wanted:
            continue
        present = ast.literal_eval(node)
        if _same(present, wanted[name]):
            del others[name]
        elif _same(present, _default(name)):
            del others[name]
            changed.append(name)
            edits.append(Edit(*_span(text, node), python(wanted[name])))
    return applied(text, edits), changed, others


def _values(text: str) -> dict[str, ast.expr]:
    """Return the values that the file assigns to names, if they are written out."""
    found: dict[str, ast.expr] = {}
    for node in ast.parse(text).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.expr) and _is_literal(value):
            found[target.id] = value
    return found


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def _default(name: str) -> Any:
    return default_of(Settings, name)


def _same(one: Any, other: Any) -> bool:
    return (list(one) if isinstance(one, tuple) else one) == (list(other) if isinstance(other, tuple) else other)


def _span(text: str, node: ast.expr) -> tuple[int, int]:
    """Return where a value stands; ast counts columns in bytes of UTF-8."""
    lines = text.splitlines(keepends=True)

    def index(line: int, column: int) -> int:
        before = sum(len(other) for other in lines[: line - 1])
        return before + len(lines[line - 1].encode()[:column].decode())

    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return index(node.lineno, node.col_offset), index(node.end_lineno, node.end_col_offset)
