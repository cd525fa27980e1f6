"""Silences around a kill, read off append times."""

from types import SimpleNamespace

from bench.recovery import Log
from topics.catalogue import QUOTES


def wrote(log, partition, at_ms):
    """A quote in a partition."""
    log.hear(SimpleNamespace(topic=QUOTES.name, partition=partition, timestamp=at_ms))


def test_a_silence_is_from_the_last_record_before_the_kill_to_the_first_after_it():
    """Each place once; what was written before it died but read later is not the recovery."""
    log = Log(schema_id=1)
    for at_ms in range(86_000, 90_001, 400):
        for partition in (0, 1):
            wrote(log, partition, at_ms)
    wrote(log, 2, 1_000)  # rarely written to: nothing is expected of it
    log.killed("quotes", 95_000.0)
    wrote(log, 0, 94_999)
    assert not log.silence_ms
    wrote(log, 0, 97_000)
    wrote(log, 0, 99_000)
    assert not log.complete
    wrote(log, 1, 98_000)
    wrote(log, 2, 98_000)
    assert log.complete
    assert log.silence_ms == {0: 7_000, 1: 8_000}
    assert log.after_kill_ms == {0: 2_000, 1: 3_000}
