"""Freshness is proven by offsets: ping, counts record, tick."""

import pytest

from simulation.freshness import GIVEN_UP_AFTER_MS, MAX_WAITING, FreshnessTracker, PingSample

ZONE, OTHER = 7, 8


def sample(offset: int, *, published_ms: int = 1_000, zone: int = ZONE) -> PingSample:
    return PingSample(source_partition=3, offset=offset, published_ms=published_ms, zone=zone, zone_partition=1)


@pytest.mark.parametrize(
    ("counted_zone", "pings_offset", "tick_zone", "tick_supply_offset", "expected"),
    [
        (ZONE, 42, ZONE, 900, [500]),  # ping 42 | counts 900 up to 42 | tick up to 900: fresh
        (0, 42, ZONE, 905, [500]),  # ALIVE speaks for every zone
        (ZONE, 41, ZONE, 900, []),  # counts stop one ping short
        (OTHER, 42, ZONE, 900, []),  # counts of another zone say nothing
        (ZONE, 42, ZONE, 899, []),  # the tick has not read the counts yet
        (ZONE, 42, OTHER, 900, []),  # the tick of another zone
    ],
)
def test_a_ping_is_fresh_with_the_first_tick_that_includes_it(
    counted_zone: int, pings_offset: int, tick_zone: int, tick_supply_offset: int, expected: list[int]
) -> None:
    """A tick counts only if it includes a counts record of the ping's zone that includes the ping."""
    tracker = FreshnessTracker()
    tracker.published(sample(42))
    tracker.counted(source_partition=3, zone_partition=1, zone=counted_zone, pings_offset=pings_offset, offset=900)
    assert tracker.ticked(zone=tick_zone, supply_offset=tick_supply_offset, appended_ms=1_500) == expected


def test_a_ping_is_measured_once() -> None:
    """Later ticks that include the ping as well say nothing new."""
    tracker = FreshnessTracker()
    tracker.published(sample(42))
    tracker.counted(source_partition=3, zone_partition=1, zone=ZONE, pings_offset=50, offset=900)
    assert tracker.ticked(zone=ZONE, supply_offset=900, appended_ms=1_100) == [100]
    assert tracker.ticked(zone=ZONE, supply_offset=950, appended_ms=1_200) == []


def test_memory_is_bounded_when_no_tick_comes() -> None:
    """With nothing coming back, samples are given up and counted instead of piling up."""
    tracker = FreshnessTracker()
    for offset in range(MAX_WAITING + 5):
        tracker.published(sample(offset))
    assert (tracker.waiting, tracker.given_up) == (MAX_WAITING, 5)


@pytest.mark.parametrize("counted", [False, True])
def test_pings_of_a_zone_without_ticks_give_way_after_a_while(counted: bool) -> None:
    """A zone outside every market is never ticked: what waits for it must not end all measuring."""
    tracker = FreshnessTracker()
    for offset in range(MAX_WAITING):
        tracker.published(sample(offset, zone=OTHER))
    if counted:
        tracker.counted(source_partition=3, zone_partition=1, zone=0, pings_offset=MAX_WAITING, offset=1)
    later_ms = 1_000 + GIVEN_UP_AFTER_MS + 1
    tracker.published(sample(MAX_WAITING, published_ms=later_ms))
    assert (tracker.waiting, tracker.given_up) == (1, MAX_WAITING)
    tracker.counted(source_partition=3, zone_partition=1, zone=ZONE, pings_offset=MAX_WAITING, offset=2)
    assert tracker.ticked(zone=ZONE, supply_offset=2, appended_ms=later_ms + 300) == [300]
