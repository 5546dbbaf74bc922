"""What Kometa's YAML means; the expected values were read with ruamel.yaml 0.19.1, set up as Kometa sets it up."""

import datetime
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kometa_host.config_tree.yaml12 import YamlError, dump, load

AS_KOMETA_READS = [
    ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"), ("True", True), ("FALSE", False), ("tRue", "tRue"),
    ("012", 12), ("0o17", 15), ("0b11", 3), ("0x1F", 31), ("1_000", 1000), ("+1", 1), ("00", 0), ("0o", "0o"),
    ("1:30", "1:30"), ("06:00", "06:00"), ("1,000", "1,000"),
    ("1e3", 1000.0), ("1.", 1.0), (".5", 0.5), (".5e3", ".5e3"), (".5e+3", 500.0), ("1e", "1e"), ("-.INF", -math.inf),
    ("~", None), ("Null", None), ("", None), ("''", ""), ("=", "="),
    ("<<plextoken>>", "<<plextoken>>"), ("!!str 6", "6"), ("!!int '6'", 6), ("'6'", "6"), ("?x", "?x"), ("-x", "-x"),
    ("2024-01-01", datetime.date(2024, 1, 1)), ("2024-1-1", "2024-1-1"),
    ("2024-01-01 9:00:00.5", datetime.datetime(2024, 1, 1, 9, 0, 0, 500000)),
    ("2024-01-01T10:00:00Z", datetime.datetime(2024, 1, 1, 10, tzinfo=datetime.UTC)),
    ("[http://x:1/y?z=1]", ["http://x:1/y?z=1"]), ("{b:1}", {"b:1": None}), (">-\n  x\n  y", "x y"),
    ("|\n  x\n  y\n", "x\ny\n"), ("[a,\tb]", ["a", "b"]), ("[\n\ta\t,\n\tb]", ["a", "b"]),
    ("{a: 1,\tb: 2}", {"a": 1, "b": 2}), ("!020_Best", ""), ("!foo 6", "6"), ("!foo [1]", [1]),
    ("!foo {b: 1}", {"b": 1}), ("\U0001f600", "\U0001f600"), ("x#y", "x#y"),
]  # fmt: skip


def value(text: str) -> Any:
    return load(text, "config.yml").value


@pytest.mark.parametrize(("text", "meant"), AS_KOMETA_READS)
def test_a_value_means_what_kometa_takes_it_for(text: str, meant: object) -> None:
    found = value(f"a: {text}")["a"]
    assert found == meant
    assert type(found) is type(meant)


def test_not_a_number_is_one() -> None:
    assert math.isnan(value("a: .nan")["a"])


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_document_has_no_value(text: str) -> None:
    assert value(text) is None


def test_merge_keys_put_in_what_the_mapping_does_not_have_itself() -> None:
    text = "one: &one {a: 1, b: 1}\ntwo: &two {b: 2, c: 2}\nboth:\n  <<: [*one, *two]\n  c: 3\n"
    assert value(text)["both"] == {"a": 1, "b": 1, "c": 3}


def test_the_lines_and_places_of_keys_and_items_are_known() -> None:
    text = "# é\nplex:\n  url: x\nlist:\n- a\n- b: c\n"
    document = load(text, "config.yml")
    assert document.lines["plex", "url"] == 3
    assert document.lines["list", 1] == 6
    assert document.line_of(("plex", "url", "deeper")) == 3
    assert document.line_of(("nowhere",)) == 2  # where the document begins
    start, end = document.places["plex", "url"]
    assert text[start:end] == "x"


def test_what_is_repeated_is_known_by_where_it_is_written() -> None:
    text = "a: &a\n  x: 1\nb: *a\nc:\n  <<: *a\n  y: 2\nd:\n  <<: [{z: 3}, *a]\ne: [*a]\n"
    document = load(text, "config.yml")
    for path in (("b", "x"), ("c", "x"), ("d", "x"), ("e", 0, "x")):
        assert (document.origin(path), document.line_of(path)) == (("a", "x"), 2)
    assert document.line_of(("d", "z")) == 8
    assert document.origin(("c", "y")) == ("c", "y")


def test_tags_of_one_s_own_are_known_by_their_places() -> None:
    assert load("a:\n  b: !x 1\n  c: !y\n    d: 1\n", "f").tags == {("a", "b"): "!x", ("a", "c"): "!y"}


def test_a_byte_order_mark_and_other_line_ends_do_no_harm() -> None:
    assert load(b"\xef\xbb\xbfa: b\r\nc: d\r", "config.yml").value == {"a": "b", "c": "d"}


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: b\n\tc: d", 2, 1, "tabs are not allowed"),
        ("a:\tb", 1, 3, "tabs are not allowed"),
        ("a: b\nc: [1, 2", 3, 1, "a bracket is not closed"),
        ("a: 1\nb: 2\na: 3", 3, 1, "'a' stands here a second time, the first is in line 1"),
        ("'a': 1\n\"a\": 2", 2, 1, "second time"),
        ("1: a\n1.0: b", 2, 1, "second time"),
        ("a: x: y", 1, 5, "put quotes around"),
        ("a:\n  b: 1\n c: 2", 3, 2, "indented"),
        ("a: 'x", 1, 6, "never closed"),
        ('a: "\\d"', 1, 5, "single quotes"),
        ("a: @x", 1, 4, "quotes"),
        ("a: *.mkv", 1, 5, "quotes"),
        ("a: *x", 1, 4, "no &x before it"),
        ("a: &x [*x]", 1, 8, "inside the value"),
        ("a: {{ b }}", 1, 5, "where a key belongs"),
        ("a: !!set {b}", 1, 4, "!!set"),
        ("- [a]\n-\tb", 2, 2, "tabs are not allowed"),
        ("a: 2024-13-45", 1, 4, "no valid number or date"),
        ("a: b\n---\nc: d", 2, 1, "second document"),
        ("%YAML 1.1\n---\na: b", 1, 1, "%YAML"),
        ("a: b\nc: x\x07y", 2, 5, "U+0007"),
        ("a: x\u2028y", 1, 5, "U+2028"),
        ("<<: {a: 1}\n<<: {b: 1}", 2, 1, "twice"),
        ("<<: 1", 1, 1, "no mapping"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_do(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(YamlError) as caught:
        load(text, "kometa/x.yml")
    assert (caught.value.line, caught.value.column) == (line, column)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"kometa/x.yml, line {line}, column {column}: ")
    assert caught.value.remedy


def test_text_that_is_not_utf8_is_told_with_its_line() -> None:
    with pytest.raises(YamlError, match="line 2, column 4: this is not UTF-8"):
        load(b"a: b\nc: \xff", "config.yml")


def test_aliases_cannot_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(YamlError, match="aliases repeat more than"):
        load("\n".join(lines), "config.yml")


def test_nesting_cannot_exhaust_the_stack() -> None:
    with pytest.raises(YamlError, match="nested more than"):
        load("[" * 5000, "config.yml")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    with suppress(YamlError):
        load(text, "config.yml")


MISREADABLE = st.sampled_from(
    ["yes", "no", "on", "1:30", "0o17", "012", "1e3", "~", "null", "<<", "=", "2024-01-01", "true", "0x1F", "1_000",
     ".5", "- a", "a: b", "a #b", "@x", "*x", "'", '"', " a", "a ", "a\nb", "a\n b\n", "a\n\n", "a\tb", "{{ x }}",
     "", "\n", "\ufeff", "\xa0", "\u2028", "é"]
)  # fmt: skip
TEXTS = MISREADABLE | st.text(max_size=12) | st.lists(MISREADABLE, max_size=3).map("".join)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | TEXTS
    | st.dates(min_value=datetime.date(1000, 1, 1))
)
DOCUMENTS = st.dictionaries(
    TEXTS,
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
    ),
    max_size=3,
)


@given(DOCUMENTS)
def test_what_is_dumped_is_read_back_the_same(document: dict[str, Any]) -> None:
    text = dump(document)
    found = value(text)
    assert repr(found) == repr(document)  # values, types and the order of keys
    assert dump(found) == text


def test_what_yaml_11_would_misread_is_quoted_too() -> None:
    assert dump({"a": "yes", "b": "12:30", "c": "<<plextoken>>"}) == "a: 'yes'\nb: '12:30'\nc: <<plextoken>>\n"


def test_repeated_values_are_written_out() -> None:
    shared = ["x"]
    assert dump({"a": shared, "b": shared}) == "a:\n- x\nb:\n- x\n"
