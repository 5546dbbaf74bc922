"""The page as a whole: one file without a script, which asks no network for anything."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from kometa_host.reports.page import views
from kometa_host.reports.page.fleet import HostReport, in_order
from kometa_host.reports.page.text import shown

TEMPLATES = Path(__file__).resolve().parents[3] / "templates" / "report"
MAX_CHARTED = 20_000  # runs of all hosts together, so that a large fleet's page opens at once as well
MAX_RUNS, MIN_RUNS = 400, 30  # of one host
OPEN_UP_TO = 4  # hosts that are shown unfolded


def render(hosts: Sequence[HostReport], made: datetime) -> str:
    """Return the page of a fleet as it was at a moment."""
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    runs = max(MIN_RUNS, min(MAX_RUNS, MAX_CHARTED // max(len(hosts), 1)))
    ordered = in_order(hosts)
    return (
        _templates()
        .get_template("page.html.j2")
        .render(
            style=Markup(style),  # noqa: S704  (a file of ours)
            style_hash=b64encode(sha256(style.encode()).digest()).decode(),
            made=made,
            tiles=views.tiles(ordered, made),
            rows=[views.fleet_row(place, host, made) for place, host in enumerate(ordered, 1)],
            hosts=[views.host_view(place, host, made, runs) for place, host in enumerate(ordered, 1)],
            is_open=len(hosts) <= OPEN_UP_TO,
            outcomes=views.OUTCOME_STYLES,
        )
    )


def _templates() -> Environment:
    # what looks like a secret is masked wherever it comes from; autoescape keeps text text
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=_finalized,
    )  # fmt: skip


def _finalized(value: object) -> object:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value
