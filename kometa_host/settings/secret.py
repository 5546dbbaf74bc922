"""A secret text that no message, log or representation shows by accident."""

MASK = "**********"


class SecretStr:
    """A text that is told only to who asks for it by name."""

    # No dataclass: dataclasses.asdict would take it apart.
    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        """Return the secret itself."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"SecretStr({MASK!r})"

    def __str__(self) -> str:
        return MASK
