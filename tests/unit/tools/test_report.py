"""make report: what pyinfra printed becomes the hosts of the page."""

import json
import stat
from pathlib import Path

import pytest

from kometa_host.reports.diagnosis.check import Check, State
from kometa_host.reports.page.fleet import Condition
from tools import report
from tools.made_up_fleet import fleet

HOST = fleet()[0]
DISK = {"name": "disk", "state": "ok", "found": "/", "cause": "", "mend": ""}
CHECKS = f"loading\n{json.dumps({'host': 'tower.lan', 'checks': [DISK]})}\n"


def facts() -> str:
    assert HOST.status is not None
    found = {
        "facts.kometa.Status": {"tower.lan": HOST.status.to_json(), "attic.lan": None},
        "facts.kometa.Runs": {"tower.lan": [run.to_json() for run in HOST.runs], "attic.lan": []},
        "facts.backup.Archives": {"tower.lan": [archive.to_json() for archive in HOST.archives]},
        "facts.autodeploy.History": {
            "tower.lan": [{**event.to_json(), "time": event.time.isoformat()} for event in HOST.updates]
        },
    }
    return f"--> Loading\n{json.dumps(found)}\n"


def test_what_was_read_of_a_host_is_on_the_page_whole() -> None:
    (found,) = report.hosts_of(["tower.lan"], report.facts_of(facts()), report.checks_of(CHECKS), None)
    assert found.checks == (Check("disk", State.OK, "/"),)
    assert (found.status, found.archives, found.updates) == (HOST.status, HOST.archives, HOST.updates)
    assert [run.to_json() for run in found.runs] == [run.to_json() for run in HOST.runs]
    assert found.condition is Condition.OK


def test_a_host_that_told_nothing_is_there_all_the_same() -> None:
    for printed in (facts(), "", "no answer"):
        (found,) = report.hosts_of(["attic.lan"], report.facts_of(printed), report.checks_of("Error"), None)
        assert (found.name, found.condition, found.runs) == ("attic.lan", Condition.UNREACHED, ())


def test_drift_is_told_of_each_host_if_it_was_asked_for() -> None:
    names = ["tower.lan", "attic.lan"]
    tower, attic = report.hosts_of(names, report.facts_of(facts()), report.checks_of(CHECKS), {"tower.lan": ["Image"]})
    assert (tower.drift, attic.drift) == (("Image",), None)  # of a host that was not read nothing is known
    assert tower.condition is Condition.DRIFT


def test_the_names_are_those_of_the_inventory() -> None:
    assert report.names_of('--> Loading\n[{"name": "a"}, {"name": "b"}]\n') == ["a", "b"]
    assert report.names_of("no such file") == []


def test_the_page_is_its_owners_alone_and_replaces_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.html"
    path.write_text("before")
    assert report.main(["--demo", "--output", str(path)]) == 0
    assert "tower.lan" in path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert "report.html is written" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="cannot be written"):
        report.main(["--demo", "--output", str(tmp_path / "nowhere" / "report.html")])
