"""What Kometa says: live, since a time, or run by run."""

import re
from base64 import b64decode
from collections.abc import Iterator

from pyinfra import host

from kometa_host.errors import UserError
from kometa_host.settings.variables import Settings
from kometa_host.state import answers, programs, run_history
from kometa_host.state import kometa_log as kometa_runs
from kometa_host.state.programs import Actor
from operations.engine import attended, read_only, transport
from operations.engine.lock import HEARTBEAT
from operations.engine.operation import settings
from operations.engine.process import MAX_LOOK

LINES = 100  # of what was said before, where nothing else was asked for
MAX_RUNS = run_history.MAX_RUNS  # of those that Kometa's ten logs no longer hold the history tells a line each


def logs(since: object = None, runs: object = 0, follow: object = None) -> None:
    """Show the log; the arguments are those of operations.kometa.logs."""
    if isinstance(runs, bool) or not isinstance(runs, int) or not 0 <= runs <= MAX_RUNS:
        raise UserError(f"runs is {runs!r}; write how many of the last runs to show, 1 to {MAX_RUNS}, as runs=3.")
    if follow not in (None, True, False) or (follow and runs):
        raise UserError(f"follow is {follow!r}; write follow=true or follow=false, and not together with runs.")
    known, start = settings(), _since(since)
    if runs:
        read_only.read_only(lambda: _show_runs(known, runs))
    else:
        read_only.read_only(lambda: _show_service(known, start, follow is not False))


def _since(value: object) -> str:
    if value is None:
        return ""
    text = str(value)
    if not re.fullmatch(r"[\w:+., -]{1,60}", text) or (text.startswith("-") and not text[1:2].isdigit()):
        raise UserError(f"since is {value!r}; write a time as journalctl takes it: today, '1 hour ago', 2025-11-22.")
    return text


def _program(known: Settings, since: str = "", runs: int = 0, follow: bool = False) -> str:
    return programs.program(
        "logs",
        config_dir=known.kometa_config_dir,
        since=since,
        runs=runs,
        follow=follow,
        lines=LINES,
        patience=3 * HEARTBEAT,
    )


def _show_service(known: Settings, since: str, follow: bool) -> None:
    patience = None if follow else MAX_LOOK
    completed = attended.run(host, known.mms_user, _program(known, since, follow=follow), host.log, patience=patience)
    if completed.status:
        raise UserError(f"the log could not be read: {completed.stderr.strip() or 'no answer'}")


@answers.sensible("Kometa's logs")
def _show_runs(known: Settings, count: int) -> None:
    completed = transport.run(host, Actor.ACCOUNT, known.mms_user, _program(known, runs=count))
    told = answers.told_lines(completed.stdout)
    if completed.status or told[-1:] != ["end"]:
        raise UserError(f"Kometa's logs could not be read: {completed.stderr.strip() or 'no answer'}")
    shown = [part for line in _within_bounds(told[:-1]) for part in _told(line, known.mms_timezone, count)]
    texts = dict(sorted(shown, key=lambda entry: entry[0]))  # of one run the log comes later, and stays
    for text in list(texts.values())[-count:]:
        read_only.show(text)
    if not shown:
        read_only.show(f"{host.name}: Kometa has not run yet")


def _within_bounds(told: list[str]) -> list[tuple[str, list[str]]]:
    """Return what each line of an answer tells, and its lines. Raise UserError for more than any answer inflates to."""
    found, left = [], answers.MAX_ANSWER
    for line in told:
        what, encoded = line.split(" ", 1)
        lines = answers.inflated_lines(b64decode(encoded))
        left -= sum(map(len, lines)) + len(lines)
        if left < 0:
            raise UserError(
                f"Kometa's logs are larger than {answers.MAX_ANSWER >> 20} MiB. Ask for fewer runs: runs=1."
            )
        found.append((what, lines))
    return found


def _told(line: tuple[str, list[str]], timezone: str, count: int) -> Iterator[tuple[float, str]]:
    """Yield when each run of a line began, and its text: one sentence of the history, or all that a log says."""
    what, lines = line
    if what == "history":
        for run in run_history.parse(lines):
            yield run.started.timestamp(), f"{host.name}: run {run_history.summary(run)}"
    else:
        yield from _runs_of(lines, timezone, count)


def _runs_of(lines: list[str], timezone: str, count: int) -> Iterator[tuple[float, str]]:
    for run, log in kometa_runs.latest(lines, timezone, count):
        head = f"{host.name}: run {kometa_runs.summary(run)}"
        begin = run.started or run.first_line
        text = "\n".join([head, *(f"  {kometa_runs.shown(line)}" for line in log.lines)])
        yield begin.timestamp() if begin else 0.0, text
