"""Folders and archives are read where they are; nothing that leads out of them is."""

import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard

from kometa_host.adoption.plan import adoption_of
from kometa_host.adoption.sources import Archive, Folder, Host, SourceError, opened

FILES = {"config.yml": b"plex: {}\n", "metadata/Movies.yml": b"collections: {}\n"}


def tar(path: Path, mode: str) -> None:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in FILES.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)


def packed(folder: Path) -> Archive:
    """A folder as tar packs it: the second name of a file is a link to the first."""
    with tarfile.open(folder.with_suffix(".tar"), "w") as archive:
        archive.add(folder, ".")
    return Archive(folder.with_suffix(".tar"))


def zipped_with_links(folder: Path) -> Archive:
    """A folder as zip --symlinks packs it."""
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for path in folder.rglob("*"):
            info = zipfile.ZipInfo(str(path.relative_to(folder)))
            info.external_attr = path.lstat().st_mode << 16
            if path.is_symlink() or path.is_file():
                archive.writestr(info, str(path.readlink()) if path.is_symlink() else path.read_bytes())
    return Archive(folder.with_suffix(".zip"))


def zst(path: Path) -> None:
    tar(path.with_suffix(""), "w")
    path.write_bytes(zstandard.compress(path.with_suffix("").read_bytes()))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("k.zip", zipped),
        ("k.tar", lambda path: tar(path, "w")),
        ("k.tar.gz", lambda path: tar(path, "w:gz")),
        ("k.tar.xz", lambda path: tar(path, "w:xz")),
        ("k.tar.zst", zst),
    ],
)
def test_archives_of_all_kinds_are_read(tmp_path: Path, name: str, make: Callable[[Path], None]) -> None:
    make(tmp_path / name)
    source = opened(str(tmp_path / name))
    assert dict(source.files()) == {path: len(content) for path, content in FILES.items()}
    assert {path: stream.read() for path, stream in source.read(list(FILES))} == FILES
    assert [path for path, _ in source.read(["config.yml"])] == ["config.yml"]


@pytest.mark.parametrize("name", ["../config.yml", "/config.yml", "a/../../config.yml"])
def test_a_member_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "k.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(SourceError, match="leads out of it"):
        opened(str(tmp_path / "k.tar")).files()


def test_of_two_members_of_one_name_the_last_counts(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "k.tar", "w") as archive:
        for content in (b"first: 1\n", b"libraries: {A: {}}\n"):
            member = tarfile.TarInfo("config.yml")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    assert b"A: {}" in adoption_of(Archive(tmp_path / "k.tar")).changed["config.yml"]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04cut"])
@pytest.mark.parametrize("name", ["k.zip", "k.tar", "k.tar.zst"])
def test_what_is_no_archive_is_said(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match="is it whole"):
        Archive(tmp_path / name).files()


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ssh that runs the command here."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ssh").write_text('#!/bin/sh\nwhile [ $# -gt 1 ]; do shift; done\nexec sh -c "$1"\n')
    (tmp_path / "bin" / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")


@pytest.mark.usefixtures("ssh")
@pytest.mark.parametrize("kind", [Folder, lambda path: Host("tower.lan", str(path)), packed, zipped_with_links])
def test_links_are_followed_inside_and_others_are_left_and_said(
    tmp_path: Path, kind: Callable[[Path], Folder | Host | Archive]
) -> None:
    folder = tmp_path / "k"
    (folder / "sub").mkdir(parents=True)
    (folder / "a b.yml").write_text("a: 1\n")
    (folder / "sub" / "c.yml").write_text("c: 1\n")
    links = {"b.yml": "a b.yml", "dir": "sub", "out.yml": "/etc/passwd", "gone.yml": "nowhere", "sub/round": "..",
             "sub/self": ".", "etc": "/etc", "loop": "loop"}  # fmt: skip
    for name, target in links.items():
        (folder / name).symlink_to(target)
    (folder / "same.yml").hardlink_to(folder / "a b.yml")
    source = kind(folder)
    expected = {"a b.yml": b"a: 1\n", "b.yml": b"a: 1\n", "same.yml": b"a: 1\n",
                "sub/c.yml": b"c: 1\n", "dir/c.yml": b"c: 1\n"}  # fmt: skip
    assert dict(source.files()) == {name: len(content) for name, content in expected.items()}
    assert sorted(source.left) == ["etc", "gone.yml", "loop", "out.yml", "sub/round", "sub/self"]
    assert {path: stream.read() for path, stream in source.read(list(expected))} == expected
    assert [path for path, _ in source.read(["same.yml"])] == ["same.yml"]


@pytest.mark.usefixtures("ssh")
@pytest.mark.parametrize(
    ("status", "remedy"), [(255, "ssh-copy-id admin@tower.lan"), (9, "may this user read it"), (1, "is the path right")]
)
def test_a_host_that_cannot_be_read_is_said_with_what_to_do(tmp_path: Path, status: int, remedy: str) -> None:
    (tmp_path / "bin" / "ssh").write_text(f"#!/bin/sh\necho Permission denied >&2\nexit {status}\n")
    with pytest.raises(SourceError, match=remedy):
        Host("admin@tower.lan", "/x").files()


@pytest.mark.usefixtures("ssh")
@pytest.mark.parametrize(
    ("lists", "gives", "refusal"),
    [
        ("exec yes '12 ./a'", "", "answers with more than 64 MiB"),
        ("echo 2 ./a", "echo abc >b; tar --no-recursion -cf - . ./b", "gives another 'b' than it has listed"),
        ("echo 2 ./a", "echo abc >a; tar --no-recursion -cf - . ./a", "gives another 'a' than it has listed"),
        (
            "echo 4 ./a; echo 4 ./b",
            "echo abc >a; ln a b; tar --exclude=./a --no-recursion -cf - . ./a ./b | cat; exit 3",
            "not every file",
        ),
        (
            "echo 2 ./a",
            r"printf '\033]0;owned\007\n' >&2; exit 3",
            r"it says: \\x1b\]0;owned\\x07",
        ),
        ("echo 2 ./a", "exec cat $HOME/endless", "a header is larger than any is"),
        ("echo 2 ./a", "exec cat /dev/zero", "there is more behind its end"),
    ],
)
def test_a_host_that_lies_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lists: str, gives: str, refusal: str
) -> None:
    long_name = tarfile.TarInfo("././@LongLink")
    long_name.type, long_name.size = tarfile.GNUTYPE_LONGNAME, 1 << 33
    (tmp_path / "endless").write_bytes(long_name.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 21))
    (tmp_path / "bin" / "ssh").write_text(
        f'#!/bin/sh\ncd {tmp_path}\ncase "$*" in *"find . -type l"*) echo from /; echo at /x; {lists} ;;'
        f" *) cat >/dev/null; {gives} ;; esac\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    source = Host("tower.lan", "/x")
    with pytest.raises(SourceError, match=refusal):
        [stream.read() for _, stream in source.read(list(source.files()))]


SWAPS = {
    "a file for a link": "mv k/sub/c.yml k/sub/old; ln -s $PWD/private/c.yml k/sub/c.yml",
    "a file for a FIFO": "rm k/sub/c.yml; mkfifo k/sub/c.yml",
    "a directory for a link": "mv k/sub k/old; ln -s $PWD/private k/sub",
    "what is above for a link": "cp -r . ../other; cp private/c.yml ../other/k/sub;"
    " mv ../home ../old; ln -s other ../home",
    "the folder for a link": "mv k old; mkdir -p other; ln -sfn $PWD/private other/sub; ln -s other k",
}


@pytest.fixture
def swapped(tmp_path: Path) -> Path:
    """A folder beside one that must not be read."""
    for name, text in {"home/k/sub/c.yml": "c: 1\n", "home/private/c.yml": "p: 1\n"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path / "home" / "k"


def read_of(source: Folder | Host) -> list[bytes]:
    return [stream.read() for _, stream in source.read(["sub/c.yml"])]


@pytest.mark.usefixtures("ssh")
@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
@pytest.mark.parametrize("kind", [Folder, lambda path: Host("tower.lan", str(path))])
def test_what_is_swapped_after_the_listing_leads_nowhere(
    swapped: Path, kind: Callable[[Path], Folder | Host], swap: str
) -> None:
    source = kind(swapped)
    assert dict(source.files()) == {"sub/c.yml": 5}
    assert read_of(source) == [b"c: 1\n"]
    subprocess.run(["sh", "-c", swap], cwd=swapped.parent, check=True)
    with pytest.raises(SourceError):
        read_of(source)


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
def test_what_is_swapped_while_a_folder_is_read_leads_nowhere(
    swapped: Path, swap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.path.realpath

    def then_swapped(path: Path) -> str:
        found = real(path)
        subprocess.run(["sh", "-c", swap], cwd=swapped.parent, check=True)
        return found

    source = Folder(swapped)
    monkeypatch.setattr(os.path, "realpath", then_swapped)
    with pytest.raises(SourceError):
        read_of(source)


@pytest.mark.usefixtures("ssh")
@pytest.mark.parametrize("moment", ["readlink", "tar"])
@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
def test_what_is_swapped_while_a_host_is_read_leads_nowhere(
    tmp_path: Path, swapped: Path, moment: str, swap: str
) -> None:
    """At every moment from which a program of ours looks: what is held is read on, or nothing."""
    source = Host("tower.lan", str(swapped))
    source.files()
    done = tmp_path / "swapped"
    wrapper = tmp_path / "bin" / moment
    wrapper.write_text(f'#!/bin/sh\n[ -e {done} ] || (touch {done}; cd {swapped.parent}; {swap})\n'
                       f'exec {shutil.which(moment)} "$@"\n')  # fmt: skip
    wrapper.chmod(0o755)
    with suppress(SourceError):
        assert read_of(source) == [b"c: 1\n"]
    assert done.exists()


@pytest.mark.usefixtures("ssh")
def test_a_folder_to_which_a_link_leads_has_to_be_named_itself(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "k").symlink_to("private")
    with pytest.raises(SourceError, match=rf"it leads to {tmp_path}/private\. Look"):
        Host("tower.lan", str(tmp_path / "k")).files()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to another account")
@pytest.mark.usefixtures("ssh")
def test_a_tar_that_follows_links_reads_where_nobody_else_can_write(tmp_path: Path, swapped: Path) -> None:
    tar = tmp_path / "bin" / "tar"
    tar.write_text(f'#!/bin/sh\n[ "$1" != --version ] || {{ echo a tar; exit; }}\nexec {shutil.which("tar")} "$@"\n')
    tar.chmod(0o755)
    source = Host("tower.lan", str(swapped))
    source.files()
    (swapped / "sub").chmod(0o755)
    assert read_of(source) == [b"c: 1\n"]
    os.chown(swapped / "sub", 1, 1)
    with pytest.raises(SourceError, match="its tar is not GNU's"):
        read_of(source)


def test_links_of_an_archive_are_left_and_said(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "k.tar", "w") as archive:
        for name, kind in {"out.yml": tarfile.SYMTYPE, "hard.yml": tarfile.LNKTYPE, "fifo": tarfile.FIFOTYPE}.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    source = Archive(tmp_path / "k.tar")
    assert dict(source.files()) == {}
    assert source.left == ["out.yml", "hard.yml"]


def test_a_compose_file_leads_to_its_folder(tmp_path: Path) -> None:
    (tmp_path / "appdata").mkdir()
    (tmp_path / "appdata" / "config.yml").write_text("x: 1\n")
    (tmp_path / ".env").write_text("DATA=./appdata\n")
    text = "services: {k: {image: kometateam/kometa, volumes: ['${DATA}:/config']}}\n"
    (tmp_path / "compose.yml").write_text(text)
    source = opened(str(tmp_path / "compose.yml"))
    assert list(source.files()) == ["config.yml"]
    assert source.descriptions() == {"compose.yml": text, ".env": "DATA=./appdata\n"}


def test_a_volume_of_docker_is_said_with_the_way_to_its_folder(tmp_path: Path) -> None:
    text = "services: {k: {image: kometateam/kometa, volumes: ['kometa_config:/config']}}\nvolumes: {kometa_config: }\n"
    (tmp_path / "compose.yml").write_text(text)
    with pytest.raises(SourceError, match="has kometa_config, a volume of Docker's"):
        opened(str(tmp_path / "compose.yml"))


def test_a_file_that_describes_no_container_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_text("services: {}\n")
    with pytest.raises(SourceError, match="no container of Kometa"):
        opened(str(tmp_path / "x.yml"))


def test_what_is_typed_of_a_host_is_one() -> None:
    source = opened("admin@tower.lan:/mnt/user/appdata/kometa", sudo=True)
    assert isinstance(source, Host)
    assert (source.address, source.path, source.sudo) == ("admin@tower.lan", "/mnt/user/appdata/kometa", True)


@pytest.mark.parametrize("typed", ["/none/such", "-oProxyCommand=x:/y"])
def test_what_is_not_there_is_said(typed: str) -> None:
    with pytest.raises(SourceError, match="name a folder"):
        opened(typed)
