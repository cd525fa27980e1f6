"""Records that each apply from an instant on: which one is in force."""

from bisect import insort
from typing import Generic, TypeVar

T = TypeVar("T")


class Timetable(Generic[T]):
    """Versions of one thing, ordered by (effective_from_ms, offset); the last that has begun is in force.

    >>> table = Timetable[str]()
    >>> table.add(100, 7, "scheduled")
    >>> table.add(50, 8, "set at once")
    >>> table.at(60), table.at(100), table.at(10)
    ('set at once', 'scheduled', None)
    """

    __slots__ = ("_starts", "_values")

    def __init__(self) -> None:
        self._starts: list[tuple[int, int]] = []
        self._values: dict[tuple[int, int], T] = {}

    def add(self, effective_from_ms: int, offset: int, value: T) -> None:
        """Learn a version; the same offset again replaces it."""
        start = (effective_from_ms, offset)
        if start not in self._values:
            insort(self._starts, start)
        self._values[start] = value

    def at(self, now_ms: int) -> T | None:
        """The version in force at `now_ms`; None if none has begun."""
        for start in reversed(self._starts):
            if start[0] <= now_ms:
                return self._values[start]
        return None

    def after(self, now_ms: int) -> list[T]:
        """The versions that begin after `now_ms`, of equal beginnings the last only, the soonest first."""
        last = {start[0]: self._values[start] for start in self._starts if start[0] > now_ms}
        return list(last.values())
