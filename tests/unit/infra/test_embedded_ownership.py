"""One data directory, one server, however the earlier one ended."""

import json
import os
import time

import psutil
import pytest

from infra.embedded.ownership import DataDirInUseError, Ownership
from infra.embedded.stack import EmbeddedStack
from tests.unit.infra.owners import begun

# A process that claims the directory, hands its lock to a server that no death signal reaches, and waits.
OWNER = """
import subprocess, sys
from pathlib import Path
from infra.embedded.ownership import Ownership

ownership = Ownership(Path(sys.argv[1]))
server = subprocess.Popen(sys.argv[2:], pass_fds=(ownership.fd,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
ownership.record_server(server.pid)
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def owner(tmp_path):
    """Start an owner with a server command; yields a function that returns (process, server's pid)."""
    with begun(OWNER, str(tmp_path)) as begin:
        yield begin


def ended(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_second_owner_is_told_who_the_first_is(owner, tmp_path):
    """A directory in use is refused at once, naming the process to stop."""
    process, _ = owner("/bin/sleep", "300")
    began_s = time.monotonic()
    with pytest.raises(DataDirInUseError, match=f"in use by process {process.pid}: stop that one"):
        Ownership(tmp_path)
    assert time.monotonic() - began_s < 2


def test_same_process_cannot_own_twice(tmp_path):
    """Two servers of one program cannot share a directory either, and a released one is free again."""
    with Ownership(tmp_path), pytest.raises(DataDirInUseError, match=f"in use by process {os.getpid()}"):
        Ownership(tmp_path)
    Ownership(tmp_path).release()


def test_newcomer_waits_for_a_server_that_is_still_stopping(owner, tmp_path):
    """After kill -9 of the owner its server may take a moment to end: the next start waits for it, no error."""
    process, server_pid = owner("/bin/sleep", "1")
    process.kill()
    Ownership(tmp_path, patience_s=20).release()
    assert ended(server_pid)


def test_orphan_is_ended_by_the_next_owner(owner, tmp_path):
    """A server that survived its owner is ended by whoever comes next, and only then the directory is theirs."""
    process, server_pid = owner("/bin/sleep", "300")
    process.kill()
    Ownership(tmp_path, patience_s=2).release()
    assert ended(server_pid)


def test_pid_of_a_stranger_is_left_alone(owner, tmp_path):
    """A recorded pid that another program uses by now is not touched: its start time tells it apart."""
    process, server_pid = owner("/bin/sleep", "300")
    record = tmp_path / "owner.json"
    noted = json.loads(record.read_text())
    record.write_text(json.dumps(noted | {"server": noted["server"] | {"since_boot_s": 1000.0}}))
    process.kill()
    with pytest.raises(DataDirInUseError, match="still held by a server of an earlier run"):
        Ownership(tmp_path, patience_s=0.5)
    assert not ended(server_pid)


def test_a_clock_that_was_set_meanwhile_makes_no_stranger(owner, tmp_path, monkeypatch):
    """It moves the time of the boot and of every start alike: the orphan is found and ended all the same."""
    process, server_pid = owner("/bin/sleep", "300")
    boot_s, created = psutil.boot_time(), psutil.Process.create_time
    monkeypatch.setattr(psutil, "boot_time", lambda: boot_s + 3_600)
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: created(process) + 3_600)
    process.kill()
    Ownership(tmp_path, patience_s=2).release()
    assert ended(server_pid)


def test_a_full_disk_keeps_nobody_from_leaving(tmp_path, monkeypatch):
    """The lock is what counts; the note in the file is for people and for newcomers who wait."""

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    ownership = Ownership(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        ownership.release()
        with pytest.raises(OSError, match="No space left"):
            Ownership(tmp_path)
    Ownership(tmp_path, patience_s=0).release()


class Server:
    """One that notes that it was asked to stop, and may fail to."""

    def __init__(self, name, stopped, *, fails=False):
        self.name, self.stopped, self.fails = name, stopped, fails

    def stop(self):
        self.stopped.append(self.name)
        if self.fails:
            raise OSError(28, "No space left on device")


def test_each_server_is_stopped_whatever_the_one_before_raised(tmp_path):
    """In their order, and what went wrong is said in the end."""
    stopped, stack = [], EmbeddedStack(tmp_path)
    stack._servers = (Server("registry", stopped, fails=True), Server("kafka", stopped), Server("postgres", stopped))
    with pytest.raises(OSError, match="No space left"):
        stack.stop()
    assert stopped == ["registry", "kafka", "postgres"]
