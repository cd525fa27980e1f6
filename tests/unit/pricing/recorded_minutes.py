"""Spans of random cars around one zone, for tests."""

import numpy as np

from pricing.models.supply_recording import SupplySpan
from pricing.zones.zone_view import layout_of
from tests.unit.pricing.counts_log import ZONE
from windows.panes import MINUTE_MS

LAYOUT = layout_of(ZONE)
START_MS = 1_700_000_040_000
assert START_MS % MINUTE_MS == 0


def drawn(minutes, *, seed=1, cells=LAYOUT.cells, level=3.0):
    """A span of random cars, crowds among them."""
    rng = np.random.default_rng(seed)
    shape = minutes, cells.size
    busy = rng.poisson(level, shape)
    return SupplySpan(
        name="drawn",
        at_ms=START_MS + MINUTE_MS * np.arange(minutes),
        cells=np.sort(cells),
        idle=rng.poisson(rng.gamma(0.5, 2.0 * level, shape)),
        busy=busy,
        soon_free=rng.binomial(busy, 0.4),
        bookings=rng.poisson(1.0, shape),
    )
