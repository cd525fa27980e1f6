"""What a quote rests on, gathered from topics that forget and a database that remembers."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition

from infra.cli.explained_page import page_of
from infra.cli.explained_text import added_up, chain_rows, checked
from infra.cli.seeding import shipped_model
from infra.clients.consumer import Entry
from infra.clients.errors import UnreachableError
from lineage.evidence import Gathering, NoSuchQuoteError
from lineage.explain import story_of
from lineage.kept import KeptRecord
from pricing.quotes.prepared_tick import PreparedTick
from pricing.quotes.quote import QuoteContext, answer
from tests.agents.test_tick_again import MARKETS as MARKETS_LOG
from tests.agents.test_tick_again import POLICIES, SMALL_MODELS, lived, logs
from tests.unit.pricing.worlds import MARKET, NOON_MS, TIMES_SQUARE, ZONE, policy, request_of
from topics.catalogue import (
    CITY_DEMAND,
    DEMAND_CELLS,
    EVERY_TOPIC,
    FORECAST_STATE,
    MARKETS,
    MODELS,
    PRICING_POLICY,
    QUOTE_REQUESTS,
    QUOTES,
    SUPPLY_CELLS,
    SURGE,
)
from topics.wire import rfc3339
from windows.hexagons import zone_key

TICK, LIVED = lived(with_model=True)[0][-1], lived(with_model=True)
REQUEST = request_of(at_ms=TICK.now_ms + 5)
QUOTE = answer(
    REQUEST,
    QuoteContext(
        cell=TIMES_SQUARE, zone=ZONE, market=MARKET, policy=policy(), tick=PreparedTick(TICK, 0, len(LIVED[0]) - 1)
    ),
    appended_ms=TICK.now_ms + 6,
    now_ms=TICK.now_ms + 9,
    request_offset=0,
)
QUOTE = replace(QUOTE, policy_offset=0)


@dataclass
class Topics:
    """Topics in memory, one partition each, as `lineage.tick_evidence.Records` reads them."""

    entries: dict = field(default_factory=lambda: defaultdict(dict))
    begins: dict = field(default_factory=dict)

    @property
    def places(self):
        """One partition of everything."""
        return {topic.name: [TopicPartition(topic.name, 0)] for topic in EVERY_TOPIC}

    def put(self, topic, offset, record, *, at_ms, key=b""):
        """Let a record stand at that offset."""
        self.entries[topic.name][offset] = Entry(
            topic=topic, partition=0, offset=offset, timestamp_ms=at_ms, key=key, headers=(), schema_id=1, record=record
        )

    def forget(self, topic, before):
        """Let retention take what stands before that offset."""
        self.begins[topic.name] = before
        for offset in [offset for offset in self.entries[topic.name] if offset < before]:
            del self.entries[topic.name][offset]

    async def at(self, wanted):
        """Records by place."""
        return {
            (topic.name, number, offset): self.entries[topic.name][offset]
            for topic, number, offset in wanted
            if number == 0 and offset in self.entries[topic.name]
        }

    async def spans(self, spans, keep=None):
        """Ranges of records, in order."""
        return [
            entry
            for place, (first, last) in spans.items()
            for offset, entry in sorted(self.entries[place.topic].items())
            if first <= offset < last and (keep is None or keep(_raw(entry)))
        ]

    async def ends_at(self, topics, at_ms):
        """First offsets appended from then on."""
        return {
            (topic.name, 0): min(
                (offset for offset, entry in self.entries[topic.name].items() if entry.timestamp_ms >= at_ms),
                default=max(self.entries[topic.name], default=-1) + 1,
            )
            for topic in topics
        }

    async def begins_and_ends(self):
        """First offsets kept, and ends."""
        ends = {(topic.name, 0): max(self.entries[topic.name], default=-1) + 1 for topic in EVERY_TOPIC}
        return {place: self.begins.get(place[0], 0) for place in ends}, ends


@dataclass
class Database:
    """A recorder's tables in memory; `away` lets it fail."""

    quotes: list = field(default_factory=list)
    ticks: list = field(default_factory=list)
    away: bool = False

    async def _first(self, records, is_it):
        if self.away:
            raise UnreachableError("the database at db:5432/rides does not answer")
        return next((record for record in records if is_it(record)), None)

    async def quote(self, quote_id):
        """By id."""
        return await self._first(self.quotes, lambda kept: kept.record.quote_id == quote_id)

    async def quote_at(self, partition, offset):
        """By place."""
        return await self._first(self.quotes, lambda kept: (kept.partition, kept.offset) == (partition, offset))

    async def tick(self, partition, offset, *, near_ms):
        """By place."""
        assert near_ms
        return await self._first(self.ticks, lambda kept: (kept.partition, kept.offset) == (partition, offset))


def _raw(entry):
    """The record before it was decoded, as far as anyone looks at it."""
    value = entry.record.quote_id.encode() if entry.topic is QUOTES else b""
    return SimpleNamespace(key=entry.key, timestamp=entry.timestamp_ms, value=value)


def topics():
    """Everything the quote rests on."""
    made = Topics()
    for topic, log in zip((SUPPLY_CELLS, DEMAND_CELLS, CITY_DEMAND), logs(), strict=True):
        for offset, record in enumerate(log):
            key = zone_key(record.zone) if getattr(record, "zone", 0) else b"*"
            made.put(topic, offset, record, at_ms=record.now_ms + 3, key=key)
    for offset, tick in enumerate(LIVED[0]):
        made.put(SURGE, offset, tick, at_ms=tick.now_ms + 2)
    for offset, memory in enumerate(LIVED[1]):
        made.put(FORECAST_STATE, offset, memory, at_ms=memory.now_ms)
    for offset, model in ((4, shipped_model(NOON_MS)), *SMALL_MODELS):
        made.put(MODELS, offset, model, at_ms=NOON_MS)
    made.put(MARKETS, 0, MARKETS_LOG[0][1], at_ms=NOON_MS)
    made.put(PRICING_POLICY, 0, POLICIES[0][1], at_ms=NOON_MS)
    made.put(QUOTE_REQUESTS, 0, REQUEST, at_ms=TICK.now_ms + 6)
    made.put(QUOTES, 7, QUOTE, at_ms=TICK.now_ms + 11)
    return made


def database(**changes):
    """The quote and its tick, recorded."""
    quotes = [KeptRecord(partition=0, offset=7, appended_ms=TICK.now_ms + 11, record=QUOTE)]
    ticks = [KeptRecord(partition=0, offset=QUOTE.tick_offset, appended_ms=TICK.now_ms + 2, record=TICK)]
    return Database(**{"quotes": quotes, "ticks": ticks} | changes)


def told(made, kept=None, *, quote_id=QUOTE.quote_id):
    """The story of the quote."""
    return story_of(asyncio.run(Gathering(made, kept).of_id(quote_id)))


def test_a_quote_is_found_by_its_id_and_explained_whole():
    """From the topics alone: nothing is gone, the tick is the same, the chain ends at the amount, margins add up."""
    story = told(topics())
    assert story["gone"] == []
    assert story["tick"]["recomputed"]
    assert story["tick"]["differing"] == []
    assert story["chain"][-1]["after_minor"] == QUOTE.amount_minor
    assert [one["step"] for one in story["waterfall"]] == ["sent", "appended", "decided", "published"]
    assert {one["topic"] for one in story["sources"]} >= {"driver-pings.v1", "quote-requests.v1", "supply-cells.v1"}
    assert checked(story).endswith("field for field")
    assert "add up to the margin" in added_up(story)


def test_of_the_database_only_what_the_topics_forgot_is_told():
    """Both say the same story; only the sentences of what is gone differ."""
    whole, made = told(topics()), topics()
    made.forget(QUOTES, 8)
    made.forget(SURGE, QUOTE.tick_offset + 1)
    story = told(made, database())
    assert story["quote"]["record"] == whole["quote"]["record"]
    assert story["chain"] == whole["chain"]
    assert [sentence.split(":")[0] for sentence in story["gone"]] == [
        "the quote is no longer in quotes.v1",
        f"the tick, surge.v1 0@{QUOTE.tick_offset}, is no longer in the topic and is told from the database",
        f"the tick's previous tick, surge.v1 0@{TICK.previous_offset}, is no longer kept",
    ]
    assert story["forecast"] is None
    assert story["tick"]["cell"] == whole["tick"]["cell"]


@pytest.mark.parametrize(
    ("topic", "before", "gone"),
    [
        (SUPPLY_CELLS, 10_000, "supply-cells.v1 0 up to"),
        (CITY_DEMAND, 10_000, "city-demand.v1 0 up to"),
        (FORECAST_STATE, 10_000, "the tick's memory, forecast-state.v1"),
        (MODELS, 10_000, "the tick's model, models.v1 0@4,"),
        (QUOTE_REQUESTS, 10_000, "the request, quote-requests.v1 0@0,"),
        (SURGE, 10_000, "the tick, surge.v1"),
    ],
)
def test_each_part_that_is_gone_is_said_and_the_rest_is_told(topic, before, gone):
    """The price chain never needs more than the quote; no absence is passed over in silence."""
    made = topics()
    made.forget(topic, before)
    story = told(made)
    assert any(sentence.startswith(gone) for sentence in story["gone"])
    assert story["chain"][-1]["after_minor"] == QUOTE.amount_minor
    assert (story["forecast"] is None) == (topic is not QUOTE_REQUESTS)


def test_counts_that_left_the_window_are_not_missed():
    """Retention that took all but the last 34 minutes changes nothing of the story."""
    whole, made = told(topics()), topics()
    kept_from = min(
        offset
        for offset, entry in made.entries[SUPPLY_CELLS.name].items()
        if entry.timestamp_ms >= TICK.now_ms - 2_040_000
    )
    for topic in (SUPPLY_CELLS, DEMAND_CELLS, CITY_DEMAND):
        made.forget(topic, kept_from)
    story = told(made)
    assert story["gone"] == []
    assert story["tick"]["differing"] == []
    assert story["forecast"] == whole["forecast"]


def test_counts_of_which_a_part_of_the_window_is_gone_are_told_and_said_to_be_so():
    """They differ from what the tick counted; since when they are kept is said."""
    made = topics()
    entries = made.entries[DEMAND_CELLS.name]
    made.forget(
        DEMAND_CELLS, min(offset for offset, one in entries.items() if one.timestamp_ms >= TICK.now_ms - 600_000)
    )
    since = rfc3339(next(iter(entries.values())).timestamp_ms)
    story = told(made)
    assert story["tick"]["differing"]
    assert story["forecast"] is not None
    assert story["gone"] == [
        f"demand-cells.v1 0 is kept from {since} on only: counts and forecast are told from part of the window"
    ]


def test_a_tick_of_another_quote_at_the_same_place_is_not_taken_for_it():
    """A topic made anew has other records at old offsets: that tick is gone, not the wrong one told."""
    made = topics()
    made.put(SURGE, QUOTE.tick_offset, replace(TICK, now_ms=TICK.now_ms + 1), at_ms=TICK.now_ms)
    assert any(sentence.startswith("the tick, surge.v1") for sentence in told(made)["gone"])


def test_an_unknown_quote_is_refused_and_a_database_that_is_away_is_said():
    """By id or by place; the topics are asked even where the database cannot be."""
    with pytest.raises(NoSuchQuoteError, match="no quote 'q-0' is in the records kept"):
        told(topics(), quote_id="q-0")
    with pytest.raises(NoSuchQuoteError, match="nor in the database"):
        told(topics(), database(), quote_id="q-0")
    for place in ((0, 99), (3, 7)):
        with pytest.raises(NoSuchQuoteError, match="never there, or is no longer kept"):
            asyncio.run(Gathering(topics()).at(*place))
    story = told(topics(), database(away=True))
    assert story["gone"] == ["the database at db:5432/rides does not answer"]
    assert story["forecast"] is not None


def test_the_page_needs_nothing_else_and_says_what_the_terminal_says():
    """No script, no request; every step of the chain and every source stands in it."""
    story = told(topics())
    page = page_of(story)
    assert "<script" not in page
    assert "http" not in page
    for row in chain_rows(story):
        assert all(cell in page for cell in row)
    assert all(f"{one['topic']} {one['partition']}@" in page for one in story["sources"])
    assert "add up to the margin" in page
