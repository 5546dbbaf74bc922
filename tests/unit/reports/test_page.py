"""The report, as text: what is on it, and that nothing from a host is more than text."""

import re
from dataclasses import replace
from datetime import timedelta
from functools import cache
from html.parser import HTMLParser

import pytest

from kometa_host.plans.autodeploy import Event
from kometa_host.reports.diagnosis.check import Check, State
from kometa_host.reports.page.fleet import Condition, HostReport, in_order
from kometa_host.reports.page.page import render
from kometa_host.state.kometa_log import Outcome
from tools.made_up_fleet import NOW, fleet

VOID = {"meta", "link", "br", "input"}


class Outline(HTMLParser):
    """Reads a page; fails where its elements are not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element of an SVG that has nothing in it."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        """Note the end of an element."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data)

    @property
    def text(self) -> str:
        """All that can be read."""
        return re.sub(r"\s+", " ", " ".join(self.texts))


@pytest.fixture(scope="module")
def page() -> Outline:
    return Outline(render(fleet(), NOW))


def test_the_fleet_is_listed_those_first_that_somebody_should_look_at() -> None:
    conditions = [host.condition for host in in_order(fleet())]
    assert conditions == sorted(conditions, key=list(Condition).index)
    assert conditions[0] is Condition.UNREACHED


def test_it_tells_runs_backups_updates_findings_and_drift_in_words(page: Outline) -> None:
    for words in (
        "365 runs since 2025-11-23: 354 good, 6 with errors, 5 failed.",
        "Plex has no library named Films; it has: 'Movies', 'TV'.",
        "To do: write the library's name in config.yml as Plex has it",
        "daily, weekly, monthly, newest",
        "retention removes 1 of them with the next backup",
        "the new image was not healthy within 120 s",
        "A deploy would do this:",
        "it could not be read when the page was made",
        "a run is in progress for 1 d",
        "the host was off at that time",
    ):
        assert words in page.text


def test_each_run_stands_on_it_in_words(page: Outline) -> None:
    runs = [run for host in fleet() for run in host.runs]
    assert sum(text.strip() in {outcome.value for outcome in Outcome} for text in page.texts) >= len(runs)


def test_it_runs_nothing_and_loads_nothing(page: Outline) -> None:
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
    names = [name for name, _ in page.attributes]
    assert not any(name.startswith("on") or name in ("src", "style", "xlink:href") for name in names)
    assert all(
        str(value).startswith("#host-") or value == "#fleet" for name, value in page.attributes if name == "href"
    )
    (policy,) = [value for name, value in page.attributes if name == "content" and "default-src" in str(value)]
    assert str(policy).startswith("default-src 'none'; style-src 'sha256-")


def test_each_host_has_a_place_of_its_own_to_which_the_table_leads(page: Outline) -> None:
    places = [value for name, value in page.attributes if name == "id" and str(value).startswith("host-")]
    links = [value for name, value in page.attributes if name == "href" and str(value).startswith("#host-")]
    assert [f"#{place}" for place in places] == links
    assert len(set(links)) == len(fleet())


def hostile(text: str) -> HostReport:
    """A host that says a text wherever it can say anything."""
    host = fleet()[0]
    assert host.status is not None
    assert host.status.last_run is not None
    run = replace(host.runs[0], kind=text, outcome=Outcome.FAILED, first_errors=(text, text), kometa=text)
    known = replace(
        host.status, service=text, image=text, digest=text, timers={text: NOW}, commit=text,
        last_run=replace(host.status.last_run, outcome=text, first_error=text),
    )  # fmt: skip
    return replace(
        host,
        name=text,
        status=known,
        checks=(Check(text, State.PROBLEM, text, text, text), Check(text, State.OK, text)),
        runs=(run,),
        archives=(replace(host.archives[0], name=text, kept_as=(text,)),),
        updates=(Event(NOW, text, text, text, text, text, text, text),),
        drift=(text,),
    )


@cache
def harmless() -> Outline:
    return Outline(render([hostile("quite harmless")], NOW))


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' onfocus='alert(1)",
        "{{ 7 * 7 }} {% raw %}",
        "</style></title></svg>",
        "]]><!-- -->&lt;b&gt;&#0;",
        "\x00\x1b[31m\n\r\u202e\ud800\ufffe",
        "x" * 100_000,
    ],
)
def test_what_a_host_says_is_text_and_stays_on_its_line(text: str) -> None:
    plain, marked = harmless(), Outline(render([hostile(text)], NOW))
    assert (marked.tags, len(marked.attributes)) == (plain.tags, len(plain.attributes))


def test_no_secret_is_on_it() -> None:
    digits = "0123456789abcdef" * 2
    said = f"http://user:hunter2@plex:32400/?X-Plex-Token=quiet-{digits} and {digits}"
    page = render([hostile(said)], NOW)
    assert "hunter2" not in page
    assert digits not in page


def test_a_large_fleet_shows_fewer_runs_of_each_and_says_so() -> None:
    page = render([*fleet(1), *(HostReport(f"host{number}") for number in range(199))], NOW)
    assert "100 runs since 2026-08-15 (the newest of 365)" in page


def test_hosts_without_a_past_and_no_hosts_are_no_trouble() -> None:
    new = replace(fleet()[0], runs=(), archives=(), updates=(), drift=())
    assert "The host has recorded no run yet." in render([new], NOW)
    assert "The host is as the project says." in render([new], NOW)
    Outline(render([], NOW))


def test_of_a_host_that_could_not_be_read_nothing_is_claimed() -> None:
    page = render([HostReport("cellar.lan")], NOW)
    assert "The host could not be read" in page
    for claim in ("recorded no run", "There are no backups", "None was made", "Nothing is wrong", "diagnosis"):
        assert claim not in page


def test_times_of_the_future_and_runs_of_no_length_are_no_trouble() -> None:
    host = fleet()[0]
    later = replace(host.runs[0], started=NOW + timedelta(days=3), finished=NOW + timedelta(days=3))
    archive = replace(host.archives[0], time=NOW + timedelta(days=900), size=0)
    Outline(render([replace(host, runs=(later,), archives=(archive,))], NOW))
