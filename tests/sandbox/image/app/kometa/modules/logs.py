"""meta.log and the console, in the format of Kometa."""

import sys
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from pathlib import Path

WIDTH = 100
KEPT = 9


class Log:
    """Writes each line to meta.log and to standard error; counts what went wrong. Values in `hidden` are redacted."""

    def __init__(self, folder: Path, hidden: Iterable[str] = ()) -> None:
        """Rotate meta.log to meta-1.log ... meta-9.log and begin a new one."""
        self.hidden = [value for value in hidden if value]
        self.errors: list[object] = []
        self.criticals: list[object] = []
        path = Path(folder, "meta.log")
        names = [path, *(path.with_name(f"meta-{number}.log") for number in range(1, KEPT + 1))]
        for newer, older in reversed(list(pairwise(names))):
            if newer.exists():
                newer.rename(older)
        self.file = path.open("w", buffering=1)  # stays open for the whole run

    def write(self, level: str, row: str, depth: int = 2, is_first: bool = True) -> None:
        """Write one finished row; the caller whose place is shown is `depth` calls away. Only a first row has it."""
        for value in self.hidden:
            row = row.replace(value, "(redacted)")
        frame = sys._getframe(depth)
        caller = f"[{Path(frame.f_code.co_filename).name}:{frame.f_lineno}]"
        stamp = datetime.now().strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
        head = f"[{stamp}] {caller:<27} {f'[{level}]':<10} "
        self.file.write(f"{head if is_first else ' ' * 65}{row}\n")
        print(row, file=sys.stderr, flush=True)

    def line(self, level: str, text: object) -> None:
        """Write text, as many rows as it has lines."""
        for number, part in enumerate(str(text).splitlines() or [""]):
            self.write(level, f"| {part:<{WIDTH - 2}} |", depth=4, is_first=number == 0)

    def debug(self, text: object = "") -> None:
        """Write a line that the real Kometa shows on the console as well."""
        self.line("DEBUG", text)

    def info(self, text: object = "") -> None:
        """Write an ordinary line."""
        self.line("INFO", text)

    def warning(self, text: object = "") -> None:
        """Write a warning."""
        self.line("WARNING", text)

    def error(self, text: object) -> None:
        """Write an error and remember it for the summary."""
        self.errors.append(text)
        self.line("ERROR", text)

    def critical(self, text: object) -> None:
        """Write what ends the run and remember it for the summary."""
        self.criticals.append(text)
        self.line("CRITICAL", text)

    def separator(self, *texts: str) -> None:
        """Write centred texts between rules."""
        self.write("INFO", f"|{'=' * WIDTH}|")
        for text in texts:
            self.write("INFO", f"|{text:^{WIDTH}}|")
        if texts:
            self.write("INFO", f"|{'=' * WIDTH}|")
