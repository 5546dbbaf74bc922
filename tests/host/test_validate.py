"""Kometa's own validator on a real host: before a tree goes live, and by itself."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.driver import CONFIG, PROJECT, Pyinfra
from tests.sandbox import Host

COMMAND = ("operations.kometa.validate",)  # nothing is to be executed, so nothing is asked


@pytest.fixture
def source() -> Iterator[Path]:
    """A copy of the project's config tree, inside the project as it has to be."""
    folder = PROJECT / "build" / f"tree-{id(object()):x}"
    folder.parent.mkdir(exist_ok=True)
    shutil.copytree(PROJECT / "kometa", folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def deploying(shared: Host, tmp_path: Path, source: Path) -> Pyinfra:
    """The command line for the module's host, with the copied tree."""
    return Pyinfra(tmp_path, shared, kometa_config_source=str(source.relative_to(PROJECT)))


def live(host: Host) -> str:
    return host.run(f"sha256sum {CONFIG}/config.yml {CONFIG}/collections/*").stdout


def rests(host: Host) -> str:
    """Return what a validation left on the host: directories and containers."""
    listed = host.run("ls -d $XDG_RUNTIME_DIR/kometa-host-candidate.* 2>/dev/null; podman ps -aq | wc -l", user="mms")
    return listed.stdout.strip()


def test_a_good_tree_is_accepted_and_nothing_is_left(deploying: Pyinfra, shared: Host) -> None:
    before = rests(shared)
    outcome = deploying.run(*COMMAND)
    assert "Kometa accepts the config tree" in outcome.text
    assert rests(shared) == before == "1"


def test_a_tree_that_kometa_cannot_read_never_replaces_a_good_one(
    deploying: Pyinfra, shared: Host, source: Path
) -> None:
    before = live(shared)
    # our own checks pass over so large a file
    (source / "collections" / "movies.yml").write_text("collections: a: b\n" + "# padding\n" * 450_000)
    for arguments in (COMMAND, ("deploy.py", "--dry"), ("deploy.py", "-y")):
        outcome = deploying.run(*arguments, status=1)
        assert f"{source.name}/collections/movies.yml" in outcome.text
        assert "Kometa cannot read the config tree because of one error" in outcome.text
    assert live(shared) == before
    assert rests(shared) == "1"


def test_what_only_a_schema_complains_of_is_told_and_goes_live(deploying: Pyinfra, shared: Host, source: Path) -> None:
    before = live(shared)
    (source / "config.yml").write_text(
        "tmdb: {apikey: <<tmdbapikey>>}\nlibraries:\n  Movies:\n"
        "    plex: {url: '{{ kometa_plex_url }}', token: <<plextoken>>}\n"
        "    collection_files: config/collections/movies.yml\n"
    )
    outcome = deploying.run("deploy.py", "-y")
    assert "'plex' is a required property" in outcome.text
    assert live(shared) != before


def test_a_changed_good_tree_goes_live(deploying: Pyinfra, shared: Host, source: Path) -> None:
    before = live(shared)
    with (source / "collections" / "movies.yml").open("a") as stream:
        stream.write("# one more line\n")
    assert "Config tree /home/mms/config/kometa" in deploying.deploy()
    assert live(shared) != before


def test_a_library_that_plex_lacks_is_told_by_the_deploy_and_by_the_diagnosis(
    deploying: Pyinfra, shared: Host, source: Path
) -> None:
    config = source / "config.yml"
    archive = "  Archive: {library_name: Movies, collection_files: [{default: network}]}"
    config.write_text(config.read_text().replace("\n  TV Shows:", f"\n{archive}\n  TV shows:"))
    shared.start_plex()
    try:
        deployed = deploying.run("deploy.py", "-y").text
        diagnosed = deploying.run("operations.kometa.diagnose", "-y", status=None).text
    finally:
        shared.run("podman rm -f plex", user="mms")
    assert "Plex has no library TV shows" in deployed
    assert "did you mean TV Shows?" in deployed
    assert "Plex has no TV shows" in diagnosed
    assert "the default network is not for Archive, which holds films in Plex" in deployed


def test_an_image_without_a_validator_is_said_and_is_no_refusal(
    shared: Host, tmp_path: Path, source: Path, deploying: Pyinfra
) -> None:
    build = (
        "printf 'FROM lscr.io/linuxserver/kometa:latest\\nRUN rm /app/kometa/modules/validator.py\\n' |"
        " podman build --quiet --network=none -t localhost/kometa:old -"
    )
    shared.run(build, user="mms", timeout=120)
    deploying.data["kometa_image"] = "localhost/kometa:old"
    refused = deploying.run(*COMMAND, status=1).text
    assert "cannot check the config tree: it has no modules/validator.py" in refused
    assert "Kometa accepts" not in refused
    with (source / "collections" / "movies.yml").open("a") as stream:
        stream.write("# one more line\n")
    assert "it has no modules/validator.py; going on" in deploying.run("deploy.py", "--dry").text


def test_without_the_image_the_message_says_what_to_do(deploying: Pyinfra) -> None:
    deploying.data["kometa_image"] = "localhost/kometa:nosuch"
    outcome = deploying.run(*COMMAND, status=1)
    assert "is not on the host" in outcome.text
    assert "deploy first" in outcome.text
