"""An existing Kometa becomes the project's, with no secret in plain text, and a second time changes nothing."""

import errno
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

import pyrage  # type: ignore[import-untyped]
import pytest

from kometa_host.adoption.sample import SAMPLE
from kometa_host.adoption.sources import Folder
from kometa_host.secrets import file as secrets_file
from tests.unit.project_copy import PROJECT, copied
from tools import adopt as command
from tools.staging import digest_of

TOKEN, KEY, TRAKT, OLD = "aB3dE6gH9jK2mN5pQ8sT", "0123456789abcdef" * 2, "fedcba9876543210" * 4, "f0" * 16
CONFIG = f"""\
# mine
libraries:
  Movies:
    metadata_path:
    - file: config/Movies.yml     # collections
    - file: config/gone.yml
settings: {{asset_directory: config/assets}}
plex: {{url: http://192.168.1.5:32400, token: {TOKEN}}}
tmdb: {{apikey: {KEY}}}   # apikey: {OLD}
trakt:
  client_id: <<traktid>>
  authorization: {{access_token: {TRAKT}}}
"""
COMPOSE = """\
services:
  kometa:
    image: kometateam/kometa
    environment: [TZ=Europe/Berlin, "KOMETA_TIME=4:30", KOMETA_TRAKTID=trakt-id-1]
    volumes: ["./config:/config"]
"""
OF_KOMETA = ("logs/meta.log", "UUID", "config.cache", "config.yml.template", "Movies_report.yml", "overlays/temp/a.png")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A fresh clone, as far as adoption is concerned."""
    folder = tmp_path / "project"
    copied(folder, "kometa", "group_data")
    (folder / "inventory.py").write_text('hosts = ["tower.lan"]\n')
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An Unraid-like folder: what Kometa wrote lies beside what its user wrote."""
    files = {
        "docker-compose.yml": COMPOSE, "config/config.yml": CONFIG,
        "config/Movies.yml": "collections: {A: {plex_all: true}}\n",
        "config/assets/A/poster.jpg": "image", "config/notes.txt": "n", "config/config.yml.bak": CONFIG,
        "config/old-config.yml": CONFIG, ".env": "X=1\n", **{f"config/{name}": "x" for name in OF_KOMETA},
    }  # fmt: skip
    folder = tmp_path / "source"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def adopt(project: Path, source: Path | str, *options: str) -> int:
    return command.main([str(source), *options], project)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def secrets_of(project: Path) -> tuple[dict[str, str], str]:
    identity = pyrage.x25519.Identity.from_str((project / "age-identity.txt").read_text().splitlines()[1])
    text = pyrage.decrypt((project / "secrets.yml.age").read_bytes(), [identity])
    known = secrets_file.parse(text, "s").common
    return {name: value.get_secret_value() for name, value in known.items()}, text.decode()


def test_a_folder_becomes_the_project(project: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert adopt(project, source) == 0
    files = everything(project / "kometa")
    assert sorted(files) == ["Movies.yml", "assets/.gitkeep", "assets/A/poster.jpg", "config.yml"]
    assert files["config.yml"].decode() == (
        CONFIG.replace("metadata_path", "collection_files").replace(TOKEN, "<<plextoken>>")
        .replace(KEY, "<<tmdbapikey>>").replace("http://192.168.1.5:32400", '"{{ kometa_plex_url }}"')
        .replace(OLD, "<<tmdbapikeycommented>>")        .replace(TRAKT, "")
        .replace("gone.yml", "gone.yml  # kometa-host: allow")
    )  # fmt: skip
    values, text = secrets_of(project)
    assert values == {"plextoken": TOKEN, "tmdbapikey": KEY, "traktid": "trakt-id-1"}
    assert f"# tmdbapikeycommented: '{OLD}'" in text
    assert f"authorization:\n  trakt:\n    access_token: '{TRAKT}'\n" in text
    variables = (project / "group_data" / "all.py").read_text()
    assert 'kometa_times = ["04:30"]  # daily runs' in variables
    assert 'mms_timezone = "Europe/Berlin"' in variables
    assert 'kometa_plex_url = "http://192.168.1.5:32400"' in variables
    assert (project / "age-identity.txt").stat().st_mode & 0o777 == 0o600
    shown = capsys.readouterr().out
    assert "make check" in shown
    assert "logs" in shown


def test_no_secret_is_on_the_screen_or_in_a_file_that_is_not_encrypted(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adopt(project, source)
    shown = "".join(capsys.readouterr())
    for secret in (TOKEN, KEY, TRAKT, OLD, "trakt-id-1"):
        assert secret not in shown
        assert not [name for name, content in everything(project).items() if secret.encode() in content]


def test_what_the_source_lacks_is_said_in_one_line(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = "".join(f"    - file: config/gone{number}.yml\n" for number in range(20))
    (source / "config" / "config.yml").write_text(f"libraries:\n  Movies:\n    collection_files:\n{names}")
    assert adopt(project, source) == 0
    shown = capsys.readouterr().out
    assert shown.count("gone") == 12
    assert "and 8 more" in shown
    assert "plex.token was not there, and Kometa needs it" in shown
    assert "token: <<plextoken>>" in (project / "kometa" / "config.yml").read_text()


def test_secrets_without_a_value_get_a_place_to_be_written_to(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "config" / "config.yml").write_text("libraries: {A: {}}\nomdb: {apikey: <<MY_KEY>>}\n")
    (source / "docker-compose.yml").unlink()
    assert adopt(project, source) == 0
    shown = capsys.readouterr().out
    assert "make secrets-edit        # give a value to my-key, plextoken, tmdbapikey" in shown
    assert "export KOMETA_AGE_IDENTITY=age-identity.txt" in shown
    assert "nothing there describes the container" in shown
    values, text = secrets_of(project)
    assert values == {}
    place = "# my-key: ''\n"
    assert place in text
    secrets_file.parse(text.replace(place, "my-key: mine\n").encode(), "secrets.yml")  # written there, it is taken
    before = everything(project)
    assert adopt(project, source) == 0
    assert everything(project) == before


@pytest.mark.parametrize(("url", "is_told"), [("http://plex:32400", True), ("http://192.168.1.5:32400", False)])
def test_a_name_that_only_a_network_of_docker_knew_is_told(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str], url: str, is_told: bool
) -> None:
    config = source / "config" / "config.yml"
    config.write_text(CONFIG.replace("http://192.168.1.5:32400", url))
    assert adopt(project, source) == 0
    assert ("Plex was called http://plex:32400: here plex is known if" in capsys.readouterr().out) is is_told


@pytest.mark.parametrize(("host", "is_told"), [("(sandbox, connection),", True), ('("tower", {}),', False)])
def test_the_sandbox_in_the_inventory_is_told(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str], host: str, is_told: bool
) -> None:
    text = f"sandbox, connection = 'inventory_host()', {{}}\nhosts = [\n    {host}\n]\n"
    (project / "inventory.py").write_text(text)
    assert adopt(project, source) == 0
    assert ("put your host in place" in capsys.readouterr().out) is is_told


def test_a_second_time_changes_nothing(project: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adopt(project, source)
    before = everything(project)
    capsys.readouterr()
    assert adopt(project, source) == 0
    assert everything(project) == before
    shown = capsys.readouterr().out
    assert "nothing was changed" in shown
    assert "written" not in shown


def test_what_is_edited_while_it_is_read_is_taken_as_it_was_looked_through(
    project: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    movies = source / "config" / "Movies.yml"
    before = movies.read_text()

    class Edited(Folder):
        def read(self, paths: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
            yield from super().read(paths)
            if "config/Movies.yml" in paths:
                movies.write_text(f"collections: {{A: {{token: {KEY}}}}}\n")

    monkeypatch.setattr(command, "opened", lambda *_, **__: Edited(source))
    assert adopt(project, source) == 0
    assert (project / "kometa" / "Movies.yml").read_text() == before


def test_dry_says_the_same_and_does_nothing(project: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(project)
    assert adopt(project, source, "--dry") == 0
    shown = capsys.readouterr().out
    assert everything(project) == before
    for name in ("plextoken", "tmdbapikey", "traktid", 'kometa_times = ["04:30"]', "Movies.yml", "metadata_path"):
        assert name in shown


def test_a_full_disk_is_said_and_changes_nothing(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object, __: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device", "x")

    before = everything(project)
    monkeypatch.setattr("tools.staging._copied", full)
    assert adopt(project, source) == 1
    assert capsys.readouterr().err == "not adopted: No space left on device (x); nothing was changed\n"
    assert everything(project) == before


def test_files_of_the_project_are_not_overwritten_unasked(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "kometa" / "config.yml").write_text("plex: {}\n")
    before = everything(project)
    assert adopt(project, source) == 1
    assert everything(project) == before
    assert "--overwrite" in capsys.readouterr().err
    assert adopt(project, source, "--overwrite") == 0


def test_what_the_project_has_set_already_stays(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / "group_data" / "all.py"
    path.write_text(path.read_text().replace('kometa_times = ["06:00"]', 'kometa_times = ["05:00"]'))
    adopt(project, source)
    assert 'kometa_times = ["05:00"]' in path.read_text()
    assert 'kometa_times = ["04:30"]' in capsys.readouterr().out


def test_with_several_hosts_variables_are_only_said(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "inventory.py").write_text('hosts = ["a", "b"]\n')
    before = (project / "group_data" / "all.py").read_text()
    adopt(project, source)
    assert (project / "group_data" / "all.py").read_text() == before
    assert 'mms_timezone = "Europe/Berlin"' in capsys.readouterr().out


def test_a_secret_that_was_changed_since_stays(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    adopt(project, source)
    recipient = pyrage.x25519.Recipient.from_str((project / "secrets.recipients").read_text().splitlines()[-1])
    text = secrets_of(project)[1].replace(TOKEN, "another-token")
    (project / "secrets.yml.age").write_bytes(pyrage.encrypt(text.encode(), [recipient], armored=True))
    assert adopt(project, source) == 0
    assert secrets_of(project)[0]["plextoken"] == "another-token"
    assert "another value for plextoken" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"), [("plex: [\n", "config.yml, line 2"), ("\tplex: 1\n", "line 1"), (None, "has no config.yml")]
)
def test_what_kometa_cannot_read_is_refused_by_line(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str], text: str | None, said: str
) -> None:
    config = source / "config" / "config.yml"
    config.unlink() if text is None else config.write_text(text)
    (source / "config" / "config.yml.template").unlink()
    before = everything(project)
    assert adopt(project, source) == 1
    assert everything(project) == before
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("libraries:\n{% for name in names %}\n  {{ name }}: {}\n", "config.yml is a template, in line 2 too"),
        ("plex:\n  token: {{ plex_token }}\nlibraries: {}\n", "config.yml is a template, in line 2 too"),
        ("apiVersion: v1\nkind: ConfigMap\ndata: {config.yml: 'libraries: {}'}\n", "is a manifest of Kubernetes"),
        ("connect: {plex: {url: http://plex:32400}}\n", "is no configuration of Kometa: it has none of libraries:"),
    ],
)
def test_what_is_no_configuration_of_kometa_is_refused(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (source / "config" / "config.yml").write_text(text)
    before = everything(project)
    assert adopt(project, source) == 1
    assert everything(project) == before
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["\ufefflibraries:\r\n  A: {}\r\n", "{libraries: {A: {}}}\n", '"libraries": {A: {}}\n']
)
def test_a_configuration_can_be_named_itself(project: Path, source: Path, text: str) -> None:
    config = source / "config" / "config.yml"
    config.write_text(text, newline="")
    assert adopt(project, config) == 0
    assert "A: {}" in (project / "kometa" / "config.yml").read_text()


def test_a_file_whose_values_have_secrets_is_left(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "config" / "private.yml").write_text(f"collections: {{A: {{x: {KEY}}}}}\n")
    adopt(project, source)
    assert not (project / "kometa" / "private.yml").exists()
    shown = capsys.readouterr().out
    assert "private.yml, line 1: " in shown
    assert "Kometa puts secrets into config.yml only, so left" in shown


@pytest.mark.parametrize("name", ["Movies.yml", "apprise.yml"])
def test_a_file_with_secrets_that_kometa_reads_goes_straight_to_the_host(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    config = source / "config" / "config.yml"
    config.write_text(f"{CONFIG}apprise: {{config: config/apprise.yml}}\n")
    (source / "config" / name).write_text("urls: [discord://1/a]\nx: {changes_webhooks: https://h.example.org/1}\n")
    adopt(project, source)
    assert not (project / "kometa" / name).exists()
    assert f'kometa_host_files: list[str] = ["{name}"]' in (project / "group_data" / "all.py").read_text()
    assert f"./{name} | ssh HOST sudo -iu mms podman unshare tar -C config/kometa" in capsys.readouterr().out


@pytest.mark.parametrize("broken", ["A: x: y", "A: {x: y", "A: 'x"])
def test_a_file_that_kometa_passes_over_is_allowed_as_it_is(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    (source / "config" / "Movies.yml").write_text(f"collections:\n  {broken}\n")
    adopt(project, source)
    assert (project / "kometa" / "Movies.yml").read_text().endswith("  # kometa-host: allow\n")
    assert "Kometa cannot read Movies.yml" in capsys.readouterr().out


def test_volumes_that_the_configuration_names_are_mounted(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "docker-compose.yml").write_text(
        COMPOSE.replace('"./config:/config"', '"./config:/config", "/a:/art", "/b:/media"')
    )
    config = source / "config" / "config.yml"
    config.write_text(CONFIG.replace("config/assets", "/art"))
    adopt(project, source)
    assert 'kometa_volumes: list[str] = ["/a:/art"]' in (project / "group_data" / "all.py").read_text()
    assert "the volume /b:/media, which" in capsys.readouterr().out


def test_too_many_images_go_straight_to_the_host(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kometa_host.adoption.layout.LARGE", 3)
    adopt(project, source)
    assert not (project / "kometa" / "assets" / "A").exists()
    shown = capsys.readouterr().out
    assert "./assets | ssh HOST sudo -iu mms podman unshare tar -C config/kometa --no-same-owner -xf -" in shown
    assert "operations.podman.unshare_chown path=/home/mms/config/kometa" in shown


def test_too_many_images_of_an_archive_are_said(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kometa_host.adoption.layout.LARGE", 3)
    archive = shutil.make_archive(str(source), "zip", source)
    assert adopt(project, archive) == 0
    assert "unpack it, and adopt the folder" in capsys.readouterr().out


def test_what_is_too_large_for_a_definition_is_copied_unread(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kometa_host.adoption.plan.MAX_YAML_SIZE", len(CONFIG) + 99)
    (source / "config" / "large.yml").write_text("a: [\n" * 400)
    assert adopt(project, source) == 0
    assert (project / "kometa" / "large.yml").read_text() == "a: [\n" * 400
    monkeypatch.setattr("kometa_host.adoption.plan.MAX_YAML_SIZE", 9)
    assert adopt(project, source) == 1
    assert "config/config.yml is larger than" in capsys.readouterr().err


def test_names_that_a_terminal_obeys_are_left_and_shown_harmless(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "config" / "x\x1b[31m.yml").write_text("a: 1\n")
    (source / "config" / "two\nlines").mkdir()
    (source / "config" / "two\nlines" / "b.yml").write_text("b: 1\n")
    assert adopt(project, source) == 0
    shown = capsys.readouterr().out
    assert "nothing that Kometa reads: config.yml.bak, notes.txt, two\\nlines/b.yml, x\\x1b[31m.yml" in shown
    assert sorted(path.name for path in (project / "kometa").iterdir()) == [
        "Movies.yml",
        "assets",
        "collections",
        "config.yml",
    ]


def test_another_tree_is_named_in_the_variables(project: Path, source: Path) -> None:
    assert adopt(project, source, "--into", "kometa-tower") == 0
    assert 'kometa_config_source = "kometa-tower"' in (project / "group_data" / "all.py").read_text()
    assert digest_of(project / "kometa" / "config.yml") == SAMPLE["config.yml"]


def test_the_sample_is_known() -> None:
    found = {path: digest_of(PROJECT / "kometa" / path) for path in SAMPLE}
    assert found == SAMPLE, "a change of the sample has to be told to kometa_host/adoption/sample.py"
