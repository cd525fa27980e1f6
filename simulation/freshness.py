"""Freshness: from a ping's publication to the first tick that includes it.

Measured from outside, by reading topics only. A ping stands at an offset of a source partition; a counts record names
the last offset it includes; a tick names the last counts record it includes, so inclusion is proven, not guessed:

    driver-pings/3   ... 41 [42] 43 ...
    supply-cells/1            [900: source 3, up to 43]
    surge/1                          [tick: zone Z, supply up to 905]   <- appended: fresh
"""

from collections import deque
from dataclasses import dataclass

MAX_WAITING = 10_000
GIVEN_UP_AFTER_MS = 60_000
"""Of pings in the way of others: those of a zone outside every market wait for a tick that never comes."""


@dataclass(frozen=True, slots=True)
class PingSample:
    """One ping followed: where it stands and when it was published (epoch ms)."""

    source_partition: int
    offset: int
    published_ms: int
    zone: int
    zone_partition: int


class FreshnessTracker:
    """Follows sampled pings until a tick includes them."""

    def __init__(self) -> None:
        self._uncounted: dict[tuple[int, int], deque[PingSample]] = {}  # by source and zone partition
        self._counted: dict[int, deque[tuple[int, int]]] = {}  # zone -> (supply offset, published ms)
        self._forgot_ms = 0
        self.waiting = 0
        self.given_up = 0

    def published(self, sample: PingSample) -> None:
        """Follow a ping. With too many on the way old ones are given up, else this one; both are counted."""
        if self.waiting >= MAX_WAITING:
            self._forget(sample.published_ms - GIVEN_UP_AFTER_MS)
        if self.waiting >= MAX_WAITING:
            self.given_up += 1
            return
        self._uncounted.setdefault((sample.source_partition, sample.zone_partition), deque()).append(sample)
        self.waiting += 1

    def _forget(self, before_ms: int) -> None:
        """Give up what was published earlier, looking once a second; a ping may claim any instant."""
        if abs(before_ms - self._forgot_ms) < 1_000:
            return
        self._forgot_ms = before_ms
        self._uncounted = {
            place: deque(sample for sample in queue if sample.published_ms >= before_ms)
            for place, queue in self._uncounted.items()
        }
        self._counted = {
            zone: deque(counted for counted in queue if counted[1] >= before_ms)
            for zone, queue in self._counted.items()
        }
        left = sum(map(len, self._uncounted.values())) + sum(map(len, self._counted.values()))
        self.given_up += self.waiting - left
        self.waiting = left

    def counted(self, *, source_partition: int, zone_partition: int, zone: int, pings_offset: int, offset: int) -> None:
        """A counts record at `offset` of `zone_partition` includes pings up to `pings_offset`; zone 0: of all zones."""
        queue = self._uncounted.get((source_partition, zone_partition))
        if not queue:
            return
        kept: deque[PingSample] = deque()
        for sample in queue:
            if sample.offset <= pings_offset and zone in {0, sample.zone}:
                self._counted.setdefault(sample.zone, deque()).append((offset, sample.published_ms))
            else:
                kept.append(sample)
        self._uncounted[(source_partition, zone_partition)] = kept

    def ticked(self, *, zone: int, supply_offset: int, appended_ms: int) -> list[int]:
        """A tick of `zone` includes counts up to `supply_offset`.

        The freshness in ms of each ping it is the first for.
        """
        queue = self._counted.get(zone)
        fresh: list[int] = []
        while queue and queue[0][0] <= supply_offset:
            fresh.append(appended_ms - queue.popleft()[1])
        self.waiting -= len(fresh)
        return fresh
