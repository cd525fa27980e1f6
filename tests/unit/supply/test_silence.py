"""A silence begins with a whole fleet at once, and ends when most of it is back, or one expiry later."""

import pytest

from supply.fleet import PING_EXPIRY_MS
from supply.silence import FLEET, SILENT_AFTER_MS, Silence


def said(fleet, timeline, *, all_read=True):
    """Whether something is told at each (now, append time of the newest ping, cars alive), after `fleet` cars were."""
    silence, told = Silence(fleet), []
    for now_ms, appended_ms, cars in timeline:
        holds = silence.holds(
            now_ms, appended_ms=appended_ms, has_read_all=lambda: all_read, cars_at=lambda _at_ms, cars=cars: cars
        )
        told.append(not holds)
        if not holds:
            silence.cars = cars
    return told


FELL = SILENT_AFTER_MS + 1


@pytest.mark.parametrize(
    ("fleet", "timeline", "told"),
    [
        (100, [(SILENT_AFTER_MS, 0, 100), (FELL, 0, 100)], [True, False]),
        (FLEET - 1, [(FELL, 0, 0), (FELL + 1, FELL + 1, 1)], [True, True]),
        (100, [(FELL, 0, 50), (20_000, 20_000, 3), (21_000, 21_000, 79), (22_000, 22_000, 80)], [False] * 3 + [True]),
        (100, [(FELL, 0, 50), (20_000, 20_000, 3), (20_000 + PING_EXPIRY_MS, 45_000, 3)], [False, False, True]),
        (100, [(FELL, 0, 50), (20_000, 20_000, 3), (40_000, 20_000, 3), (55_000, 55_000, 3)], [False] * 4),
        (100, [(FELL, 0, 50), (20_000, 20_000, 90), (21_000, 21_000, 3)], [False, True, True]),
        (100, [(FELL, 0, 50), (90_000, 90_000, 3), (1_000, 1_000, 3)], [False, False, True]),
    ],
)
def test_a_fleet_is_told_of_while_its_pings_come(fleet, timeline, told):
    """At the bound; a few cars; most are back; never back; silent again; back for good; a clock set back."""
    assert said(fleet, timeline) == told


@pytest.mark.parametrize(("fleet", "after"), [(100, False), (FLEET - 1, True)])
def test_who_reads_far_behind_says_nothing_and_then_waits_for_a_fleet_it_knows(fleet, after):
    """Pings as old are no news; the first new ones of a known fleet are no more than after a silence."""
    assert said(fleet, [(FELL, 0, 100), (20_000, 20_000, 3)], all_read=False) == [False, after]
