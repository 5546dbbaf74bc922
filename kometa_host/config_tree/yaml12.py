"""YAML as Kometa reads it: the core schema of YAML 1.2, in the details of the ruamel.yaml that Kometa uses.

`yes`, `on` and `1:30` are text, `0o17` is 15 and `012` is 12, dates are dates, `<<: *x` merges and `<<name>>` is text.
A tag of one's own (`!name`) counts for nothing, and what follows it is text. Stricter than YAML, with Kometa: no tabs
between values outside brackets, no duplicate keys, one document a file. Stricter than Kometa: no keys that are lists or
mappings, none of YAML's rarer types.
"""

import datetime
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from kometa_host.errors import UserError

MAX_DEPTH = 100  # levels of nesting; Kometa's own files have about ten
TOO_DEEP = (f"values are nested more than {MAX_DEPTH} deep", "check the brackets and the indentation")
MAX_ALIASED = 200_000  # values that aliases may add to a file, so that a small file cannot fill the memory
MAX_WIDTH = 2**31 - 1  # columns; no line is ever folded

Value = Any  # None, bool, int, float, str, date, datetime, or lists and dicts of these
KeyPath = tuple[Any, ...]  # keys of mappings and indexes of lists, from the top of the document


class YamlError(UserError):
    """A text that Kometa could not read: where (line and column count from 1), what is wrong and what to do."""

    def __init__(self, file: str, line: int, column: int, problem: str, remedy: str) -> None:
        self.file, self.line, self.column = file, line, column
        self.problem, self.remedy = problem, remedy
        super().__init__(f"{file}, line {line}, column {column}: {problem}; {remedy}")


@dataclass(frozen=True)
class Document:
    """A file's value, the lines (from 1) of its keys and items, and where in the text (from, to) its scalars stand.

    repeats: path of what an alias or `<<:` repeats -> path of the original; tags: path -> a tag of one's own.
    """

    value: Value
    lines: Mapping[KeyPath, int]
    file: str = ""
    places: Mapping[KeyPath, tuple[int, int]] = field(default_factory=dict)
    repeats: Mapping[KeyPath, KeyPath] = field(default_factory=dict)
    tags: Mapping[KeyPath, str] = field(default_factory=dict)

    def line_of(self, path: KeyPath) -> int:
        """Return the line where the value at the path is written, or the nearest value around it that has a line."""
        path = self.origin(path)
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def origin(self, path: KeyPath) -> KeyPath:
        """Return the path at which the value at the path is written, which is another one for what is repeated."""
        for length in range(len(path), 0, -1):
            if (original := self.repeats.get(path[:length])) is not None:
                return self.origin((*original, *path[length:]))
        return path


def load(text: str | bytes, file: str) -> Document:
    """Given a file's text and its name for messages, return its document. Raise YamlError if Kometa cannot read it."""
    content = _decoded(text, file)
    _refuse_invisible(content, file)
    _refuse_tabs(content, file)
    builder = _Builder(content, file)
    return Document(builder.document(), builder.lines, file, builder.places, builder.repeats, builder.tags)


def dump(value: Value) -> str:
    """Return the value as YAML that YAML 1.1 and 1.2 read alike: block style, keys in their order, nothing folded."""
    return str(
        yaml.dump(
            value,
            Dumper=_dumper(),
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=False,
            width=MAX_WIDTH,
            indent=2,
        )
    )


# Reading


def _decoded(text: str | bytes, file: str) -> str:
    """Return the text without a byte order mark."""
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _place(text[: error.start].decode("utf-8", "replace"))
        raise YamlError(file, line, column, "this is not UTF-8 text", "save the file with the encoding UTF-8") from None


def _place(before: str) -> tuple[int, int]:
    """Return the line and the column that follow the text."""
    lines = re.split(r"\r\n|\r|\n", before)
    return len(lines), len(lines[-1]) + 1


# what YAML excludes, and the line breaks of YAML 1.1 that are none in 1.2: our parser and Kometa's would differ
INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def _refuse_invisible(text: str, file: str) -> None:
    if odd := INVISIBLE.search(text):
        line, column = _place(text[: odd.start()])
        problem = f"an invisible control character (U+{ord(odd.group()):04X}) stands here"
        raise YamlError(
            file, line, column, problem, "delete it, or type the line again; it may have come with pasted text"
        )


def _refuse_tabs(text: str, file: str) -> None:
    """Refuse what Kometa refuses as a tab. Its scanner has the ancestor of PyYAML's own one; libyaml lets some pass."""
    if "\t" not in text:
        return
    try:
        for _ in yaml.scan(text, Loader=_tab_scanner()):
            pass
    except yaml.MarkedYAMLError as error:
        if "\\t" in (error.problem or ""):
            raise _explained(error, file) from None


@cache
def _tab_scanner() -> type[yaml.SafeLoader]:
    """Return a scanner that takes a tab for a space inside brackets, as Kometa's does, and nowhere else."""

    class Scanner(yaml.SafeLoader):
        def scan_to_next_token(self) -> None:
            super().scan_to_next_token()
            while self.flow_level and self.peek() == "\t":
                self.forward()
                super().scan_to_next_token()

    return Scanner


class _Builder:
    """Builds the value of one document from the parser's events, one nested value at a time."""

    def __init__(self, text: str, file: str) -> None:
        self.file, self.text = file, text
        self.lines: dict[KeyPath, int] = {}
        self.places: dict[KeyPath, tuple[int, int]] = {}
        self.repeats: dict[KeyPath, KeyPath] = {}
        self.tags: dict[KeyPath, str] = {}
        self.anchors: dict[str, tuple[Value, int, KeyPath] | None] = {}  # with the size; None while it is being read
        self.size = 0  # values so far, those that aliases repeat included
        self.aliased = 0
        self.brackets = 0  # in how many the parser is
        self.events = self._parsed(text)

    def _parsed(self, text: str) -> Iterator[Event]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            yield from yaml.parse(text, Loader=loader)
        except yaml.YAMLError as error:
            raise _explained(error, self.file) from None

    def document(self) -> Value:
        next(self.events)  # the start of the stream
        start = next(self.events)
        if isinstance(start, StreamEndEvent):
            return None
        if isinstance(start, DocumentStartEvent) and start.version not in (None, (1, 2)):
            raise self._error(
                start, "this %YAML line asks for another version", "remove the line; Kometa's files are YAML 1.2"
            )
        value = self._value(next(self.events), ())
        next(self.events)  # the end of the document
        if not isinstance(another := next(self.events), StreamEndEvent):
            raise self._error(
                another, "a second document begins here", "remove the line ---; Kometa reads one document a file"
            )
        return value

    def _value(self, event: Event, path: KeyPath) -> Value:
        if len(path) > MAX_DEPTH:
            raise self._error(event, *TOO_DEEP)
        self.lines.setdefault(path, _line(event))
        if isinstance(event, AliasEvent):
            return self._repeated(event, path)
        assert isinstance(event, NodeEvent)
        anchor, before = event.anchor, self.size
        if anchor:
            self.anchors[anchor] = None
        self.size += 1
        value = self._content(event, path)
        if anchor:
            self.anchors[anchor] = (value, self.size - before, path)
        return value

    def _content(self, event: NodeEvent, path: KeyPath) -> Value:
        if isinstance(event, ScalarEvent):
            if event.start_mark and event.end_mark:
                self.places[path] = (event.start_mark.index, event.end_mark.index)
            if self.brackets and not event.style and "\t" in self.text[_start(event) : _end(event)]:
                raise self._error(event, "there is a tab in a text in brackets", "use a space, or put quotes around it")
            return self._scalar(event, path)
        assert isinstance(event, SequenceStartEvent | MappingStartEvent)
        if event.tag not in (None, "!", f"{TAG}map", f"{TAG}seq"):
            self._take_tag(event, event.tag, path)
        self.brackets += bool(event.flow_style)
        value = self._sequence(path) if isinstance(event, SequenceStartEvent) else self._mapping(event, path)
        self.brackets -= bool(event.flow_style)
        return value

    def _sequence(self, path: KeyPath) -> list[Value]:
        items: list[Value] = []
        while not isinstance(event := next(self.events), CollectionEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, start: MappingStartEvent, path: KeyPath) -> dict[Any, Value]:
        own: dict[Any, Value] = {}
        merged: dict[Any, tuple[Value, KeyPath]] | None = None
        while not isinstance(event := next(self.events), CollectionEndEvent):
            if _is_merge(event):
                if merged is not None:
                    raise self._error(
                        event, "<<: stands twice in one mapping", "merge a list instead: <<: [*one, *other]"
                    )
                merged = self._merged(event, (*path, "<<"))
                continue
            key = self._key(event, own, path)
            self.lines[*path, key] = _line(event)
            own[key] = None
            value = next(self.events)
            self._refuse_what_ruamel_cannot_read(start, event, value)
            own[key] = self._value(value, (*path, key))
        put_in = {key: found for key, found in (merged or {}).items() if key not in own}
        self.repeats.update({(*path, key): source for key, (_, source) in put_in.items()})
        return {**own, **{key: value for key, (value, _) in put_in.items()}}

    def _refuse_what_ruamel_cannot_read(self, start: MappingStartEvent, key: Event, value: Event) -> None:
        """Refuse two forms that are YAML, and in which Kometa's parser fails."""
        colon = self.text[_end(key) : _end(key) + COLON_REACH]
        if start.flow_style and self.text[_start(start)] != "{" and GLUED_COLON.match(colon):
            raise self._error(key, "a colon without a space behind it stands in this list", "write a space behind it")
        if start.flow_style or not isinstance(value, ScalarEvent) or value.tag is not None:
            return
        if value.style in PLAIN_STYLES and COMMENT_AFTER_COLON.match(colon) and self._precedes_blank_line(value):
            problem = "a comment stands between this key and its text, and an empty line follows the text"
            raise self._error(key, problem, "move the comment to a line of its own above the key")

    def _precedes_blank_line(self, value: ScalarEvent) -> bool:
        if value.style:  # the lines of a block end with their line break, and may take in the empty ones
            return BLANK_LINE_AT_END.search(self.text[_start(value) : _end(value)]) is not None
        return BLANK_LINE.match(self.text, _end(value)) is not None

    def _key(self, event: Event, own: dict[Any, Value], path: KeyPath) -> Any:
        if isinstance(event, ScalarEvent | AliasEvent):
            key = self._scalar(event, path) if isinstance(event, ScalarEvent) else self._repeated(event)
            if not isinstance(key, list | dict):
                if key in own:
                    raise self._twice(event, key, self.lines[*path, key])
                return key
        raise self._error(
            event, "a list or a mapping stands where a key belongs", "put quotes around it if it is a text"
        )

    def _merged(self, event: Event, path: KeyPath) -> dict[Any, tuple[Value, KeyPath]]:
        """Return what `<<:` puts in, with where it is written; of several mappings the first that has a key wins."""
        found = self._value(next(self.events), path)
        sources = [(path, found)]
        if isinstance(found, list):
            sources = [((*path, index), source) for index, source in enumerate(found)]
        if not all(isinstance(source, dict) for _, source in sources):
            raise self._error(
                event, "<<: is followed by something that is no mapping", "write <<: *anchor, or quote the key"
            )
        return {key: (value, (*at, key)) for at, source in reversed(sources) for key, value in source.items()}

    def _repeated(self, event: AliasEvent, path: KeyPath | None = None) -> Value:
        """Return the value that an alias at the path repeats; None for an alias that is a key."""
        if event.anchor not in self.anchors:
            problem = f"*{event.anchor} repeats a value that has no &{event.anchor} before it"
            raise self._error(event, problem, "if the * belongs to a text, put quotes around the text")
        known = self.anchors[event.anchor]
        if known is None:
            raise self._error(event, f"*{event.anchor} stands inside the value that it repeats", "write the value out")
        value, size, original = known
        if path is not None:
            self.repeats[path] = original
        self.size += size
        self.aliased += size
        if self.aliased > MAX_ALIASED:
            raise self._error(
                event, f"aliases repeat more than {MAX_ALIASED} values", "write the values out, in smaller files"
            )
        return value

    def _scalar(self, event: ScalarEvent, path: KeyPath) -> Value:
        if event.tag not in (None, "!") and event.tag.removeprefix(TAG) not in CONVERSIONS:
            self._take_tag(event, event.tag, path)
            return event.value
        try:
            return _scalar_value(event.value, event.tag, event.style)
        except (ValueError, OverflowError):
            raise self._error(
                event, "this is no valid number or date", "put quotes around it if it is a text"
            ) from None

    def _take_tag(self, event: Event, tag: str, path: KeyPath) -> None:
        """Note a tag of one's own, which Kometa passes over. Raise YamlError for one of YAML's rarer types."""
        if tag.startswith(TAG):
            raise self._error(event, f"a value of the type !!{tag.removeprefix(TAG)} stands here", "write it plainly")
        self.tags[path] = tag

    def _error(self, event: Event, problem: str, remedy: str) -> YamlError:
        column = event.start_mark.column + 1 if event.start_mark else 1
        return YamlError(self.file, _line(event), column, problem, remedy)

    def _twice(self, event: Event, key: Any, first: int) -> YamlError:
        problem = f"the key {key!r} stands here a second time, the first is in line {first}"
        return self._error(event, problem, "keep one of them, or merge what is below them")


# What stands behind a key is looked at this far: a comment begins there or it does not.
COLON_REACH = 200
GLUED_COLON = re.compile(r"\s*:(?=\S)")
COMMENT_AFTER_COLON = re.compile(r"\s*:[ \t]+#")
PLAIN_STYLES = (None, "", "|", ">")
BLANK_LINE = re.compile(r"[ \t]*\r?\n[ \t]*\r?\n")
BLANK_LINE_AT_END = re.compile(r"\n[ \t]*\r?\n[ \t]*\Z")


def _start(event: Event) -> int:
    return int(event.start_mark.index) if event.start_mark else 0


def _end(event: Event) -> int:
    return int(event.end_mark.index) if event.end_mark else 0


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _is_merge(event: Event) -> bool:
    return isinstance(event, ScalarEvent) and event.value == "<<" and not event.style and event.tag is None


# What plain text means: the patterns of ruamel.yaml's resolver for YAML 1.2, in its order

TAG = "tag:yaml.org,2002:"
PATTERNS = {
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "float": re.compile(
        r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
        r"|[-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    ),
    "int": re.compile(r"[-+]?0b[01_]+|[-+]?0o?[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+"),
    "null": re.compile(r"~|null|Null|NULL|"),
    "timestamp": re.compile(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
        r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?"
        r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?"
    ),
}
FIRST_CHARACTERS = frozenset("-+0123456789.tTfFnN~")  # of text that can be anything but text


def _scalar_value(text: str, tag: str | None, style: str | None) -> Value:
    """Return what a scalar with a tag of YAML's own, or none, means. Raise ValueError for a number that is none."""
    if tag is None or tag == "!":
        return text if style else _plain_value(text)
    return CONVERSIONS[tag.removeprefix(TAG)](text)


def _plain_value(text: str) -> Value:
    if text and text[0] not in FIRST_CHARACTERS:
        return text
    for name, pattern in PATTERNS.items():
        if pattern.fullmatch(text):
            return CONVERSIONS[name](text)
    return text


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "yes", "on", "false", "no", "off"):
        raise ValueError(text)
    return text.lower() in ("true", "yes", "on")


def _int(text: str) -> int:
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    base = {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2], 10)
    return sign * int(digits[2:] if base != 10 else digits, base)


def _float(text: str) -> float:
    lowered = text.replace("_", "").lower()
    return float(lowered.replace(".inf", "inf").replace(".nan", "nan"))


def _null(text: str) -> None:
    return None


def _timestamp(text: str) -> datetime.date:
    """Return a date, or a datetime if the text has a time, its fraction rounded as ruamel.yaml does it."""
    if len(text) == len("2024-01-01"):
        return datetime.date.fromisoformat(text)
    numbers = r"(\d{4})-(\d\d?)-(\d\d?)(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)"
    parts = re.fullmatch(rf"{numbers}(?:\.(\d*))?[ \t]*(Z|[-+].*)?", text)
    if parts is None:
        raise ValueError(text)
    year, month, day, hour, minute, second = map(int, parts.groups()[:6])
    moment = datetime.datetime(year, month, day, hour, minute, second, _microseconds(parts[7] or ""))
    return moment.replace(tzinfo=_zone(parts[8]))


def _microseconds(fraction: str) -> int:
    rounded = int(f"{fraction[:6]:0<6}") + (fraction[6:7] > "4")
    return rounded if rounded < 1_000_000 else 0


def _zone(zone: str | None) -> datetime.tzinfo | None:
    if zone is None:
        return None
    if zone == "Z":
        return datetime.UTC
    hours, _, minutes = zone[1:].partition(":")
    offset = datetime.timedelta(hours=int(hours[:2]), minutes=int(minutes or hours[2:] or 0))
    return datetime.timezone(-offset if zone[0] == "-" else offset)


CONVERSIONS: dict[str, Callable[[str], Value]] = {
    "bool": _bool, "float": _float, "int": _int, "null": _null, "timestamp": _timestamp, "str": str
}  # fmt: skip


# The parser's problems in plain words: what its message contains -> what is wrong, what to do

EXPLANATIONS = (
    (r"\\t|tab character", "there is a tab", "use spaces; tabs are not allowed in YAML files, only spaces"),
    ("mapping values are not allowed", "a second `key:` begins where a value already stands",
     "check the indentation of this line and the one before, and put quotes around a text that contains `: `"),
    ("could not find expected ':'", "a line without `key:` stands between keys",
     "add the colon, indent the line below its key, or put quotes around a text of several lines"),
    ("expected ',' or '[]}]'", "a bracket is not closed, or a comma is missing",
     "close the bracket; put quotes around a text that contains brackets, braces or commas"),
    ("expected key|expected <block end>|expected '-' indicator",
     "this line is indented neither like its neighbours nor below them",
     "give all keys, or all `-` items, of one block the same indentation"),
    ("cannot start any token", "a text cannot begin with this character", "put quotes around the text"),
    ("unexpected end of (the )?stream", "a quote or a bracket is never closed", "close it"),
    ("unknown escape character", "in double quotes a backslash has a meaning of its own",
     "use single quotes, or write two backslashes"),
    ("sequence entries are not allowed", "a list item (`- `) stands where none can be",
     "put the list on a line of its own, below its key"),
    ("document separator|document start|document indicator", "text after the end of the document, or a stray `---`",
     "check the indentation of this line"),
    ("nesting depth", *TOO_DEEP),  # libyaml ends at 1000, which it can reach before it hands over the first value
    ("alphabetic or numeric", "`*` and `&` at the start of a text are signs of YAML", "put quotes around the text"),
    ("tag|expected whitespace or line break", "`!` at the start of a text is a sign of YAML",
     "put quotes around the text"),
)  # fmt: skip


def _explained(error: yaml.YAMLError, file: str) -> YamlError:
    """Return the parser's error with its place and in plain words, the parser's own words where we have none."""
    text = f"{getattr(error, 'problem', None) or getattr(error, 'reason', None) or error}"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    opened = getattr(error, "context_mark", None)
    since = f" (it began in line {opened.line + 1})" if opened and opened.line + 1 < line else ""
    for pattern, problem, remedy in EXPLANATIONS:
        if re.search(pattern, text):
            return YamlError(file, line, column, problem + since, remedy)
    return YamlError(file, line, column, text + since, "correct the line")


# Writing


@cache
def _dumper() -> type[yaml.SafeDumper]:
    """Return a dumper that quotes every text which YAML 1.1 or 1.2 would take for something else."""

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    for name, pattern in PATTERNS.items():
        Dumper.add_implicit_resolver(f"{TAG}{name}", re.compile(f"(?:{pattern.pattern})$"), [*FIRST_CHARACTERS, ""])
    Dumper.add_representer(str, _represented_text)
    return Dumper


def _represented_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Lines as a literal block where that is exact, anything unprintable escaped in double quotes."""
    lines = text.split("\n")
    if not all(line.isprintable() for line in lines):
        return dumper.represent_scalar(f"{TAG}str", text, style='"')
    if len(lines) > 1:
        literal = text[0] not in " \n" and not any(line.endswith(" ") for line in lines) and not text.endswith("\n\n")
        return dumper.represent_scalar(f"{TAG}str", text, style="|" if literal else '"')
    return dumper.represent_scalar(f"{TAG}str", text)
