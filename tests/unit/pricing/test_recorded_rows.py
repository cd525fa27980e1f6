"""Rows of PRICING's table as earlier releases wrote them, recorded: read as they were meant, or refused."""

import base64
import json
from pathlib import Path

import pytest

from pricing.zones.row_format import FORMAT_VERSION, READABLE_VERSIONS, UnknownRowFormatError
from pricing.zones.zone_join import PartitionState, apply_supply
from pricing.zones.zone_rows import dirty_rows, restore
from tests.unit.pricing.counts_log import CELL, START_MS, ZONE, supply

STATE = Path(__file__).parents[2] / "golden" / "state"
PARTITION = 3


def rows_of(version):
    """The rows as they stood in the changelog."""
    recorded = json.loads((STATE / f"pricing-rows-format-{version}.json").read_text())
    assert recorded["format_version"] == version
    return [(key.encode(), base64.b64decode(row)) for key, row in recorded["rows"]]


def test_every_format_that_is_read_is_recorded():
    """Whoever makes a new format records the one before it."""
    assert {f"pricing-rows-format-{version}.json" for version in READABLE_VERSIONS} == {f.name for f in STATE.iterdir()}


@pytest.mark.parametrize("version", READABLE_VERSIONS)
def test_recorded_rows_mean_what_they_meant(version):
    """Cars, riders, car time and offsets of a zone whose history is known: seven idle cars, four requests."""
    state = restore(PARTITION, rows_of(version))
    zone = state.zones[ZONE]
    assert {source: int(cars.idle.sum()) for source, cars in zone.cars.items()} == {0: 5, 1: 2}
    first = START_MS // 10_000 * 10_000
    assert {pane: int(ms.sum()) for pane, ms in zone.idle_car_ms.items()} == {first: 40_000, first + 10_000: 8_000}
    riders = {source: int(counts.requests.sum()) for source, counts in zone.demand.standing[first].items()}
    assert riders == {0: 4}
    assert (state.supply.applied_offset, zone.supply_offset) == (4, 4)


@pytest.mark.parametrize("version", READABLE_VERSIONS)
def test_what_they_include_is_masked_and_what_follows_counts(version):
    """The record they include last changes nothing, the next one does, and rows are written in the format of today."""
    state = restore(PARTITION, rows_of(version))
    assert apply_supply(state, supply(source=0, idle={CELL: 9}, now_ms=START_MS + 12_000, offset=9), 4) == []
    assert apply_supply(state, supply(source=0, idle={CELL: 6}, now_ms=START_MS + 13_000, offset=10), 5) == [ZONE]
    written = [row for _, row in dirty_rows(state, START_MS + 60_000) if row is not None]
    assert {row[0] for row in written} == {FORMAT_VERSION}


def test_rows_of_a_later_release_are_refused_by_name():
    """Nothing is guessed: the sentence says which row, what can be read and what was found."""
    key, row = rows_of(FORMAT_VERSION)[0]
    with pytest.raises(UnknownRowFormatError, match=rf"row '{key.decode()}' must be 1 or 2, got 3".replace("|", r"\|")):
        restore(PARTITION, [(key, bytes((FORMAT_VERSION + 1,)) + row[1:])])


def test_the_state_of_no_rows_is_blank():
    """A group that begins has nothing to restore."""
    assert restore(PARTITION, []) == PartitionState(PARTITION)
