"""What adoption says at its end: what it wrote, what it left and why, and what to do next. No secret is in it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kometa_host.adoption import host_settings
from kometa_host.adoption.plan import Adoption
from kometa_host.config_tree.named_files import CONFIG

MAX_SHOWN = 12  # names of one kind
TO_SET = "variables to set yourself: they have another value, or are for one of several hosts (inventory.py)"
UNDONE = "an adoption had been cut off half way; the project was first put back as it was before that"


@dataclass
class Outcome:
    """What adoption did, or would do: files of the config tree by what happened to them, and the project's own files.

    variables: those set in group_data/all.py; others: those that stand there with another value, or are for one host.
    """

    tree: str
    written: Mapping[str, Sequence[str]] = field(default_factory=dict)
    removed: Sequence[str] = ()
    secrets_file: str = ""
    identity_made: bool = False
    variables: Sequence[str] = ()
    others: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    next_steps: Sequence[str] = ()
    dry: bool = False
    undone: bool = False  # an adoption that was killed half way, before this one

    @property
    def changed(self) -> bool:
        """Whether the project is, or would be, another one afterwards."""
        files = any(self.written.get(kind) for kind in ("new", "changed"))
        return bool(files or self.removed or self.secrets_file or self.identity_made or self.variables)


def text(adoption: Adoption, outcome: Outcome, shown: str) -> str:
    """Return the whole report."""
    if not outcome.changed and not outcome.warnings:
        head = f"{shown} is in the project already; nothing was changed"
    else:
        head = f"{shown} {'would be' if outcome.dry else 'is'} adopted"
    blocks = [
        _block("written" if not outcome.dry else "would be written", _written(adoption, outcome)),
        _block("left where it is", _left(adoption)),
        _block("to know", [*([UNDONE] if outcome.undone else []), *adoption.notes, *outcome.warnings]),
        _block(TO_SET, host_settings.lines(outcome.others)),
        _block("next", outcome.next_steps),
    ]
    return "\n\n".join([head, *filter(None, blocks)])


def _block(title: str, lines: Sequence[str] | Iterator[str]) -> str:
    listed = list(lines)
    return "\n".join([f"{title}:", *(f"  {_printable(line)}" for line in listed)]) if listed else ""


def _printable(line: str) -> str:
    """Return a line with nothing in it that a terminal obeys: names come from whoever made the source."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape", "surrogatepass").decode() for one in line)


def _written(adoption: Adoption, outcome: Outcome) -> Iterator[str]:
    for kind in ("new", "changed"):
        if names := outcome.written.get(kind):
            yield f"{outcome.tree}/: {_count(names, 'file')} ({kind}): {_names(names)}"
    if outcome.removed:
        yield f"{outcome.tree}/: the sample's {_names(outcome.removed)} removed"
    if outcome.secrets_file:
        held = [*adoption.secrets, *_kept_beside(adoption)]
        yield f"{outcome.secrets_file}: {_names(held) if held else 'with no secret in it yet'}"
    if outcome.identity_made:
        yield "age-identity.txt and secrets.recipients: the key that opens secrets.yml.age, and who it is for"
    if outcome.variables:
        yield from (f"group_data/all.py: {line}" for line in outcome.variables)
    if any(CONFIG in outcome.written.get(kind, ()) for kind in ("new", "changed")):
        yield from (f"{outcome.tree}/config.yml: {line}" for line in adoption.renamed)


def _kept_beside(adoption: Adoption) -> Iterator[str]:
    if adoption.commented:
        yield f"{_count(adoption.commented, 'secret')} of comments, as comments"
    yield from (f"the first tokens of {section}" for section in adoption.seeds)


def _left(adoption: Adoption) -> Iterator[str]:
    if adoption.of_kometa:
        yield f"Kometa's own, which it makes again: {_names(sorted({_top(path) for path in adoption.of_kometa}))}"
    if adoption.rest:
        yield f"nothing that Kometa reads: {_names(adoption.rest)}"
    if adoption.on_host:
        yield f"with secrets, for the host alone: {_names(adoption.on_host)} (see next)"
    for folder, size in adoption.large.items():
        yield f"{folder}: {size / 1024**3:.1f} GiB of images, too much to carry through this machine (see next)"


def _top(path: str) -> str:
    return "/".join(path.split("/")[:2]) if path.startswith("overlays/") else path.partition("/")[0]


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MAX_SHOWN])
    return shown if len(names) <= MAX_SHOWN else f"{shown} and {len(names) - MAX_SHOWN} more"


def _count(items: Sequence[str] | Mapping[str, str], what: str) -> str:
    return f"one {what}" if len(items) == 1 else f"{len(items)} {what}s"
