"""How many made-up inputs a test looks at."""

from hypothesis import settings


def at_least(examples: int) -> settings:
    """Return settings for so many in every run, and in a long campaign for as many as every test gets there."""
    return settings(max_examples=max(examples, settings().max_examples))
