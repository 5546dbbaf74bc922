"""Errors for the people who type the commands: what was found, where, and what to do next."""

from typing import NamedTuple


class UserError(Exception):
    """A problem that the user can solve; its text is all that is shown, never a traceback."""


class Problem(NamedTuple):
    """One thing wrong with one variable. No field ever holds the value of a secret."""

    variable: str
    found: str
    remedy: str

    def text(self, where: str = "") -> str:
        """Return the problem as a block of three lines; where names the hosts that have it."""
        title = f"{self.variable} ({where})" if where else self.variable
        return f"{title}\n    found: {self.found}\n    to do: {self.remedy}"


class ProblemsError(UserError):
    """Several problems at once, found before anything connects: .problems lists them."""

    problems: tuple[Problem, ...] = ()


class SettingsError(ProblemsError):
    """The variables of a host cannot work: .problems lists everything wrong with them, .where says whose they are."""

    def __init__(self, where: str, problems: tuple[Problem, ...]) -> None:
        self.where = where
        self.problems = problems
        blocks = "\n\n".join(problem.text() for problem in problems)
        super().__init__(f"the settings of {where} cannot work:\n\n{blocks}")
