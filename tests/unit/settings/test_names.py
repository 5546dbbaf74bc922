import pytest

from kometa_host.settings import names
from kometa_host.settings.refusals import RefusalError

LSIO = "lscr.io/linuxserver/kometa:latest"
DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize("name", ["mms", "_svc", "media-2", "a" * 32])
def test_linux_user_names_are_taken(name: str) -> None:
    assert names.checked_user(name) == name


@pytest.mark.parametrize("name", ["root", "nobody", "Mms", "2fast", "a b", "a" * 33, "", "a/b", "é", "a\n", None, 3])
def test_other_user_names_are_refused(name: object) -> None:
    with pytest.raises(RefusalError, match="such as mms"):
        names.checked_user(name)


def test_the_file_name_of_a_network_is_refused_with_the_network_name() -> None:
    with pytest.raises(RefusalError, match=r"write media: .*Quadlet"):
        names.checked_network("media.network")


@pytest.mark.parametrize("name", ["mms", "m.m-s_2", "networks", "Mms"])
def test_podman_network_names_are_taken(name: str) -> None:
    assert names.checked_network(name) == name


@pytest.mark.parametrize("name", ["host", "none", "podman", "-x", ".network", "a b", "a:b", "a%b", "é", "", None, 3])
def test_other_network_names_are_refused(name: object) -> None:
    with pytest.raises(RefusalError, match="mms"):
        names.checked_network(name)


@pytest.mark.parametrize("name", ["", "Interactive", "a b", "../x", "a.b", "1a", None])
def test_a_group_that_cannot_name_a_unit_is_refused(name: object) -> None:
    with pytest.raises(RefusalError, match="interactive"):
        names.checked_group(name)


@pytest.mark.parametrize(
    "image",
    [
        LSIO,
        f"ghcr.io/others/kometa@{DIGEST}",
        f"registry.example:5000/linuxserver/kometa:v2.4.4@{DIGEST}",
        "localhost/kometa:dev",
        "10.0.0.1:5000/kometa:1",
    ],
)
def test_whole_image_names_are_taken(image: str) -> None:
    assert names.checked_image(image) == image


@pytest.mark.parametrize(
    ("image", "remedy"),
    [
        ("linuxserver/kometa:latest", "docker.io/linuxserver/kometa:latest"),
        ("kometa", "whole"),
        ("lscr.io/linuxserver/kometa", "kometa:latest or a digest"),
        ("docker://lscr.io/linuxserver/kometa:latest", "leave out docker://"),
        ("lscr.io/LinuxServer/kometa:latest", "small letters"),
        ("lscr.io/linuxserver/kometa:", "registry/name:tag"),
        ("lscr.io/linuxserver/kometa@sha256:abc", "registry/name:tag"),
        ("lscr.io/linuxserver/kometa:a b", "registry/name:tag"),
        ("lscr.io/linuxserver/kometa:latest\nExec=x", "registry/name:tag"),
        ("lscr.io/linuxserver/kometa:%h", "registry/name:tag"),
        (None, "registry/name:tag"),
    ],
)
def test_other_image_names_are_refused(image: object, remedy: str) -> None:
    with pytest.raises(RefusalError, match=remedy):
        names.checked_image(image)


@pytest.mark.parametrize(
    ("image", "theirs"),
    [
        (LSIO, True),
        ("ghcr.io/linuxserver/kometa:1", True),
        ("quay.io/linuxserver.io/kometa:1", True),
        ("mirror.example:5000/lscr/linuxserver/kometa:1", True),
        ("ghcr.io/others/kometa:latest", False),
        ("registry.example/notlinuxserver/kometa:1", False),
    ],
)
def test_linuxserver_images_are_known_through_other_registries_too(image: str, theirs: bool) -> None:
    assert names.is_linuxserver(image) is theirs


@pytest.mark.parametrize("mode", ["keep-id", "keep-id:uid=3000,gid=3000"])
def test_keep_id_is_refused_for_linuxserver_images_with_the_reason(mode: str) -> None:
    with pytest.raises(RefusalError, match=r"s6-overlay-suexec: fatal: unable to exec .*: Operation not permitted"):
        names.checked_userns(mode, LSIO)


def test_keep_id_is_taken_for_other_images() -> None:
    assert names.checked_userns("keep-id", "ghcr.io/others/kometa:latest") == "keep-id"
    assert names.checked_userns("host", LSIO) == "host"


@pytest.mark.parametrize("value", [None, ""])
def test_no_user_namespace_mode_is_none(value: object) -> None:
    assert names.checked_userns(value, LSIO) is None


@pytest.mark.parametrize(
    "mode", ["auto", "nomap", "ns:/proc/1/ns/user", "container:x", "None", "keep_id", "keep-id x", 3, False]
)
def test_other_user_namespaces_are_refused(mode: object) -> None:
    with pytest.raises(RefusalError, match="write None"):
        names.checked_userns(mode, "ghcr.io/others/kometa:latest")


@pytest.mark.parametrize(
    "url",
    [
        "http://plex:32400",
        "https://plex:32400",
        "http://192.168.1.5:32400",
        "http://my_plex.lan:32400",
        "http://[fd00::5]:32400",
        "https://plex.example.org",
        "https://plex.example.org:443",
    ],
)
def test_an_address_of_plex_is_taken(url: str) -> None:
    assert names.checked_plex_url(url) == url
    assert names.checked_plex_url(f"{url}/") == url


@pytest.mark.parametrize("url", ["https://plex.example.org", "https://plex.example.org:443"])
def test_a_reverse_proxy_is_a_warning(url: str) -> None:
    assert "leads through a reverse proxy" in names.plex_url_warnings(url)[0]


@pytest.mark.parametrize("url", ["http://plex:32400", "https://plex.example.org:32400", "https://192.168.1.5:32400"])
def test_a_plex_within_reach_is_none(url: str) -> None:
    assert names.plex_url_warnings(url) == []


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://192.168.1.5", "without a port"),
        ("http://plex", "without a port"),
        ("http://plex:0", "without a port"),
        ("http://localhost:32400", "container itself"),
        ("http://127.0.0.1:32400", "container itself"),
        ("http://[::1]:32400", "container itself"),
        ("http://plex:32400/web/index.html", "a path"),
        ("plex:32400", "no http"),
        ("ftp://plex:32400", "no http"),
        ("http://:32400", "no http"),
        ("http://plex:99999", "impossible"),
        ("http://[plex:32400", "impossible"),
        ("http://pl ex:32400", "no name"),
        ("http://plex%h:32400", "no name"),
        ("", "empty"),
        (None, "None"),
        (32400, "32400"),
    ],
)
def test_other_addresses_of_plex_are_refused(url: object, found: str) -> None:
    with pytest.raises(RefusalError, match=found):
        names.checked_plex_url(url)


@pytest.mark.parametrize(
    "url", ["http://me:hunter2@plex:32400", "http://plex:32400/?X-Plex-Token=hunter2", "http://plex:32400#hunter2"]
)
def test_a_secret_in_the_address_of_plex_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(RefusalError) as refused:
        names.checked_plex_url(url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("name", ["docker.io/kometateam/kometa:latest", "mirror.example/kometateam/kometa:v2.4.4"])
def test_kometas_own_image_is_refused_with_the_one_that_works(name: str) -> None:
    with pytest.raises(RefusalError) as caught:
        names.checked_image(name)
    assert "write lscr.io/linuxserver/kometa" in str(caught.value.complaints)
