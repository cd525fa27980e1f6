"""Rows of a file on their way: from a pipe as from a file, and what is said when the brokers go."""

import io
import json
import os

import pytest

from infra.cli import publish
from infra.cli.exits import CommandError, ExitCode
from infra.cli.preparing import Preparer
from infra.cli.rows import FileFormat, read_rows
from infra.clients.errors import UnreachableError
from topics.catalogue import DRIVER_PINGS

PING = {"driver_id": "d1", "at_ms": 1_790_000_000_000, "lat": 40.7, "lon": -73.9, "status": "IDLE", "products": ["xl"]}


class GoneAfter:
    """Brokers that take so many batches."""

    def __init__(self, batches):
        self.batches = batches

    async def publish_encoded(self, _topic, record, _value):
        return record

    async def written(self, _topic, _sent):
        self.batches -= 1
        if self.batches < 0:
            raise UnreachableError("the brokers do not answer")


async def test_brokers_that_go_leave_word_of_what_was_published(monkeypatch):
    """Whoever goes on needs to know from which line."""
    monkeypatch.setattr(publish, "BATCH_ROWS", 2)
    lines = [PING, PING, PING | {"lat": 91}, PING, PING]
    rows = read_rows(io.BytesIO(b"".join(json.dumps(one).encode() + b"\n" for one in lines)), FileFormat.JSONL)
    preparer = Preparer(DRIVER_PINGS, 7, textual=False, clock_ms=lambda: PING["at_ms"])
    sender = publish._Sender(DRIVER_PINGS, GoneAfter(2), preparer)
    with pytest.raises(CommandError) as raised:
        await sender.send(rows, lambda *_: None, lambda _: None)
    assert raised.value.code is ExitCode.UNREACHABLE
    assert str(raised.value).startswith("the brokers do not answer (3 rows before line 5 were published, 1 refused;")


def test_a_named_pipe_is_published_at_a_terminal(tmp_path, monkeypatch):
    """It has no size and no place to tell: the bar shows rows only."""
    os.mkfifo(tmp_path / "pipe")
    ends = os.pipe()
    os.close(ends[1])
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with os.fdopen(ends[0], "rb") as source, publish._progress(source, str(tmp_path / "pipe"), hidden=False) as show:
        show(2, 0)
