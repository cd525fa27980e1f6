"""What is copied of a partition for a zone: its own records, those about none, and late ones that tell an age."""

from types import SimpleNamespace

import pytest

from infra.clients.errors import ClientError
from replay.capture import Capture
from replay.plan import Plan, Span
from tests.unit.agents import record_batches as rb
from topics.catalogue import CITY_DEMAND, DEMAND_CELLS, SUPPLY_CELLS, SURGE
from windows.hexagons import zone_key

ZONE, OTHER = 0x862A100D7FFFFFF, 0x862A100DFFFFFFF
FROM_MS = 1_000_000
LATELY_MS = FROM_MS - 60_000
ROWS = [
    (0, 5, zone_key(ZONE), b"{}", []),
    (1, 5, zone_key(OTHER), b"{}", []),
    (2, 5, b"*", None, []),
    (3, LATELY_MS - 1, zone_key(OTHER), b"{}", []),
    (4, LATELY_MS, zone_key(OTHER), b"{}", []),
    (5, 5, None, b"{}", []),
    (6, FROM_MS, zone_key(ZONE), b"{}", [("ce_id", b"1")]),
    (7, FROM_MS, zone_key(ZONE), b"{}", []),
]


class Broker:
    """One partition whose records come in two fetches; every partition is assigned and paused."""

    def __init__(self):
        self.flowing, self._at = set(), 0
        self._fetches = [rb.raw_runs(rb.batch(ROWS[:4])).records, rb.raw_runs(rb.batch(ROWS[4:])).records]

    def seek(self, _place, offset):
        self._at = offset

    def resume(self, place):
        self.flowing.add(place)

    def pause(self, place):
        self.flowing.remove(place)

    async def getmany(self, place, timeout_ms):
        assert self.flowing == {place}
        assert timeout_ms > 0
        runs = self._fetches.pop(0)
        self._at = runs[-1].offset + 1
        return {place: runs}

    async def position(self, _place):
        return self._at


def capturing(topic, zones):
    """A copy of offsets 0 to 6, the consumer, and the span."""
    broker = Broker()
    span = Span(topic=topic, partition=0, first=0, warm_first=0, end=7, from_offset=6)
    plan = Plan(from_ms=FROM_MS, to_ms=FROM_MS + 1, zones=frozenset(zones), spans=[span])
    connection = SimpleNamespace(endpoints=SimpleNamespace(bootstrap="none"))
    return Capture(connection, broker, None, plan), broker, span


async def copied(topic, zones):
    """Records taken of offsets 0 to 6, and the consumer."""
    capture, broker, span = capturing(topic, zones)
    return [raw async for raw in capture._records(span)], broker


@pytest.mark.parametrize(
    ("topic", "zones", "offsets"),
    [
        (SUPPLY_CELLS, [ZONE], [0, 2, 4, 6]),
        (DEMAND_CELLS, [ZONE], [0, 2, 4, 6]),
        (SURGE, [ZONE], [0, 2, 6]),
        (CITY_DEMAND, [ZONE], [*range(7)]),
        (SUPPLY_CELLS, [], [*range(7)]),
    ],
)
async def test_records_of_other_zones_are_passed_over(topic, zones, offsets):
    """By key and append time; the end of the span holds, and the partition flows only while it is read."""
    raws, broker = await copied(topic, zones)
    assert [raw.offset for raw in raws] == offsets
    assert raws[-1].headers == (("ce_id", b"1"),)
    assert not broker.flowing


async def test_a_zone_without_an_output_in_the_span_leaves_no_file(tmp_path):
    """There would be nothing to make again; what only warms up is none."""
    await capturing(SURGE, [ZONE])[0].write(tmp_path / "one.faretide", code="")
    with pytest.raises(ClientError, match=f"{OTHER:x} was recorded"):
        await capturing(SURGE, [OTHER])[0].write(tmp_path / "none.faretide", code="")
    assert [path.name for path in tmp_path.iterdir()] == ["one.faretide"]
