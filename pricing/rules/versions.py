"""Which version of a market's definition or policy counts, and when it was in force.

A version says from which one it was made. It counts only if that one is still the newest:

    log of one market   0 A on -1      3 B on 0      4 C on 0      7 D on 3
    newest after it     A              B             B             D          C was outrun: B came before it

Every reader applies this to the same log in the same order, so all agree without a lock, and no writer can undo what it
has not seen. A version that names none counts in any case.
"""

from collections.abc import Iterable
from dataclasses import dataclass

NONE_BEFORE = -1


class OutrunError(ValueError):
    """Another version was published after the one this was made from; `newest` is its offset."""

    def __init__(self, market: str, *, newest: int, based_on: int) -> None:
        super().__init__(f"based_on_offset must be {newest}, the newest version of {market}, got {based_on}")
        self.newest = newest


class Succession:
    """The newest version that counts, per market.

    >>> log = Succession()
    >>> log.admit("nyc", 0, based_on=-1)
    >>> log.admit("nyc", 3, based_on=0)
    >>> log.admit("nyc", 4, based_on=0)
    Traceback (most recent call last):
    pricing.rules.versions.OutrunError: based_on_offset must be 3, the newest version of nyc, got 0
    """

    __slots__ = ("_newest",)

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}

    def newest(self, market: str) -> int:
        """Offset of the market's newest version that counts; -1 if it has none."""
        return self._newest.get(market, NONE_BEFORE)

    def admit(self, market: str, offset: int, *, based_on: int | None) -> None:
        """Take in the version at `offset`, in order of offset. Raises OutrunError if it does not count."""
        newest = self.newest(market)
        if based_on is not None and newest not in {based_on, offset}:
            raise OutrunError(market, newest=newest, based_on=based_on)
        self._newest[market] = offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """A version that counts: where it stands, when the broker got it, and from when on it is to apply."""

    offset: int
    appended_ms: int
    effective_from_ms: int

    @property
    def begins_ms(self) -> int:
        """The first instant at which it can have been in force."""
        return max(self.appended_ms, self.effective_from_ms)


def spans_of(versions: Iterable[Scheduled]) -> dict[int, tuple[int, int | None] | None]:
    """When each version of one market was in force, by offset: `[start_ms, end_ms)`, no end if none is known yet.

    None for a version that another replaced before it began. Of those that have begun, the one with the latest
    `effective_from_ms` is in force, of equal ones the last published.

    >>> late = Scheduled(offset=1, appended_ms=5, effective_from_ms=100)
    >>> spans_of([Scheduled(offset=0, appended_ms=0, effective_from_ms=10), late])
    {0: (10, 100), 1: (100, None)}
    """
    known = list(versions)
    return {one.offset: _span(one, known) for one in known}


def _span(one: Scheduled, known: list[Scheduled]) -> tuple[int, int | None] | None:
    rank = (one.effective_from_ms, one.offset)
    above = [other.begins_ms for other in known if (other.effective_from_ms, other.offset) > rank]
    end_ms = min(above, default=None)
    return None if end_ms is not None and end_ms <= one.begins_ms else (one.begins_ms, end_ms)
