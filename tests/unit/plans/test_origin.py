"""Where archives come from: a name counts for nothing, and what changes about addresses is shown."""

import pytest

from kometa_host.archive.chain import Report
from kometa_host.archive.gate import Contents
from kometa_host.errors import UserError
from kometa_host.plans import origin
from kometa_host.plans.origin import Written

OLD, NEW, FORGED = "kometa-2026-01-01T030000Z.tar.zst.age", "kometa-2026-01-02T030000Z.tar.zst.age", "f" * 64
WRITTEN = Written.of([f"{'a' * 64} 100 {OLD}", f"{'b' * 64} 200 {NEW}"])
LIVE = "plex:\n  url: http://plex:32400\n  token: <<plextoken>>\ntmdb:\n  apikey: <<tmdbapikey>>\n"


def report(sha256: str) -> Report:
    return Report(("X25519",), 100, Contents(1, 1, 1, True, 0), (), sha256)


def test_what_the_host_has_written_is_its_own() -> None:
    assert origin.told(WRITTEN, NEW, report("b" * 64), elsewhere=False) == [f"{NEW} is as this host wrote it"]
    assert WRITTEN.has(NEW, 200)
    assert not WRITTEN.has(NEW, 201)


@pytest.mark.parametrize(
    ("name", "sha256", "why"),
    [
        (NEW, FORGED, "was replaced or damaged"),
        (NEW, "a" * 64, f"is what this host wrote as {OLD}, under another name"),
        ("kometa-2026-12-31T030000Z.tar.zst.age", FORGED, "does not know of having written"),
        ("kometa-2026-12-31T030000Z.tar.zst.age", "b" * 64, "under another name"),
        ("kometa-2026-12-31.tar.zst", FORGED, "does not know of having written"),
    ],
)
def test_anything_else_is_from_elsewhere(name: str, sha256: str, why: str) -> None:
    with pytest.raises(UserError, match=rf"{why}.*from=elsewhere"):
        origin.told(WRITTEN, name, report(sha256), elsewhere=False)
    [line] = origin.told(WRITTEN, name, report(sha256), elsewhere=True)
    assert why in line


def test_a_copy_under_a_name_that_says_nothing_is_known_by_its_digest() -> None:
    assert WRITTEN.why_foreign("before-the-move.age", "b" * 64) is None


def test_what_was_written_again_counts_from_then_and_nonsense_is_passed_over() -> None:
    again = Written.of([f"{'a' * 64} 1 {OLD}", "nonsense", f"{'b' * 64} 1 {NEW}", f"{'c' * 64} 2 {OLD}", "x 1 y"])
    assert list(again.archives.items()) == [(NEW, ("b" * 64, 1)), (OLD, ("c" * 64, 2))]


@pytest.mark.parametrize("further", [{"from": "here"}, {"from": True}, {"paths": "x"}])
def test_only_elsewhere_can_be_said(further: dict[str, object]) -> None:
    assert not origin.is_from_elsewhere({})
    assert origin.is_from_elsewhere({"from": "elsewhere"})
    with pytest.raises(UserError):
        origin.is_from_elsewhere(further)


def test_an_address_that_changes_is_shown_and_what_stands_beside_a_secret_first() -> None:
    archived = LIVE.replace("http://plex:32400", "http://attacker.example") + "a:\n  poster: http://b.example/p.jpg\n"
    assert origin.address_changes(LIVE, archived.encode()) == [
        "plex.url: http://plex:32400 -> http://attacker.example",
        "a.poster: nothing -> http://b.example/p.jpg",
    ]


def test_a_placeholder_in_another_place_is_shown() -> None:
    archived = LIVE + "trakt:\n  anything: <<plextoken>>\n  pin: secret\n"
    assert origin.address_changes(LIVE, archived.encode()) == ["trakt.anything: nothing -> <<plextoken>>"]


def test_of_a_secret_address_the_host_is_shown() -> None:
    archived = "webhooks:\n  error: https://evil.example/hook/hunter2\n"
    assert origin.address_changes(None, archived.encode()) == [
        "webhooks.error: nothing -> https://evil.example/(hidden)"
    ]


def test_no_escape_and_no_trick_of_yaml_hides_an_address() -> None:
    archived = b'plex: {"u\\x72l": "h\\x74tp://attacker\\e[2K", token: x}\n'
    assert origin.address_changes(LIVE, archived) == ["plex.url: http://plex:32400 -> http://attacker\\x1b[2K"]


def test_the_same_addresses_are_no_change_and_a_broken_text_is_said() -> None:
    assert origin.address_changes(LIVE, LIVE.encode()) == []
    [line] = origin.address_changes(LIVE, b"plex: [\n")
    assert "cannot be read" in line
    assert len(origin.address_changes(None, b"".join(b"url%d: http://x\n" % n for n in range(5000)))) == 41
