"""What is known of a redrive is noted, whatever brokers do; what became of a record is told as far as topics reach."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from infra.cli.dead_letters import redriving
from infra.cli.dead_letters.audit import Audit
from infra.cli.dead_letters.fates import WITHIN_MS, fates_of
from infra.clients.consumer import Entry
from infra.clients.errors import ClientError, UnreachableError
from topics.catalogue import DRIVER_PINGS, LATE_EVENTS, dead_letters_of

LETTERS = dead_letters_of(DRIVER_PINGS)
AT_MS = 1_790_000_000_000


class Table:
    """The audit's table in memory: by letter what was written last, None until it is completed."""

    def __init__(self):
        self.rows = {}

    def transaction(self):
        return nullcontext()

    async def executemany(self, statement, rows):
        for row in rows:
            is_new = statement.lstrip().startswith("INSERT")
            self.rows[row[:4]] = None if is_new else row[-1] or row[5:7]


class Brokers:
    """A publisher whose brokers take what is even, refuse the first, and never speak of the last."""

    def __init__(self, *_connection, starts=True, **_options):
        self.starts = starts

    async def __aenter__(self):
        if not self.starts:
            raise UnreachableError("the brokers do not answer")
        return self

    async def __aexit__(self, kind, *_error):
        if kind is None:
            raise UnreachableError("1 records were handed over and not acknowledged")

    async def publish_again(self, _topic, value, **_around):
        return value

    async def written(self, _topic, sent):
        (number,) = sent[0]
        if number == 1:
            raise ClientError("it is too large")
        if number == 3:
            raise UnreachableError("no acknowledgement for 60 s")
        return [SimpleNamespace(partition=0, offset=number, timestamp=AT_MS)]


def ready():
    """Four records to be put back."""
    told = SimpleNamespace(
        topic=DRIVER_PINGS.name,
        partition=0,
        offset=5,
        timestamp_ms=7,
        headers=[],
        attempt=1,
        now_ms=9,
        key=b"d",
        value=b"v",
        error_class="Undecodable",
        rule="value-decodable",
    )
    letters = [SimpleNamespace(dlq=LETTERS, partition=0, offset=number, letter=told) for number in range(4)]
    return [
        SimpleNamespace(letter=one, value=bytes([one.offset]), key=b"d", partition=0, edited=False) for one in letters
    ]


async def test_what_is_known_is_noted_though_one_record_stays_without_an_answer(monkeypatch):
    """That one stays a row without a place, which blocks a second try; it is not called unpublished."""
    monkeypatch.setattr(redriving, "Publisher", Brokers)
    monkeypatch.setattr(redriving, "redriven_headers", lambda *_told: [])
    table = Table()
    _, put = await redriving.redrive(None, Audit(table), ready(), {}, author="ann", reason="")
    assert list(table.rows.values()) == [(0, 0), "it is too large", (0, 2), None]
    assert [bool(one.trouble) for one in put] == [False, True, False, True]
    assert "may be published or not" in put[3].trouble


async def test_where_no_broker_answers_nothing_is_intended(monkeypatch):
    """Rows of records that were never tried would block the next one."""
    monkeypatch.setattr(redriving, "Publisher", lambda *_a, **_o: Brokers(starts=False))
    table = Table()
    with pytest.raises(UnreachableError):
        await redriving.redrive(None, Audit(table), ready(), {}, author="ann", reason="")
    assert table.rows == {}


class Topics:
    """A reader of topics of one partition: `begins` kept, the others whole, each with a record at every second."""

    def __init__(self, entries, begins):
        self.entries, self.begins, self.read = entries, begins, []

    async def begins_and_ends(self):
        names = [LETTERS.name, LATE_EVENTS.name]
        return {(name, 0): self.begins.get(name, 0) for name in names}, {(name, 0): 100_000 for name in names}

    async def ends_at(self, topics, at_ms):
        wanted = (at_ms - AT_MS) // 1_000 + 50_000
        return {(topic.name, 0): max(wanted, self.begins.get(topic.name, 0)) for topic in topics}

    async def spans(self, spans, keep):
        self.read.append({place.topic: span for place, span in spans.items()})
        return [one for one in self.entries if keep(one)]


def row(offset, **changes):
    """A row of the audit, published at AT_MS."""
    published = {
        "redrive_id": "r1",
        "source_topic": DRIVER_PINGS.name,
        "record_key": b"d",
        "published_partition": 0,
        "published_offset": offset,
        "published_at": datetime.fromtimestamp(AT_MS / 1000, UTC),
        "problem": None,
    }
    return published | changes


def late(offset, key=b"d"):
    """A ledger entry about the record published there."""
    said = LATE_EVENTS.record(
        topic=DRIVER_PINGS.name,
        partition=0,
        offset=offset,
        id="d",
        at_ms=1,
        appended_ms=2,
        late_by_ms=61_000,
        service="supply",
    )
    return Entry(
        topic=LATE_EVENTS, partition=0, offset=1, timestamp_ms=AT_MS, key=key, headers=(), schema_id=1, record=said
    )


async def test_a_record_of_which_nothing_is_said_was_taken_only_where_topics_reach_back_to_it():
    """Late events are kept for a week, rows of the audit for ever: after it nobody knows."""
    rows = [row(7), row(8), row(None, published_offset=None), row(None, published_offset=None, problem="too large")]
    words = [one.word for one in await fates_of(Topics([late(7)], {}), rows)]
    assert words == ["late", "taken", "unknown", "not-published"]
    cut = Topics([late(7)], {LATE_EVENTS.name: 60_000})
    fates = await fates_of(cut, rows)
    assert [one.word for one in fates[:2]] == ["late", "forgotten"]
    assert fates[1].sentence == "late-events.v1 no longer reach back to it"


async def test_of_each_redrive_the_hour_after_it_is_read():
    """Not everything since the oldest row there is, and nothing of other keys."""
    later = datetime.fromtimestamp((AT_MS + 10_000_000) / 1000, UTC)
    topics = Topics([replace(late(7), key=b"other")], {})
    fates = await fates_of(topics, [row(7), row(9, redrive_id="r2", published_at=later)])
    assert [one.word for one in fates] == ["taken", "taken"]
    seconds = WITHIN_MS // 1_000
    assert topics.read[0][LATE_EVENTS.name] == (50_000 - 10, 50_000 + seconds)
    assert topics.read[1][LATE_EVENTS.name] == (60_000 - 10, 60_000 + seconds)
