"""A process ranks among others with all its threads and its session: real processes, asked of the kernel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra import scheduling
from infra.scheduling import own_niceness, rank

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="niceness of threads and sessions is Linux's")

REPOSITORY = Path(__file__).parents[3]
SCRIPT = """
import os, threading
from infra.scheduling import rank, session_of
if {leads}:
    os.setsid()
done = threading.Event()
threading.Thread(target=done.wait).start()
if {anybody} and os.getuid() == 0:
    os.setuid(65534)
rank({niceness})
ranks = {{os.getpriority(os.PRIO_PROCESS, int(thread)) for thread in os.listdir("/proc/self/task")}}
done.set()
session = session_of(os.getpid())
session = session.read_text().split() if session.exists() else []  # empty where nobody has begun a session since boot
print(sorted(ranks), session[-1] if session else "-")
"""


def said(niceness, *, leads=True, anybody=False):
    """Niceness of all threads, and of the session: "-" where the kernel ranks none. `anybody` has no rights."""
    script = SCRIPT.format(leads=leads, anybody=anybody, niceness=niceness)
    command = [sys.executable, "-c", script]
    answered = subprocess.run(command, check=False, capture_output=True, text=True, cwd=REPOSITORY, timeout=30)
    assert answered.returncode == 0, answered.stderr
    return answered.stdout.strip().rsplit(" ", 1)


def behind():
    """A niceness behind that of this test, which nobody needs a right for."""
    return min(own_niceness() + 7, scheduling.LAST_OF_ALL)


def test_threads_and_the_session_rank_behind():
    """Also a thread that was there before."""
    ranks, session = said(behind())
    assert ranks == f"[{behind()}]"
    assert session in {str(behind()), "-"}


def test_beyond_the_last_it_is_the_last():
    """A recorder that gives way under `nice` 10 asks for 20; the kernel refuses the session that, not the threads."""
    ranks, session = said(25)
    assert ranks == "[19]"
    assert session in {"19", "-"}


@pytest.mark.parametrize(
    ("refusal", "again"),
    [(BlockingIOError, True), (PermissionError, False), (FileNotFoundError, False), (None, False)],
)
def test_a_session_that_is_turned_away_for_now_is_to_be_tried_again(monkeypatch, refusal, again):
    """Without CAP_SYS_ADMIN the kernel takes one rank in 100 ms; a right that is missing does not come by trying."""

    class Session:
        def write_text(self, _niceness):
            if refusal is not None:
                raise refusal

    monkeypatch.setattr(scheduling, "session_of", lambda _process: Session())
    monkeypatch.setattr(os, "getsid", lambda _process: os.getpid())
    assert rank(own_niceness()) is again


def test_a_session_of_others_is_left_alone():
    """What a shell or a parent leads holds more than this process."""
    own = scheduling.session_of(os.getpid())
    before = own.read_text() if own.exists() else ""
    ranks, session = said(behind(), leads=False)
    assert ranks == f"[{behind()}]"
    assert session == (before.split() or ["-"])[-1]


def test_without_the_right_to_go_first_it_ranks_as_before():
    """And says nothing of it: that is the usual case."""
    assert said(own_niceness() - 1, anybody=True)[0] == f"[{own_niceness()}]"


@pytest.mark.skipif(os.getuid() != 0, reason="takes the right to go before others")
def test_with_the_right_it_goes_first():
    """Threads and session."""
    ranks, session = said(-5)
    assert ranks == "[-5]"
    assert session in {"-5", "-"}
