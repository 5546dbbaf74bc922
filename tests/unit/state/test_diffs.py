"""Differences of texts, as a preview shows them."""

from kometa_host.state.diffs import unified


def test_equal_texts_differ_in_nothing() -> None:
    assert list(unified("a\nb\n", "a\nb\n")) == []


def test_added_removed_and_surrounding_lines_are_shown_without_file_names() -> None:
    assert list(unified("a\nb\nc\n", "a\nx\nc\n")) == ["@@ -1,3 +1,3 @@", " a", "-b", "+x", " c"]


def test_lines_that_look_like_file_names_are_shown() -> None:
    assert list(unified("-- old\n", "++ new\n")) == ["@@ -1 +1 @@", "--- old", "+++ new"]


def test_a_new_text_is_shown_whole() -> None:
    assert list(unified("", "a\n"))[1:] == ["+a"]
