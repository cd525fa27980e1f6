"""Where each partition ended, over the last minutes: rates, totals and lag in seconds from offsets alone.

The end of a partition is looked at about once a second. A reader that stands at offset `n` is as old as the instant at
which the end passed `n`: that is its lag in seconds, whatever the rate.

      end     10 ── 14 ─────── 20 ── 20      a reader at 14 at t=4 s is 3 s behind:
      t, s     0     1          3     4      the end was still 14 at t=1 s
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

KEPT_MS = 10 * 60_000
Place = tuple[str, int]
"""Topic name and partition."""


@dataclass(slots=True)
class Pauses:
    """When a topic last grew, how often it was seen to, and the longest it did not in between."""

    last_ms: int = 0
    times: int = 0
    longest_ms: int = 0

    def grew(self, at_ms: int) -> None:
        """Take note that it grew up to `at_ms`."""
        self.longest_ms = max(self.longest_ms, at_ms - self.last_ms) if self.times else 0
        self.last_ms, self.times = at_ms, self.times + 1


@dataclass(slots=True)
class Ends:
    """Ends of all partitions, youngest last."""

    pauses: dict[str, Pauses] = field(default_factory=dict)
    _looks: deque[tuple[int, Mapping[Place, int]]] = field(default_factory=deque)

    def looked(self, at_ms: int, ends: Mapping[Place, int]) -> None:
        """Remember the ends (offset of the next record) seen at `at_ms`, which never runs backwards."""
        before = self.newest
        for topic in {place[0] for place, end in ends.items() if end > before.get(place, end)}:
            self.pauses.setdefault(topic, Pauses()).grew(at_ms)
        self._looks.append((at_ms, dict(ends)))
        while self._looks and self._looks[0][0] < at_ms - KEPT_MS:
            self._looks.popleft()

    @property
    def newest(self) -> Mapping[Place, int]:
        """The ends seen last."""
        return self._looks[-1][1] if self._looks else {}

    def partitions(self, topic: str) -> list[int]:
        """Partitions of the topic, ascending."""
        return sorted(partition for name, partition in self.newest if name == topic)

    def rate_per_s(self, topic: str, *, over_ms: int) -> float:
        """Records a second appended to the topic over about the last `over_ms`."""
        return sum(self.partition_rate_per_s(topic, number, over_ms=over_ms) for number in self.partitions(topic))

    def partition_rate_per_s(self, topic: str, partition: int, *, over_ms: int) -> float:
        """Records a second appended to one partition over about the last `over_ms`."""
        if len(self._looks) < 2:
            return 0.0
        now_ms, now = self._looks[-1]
        then_ms, then = self._at(now_ms - over_ms)
        place = (topic, partition)
        return max(0, now.get(place, 0) - then.get(place, now.get(place, 0))) / max(now_ms - then_ms, 1) * 1000

    def behind_ms(self, topic: str, partition: int, *, next_offset: int, now_ms: int) -> int:
        """How long ago the end passed `next_offset`, which a reader will read next; 0 if it has not.

        Looks younger than `now_ms` are left out: the reader's word is from then. At most as long as looks are kept.

        >>> ends = Ends()
        >>> for at_s, end in ((0, 10), (1, 14), (3, 20), (4, 20)): ends.looked(at_s * 1000, {("t", 0): end})
        >>> ends.behind_ms("t", 0, next_offset=14, now_ms=4000), ends.behind_ms("t", 0, next_offset=20, now_ms=4000)
        (3000, 0)
        """
        place = (topic, partition)
        seen = [(at_ms, ends.get(place, 0)) for at_ms, ends in self._looks if at_ms <= now_ms]
        if not seen or seen[-1][1] <= next_offset:
            return 0
        reached = [at_ms for at_ms, end in seen if end <= next_offset]
        return now_ms - (reached[-1] if reached else seen[0][0])

    def _at(self, at_ms: int) -> tuple[int, Mapping[Place, int]]:
        times = [look[0] for look in self._looks]
        return self._looks[max(bisect_right(times, at_ms) - 1, 0)]
