"""Servers live exactly as long as they should: real processes, really killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from infra.embedded.launch import __file__ as launch_script
from infra.embedded.processes import ServerError, ServerProcess, plain_environment, start_bound
from infra.scheduling import own_niceness, session_of
from tests.unit.infra.owners import begun

REPOSITORY = Path(__file__).parents[3]
SLEEP = ("/bin/sleep", "300")
STUBBORN = ("/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done")

PARENT = """
import sys, threading
import psutil
from pathlib import Path
from infra.embedded.processes import ServerProcess, plain_environment

def start():
    server = ServerProcess("sleeper", Path(sys.argv[1]))
    # Ready once it sleeps: the death signal has been asked for while this thread still lived.
    server.start(
        ["/bin/sleep", "300"],
        is_ready=lambda pid: psutil.Process(pid).name() == "sleep",
        environment=plain_environment(),
        timeout_s=5,
        user=sys.argv[2],
    )
    started.append(server.pid)

started = []
thread = threading.Thread(target=start)
thread.start()
thread.join()
print(started[0], flush=True)
sys.stdin.read()
"""


def eventually(claim, *, within_s=10.0):
    """Poll `claim` until it holds or the time is up; return whether it held."""
    deadline_s = time.monotonic() + within_s
    while not claim():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.01)
    return True


def runs(pid):
    """Whether the process still runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_sleeping(pid):
    """Whether the launcher has become the sleeper."""
    return psutil.Process(pid).name() == "sleep"


def start(server, command=SLEEP, is_ready=lambda _pid: True, timeout_s=5):
    server.start(command, is_ready=is_ready, environment=plain_environment(), timeout_s=timeout_s)
    return server


@pytest.mark.skipif(sys.platform != "linux", reason="sessions rank on Linux")
def test_a_server_ranks_as_it_was_started(tmp_path):
    """Process and session, and not its parent; a rank behind ours, which takes no right."""
    ours, wanted = own_niceness(), min(own_niceness() + 3, 19)
    server = start(ServerProcess("sleeper", tmp_path / "data", niceness=3), is_ready=is_sleeping)
    try:
        assert os.getpriority(os.PRIO_PROCESS, server.pid) == wanted
        session = session_of(server.pid)
        assert not session.exists() or session.read_text().split()[-1:] in ([str(wanted)], [])
        assert own_niceness() == ours
    finally:
        server.kill()


@pytest.fixture
def parent(tmp_path):
    """A Python process that starts a sleeper from a thread that then ends; yields (process, sleeper's pid)."""
    with begun(PARENT, str(tmp_path / "data")) as begin:
        yield begin


USERS = [
    "",
    pytest.param("nobody", marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can start as another user")),
]


@pytest.mark.parametrize("user", USERS, ids=["same user", "other user"])
def test_kill_9_of_the_parent_leaves_no_server(parent, user):
    """The server outlives the thread that started it, and ends when its process is killed without a chance to react."""
    process, server_pid = parent(user)
    assert is_sleeping(server_pid)
    assert psutil.Process(server_pid).username() == (user or psutil.Process().username())
    process.kill()
    assert eventually(lambda: not runs(server_pid))


def test_end_of_the_parent_ends_the_server(parent):
    """A parent that simply returns takes its server along."""
    process, server_pid = parent("")
    assert runs(server_pid)
    process.stdin.close()
    assert eventually(lambda: not runs(server_pid))


def test_server_does_not_start_for_a_parent_that_is_gone():
    """A launcher whose parent died before the death signal was asked for ends by itself."""
    strangers_pid = os.getppid()
    outcome = subprocess.run(
        [sys.executable, launch_script, str(strangers_pid), "15", "", "/bin/echo", "started"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode != 0
    assert "started" not in outcome.stdout
    assert "the parent ended" in outcome.stderr


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(tmp_path):
    """The server has a session of its own, so a terminal's interrupt goes to the parent alone."""
    server = start(ServerProcess("sleeper", tmp_path), is_ready=is_sleeping)
    try:
        assert os.getsid(server.pid) == server.pid != os.getsid(0)
    finally:
        server.stop()


def test_server_hears_signals_that_its_parent_ignores(tmp_path):
    """An ignored or blocked signal of the parent is not inherited: a stop still works at once."""
    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        server = start(ServerProcess("sleeper", tmp_path), is_ready=is_sleeping)
    finally:
        signal.signal(signal.SIGTERM, previous)
    began_s = time.monotonic()
    server.stop(timeout_s=10)
    assert time.monotonic() - began_s < 5


def test_stop_insists_when_the_server_does_not_listen(tmp_path):
    """A server deaf to its stop signal is killed after the time given."""
    log = tmp_path / "deaf.log"
    server = start(ServerProcess("deaf", tmp_path), STUBBORN, is_ready=lambda _pid: log.read_text() == "up\n")
    pid = server.pid
    server.stop(timeout_s=0.2)
    assert not runs(pid)
    assert server.pid is None


def test_early_end_is_reported_with_the_end_of_the_log(tmp_path):
    """A server that fails says why, in the error itself."""
    complaint = ("/bin/sh", "-c", "echo no room on this disk; exit 3")
    with pytest.raises(ServerError, match=r"(?s)fussy ended with code 3 .*no room on this disk"):
        start(ServerProcess("fussy", tmp_path), complaint, is_ready=lambda _pid: False)


def test_wait_for_readiness_is_bounded_and_leaves_nothing(tmp_path):
    """A server that never serves is an error in the time given, and is gone afterwards."""
    seen = []

    def never(pid):
        seen.append(pid)
        return False

    with pytest.raises(ServerError, match=r"was not ready after 0.3 s"):
        start(ServerProcess("slow", tmp_path), is_ready=never, timeout_s=0.3)
    assert not runs(seen[0])
    ServerProcess("slow", tmp_path).stop()  # the directory is free again


def test_stop_from_another_thread_ends_a_start(tmp_path):
    """Stopping while another thread waits for readiness ends that wait with an error."""
    server, errors, waiting = ServerProcess("slow", tmp_path), [], threading.Event()

    def not_yet(_pid):
        waiting.set()
        return False

    def begin():
        try:
            start(server, is_ready=not_yet, timeout_s=30)
        except ServerError as error:
            errors.append(str(error))

    thread = threading.Thread(target=begin)
    thread.start()
    assert waiting.wait(10)
    server.stop()
    thread.join(10)
    assert "slow was stopped before it was ready" in errors[0]
    with pytest.raises(ServerError, match="was stopped during its start"):
        start(server)


def test_failed_preparation_is_reported(tmp_path):
    """A preparing step that fails is an error with its output, and gives the directory back."""
    server = ServerProcess("disk", tmp_path)
    with pytest.raises(ServerError, match=r"(?s)preparing disk failed with code 1.*bad sector"):
        server.prepare(("/bin/sh", "-c", "echo bad sector; exit 1"), environment=plain_environment(), timeout_s=5)
    ServerProcess("disk", tmp_path).stop()


def test_servers_do_not_see_the_secrets_of_the_parent(tmp_path, monkeypatch):
    """Only the few names every program needs reach a server."""
    monkeypatch.setenv("CLOUD_TOKEN", "hunter2")
    log = tmp_path / "env.log"
    start_bound(("/usr/bin/env",), log=log, cwd=tmp_path, environment=plain_environment({"PORT": "1"})).wait(10)
    assert "hunter2" not in log.read_text()
    assert "PORT=1" in log.read_text()


def test_a_log_is_for_its_owner_alone(tmp_path):
    """Whatever the umask: a program may say in it what is not for everybody on the machine."""
    log = tmp_path / "some.log"
    before = os.umask(0)
    try:
        start_bound(("/bin/true",), log=log, cwd=tmp_path, environment=plain_environment()).wait(10)
    finally:
        os.umask(before)
    assert log.stat().st_mode & 0o777 == 0o600
