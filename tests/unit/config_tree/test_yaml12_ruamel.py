"""The reader against ruamel.yaml of the version that Kometa pins, set up as Kometa sets it up.

Both read each text. Where both take it the values must be the same. Where one refuses what the other takes, the reason
stands in the lists below; anything else is a fault of ours.
"""

import datetime
import math
import random
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import ruamel.yaml
from ruamel.yaml.comments import TaggedScalar
from ruamel.yaml.scalarbool import ScalarBoolean
from ruamel.yaml.timestamp import TimeStamp

from kometa_host.config_tree.yaml12 import YamlError, load

# What Kometa reads and we refuse: the words of our refusal -> why it stays.
STRICTER = {
    "where a key belongs": "a list or mapping as a key, such as {{ name }} without quotes, is always a mistake",
    "%YAML line": "YAML 1.1 reads other values than the rest of the tree",
    "invisible control character": "an editor shows nothing there, and the two parsers differ about line breaks",
    "aliases repeat more": "a small file must not fill the memory",
    "nested more than": "nor exhaust the stack",
    "inside the value that it repeats": "a value that holds itself never ends",
    "no valid number or date": "Kometa ends with an exception of Python's own",
    "a value of the type !!": "a set, an ordered mapping or binary data is in no configuration",
    "did not find expected node content|found unexpected ':'": "libyaml takes no text that a colon begins or ends",
    "there is a tab .it began in line": "libyaml takes no tab where the indentation of a block ends",
    r"signs? of YAML|no &\S+ before it|while scanning|tag": "libyaml ends such a name where ruamel goes on",
    "second time": "ruamel takes a key again that came with a merge or an alias before",
}
# Texts that libyaml and ruamel take apart in different ways -> why that is harmless.
ODD_TEXTS = {
    r"(^|\n)[- ]*:(\s|$)|[{[,?]\s*[:?]|[:?][,\]}]": "to ruamel a key without name is null; Kometa makes nothing of it",
    r":[ \t]*\n\n+\t": "a line of a tab alone behind an empty one is a comment to ruamel, and a tab anywhere else",
    r"(^|[\s\[{])[&!]\S*[:,#\[\]{}]": "ruamel takes such a character into the name of an anchor or tag",
}

SCALARS = [
    'yes', 'no', 'on', 'off', 'y', 'n', 'true', 'True', 'TRUE', 'tRue', 'false', 'null', 'Null', 'NULL', '~', 'nUll',
    '0', '1', '-1', '+1', '00', '012', '0o17', '0o', '0b11', '0b', '0x1F', '0x', '0xg', '1_000', '_1', '1__0', '1_',
    '1.0', '1.', '.5', '1e3', '1E3', '1e', '1e+3', '.5e3', '.5e+3', '-.5', '1.5.2', '.inf', '-.INF', '+.inf', '.nan',
    '1:30', '06:00', '190:20:30', '1,000', '1,5', '-', '--', '->', '- x', '-x', '?x', '? x', ':x', 'x:', 'x: y',
    '2024-01-01', '2024-1-1', '2024-13-45', '2024-01-01 9:00:00', '2024-01-01T10:00:00Z', '2024-01-01T1:0:0',
    '2024-01-01 10:00:00.123456789', '2024-01-01 10:00:00 +05:30', '2024-01-01 10:00:00-5', '0000-00-00', "'x'",
    '"x"', "''", '""', "'it''s'", '"a\\nb"', '"a\\u00e9"', "'a' b", '"a" b', "'a'b", "x'y", 'x"y', "'x' # y", '# x',
    'x # y', 'x#y', 'x #y', '#', '&a x', '&a', '*a', '!x y', '!!str 6', "!!int '6'", '!!float 6', "!!null ''", '[]',
    '{}', '[a, b]', '[a,b]', '[a, b,]', '[,]', '[a,,b]', '{a: b}', '{a:b}', '{a}', '{a: }', '[a: b]', '[a:b]',
    '[a b, c]', '["a", \'b\']', '["a":1]', '[ "year":1999 ]', "{'a':1}", '{"a":1}', '[[1, 2], {a: 1}]', '[a', '{a',
    'a]', '}', '[x]y', '<<x>>', '<<x>> y', '<<', '<<: x', '=', '@x', '`x`', '%x', '|', '>', '|x', '!020_Best', '!',
    'http://x:1/y?z=1#f', 'C:\\x', 'a, b', 'a; b', 'é', '日本', '😀', 'a\xa0b', '\xa0', 'a\u200bb', '\ufeffx',
    '[http://x:1/y?z=1, b]', '{u: http://x}', '[a, # x\n  b]', 'x\n  y', 'x\n\n  y', 'x\n y\n z', "'x\n  y'",
    '"x\\\n  y"', '|\n  x\n  y', '|-\n  x\n', '|+\n  x\n\n', '>\n  x\n  y\n\n  z', '|2\n    x', '>-\n  x',
    '|\n x\n  y', '# mine\n  x', '# mine\n  x\n\n  y', '# mine\n\n  x', '|  # c\n  x', '> # c\n  x\n', '&a\n  x',
    '\n  x\n', '\n\n  x', 'a\tb', 'a \t# b', '[a,\tb]', '{a:\tb}', '\ta', 'a\t', "'a\tb'", '"a\tb"', '|\n  a\tb',
    '|\n \ta', '- \ta',
]  # fmt: skip
DOCUMENTS = [
    '', '\n', '# c', '---', '---\n', '--- x', '---\na: b', 'a: b\n...', 'a: b\n---\nc: d', 'a: b\n...\nx', '...', 'x',
    '- x', 'a: b\n', 'a: b\r\nc: d\r\n', 'a: b\rc: d', '\ufeffa: b', ' a: b\n c: d', '  a: b\nc: d', 'a : b', 'a :b',
    'a:b', 'a:\n- x\n- y', 'a:\n  - x\n  - y', 'a:\n   - x\n  - y', 'a:\n- x\n b: y', '- a: b\n  c: d',
    '- a: b\n c: d', '- - x', '- - x\n  - y', '-\n  x', '-\n- x', '- |\n x', 'a: 1\na: 2', "'a': 1\na: 2",
    "1: a\n'1': b", '1: a\n1.0: b', '~: a', "null: a\n'': b", 'true: a\nTrue: b', '? a\n: b', '? [a]\n: b', '? a',
    '{a: 1, a: 2}', '[a]: b', '{a: b}: c', 'a: b: c', "a: 'b': c", "'a' : b", '"a": b', "'a':b", '2024-01-01: x',
    'yes: x', '1_0: x', 'a b: c', 'a  b: c', 'a: &x 1\nb: *x', 'a: &x {b: 1}\nc: *x',
    'a: &x {b: 1}\nc: {<<: *x, d: 2}', 'a: &x {b: 1}\nc:\n  <<: *x\n  b: 2', 'c: {<<: {a: 1}}',
    'a: &x {b: 1}\nd: &y {b: 2}\nc: {<<: [*x, *y]}', '<<: {a: 1}\na: 2', '<<: 1', '<<: [1]', 'a: *x', 'a: &x [*x]',
    '<<: {a: 1}\n<<: {b: 1}', "'<<': {a: 1}", 'a: &x 1\nb: &x 2\nc: *x', 'a: !!map {b: c}', 'a: !!set {b}',
    '!!str a: b', '%YAML 1.1\n---\na: yes', '%YAML 1.2\n---\na: yes', '%TAG ! x:\n---\na: b', 'a: b # c\n# d\n',
    'a: # c\n  b', 'a: # c\n  b: c', 'a:\n  # c\n  b: c', 'a:\n# c\n  b: c', 'a:\n  b: c\n# d\n  e: f',
    'a: b\n\n\n\nc: d', 'a: |\n  x\nb: c', 'a: |\n  x\n\n\nb: c', 'a: >\n  x\n   y\n  z', 'a: >\n\n  x',
    'a: |\n\n  x', 'a: |1\n  x', 'a: |\n  x\n y', 'a: |\n x\n  y\n', 'a: |\n', 'a: |\nb: c', "a: 'x\n\n  y'",
    'a: "x\n\n  y"', "a: 'x\ny'", 'a: x\ny', 'a: x\n y', 'a:\n  x\n  y', 'a:\nx', 'a: [\nb\n]', 'a: [\n  b\n  ]',
    'a: {\n  b: c\n}', 'a: {b: c,\n d: e}', 'a: [b,\n# x\nc]', 'a: [b # x\n, c]', 'a: [b] # x', 'a: {b: [c, {d: e}]}',
    '[]', '{}', 'summary: # mine\n  some text\n\nnext: x', 'summary: # mine\n  some text\nnext: x',
    'a: # c\n\n  b\nc: d', 'a: b # c\n  d', 'a:\n  b: 1\n c: 2', 'a:\n b: 1\n  c: 2', 'a:\n  - b\n - c', 'a:\n\tb: c',
    'a: b\n\tc', 'a: b\n\t\nc: d', 'a:\t\n  b: c', '\t', 'a: b\t# c', 'a: [\n\tb\n]', 'a:\n  - b\n\t- c', 'a: |\n\tx',
    '- a\n-\tb', '-\ta: b', 'a: {\n\tb: c }', '?\ta', 'a\t: b', 'x: {{ y }}', "x: '{{ y }}'", '{{ y }}: x',
    'x: {y: }', 'x: {y, z}', 'x: {? y}', 'x: [? y]', 'x: {: y}', 'x: [: y]',
]  # fmt: skip


def as_kometa() -> ruamel.yaml.YAML:
    """Return ruamel's reader as modules/util.py of Kometa makes it."""
    warnings.simplefilter("ignore", ruamel.yaml.error.ReusedAnchorWarning)
    reader = ruamel.yaml.YAML()
    reader.width = 100000
    return reader


def kometas(text: str) -> Any:
    """Return what Kometa reads. Raise Exception, whatever ruamel raises, if it cannot."""
    return plain(as_kometa().load(text))


def plain(value: Any) -> Any:
    """Return a value of ruamel's as the values that it stands for."""
    if isinstance(value, Mapping):
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(
        value, TaggedScalar
    ):  # of !name x, !!str x, and of << and = alone: an object that is shown as its text
        return value.value
    if isinstance(value, TimeStamp):
        return datetime.datetime(*value.timetuple()[:6], value.microsecond, value.tzinfo)
    if isinstance(value, ScalarBoolean):
        return bool(value)
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def alike(one: Any, other: Any) -> bool:
    """Return whether two values are the same, of the same types; times by the moment."""
    if isinstance(one, dict) and isinstance(other, dict):
        pairs = list(zip(one.items(), other.items(), strict=False))
        return len(one) == len(other) and all(alike(a, c) and alike(b, d) for (a, b), (c, d) in pairs)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and one == other


def difference(text: str) -> str:
    """Return in what the readers differ about a text, apart from what is known; empty if in nothing."""
    if any(re.search(odd, text) for odd in ODD_TEXTS):
        return ""
    try:
        ours, refused = load(text, "x.yml").value, ""
    except YamlError as error:
        ours, refused = None, str(error)
    try:
        theirs = kometas(text)
    except Exception as error:  # ruamel's own errors, and any of Python's that it lets through
        return "" if refused else f"we read {ours!r}, Kometa refuses it ({type(error).__name__}: {error})"
    if refused:
        known = any(re.search(words, refused) for words in STRICTER)
        return "" if known else f"we refuse it ({refused}), Kometa reads {theirs!r}"
    return "" if alike(ours, theirs) else f"we read {ours!r}, Kometa {theirs!r}"


def places(scalar: str) -> list[str]:
    """Return texts in which a value stands in different places."""
    texts = [f"a: {scalar}\n", f"a: {scalar}\nb: c\n", f"- {scalar}\n"]
    return texts if "\n" in scalar else [*texts, f"a: [{scalar}, x]\n", f"{scalar}: x\n"]


def mutations(number: int) -> Iterator[str]:
    """Yield so many texts, each one of the battery or of a configuration with some of it cut, doubled or replaced."""
    chance = random.Random(20261127)  # noqa: S311 -- always the same texts
    texts = [*DOCUMENTS, *(text for scalar in SCALARS for text in places(scalar)), CONFIGURATION]
    for _ in range(number):
        text = chance.choice(texts)
        for _ in range(chance.randint(1, 3)):
            at = chance.randint(0, len(text))
            text = text[:at] + chance.choice(PIECES) + text[at + chance.choice((0, 0, 1, 3)) :]
        yield text


PIECES = [
    *" \n#:-,[]{}'\"|>&*!?<=.~0x",
    "\n  ",
    ": ",
    "- ",
    " #",
    "\t",
    "\n\n",
    "a: ",
    "<<: ",
    "*a",
    "&a ",
    "''",
    "é",
    "",
]
CONFIGURATION = """\
## what is mine
libraries:
  Movies:            # in Plex
    collection_files:
    - default: basic
    - file: config/movies.yml
      template_variables: {use_separator: false, "4K": on}
    overlay_files: &overlays
      - default: ribbon
  'TV Shows':
    overlay_files: *overlays
    schedule: weekly(sunday)
settings:
  cache_expiration: 60
  run_order: [operations, metadata, collections]
  summary: >
    folded text
    of two lines

  time: 06:00
tmdb: {apikey: <<tmdbapikey>>, language: en}
"""


@pytest.mark.parametrize("text", DOCUMENTS)
def test_documents_are_read_as_kometa_reads_them(text: str) -> None:
    assert not difference(text)


@pytest.mark.parametrize("scalar", SCALARS)
def test_values_are_read_as_kometa_reads_them_wherever_they_stand(scalar: str) -> None:
    assert [(text, said) for text in places(scalar) if (said := difference(text))] == []


def test_a_configuration_is_read_as_kometa_reads_it() -> None:
    assert not difference(CONFIGURATION)
    assert load(CONFIGURATION, "x.yml").value["libraries"]["Movies"]["collection_files"]


def test_what_is_damaged_at_random_is_read_or_refused_as_kometa_does() -> None:
    assert [(text, said) for text in mutations(2000) if (said := difference(text))] == []
