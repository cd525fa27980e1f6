"""When a zone is priced again.

    changed ──────── at most every 250 ms ────────> tick
    unchanged ────── at least every 5 s ──────────> tick     zones staggered, so that a quiet city ticks evenly

Which zone goes first when many are due is the longest waiting one: a crowded moment delays all alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass

MIN_INTERVAL_MS = 250
MAX_INTERVAL_MS = 5_000


@dataclass(slots=True)
class Due:
    """What is known of one zone: when it was last priced (epoch ms) and since when news waits (None: no news)."""

    ticked_ms: int
    news_since_ms: int | None = None

    def heard(self, now_ms: int) -> None:
        """Note that an input of the zone changed."""
        if self.news_since_ms is None:
            self.news_since_ms = now_ms

    def ticked(self, now_ms: int) -> None:
        """Note that the zone was priced with everything heard so far."""
        self.ticked_ms, self.news_since_ms = now_ms, None


def first_due(zone: int, now_ms: int) -> Due:
    """State of a zone that was just taken over: its first tick falls somewhere in the next five seconds, by its number.

    >>> first_due(3, 100_000) == first_due(3, 100_000)
    True
    """
    stagger_ms = (zone * 0x9E3779B97F4A7C15 >> 40) % MAX_INTERVAL_MS
    return Due(ticked_ms=now_ms - stagger_ms)


def due_zones(zones: Iterable[tuple[int, Due]], now_ms: int) -> list[int]:
    """Zones to price at `now_ms`, the longest waiting first: a quiet one waits since its five seconds were over.

    One that was priced after `now_ms`, by a clock that has stepped back since, counts as priced now.
    """
    waiting = []
    for zone, due in zones:
        due.ticked_ms = min(due.ticked_ms, now_ms)
        quiet_since_ms = due.ticked_ms + MAX_INTERVAL_MS
        if due.news_since_ms is not None and now_ms - due.ticked_ms >= MIN_INTERVAL_MS:
            waiting.append((min(due.news_since_ms, quiet_since_ms), due.ticked_ms, zone))
        elif now_ms >= quiet_since_ms:
            waiting.append((quiet_since_ms, due.ticked_ms, zone))
    return [zone for _, _, zone in sorted(waiting)]
