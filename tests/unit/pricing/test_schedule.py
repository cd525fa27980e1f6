"""When a zone is priced again."""

import pytest

from pricing.zones.schedule import MAX_INTERVAL_MS, MIN_INTERVAL_MS, Due, due_zones, first_due

NOW = 1_000_000


@pytest.mark.parametrize(
    ("since_tick_ms", "news", "is_due"),
    [
        (249, True, False),  # tick |--news--249| too soon
        (250, True, True),  #  tick |--news--250| now
        (4_999, False, False),  # nothing new, not yet five seconds
        (5_000, False, True),  # nothing new, but the market wants a sign of life
    ],
)
def test_a_zone_is_due_after_news_or_five_seconds(since_tick_ms: int, news: bool, is_due: bool) -> None:
    """News waits for 250 ms after the last tick, silence for five seconds."""
    due = Due(ticked_ms=NOW - since_tick_ms, news_since_ms=NOW - 100 if news else None)
    assert due_zones([(1, due)], NOW) == ([1] if is_due else [])


def test_a_clock_that_steps_back_holds_no_zone_back() -> None:
    """Whoever was priced after now counts as priced now."""
    due = Due(ticked_ms=NOW + 3_600_000)
    assert due_zones([(1, due)], NOW) == []
    assert due_zones([(1, due)], NOW + MAX_INTERVAL_MS) == [1]


def test_the_longest_waiting_zone_goes_first() -> None:
    """Order of waiting decides, not order of the table; who is quiet waits since five seconds after the last tick."""
    zones = [(1, Due(NOW - 900, NOW - 100)), (2, Due(NOW - 300, NOW - 280)), (3, Due(NOW - 6_000))]
    assert due_zones(zones, NOW) == [3, 2, 1]


def test_a_quiet_zone_is_priced_beside_more_news_than_can_be_priced() -> None:
    """A worker that prices 80 zones a second of 160 that are due: all wait their turn, none for ever."""
    quiet, step_ms, at_once = 0, 50, 4
    zones = {zone: Due(NOW) for zone in range(41)}
    last_ms, longest_ms = dict.fromkeys(zones, NOW), dict.fromkeys(zones, 0)
    for now_ms in range(NOW, NOW + 30_000, step_ms):
        for zone, due in zones.items():
            if zone != quiet:
                due.heard(now_ms)
        for zone in due_zones(zones.items(), now_ms)[:at_once]:
            zones[zone].ticked(now_ms)
            last_ms[zone] = now_ms
        longest_ms = {zone: max(ms, now_ms - last_ms[zone]) for zone, ms in longest_ms.items()}
    round_ms = len(zones) / at_once * step_ms
    assert longest_ms.pop(quiet) <= MAX_INTERVAL_MS + round_ms
    assert max(longest_ms.values()) <= MIN_INTERVAL_MS + 2 * round_ms


def test_news_is_waited_from_its_first_sign() -> None:
    """Later news does not push a waiting zone back, and a tick covers all of it."""
    due = Due(NOW)
    due.heard(NOW + 10)
    due.heard(NOW + 200)
    assert due.news_since_ms == NOW + 10
    due.ticked(NOW + 250)
    assert due == Due(NOW + 250)


def test_taken_over_zones_are_staggered_over_the_five_seconds() -> None:
    """First ticks of many zones spread instead of falling together."""
    seconds = {(NOW - first_due(zone << 36, NOW).ticked_ms) * 5 // MAX_INTERVAL_MS for zone in range(200)}
    assert seconds == {0, 1, 2, 3, 4}
