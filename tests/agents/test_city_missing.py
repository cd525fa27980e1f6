"""Without the city's totals demand is incomplete: the city would seem quiet, its cells the busier, and prices rise."""

import pytest

from tests.agents.test_model_swap import desk
from tests.unit.pricing.counts_log import CELL, ZONE, city, demand, supply
from tests.unit.pricing.worlds import NOON_MS
from topics.counts import CountKind

COMPLETE, ALIVE = CountKind.SNAPSHOT_COMPLETE, CountKind.ALIVE


@pytest.mark.parametrize("silent", [True, False])
def test_no_price_rises_while_the_citys_totals_are_missing(silent):
    """The zone's own counts go on; the totals were last heard of five minutes ago, or all the time."""
    made, offset = desk(), 0
    for second in range(600):
        now_ms = NOON_MS + 1_000 * second
        kind = ALIVE if second else COMPLETE
        said = [supply(kind, sources=1, offset=offset, now_ms=now_ms), demand(kind, sources=1, now_ms=now_ms)]
        said += [supply(sources=1, offset=offset, now_ms=now_ms, idle={CELL: 1})]
        said += [demand(sources=1, now_ms=now_ms, pane=now_ms // 10_000 * 10_000, asked={CELL: 9})]
        for record in said:
            offset += 1
            take = made.supply if hasattr(record, "pings_offset") else made.demand
            take(0, record, offset, now_ms)
        if second < 300 or not silent:
            made.city_demand(city(said[1]), offset)
            made.city_demand(city(said[3]), offset + 1)
            offset += 1
        tick = made.tick(ZONE, now_ms)
        made.ticked(tick, second)
        if second == 304:
            before = max(tick.smooth_hundredths)
    assert tick.demand_complete is not silent
    if silent:
        assert max(tick.smooth_hundredths) <= before
