"""Answers about a folder as a whole, remembered from one deploy to the next for as long as nothing in it changes."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from kometa_host.config_tree.cache import CacheFile, code_version

T = TypeVar("T")


class TreeMemory:
    """Answers by question. It is only a cache: what it holds that is no answer is found out again."""

    def __init__(self, root: Path, stamp: str) -> None:
        """Given a folder and its stamp (empty: nothing is remembered longer than this run), read what is remembered."""
        self._store = CacheFile(f"tree-{hashlib.sha256(os.fsencode(root)).hexdigest()[:16]}")
        self._stamp = f"{stamp} {code_version()}" if stamp else ""
        stored = self._store.read() if stamp else {}
        answers = stored.get("answers") if stored.get("stamp") == self._stamp else None
        self._stored: dict[str, Any] = answers if isinstance(answers, dict) else {}
        self._known: dict[str, Any] = {}

    def answer(self, question: str, find: Callable[[], T], dump: Callable[[T], Any], load: Callable[[Any], T]) -> T:
        """Return the answer to a question, which find gives where it is not remembered.

        + dump, load: make it JSON, and an answer again; load raises TypeError or ValueError for what is none
        """
        key = hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()
        if key not in self._known:
            with suppress(KeyError, TypeError, ValueError):
                self._known[key] = load(self._stored[key])
        if key not in self._known:
            self._known[key] = find()
            self._stored[key] = dump(self._known[key])
            if self._stamp:
                self._store.write({"stamp": self._stamp, "answers": self._stored})
        answer: T = self._known[key]
        return answer
