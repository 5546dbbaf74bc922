"""programs/installed/ask_podman.py and what asks it: a stand-in for Podman's service answers on a socket."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from kometa_host.state import programs

ID = "0123abcd"
MOUNTS = [
    {"Source": "/home/mms/config dir/kometa", "RW": True},
    {"Source": "/etc", "RW": False},
    {"Source": "/srv", "RW": True},
]


class Service(BaseHTTPRequestHandler):
    """Answers as far as ask_podman.py asks; what is no container is not found."""

    def address_string(self) -> str:
        return "a socket"

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def tell(self, status: int, what: object = None) -> None:
        body = b"" if what is None else json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.path == "/v4.0.0/libpod/containers/json":
            self.tell(200, [{"Id": ID, "Labels": {"Id": "x"}}, {"Id": "ffff"}])
        else:
            self.tell(*((200, {"Mounts": MOUNTS}) if ID in self.path else (404, {"cause": "no such container"})))

    def do_POST(self) -> None:
        done = {f"/v4.0.0/libpod/containers/{ID}/{what}" for what in ("pause", "unpause")}
        self.tell(204 if self.path in done else 500)


@pytest.fixture
def at_hand(tmp_path: Path) -> Iterator[Path]:
    with ThreadingUnixStreamServer(str(tmp_path / "socket"), Service) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield tmp_path
        server.shutdown()
        thread.join()


def ask(socket: Path, *questions: str, seconds: int = 30) -> list[str]:
    command = [sys.executable, "-I", str(programs.path_of("ask_podman.py")), str(socket), str(seconds)]
    given = "".join(f"{question}\n" for question in questions)
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout.splitlines()


def test_every_question_is_answered_by_its_number(at_hand: Path) -> None:
    questions = ("1 running", f"2 mounts {ID}", f"3 pause {ID}", f"4 unpause {ID}")
    assert ask(at_hand / "socket", *questions) == [
        f"1 yes\t{ID}\tffff", "2 yes\t/home/mms/config dir/kometa\t/srv", "3 yes", "4 yes"
    ]  # fmt: skip


@pytest.mark.parametrize("question", ["mounts ffff", "pause ffff", "remove 0123abcd", "pause", "mounts"])
def test_what_cannot_be_done_is_said_and_the_next_question_answered(at_hand: Path, question: str) -> None:
    assert ask(at_hand / "socket", f"1 {question}", f"2 pause {ID}") == ["1 no", "2 yes"]


PODMAN = f"""#!/bin/bash
echo "$@" >>"$HERE/asked"
case $1 in
    system) sleep 30 ;;
    ps) echo {ID} ;;
    container) printf '%s\\n' "$HERE/tree with a blank" /srv ;;
esac
"""


def freeze(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run a body after the functions of freeze.sh, with a Podman that writes down what a new one was asked."""
    (folder / "podman").write_text(PODMAN)
    (folder / "podman").chmod(0o755)
    environment = {**os.environ, "HOME": str(folder), "HERE": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"}
    text = programs.program(
        "freeze", library_dir=programs.path_of("ask_podman.py").parent, config_dir=folder / "tree with a blank",
        max_pause=20,
    )  # fmt: skip
    script = f"{text}\nmkdir -p -- $state_dir\n{body}"
    return subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def begin(socket: Path) -> str:
    """Return what keeps a Podman at hand whose socket is that of the stand-in."""
    return (
        f"mktemp() {{ mkdir $HERE/hand && ln -s {socket} $HERE/hand/socket && echo $HERE/hand; }}; keep_podman_at_hand;"
    )


def asked(folder: Path) -> list[str]:
    return (folder / "asked").read_text().splitlines() if (folder / "asked").exists() else []


def test_the_one_at_hand_answers_and_no_new_podman_is_started(at_hand: Path) -> None:
    done = freeze(at_hand, f"{begin(at_hand / 'socket')} running_containers; ask_podman pause {ID}; let_podman_go")
    assert (done.returncode, done.stdout) == (0, f"{ID}\nffff\n")
    assert [line for line in asked(at_hand) if not line.startswith("system service")] == []


@pytest.mark.parametrize("end", ["kill -KILL $podman_client; sleep 0.2;", "kill -STOP $podman_client; answers=0;"])
def test_one_that_does_not_answer_ends_nothing_and_a_new_one_is_asked(at_hand: Path, end: str) -> None:
    body = f"{begin(at_hand / 'socket')} {end} running_containers; ask_podman pause {ID}; echo $(writers_among {ID})"
    done = freeze(at_hand, f"{body}; kill -KILL $podman_client 2>/dev/null; kill $podman_service")
    assert done.stdout == f"{ID}\n{ID}\n", done.stderr
    assert f"pause {ID}" in asked(at_hand)


def test_an_answer_that_comes_too_late_is_none_to_the_next_question(at_hand: Path) -> None:
    body = f"questions=/dev/null; exec {{answers}}<<<'1 yes'; ask_client unpause {ID} && echo taken"
    assert freeze(at_hand, body).stdout == ""


def test_whoever_was_over_before_is_not_waited_for(tmp_path: Path) -> None:
    body = """set +e; set -m; sleep 30 & job=$!; set +m; (exit 3) & other=$!; sleep 0.2; : "$(true)"; : & : "$(true)"
        wait_for_job_or $other; echo "$? $((ended == other))"; kill $job; sleep 0.2; : "$(true)"; : &
        sleep 30 & other=$!; wait_for_job_or $other; echo "$? $((ended == job))"; kill $other"""
    assert freeze(tmp_path, body).stdout == "3 1\n143 1\n"


@pytest.mark.parametrize(
    ("now", "is_disturbed"), [("a", False), ("a\nb", False), ("", False), ("a\nwriter", True), ("unknown", True)]
)
def test_only_a_new_container_that_writes_to_the_tree_disturbs(tmp_path: Path, now: str, is_disturbed: bool) -> None:
    body = f"""writers_among() {{ printf '%s\\n' "$@" | grep writer; }}; running=a
        if was_disturbed $'{now.replace(chr(10), chr(92) + "n")}'; then echo yes; fi"""
    assert freeze(tmp_path, body).stdout == ("yes\n" if is_disturbed else "")
