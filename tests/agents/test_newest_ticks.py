"""The ticks that still count of a run, against taking in every one of them."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from agents.quote_desk import QuoteDesk
from agents.runtime.contracts import Contracts
from agents.runtime.newest_ticks import NewestTicks
from pricing.rules.markets import MarketBook
from pricing.rules.policy import PolicyBook
from tests.agents.test_pricing_desk import ticked
from topics.catalogue import SURGE
from topics.codec import ObjectCodec
from topics.schemas import schema_of

ID = 7
TICK = ticked(cells=[1, 2], products=["standard"], multiplier_hundredths=[100, 130])
CODEC = ObjectCodec(SURGE, ID)
WORKER = SimpleNamespace(
    contracts=Contracts({SURGE.subject: ID}, {ID: schema_of(SURGE)}),
    schema_ids=SimpleNamespace(known=lambda _schema_id: True),
)
UNREADABLE = ("null", "cut", "foreign")


def value_of(zone, epoch, readable):
    """A tick as it lies in the topic, or what stands in its place."""
    if readable == "null":
        return None
    value = CODEC.encode(replace(TICK, zone=zone, epoch_generation=epoch, epoch_started_ms=epoch * 10))
    return value[:-3] if readable == "cut" else b"\x00\x00" if readable == "foreign" else value


def said(known):
    """What a desk has of a zone, its numbers in lists or arrays."""
    tick = known.tick
    return tick.epoch_generation, tick.epoch_started_ms, [*tick.cells], [*tick.multiplier_hundredths], known.offset


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.integers(1, 3), st.sampled_from(["yes", "yes", "yes", *UNREADABLE])),
        max_size=30,
    ),
    st.integers(1, 30),
)
def test_a_desk_knows_the_same_ticks_as_one_that_read_them_all(run, size):
    """However the log is cut into runs, with ticks of zombies and ticks that nobody can read among them."""
    records = [
        SimpleNamespace(key=b"%d" % each[0], value=value_of(*each), offset=offset) for offset, each in enumerate(run)
    ]
    newest, every = (QuoteDesk(markets=MarketBook(), policies=PolicyBook()) for _ in range(2))
    picked = NewestTicks(WORKER)
    for start in range(0, len(records), size):
        for tick, offset in asyncio.run(picked.among(records[start : start + size])):
            newest.tick_read(tick, 0, offset)
    for record, (_, _, readable) in zip(records, run, strict=True):
        if readable == "yes":
            every.tick_read(CODEC.decode(record.value), 0, record.offset)
    assert {zone: said(known) for zone, known in newest.ticks.items()} == {
        zone: said(known) for zone, known in every.ticks.items()
    }
