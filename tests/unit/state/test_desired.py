"""What lands on a host: the Quadlet says what is meant, and its label tells one from another."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kometa_host.errors import SettingsError
from kometa_host.settings.variables import Settings
from kometa_host.state import desired

OTHER_IMAGE = "ghcr.io/others/kometa:latest"
PRINTABLE = st.text(st.characters(min_codepoint=32, exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30)
SYNTAX = st.text(" \"'\\%$\\{}nt#;=abHOME", max_size=20)
# Podman 5.4.2's generator copies each of these unchanged behind --env in ExecStart=.
KNOWN = {"a b": '"X=a b"', "50%": "X=50%%", "a$b": '"X=a$$b"', 'q"\\': '"X=q\\"\\\\"', "": "X=", "it's": '"X=it\'s"'}


def words(line: str) -> list[str]:
    """Read a line as systemd.syntax(7) has it: words, of which quotes and backslashes are taken off."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"|([^\s"\'\\]\S*)', line)
    return [re.sub(r"\\(.)", escaped, quoted) if quoted or not plain else plain for quoted, plain in found]


def escaped(found: re.Match[str]) -> str:
    assert found[1] in '"\\', "every other escape means something else"
    return found[1]


def expanded(word: str) -> str:
    """Return what systemd makes of a word of ExecStart=: specifiers and variables, of which none is meant here."""
    for sign in "%$":
        assert re.fullmatch(f"([^{sign}]|[{sign}][{sign}])*", word), f"a single {sign} would be expanded"
        word = word.replace(sign * 2, sign)
    return word


def quadlet(**more: object) -> str:
    return desired.container_quadlet(Settings.from_data(more, "host"))


def values(text: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", text, re.M)


@given(PRINTABLE | SYNTAX)
def test_a_value_reaches_the_container_as_it_is(value: str) -> None:
    found = words(desired.quoted(f"X={value}"))
    assert [expanded(word) for word in found] == [f"X={value}"]


@pytest.mark.parametrize("value", KNOWN)
def test_a_value_is_written_as_systemd_has_it(value: str) -> None:
    assert desired.quoted(f"X={value}") == KNOWN[value]


def test_the_environment_of_the_settings_stands_in_the_quadlet() -> None:
    text = quadlet(kometa_environment={"KOMETA_X": 'a "b" ${HOME} 100%', "EMPTY": ""}, kometa_times=["06:00", "18:00"])
    found = [expanded(word) for line in values(text, "Environment") for word in words(line)]
    for part in ("PUID=3000", "PGID=3000", "TZ=America/New_York", "KOMETA_TIMES=06:00,18:00",
                 'KOMETA_X=a "b" ${HOME} 100%', "EMPTY="):  # fmt: skip
        assert part in found


def test_the_quadlet_says_what_the_contract_says() -> None:
    text = quadlet()
    lines = {"Network=mms.network", "Tmpfs=/run:U", "Volume=/home/mms/config/kometa:/config:Z", "ContainerName=kometa"}
    lines |= {"After=plex.service", "Wants=plex.service", "Image=lscr.io/linuxserver/kometa:latest"}
    lines |= {"WantedBy=default.target"}
    assert lines <= set(text.splitlines())
    assert not values(text, "PublishPort")


def test_there_is_no_user_namespace_by_default_and_the_quadlet_says_why() -> None:
    text = quadlet()
    assert not values(text, "UserNS")
    assert "# No UserNS=:" in text
    assert "s6-overlay-suexec: fatal" in text


def test_keep_id_is_for_other_images() -> None:
    text = quadlet(kometa_image=OTHER_IMAGE, kometa_userns="keep-id:uid=1000,gid=1000")
    assert values(text, "UserNS") == ["keep-id:uid=1000,gid=1000"]
    assert "# No UserNS=:" not in text
    with pytest.raises(SettingsError, match="keep-id"):
        quadlet(kometa_userns="keep-id")


def test_secrets_are_named_in_the_quadlet_and_their_values_are_nowhere() -> None:
    settings = Settings.from_data({"kometa_secrets": {"tmdb-key": "Zq1Zq", "plextoken": "Zq2Zq"}}, "host")
    text = desired.container_quadlet(settings)
    assert values(text, "Secret") == [
        "kometa-plextoken,type=env,target=KOMETA_PLEXTOKEN",
        "kometa-tmdb-key,type=env,target=KOMETA_TMDB_KEY",
    ]
    everything = [file.text() for each in desired.wanted_sets(settings) for file in each.files.values()]
    assert not any("Zq1Zq" in text or "Zq2Zq" in text for text in everything)


def test_a_secrets_value_changes_nothing_in_the_quadlet_and_its_name_does() -> None:
    assert quadlet(kometa_secrets={"a": "1"}) == quadlet(kometa_secrets={"a": "2"})
    assert quadlet(kometa_secrets={"a": "1"}) != quadlet(kometa_secrets={"b": "1"})


def test_the_label_tells_quadlets_apart_and_equal_ones_are_equal() -> None:
    texts = [quadlet(), quadlet(kometa_puid=0), quadlet(kometa_times=["07:00"]), quadlet(kometa_environment={"A": "b"})]
    inputs = [desired.inputs_of(text) for text in texts]
    assert len(set(inputs)) == len(texts)
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in inputs)
    assert quadlet() == texts[0]
    assert desired.inputs_of("[Container]\nImage=x\n") == ""


def test_the_networks_quadlet_is_called_like_the_network() -> None:
    settings = Settings(mms_network="media")
    files = desired.quadlets(settings).files
    assert set(files) == {"kometa.container", "media.network"}
    assert values(files["media.network"].text(), "NetworkName") == ["media"]
    assert desired.units_of_quadlets(settings) == ["kometa.service", "media-network.service"]


@pytest.mark.parametrize(
    ("config", "expires"),
    [
        ("trakt:\n  authorization: {}\n", True),
        ("mal: {client_id: x}\n", True),
        ("plex: {url: x}\n", False),
        ("trakt:\n", False),
        ("# trakt: later\nplex: {}\n", False),
        ("- trakt\n", False),
        ("trakt: {\n", False),
    ],
)
def test_kometa_may_write_to_its_config_where_tokens_expire(config: str, expires: bool) -> None:
    assert desired.has_tokens_to_refresh(config) is expires


def test_modes_and_owners_of_what_lands_on_the_host() -> None:
    sets = {each.name: each for each in desired.wanted_sets(Settings(kometa_puid=1, kometa_pgid=2))}
    assert (sets["config"].uid, sets["config"].gid, sets["quadlets"].uid) == (1, 2, 0)
    assert {file.mode for file in sets["config"].files.values()} == {0o600}
    assert sets["config"].directories["."] == 0o700
    notified = desired.library(Settings(kometa_notify_url="https://x.example/secret-path"))
    assert [name for name, file in notified.files.items() if "secret-path" in file.text() and file.mode != 0o600] == []


@pytest.mark.parametrize(
    ("config", "asks"),
    [
        ("plex:\n  url: ENV\n  token: ENV\n", True),
        ("libraries: {A: {plex: {url: 'env', token: x}}}\n", True),
        ('plex:\n  "url": Env  # set by the deploy\n', True),
        ("plex:\n  url: http://env:32400\n", False),
        ("plex:\n  token: ENV\n", False),
        ("plex:\n  url: environment\n", False),
    ],
)
def test_an_address_of_plex_from_the_environment_is_recognised(config: str, asks: bool) -> None:
    assert bool(desired.PLEX_URL_ENV.search(config)) is asks


def test_further_lines_stand_in_their_sections_and_change_what_the_container_is_made_of() -> None:
    more = {
        "kometa_volumes": ["/srv/assets:/assets:ro"], "kometa_memory": "2G",
        "kometa_quadlet": {
            "Unit": {"Documentation": "https://example.org"}, "Container": {"DNS": ["10.0.0.1", "10.0.0.2"]},
            "Service": {"CPUWeight": 20},
        },
    }  # fmt: skip
    text = quadlet(**more)
    sections = {part.partition("]")[0]: part for part in re.split(r"^\[", text, flags=re.M)[1:]}
    assert "\nDocumentation=https://example.org\n" in sections["Unit"]
    for line in ("Volume=/srv/assets:/assets:ro", "PodmanArgs=--memory=2G", "DNS=10.0.0.1", "DNS=10.0.0.2"):
        assert f"\n{line}\n" in sections["Container"]
    assert "\nCPUWeight=20\n" in sections["Service"]
    assert desired.inputs_of(text) != desired.inputs_of(quadlet())
