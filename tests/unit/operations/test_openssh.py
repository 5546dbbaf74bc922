"""Commands that the OpenSSH client carries, with a shell in its place; tests/host/test_openssh.py has a real sshd."""

import pytest

from operations.engine.process import ConnectionLostError, OpenSshProcess


def shell(script: str) -> OpenSshProcess:
    """Start a shell in place of the client."""
    return OpenSshProcess(["sh", "-c", script])


def test_what_is_written_comes_back_whatever_its_size() -> None:
    process = shell("cat")
    data = bytes(range(256)) * 4
    process.write(data)
    process.close_input()
    assert b"".join(iter(process.read, b"")) == data
    assert process.wait() == 0


def test_both_outputs_and_the_status_are_told() -> None:
    process = shell("printf out; printf err >&2; exit 7")
    assert b"".join(iter(process.read, b"")) == b"out"
    assert b"".join(iter(process.read_error, b"")) == b"err"
    assert process.wait() == 7


def test_a_command_that_reads_no_more_breaks_the_pipe() -> None:
    process = shell("exec <&-; sleep 1")
    with pytest.raises(BrokenPipeError):
        process.write(bytes(1 << 24))
    process.close()


def test_after_its_input_was_closed_nothing_is_written_to_whatever_has_its_number_now() -> None:
    process = shell("cat")
    process.close_input()
    with pytest.raises(BrokenPipeError):
        process.write(b"x")
    assert process.wait() == 0


@pytest.mark.parametrize("end", ["exit 255", "kill -9 $$"])
def test_the_client_s_own_failure_is_a_lost_connection(end: str) -> None:
    with pytest.raises(ConnectionLostError):
        shell(end).wait()


def test_giving_up_ends_the_client_and_reads_nothing_more() -> None:
    process = shell("cat; sleep 600")
    process.close()
    process.close()
    assert process.read() == b""
    assert process.read_error() == b""
