"""What is typed after `python -m tools.NAME`: an inventory, or none, and options of pyinfra."""

from collections.abc import Sequence

INVENTORY = "inventory.py"


def inventory_and_options(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Return the inventory, inventory.py if none is named first, and the options that follow."""
    if arguments and not arguments[0].startswith("-"):
        return arguments[0], list(arguments[1:])
    return INVENTORY, list(arguments)
