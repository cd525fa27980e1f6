"""docs/bad-input.md says what becomes of bad records: every row is sent through the services, in memory."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiokafka import ConsumerRecord
from faust.types import TP

from agents.demand import DemandPartition
from agents.quotes import Quotes
from agents.ride_events import events_of
from agents.runtime.batches import Batch
from agents.runtime.contracts import Contracts
from agents.runtime.counting import Source
from agents.runtime.intake import Intake
from agents.runtime.publisher import MAX_RECORD_BYTES
from agents.runtime.telemetry import Meter
from agents.runtime.worker import Worker
from agents.supply import Places, SupplyPartition
from pricing.defaults import new_york_market, new_york_policy
from tests.agents import bad_records
from tests.agents.bad_records import NOW_MS, REPEATS, SCHEMA_ID, SOLD_BEFORE, TOO_LATE
from topics.catalogue import (
    BOOKING_DECISIONS,
    DRIVER_PINGS,
    EVERY_TOPIC,
    QUOTE_REQUESTS,
    QUOTES,
    RIDE_EVENTS,
    SUPPLY_CELLS,
    dead_letters_of,
)
from topics.codec import ObjectCodec
from topics.dead_letters import KEPT_OF_LARGER_BYTES, KEPT_WHOLE_BYTES, letter_key
from topics.ledger import DeadLettered, EventArrivedLate
from topics.schemas import schema_of
from topics.validity import check_decisions, check_pings, check_requests
from windows.epochs import Epoch

PAGE = (Path(__file__).parents[2] / "docs" / "bad-input.md").read_text(encoding="utf-8")
EPOCH = Epoch(1, NOW_MS)
HEADERS = (("ce_id", b"e-1"), ("odd", b"\xff\x00"))


def rows(topic):
    """Outcome by record, as the page's table of that topic says."""
    section = PAGE.split(f"## `{topic.name}`\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|[^|]*\|$", section, re.MULTILINE)[1:])


def record(topic, key, value, offset, appended_ms=NOW_MS):
    """A record as the consumer gives it."""
    return ConsumerRecord(topic.name, 0, offset, appended_ms, 1, key, value, None, 0, 0, HEADERS)


def batch(topic, *records):
    """The records as one batch of live ones."""
    return Batch.of(TP(topic.name, 0), records, epoch=EPOCH, resume=0)


@pytest.fixture
def worker():
    """What a service has around it: every topic with one partition, and no servers."""
    return Worker(
        service="test",
        name="test-0",
        partitions={topic.name: 1 for topic in EVERY_TOPIC},
        contracts=Contracts({QUOTES.subject: 9}, {number: schema_of(topic) for topic, number in SCHEMA_ID.items()}),
        schema_ids=SimpleNamespace(),
        meter=Meter(service="test", worker="test-0"),
        bootstrap="",
        security={},
    )


SOURCE = Source(partition=0, epoch=EPOCH, stamp_ms=None, has_read_all=lambda _topic: True)


def intake(worker, topic, check):
    """Decoder and judge of one topic."""
    return Intake(topic, worker.contracts.columns(topic), check, worker)


@pytest.fixture
def supply(worker):
    """SUPPLY's state of one partition."""
    pings = intake(worker, DRIVER_PINGS, check_pings)
    return SupplyPartition(
        SOURCE, source_partitions=1, zone_partitions=1, intake=pings, meter=worker.meter, cells_id=1, places=Places()
    )


@pytest.fixture
def demand(worker):
    """DEMAND's state of one partition."""
    checks = {QUOTE_REQUESTS: check_requests, BOOKING_DECISIONS: check_decisions}
    intakes = {topic.name: intake(worker, topic, check) for topic, check in checks.items()}
    return DemandPartition(SOURCE, source_partitions=1, zone_partitions=1, intakes=intakes, worker=worker)


@pytest.fixture
def quotes(worker):
    """QUOTES, in New York."""
    service = Quotes(SimpleNamespace(alongside=lambda _work: None), worker)
    service._desk.markets.learn(replace(new_york_market(), effective_from_ms=0), 0)
    service._desk.policies.learn(replace(new_york_policy(), effective_from_ms=0), 0)
    service._desk.assigned([0])
    return service


def refusals(outgoing, refused):
    """What dead letters and ledger say, after each letter was held against the record it is of."""
    said = []
    for one in outgoing:
        if isinstance(one.record, EventArrivedLate):
            said.append("ledger")
            continue
        letter = one.record
        assert isinstance(letter, DeadLettered)
        assert (letter.topic, letter.partition, letter.offset) == (refused.topic, refused.partition, refused.offset)
        assert (letter.timestamp_ms, letter.attempt, letter.service) == (refused.timestamp, 1, "test")
        assert letter.sentence[0].isalnum()
        if len(refused.value or b"") <= KEPT_WHOLE_BYTES:
            assert (letter.key, letter.value) == (refused.key, refused.value)
            assert tuple((header.name, header.value) for header in letter.headers) == HEADERS
        said.append(f"dead letter {letter.error_class} {letter.rule}")
    return said


def test_the_page_and_the_tests_know_the_same_records():
    """No row without a test, no test without a row."""
    quote = SimpleNamespace(quote_id="q", amount_minor=1, currency="USD")
    assert [*rows(DRIVER_PINGS)] == [*bad_records.PINGS]
    assert [*rows(QUOTE_REQUESTS)] == [*bad_records.REQUESTS]
    assert [*rows(RIDE_EVENTS)] == [*bad_records.rides(quote)]


def cells_said(supply, now_ms=NOW_MS):
    """The zone records SUPPLY would publish now."""
    codec = ObjectCodec(SUPPLY_CELLS, 1)
    return [codec.decode(outgoing.record) for outgoing in supply.changes(now_ms)]


@pytest.mark.parametrize("case", bad_records.PINGS)
def test_pings_end_as_the_page_says(supply, case):
    """One spoilt ping: what SUPPLY refuses, notes as late, or counts."""
    bad = record(DRIVER_PINGS, *bad_records.PINGS[case], 7)
    said = refusals(supply.observe(batch(DRIVER_PINGS, bad)), bad)
    counted = sum(sum(r.idle) + sum(r.busy) for r in cells_said(supply))
    assert (said or ["counted" if counted else "counted nowhere"]) == [rows(DRIVER_PINGS)[case]]


def test_a_teleporting_driver_is_one_car(supply):
    """Its two pings of one batch or of two leave one idle car, in the newer place."""
    there = record(DRIVER_PINGS, *bad_records.PINGS["teleports across the city"], 8)
    here = record(DRIVER_PINGS, b"driver-1", bad_records.value_of(DRIVER_PINGS, bad_records.PING), 7)
    standing = {}
    for moment, ping in enumerate((here, there)):
        supply.observe(batch(DRIVER_PINGS, ping))
        standing |= {r.zone: dict(zip(r.cells, r.idle, strict=True)) for r in cells_said(supply, NOW_MS + moment)}
    cells = {cell for counts in standing.values() for cell, idle in counts.items() if idle}
    assert len(cells) == 1


@pytest.mark.parametrize("case", bad_records.REQUESTS)
def test_requests_end_as_the_page_says(demand, quotes, case):
    """One spoilt request: what DEMAND refuses, notes as late or counts, and what QUOTES answers."""
    if case in REPEATS:
        answered(quotes)
    bad = record(QUOTE_REQUESTS, *bad_records.REQUESTS[case], 7)
    said = refusals(demand.observe(batch(QUOTE_REQUESTS, bad)), bad)
    if any(o.record.zone and sum(o.record.requests) for o in demand.changes(NOW_MS) if hasattr(o.record, "zone")):
        said.append("counted")
    assert "; ".join(said + said_by_quotes(quotes, bad)) == rows(QUOTE_REQUESTS)[case]


def answered(quotes):
    """The quote that answers the good request, acknowledged and read back."""
    good = record(QUOTE_REQUESTS, b"rider-1", bad_records.value_of(QUOTE_REQUESTS, bad_records.REQUEST), 5)
    (quote,) = quoted(quotes, good)
    quotes._desk.partitions[0].quote_read(quote, 0)
    return quote


def quoted(quotes, asked):
    """What QUOTES would publish about a request."""
    chunk = quotes._requests.chunk([batch(QUOTE_REQUESTS, asked)])
    return [quotes._worker.contracts.decode(QUOTES, said.value) for said in quotes._answers_to(chunk, NOW_MS)]


def said_by_quotes(quotes, asked):
    """The answer in the page's words; none where there is nobody to answer."""
    found = quoted(quotes, asked)
    if not found and quotes._worker.meter.totals().values.get("requests_repeated"):
        return ["answered already"]
    return [f"quote {quote.outcome.lower()} {quote.refusal}".strip() for quote in found]


@pytest.mark.parametrize("case", rows(RIDE_EVENTS))
def test_ride_events_end_as_the_page_says(quotes, case):
    """One spoilt event after a good quote: what QUOTES refuses, and how it decides."""
    quote = answered(quotes)
    if case in SOLD_BEFORE:
        judged(quotes, record(RIDE_EVENTS, *bad_records.acceptance(quote), 6))
    at_ms = quote.valid_until_ms + 1 if case in TOO_LATE else NOW_MS
    bad = record(RIDE_EVENTS, *bad_records.rides(quote)[case], 7, at_ms)
    refused, decided = judged(quotes, bad)
    said = refusals(refused, bad) + [f"decision {one.outcome.lower()} {one.refusal}".strip() for one in decided]
    assert "; ".join(said) == rows(RIDE_EVENTS)[case]


def judged(quotes, event):
    """What QUOTES refuses of an event, and what it decides."""
    one = batch(RIDE_EVENTS, event)
    taken = quotes.acceptances._events.take(one)
    decided = [quotes._desk.judge(0, it, appended_ms=event.timestamp, offset=event.offset) for it in events_of(taken)]
    return taken.refused, [decision for decision in decided if decision is not None]


@pytest.mark.parametrize(
    ("key", "value"), [(b"k", b" " * 2**22), (b"k" * 2**22, b" "), (b"k" * 500_000, b" " * 500_000)]
)
def test_a_dead_letter_always_fits_into_a_record(supply, key, value):
    """A record the broker took because it was small when packed does not end the service that refuses it."""
    huge = record(DRIVER_PINGS, key, value, 7)
    (outgoing,) = supply.observe(batch(DRIVER_PINGS, huge))
    letter = outgoing.record
    coded = ObjectCodec(dead_letters_of(DRIVER_PINGS), 9).encode(letter)
    assert len(coded) + len(outgoing.key) + 1_000 < MAX_RECORD_BYTES
    assert outgoing.key == letter_key(letter)
    if len(key) + len(value) > KEPT_WHOLE_BYTES:
        assert (letter.key, letter.value) == (key[:KEPT_OF_LARGER_BYTES], value[:KEPT_OF_LARGER_BYTES])
        assert "are kept here" in letter.sentence
