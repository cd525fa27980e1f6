"""Requests that wait: claimed in the order they came, answered newest first, none twice and none left out."""

from dataclasses import replace

from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from agents import quote_backlog
from agents.quote_backlog import Backlog, Claimed
from agents.quote_desk import QuoteDesk
from agents.quote_requests import Chunk
from agents.runtime.contracts import Contracts
from pricing.rules.markets import MarketBook
from pricing.rules.policy import PolicyBook
from tests.agents.bad_records import NOW_MS, REQUEST, SCHEMA_ID, value_of
from topics.catalogue import QUOTE_REQUESTS
from topics.schemas import schema_of
from windows.epochs import Epoch

DECODER = Contracts({}, {SCHEMA_ID[QUOTE_REQUESTS]: schema_of(QUOTE_REQUESTS)}).columns(QUOTE_REQUESTS)
EPOCH = Epoch(1, NOW_MS)
CHUNKS = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=5), min_size=1, max_size=8)


def chunk_of(numbers, first_offset):
    """Requests with these ids, one a second, the first of them at an offset of its partition."""
    records = []
    for offset, number in enumerate(numbers, first_offset):
        at_ms = NOW_MS + offset * 1_000
        value = value_of(QUOTE_REQUESTS, replace(REQUEST, request_id=f"request-{number}", at_ms=at_ms))
        records.append(ConsumerRecord("", 0, offset, at_ms, 1, REQUEST.rider_id.encode(), value, None, 0, 0, ()))
    return Chunk(records, DECODER)


def desk():
    """A desk that knows no market, so that every answer is a refusal."""
    made = QuoteDesk(markets=MarketBook(), policies=PolicyBook())
    made.assigned([0])
    return made


def claimed(at, chunks):
    """The chunks, each claimed when it came."""
    offset = 0
    for numbers in chunks:
        chunk = chunk_of(numbers, offset)
        offset += len(numbers)
        chunk.keep(at.claim(chunk.asked))
        yield Claimed(chunk=chunk, epoch=EPOCH, acks=())


def answers(at, chunk):
    """Request offset of each answer by its id."""
    made = at.answer_all(chunk.asked, frame=b"", now_ms=NOW_MS)
    return {answer.request_id: answer.request_offset for answer in made if answer is not None}


@given(CHUNKS, st.integers(1, 20))
def test_answers_are_those_of_requests_answered_in_order(chunks, most):
    """Newest first or oldest first, each id is answered once, about the first of its records."""
    in_order, newest_first = desk(), desk()
    expected = {}
    for each in claimed(in_order, chunks):
        expected |= answers(in_order, each.chunk)
    backlog, found = Backlog(most), {}
    for each in claimed(newest_first, chunks):
        backlog.add(each)
    while backlog:
        for each in backlog.take():
            more = answers(newest_first, each.chunk)
            assert not more.keys() & found.keys()
            found |= more
    assert found == expected
    assert len(backlog) == 0


def ids_in_turn(backlog):
    """First id of each chunk, by what is answered together."""
    while backlog:
        yield [each.chunk.asked.request_id[0] for each in backlog.take()]


def test_the_newest_goes_first_until_the_backlog_is_full(monkeypatch):
    """A full one gives its oldest every other time, else what lies beyond it would never be read."""
    monkeypatch.setattr(quote_backlog, "RUN", 1)
    backlog = Backlog(most=4)
    for each in claimed(desk(), [[0], [1], [2], [3], [4]]):
        backlog.add(each)
    assert list(ids_in_turn(backlog)) == [[f"request-{number}"] for number in (0, 4, 3, 2, 1)]


def test_small_chunks_are_answered_together():
    """A rider who asks while a backlog is worked off costs no publication of their own."""
    backlog = Backlog()
    for each in claimed(desk(), [[0], [1, 2], [3]]):
        backlog.add(each)
    assert list(ids_in_turn(backlog)) == [["request-3", "request-1", "request-0"]]


def test_a_request_may_be_claimed_again_once_it_was_answered():
    """So that a repeat is judged by what was answered, which outlives the backlog."""
    at = desk()
    asked = chunk_of([1], 0).asked
    assert at.claim(asked) == [0]
    assert at.claim(asked) == []
    assert at.answer_all(asked, frame=b"", now_ms=NOW_MS)[0] is not None
    assert at.claim(asked) == [0]
    assert at.answer_all(asked, frame=b"", now_ms=NOW_MS) == [None]
