"""Whether the pings of a source partition still tell of its fleet.

Cars leave one by one. When nobody of a whole fleet sends anything any more, it is not they who are gone: their pings do
not come. Counts would tell of an empty city then, and when pings come again, of the first few cars as of all of them:

    pings   ||||||||||||                  |   ||   ||| |||||||||||
    cars             20                   1   3      9          16
    told    ────────────────────>|· · · · · · · · · · · · · · · |──────>
                        ├ 10 s ──┤        ├ at most one expiry ─┤

So a silence ends when most of the fleet is back, or when whoever is not had the time of an expiry to send a ping.
"""

from collections.abc import Callable
from dataclasses import dataclass

from supply.fleet import PING_EXPIRY_MS

SILENT_AFTER_MS, FLEET = 10_000, 10
"""When nobody of so many cars sends anything for so long, their pings do not come. Pings as old are no news either
while others are still to be read."""
BACK_RATIO = 0.8


@dataclass(slots=True)
class Silence:
    """What one epoch knows of the fleet it told of last.

    `cars` is how many those were, None before it told of any. `fallen` says that a fleet has fallen silent and is not
    back, `heard_ms` when its pings came again, None while they do not.
    """

    cars: int | None = None
    fallen: bool = False
    heard_ms: int | None = None

    def holds(
        self, now_ms: int, *, appended_ms: int, has_read_all: Callable[[], bool], cars_at: Callable[[int], int]
    ) -> bool:
        """Whether to say nothing at `now_ms`; the newest ping read was appended at `appended_ms`.

        `cars_at` counts the cars alive at an instant, by the pings read. Nothing is said either by who is as far behind
        with its reading. An epoch that begins far behind knows of no fleet until it has read all; one that begins while
        no pings come, of that of the last ones. A further silence begins anew, whoever came back before.
        """
        if now_ms - appended_ms > SILENT_AFTER_MS:
            return self._holds_without_pings(appended_ms, all_read=has_read_all(), cars_at=cars_at)
        if not self.fallen:
            return False
        if self.heard_ms is None:
            self.heard_ms = now_ms
        waits = abs(now_ms - self.heard_ms) < PING_EXPIRY_MS  # a clock may be set back
        self.fallen = waits and cars_at(now_ms) < BACK_RATIO * (self.cars or 0)
        return self.fallen

    def _holds_without_pings(self, appended_ms: int, *, all_read: bool, cars_at: Callable[[int], int]) -> bool:
        if self.cars is None and all_read:
            self.cars = cars_at(appended_ms)
        self.fallen, self.heard_ms = (self.cars or 0) >= FLEET, None
        return self.fallen or not all_read
