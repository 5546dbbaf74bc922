"""What is said of a run that Ctrl-C has ended."""

from operations.engine import interrupt


def test_before_changes_are_made_nothing_was_changed() -> None:
    assert interrupt.words({}, is_executing=False) == "ended by Ctrl-C: nothing was changed."


def test_what_was_done_is_named_by_host() -> None:
    said = interrupt.words({"tower": ["Account mms", "Timers"], "attic": ["Timers"]}, is_executing=True)
    assert "these were done:\n  tower: Account mms, Timers\n  attic: Timers\n" in said
    assert "Run the command again" in said
    assert "no operation was done yet" in interrupt.words({}, is_executing=True)
