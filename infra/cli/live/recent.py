"""Figures about the last while, in bounded memory. Time is an argument, epoch milliseconds."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

RECENT_MS = 60_000
MOST_VALUES = 4_000
RATE_OVER_MS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Where the values of the last minute lie, milliseconds; `samples` 0 means that nothing was measured."""

    p50_ms: float = 0.0
    p95_ms: float = 0.0
    p99_ms: float = 0.0
    samples: int = 0


@dataclass(slots=True)
class RecentValues:
    """Durations of the last minute, the newest 4,000 at most.

    >>> seen = RecentValues()
    >>> for ms in range(1, 101):
    ...     seen.add(ms, at_ms=0)
    >>> seen.spread(now_ms=30_000)
    Spread(p50_ms=50, p95_ms=95, p99_ms=99, samples=100)
    >>> seen.spread(now_ms=60_001).samples
    0
    """

    _values: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=MOST_VALUES))

    def add(self, ms: float, *, at_ms: int) -> None:
        """Remember one duration observed at `at_ms`; below zero, where two clocks differ, counts as zero."""
        self._values.append((at_ms, max(ms, 0)))

    def spread(self, now_ms: int) -> Spread:
        """Percentiles by nearest rank."""
        values = sorted(ms for at_ms, ms in self._values if now_ms - at_ms <= RECENT_MS)
        if not values:
            return Spread()
        p50, p95, p99 = (values[-(-len(values) * percent // 100) - 1] for percent in (50, 95, 99))
        return Spread(p50_ms=p50, p95_ms=p95, p99_ms=p99, samples=len(values))


@dataclass(slots=True)
class Ends:
    """Where each partition ended at the latest looks, and so how fast it grows."""

    _looks: deque[tuple[int, Mapping[tuple[str, int], int]]] = field(default_factory=lambda: deque(maxlen=12))

    def add(self, ends: Mapping[tuple[str, int], int], *, at_ms: int) -> None:
        """Remember the ends (next offset by topic and partition) as they stood at `at_ms`."""
        self._looks.append((at_ms, ends))

    @property
    def looks(self) -> int:
        """How many looks are remembered; a rate needs two."""
        return len(self._looks)

    def per_s(self, topic: str, *, now_ms: int) -> float:
        """Records a second over the last five seconds, or what is known of them; 0 before the second look."""
        looks = [look for look in self._looks if now_ms - look[0] <= RATE_OVER_MS + 1_000]
        if len(looks) < 2:
            return 0.0
        (first_ms, first), (last_ms, last) = looks[0], looks[-1]
        grown = sum(end - first.get(place, end) for place, end in last.items() if place[0] == topic)
        return grown * 1000 / max(last_ms - first_ms, 1)

    def history(self, topic: str) -> list[float]:
        """Records a second between each two looks, oldest first."""
        return [
            sum(end - before.get(place, end) for place, end in after.items() if place[0] == topic)
            * 1000
            / max(after_ms - before_ms, 1)
            for (before_ms, before), (after_ms, after) in pairwise(self._looks)
        ]

    def before(self, at_ms: int) -> Mapping[tuple[str, int], int]:
        """The ends as they stood at the last look no later than `at_ms`; empty if there was none."""
        return next((ends for look_ms, ends in reversed(self._looks) if look_ms <= at_ms), {})


@dataclass(slots=True)
class Budget:
    """How many records a second may be decoded, so that watching a busy system does not slow it.

    Unused allowance is kept for one second at most. What is passed over is counted.

    >>> budget = Budget(per_s=2)
    >>> [budget.take(at_ms) for at_ms in (0, 0, 0, 500)]
    [True, True, False, True]
    >>> budget.share
    0.75
    """

    per_s: int
    taken: int = 0
    passed_over: int = 0
    _left: float = field(init=False)
    _at_ms: int = 0

    def __post_init__(self) -> None:
        self._left = float(self.per_s)

    def take(self, at_ms: int) -> bool:
        """Whether the next record may be decoded at `at_ms`."""
        if at_ms > self._at_ms:
            self._left = min(self.per_s, self._left + (at_ms - self._at_ms) * self.per_s / 1000)
            self._at_ms = at_ms
        if self._left < 1:
            self.passed_over += 1
            return False
        self._left -= 1
        self.taken += 1
        return True

    @property
    def share(self) -> float:
        """Part of all records that was decoded; 1.0 before the first."""
        seen = self.taken + self.passed_over
        return self.taken / seen if seen else 1.0
