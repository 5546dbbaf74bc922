"""Addresses as people write them, impossible ones among them. Pure."""

from urllib.parse import SplitResult, urlsplit


def parts_of(url: str) -> SplitResult:
    """Return the parts of an address, all of them blank for a text that can be none, such as http://[hidden]."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")
