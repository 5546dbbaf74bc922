"""Differences of texts, as a preview shows them."""

import pytest

from kometa_host.state.diffs import unified, without_secrets


def test_equal_texts_differ_in_nothing() -> None:
    assert list(unified("a\nb\n", "a\nb\n")) == []


def test_added_removed_and_surrounding_lines_are_shown_without_file_names() -> None:
    assert list(unified("a\nb\nc\n", "a\nx\nc\n")) == ["@@ -1,3 +1,3 @@", " a", "-b", "+x", " c"]


def test_lines_that_look_like_file_names_are_shown() -> None:
    assert list(unified("-- old\n", "++ new\n")) == ["@@ -1 +1 @@", "--- old", "+++ new"]


def test_a_new_text_is_shown_whole() -> None:
    assert list(unified("", "a\n"))[1:] == ["+a"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Environment=PUID=3000 PLEX_TOKEN=hunter2 TZ=UTC", "Environment=PUID=3000 PLEX_TOKEN=(hidden) TZ=UTC"),
        ('Environment="TMDB_APIKEY=hun ter2" "A=b c"', 'Environment=TMDB_APIKEY=(hidden) "A=b c"'),
        ("  Environment = 'X_PASSWORD=hunter2'", "  Environment =' X_PASSWORD=(hidden)"),
        ("Secret=kometa-plextoken,type=env,target=KOMETA_PLEXTOKEN", None),
        ("# its token is known1 here", "# its token is (hidden) here"),
    ],
)
def test_no_secret_of_a_unit_is_shown(line: str, shown: str | None) -> None:
    found = without_secrets(line, ("known1",))
    assert "hunter2" not in found
    assert "ter2" not in found
    if "'" not in line:
        assert found == (shown or line)
