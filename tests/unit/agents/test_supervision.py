"""When a worker is taken for hung, and what it refuses to run with."""

from types import SimpleNamespace

import pytest
from aiokafka.errors import InvalidSessionTimeoutError
from faust.types import TP

from agents.runtime import pins, supervision
from agents.runtime.app import make_app
from agents.runtime.progress import ReadingProgress
from agents.runtime.settings import WorkerSettings
from agents.runtime.supervision import FAILED, Stall


class Reading:
    """How far a worker is, by hand."""

    def __init__(self):
        self.done, self.open, self.broker = 0, True, True

    def acknowledged(self):
        """Batches so far."""
        return self.done

    def behind(self):
        """Whether there is work."""
        return self.open

    def connected(self):
        """Whether the broker answers."""
        return self.broker


def test_a_stall_is_work_without_progress_while_the_broker_answers():
    """Progress, nothing to do and an outage each start the count anew."""
    stall, reading = Stall(limit_s=10), Reading()
    assert not stall.observe(reading, 0)
    assert not stall.observe(reading, 9)
    reading.done = 1
    assert not stall.observe(reading, 11)  #     progress
    reading.open = False
    assert not stall.observe(reading, 30)  #     nothing to do
    reading.open, reading.broker = True, False
    assert not stall.observe(reading, 60)  #     outage
    reading.broker = True
    assert not stall.observe(reading, 69)
    assert stall.observe(reading, 70)


def restoring(assigned, offsets):
    """A worker of these partitions whose epoch has not begun, and how far the logs of its tables were read."""
    reader = SimpleNamespace(epoch=None, has_begun=False, assignment=lambda: assigned, acknowledged=0)
    return ReadingProgress(
        SimpleNamespace(_reader=reader, tables=SimpleNamespace(recovery=SimpleNamespace(active_offsets=offsets)))
    )


@pytest.mark.parametrize(("assigned", "behind"), [({TP("supply-cells.v1", 0)}, True), (set(), False)])
def test_partitions_without_an_epoch_are_something_to_do(assigned, behind):
    """A worker whose tables never come back is ended; one without partitions has nothing to do."""
    assert restoring(assigned, {}).behind() is behind


def test_a_long_log_is_no_stall_while_it_moves():
    """Restoring may take longer than the limit; standing still may not."""
    log = TP("panes-changelog", 0)
    offsets, stall = {log: None, TP("panes-changelog", 1): 7}, Stall(limit_s=10)
    reading = restoring({TP("supply-cells.v1", 0)}, offsets)
    reading.connected = lambda: True
    assert not stall.observe(reading, 0)
    offsets[log] = 5
    assert not stall.observe(reading, 9)
    offsets[log] = 900
    assert not stall.observe(reading, 18)
    assert not stall.observe(reading, 27)
    assert stall.observe(reading, 28)


def test_another_version_is_refused():
    """A worker does not start with a Faust or aiokafka it was not written for."""
    pins.check()
    with pytest.raises(pins.UnsupportedVersionError, match=r"faust-streaming must be 0\.15\.3, found 0\.15\.4"):
        pins.check(versions=lambda _: "0.15.4")


def test_another_signature_is_refused():
    """A patched build of the right version does not start either."""

    def getmany(self, timeout, more):
        """Take one argument more."""

    with pytest.raises(pins.UnsupportedVersionError, match="getmany must take"):
        pins.check(overridden={getmany: ("self", "timeout")})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"heartbeat_s": 2}, "heartbeat_s must be at most a third of session_timeout_s, got 2"),
        ({"table_standbys": 0}, "table_standbys must be at least 1, got 0"),
    ],
)
def test_settings_that_would_break_the_group_are_refused(wrong, message):
    """By name, before anything runs."""
    with pytest.raises(ValueError, match=message):
        WorkerSettings(bootstrap="127.0.0.1:9092", **wrong)


def test_an_unknown_security_protocol_is_refused():
    """Instead of a silent fall back to plain text."""
    settings = WorkerSettings(bootstrap="a:1,b:2", security={"security_protocol": "TLS"})
    assert settings.broker_urls == "kafka://a:1;kafka://b:2"
    with pytest.raises(ValueError, match="security_protocol must be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"):
        settings.credentials()


def test_a_group_that_refuses_the_session_is_one_sentence(monkeypatch):
    """It names the brokers' setting and holds no traceback: nothing here is broken. What else raised keeps its own."""

    class EndedError(Exception):
        pass

    def end(*how):
        raise EndedError(*how)

    monkeypatch.setattr(supervision, "end_process", end)
    app = make_app("supply", settings=WorkerSettings(bootstrap="127.0.0.1:9092"))
    with pytest.raises(EndedError) as ended:
        app._crash(InvalidSessionTimeoutError())
    status, sentence = ended.value.args
    assert status == FAILED
    assert sentence.endswith("set group.min.session.timeout.ms=5000 or less on every broker and restart it")
    broken = KeyError("x")
    with pytest.raises(EndedError) as ended:
        app._crash(broken)
    assert ended.value.args == (FAILED, "worker crashed", broken)
