"""The table of zones answers as the slow definition does, however often it begins anew."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windows import zone_table
from windows.hexagons import disk, zones_reached
from windows.zone_table import NO_ZONE, ZoneTable

NEAR = sorted(disk(0x882A100D67FFFFF, 4))
BOUND = 12


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.sampled_from(NEAR), max_size=2 * BOUND), min_size=1, max_size=6))
def test_every_call_is_answered_across_the_bound(asked):
    """Known cells beside new ones that pass the bound, and more cells at once than the bound."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(zone_table, "_MOST_CELLS", BOUND)
        table = ZoneTable()
        for cells in map(sorted, asked):
            zones = table.zones_of(np.array(cells, np.int64))
            assert [{*row} - {NO_ZONE} for row in zones.tolist()] == [{*zones_reached(cell)} for cell in cells]


def test_what_is_kept_stays_within_the_bound(monkeypatch):
    """Cells met one after the other; only a single call that asks for more passes it."""
    monkeypatch.setattr(zone_table, "_MOST_CELLS", BOUND)
    table = ZoneTable()
    for cell in NEAR:
        table.zones_of(np.array([cell], np.int64))
        assert table._cells.size <= BOUND
