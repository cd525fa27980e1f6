"""Measures of nodes over the last minutes, and when one of them left its usual range.

    usual range of a measure: median ± the larger of four deviations and a third, over the minutes before
    value   ~~~~~~~~~~~~~~~~~|_______________        moved at the first of `LASTING` values outside it,
                             moved                   of which one may have been inside

Rules are pure: instants come in, nothing is decided by a clock.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

KEPT = 600
"""Values of each measure: ten minutes at one a second."""
LASTING = 6
USUAL_AT_LEAST = 30
"""Values without which there is no usual range yet."""
DEVIATIONS = 4.0
SHARE = 0.34

Measure = tuple[str, str]
"""Node and what is measured of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A measure that left its usual range: when, from which usual value to which one since."""

    node: str
    measure: str
    at_ms: int
    before: float
    after: float


@dataclass(slots=True)
class Trends:
    """The last minutes of every measure, oldest first."""

    series: dict[Measure, deque[tuple[int, float]]] = field(default_factory=dict)
    began_ms: int = 0

    def measured(self, at_ms: int, values: Mapping[Measure, float]) -> None:
        """Remember these values of one instant, which never runs backwards."""
        self.began_ms = self.began_ms or at_ms
        for measure, value in values.items():
            self.series.setdefault(measure, deque(maxlen=KEPT)).append((at_ms, value))

    def move_of(self, measure: Measure, *, from_ms: int) -> Move | None:
        """When the measure left the range it had before `from_ms`, at or after that instant; None if it did not."""
        held = self.series.get(measure, ())
        usual = [value for at_ms, value in held if at_ms < from_ms]
        since = [(at_ms, value) for at_ms, value in held if at_ms >= from_ms]
        place = departure(usual, [value for _, value in since], floor=FLOORS.get(measure[1], 1.0))
        if place is None:
            return None
        after = median(value for _, value in since[place:])
        return Move(node=measure[0], measure=measure[1], at_ms=since[place][0], before=median(usual), after=after)

    def last(self, measure: Measure, many: int) -> list[float]:
        """The newest values, oldest first."""
        return [value for _, value in list(self.series.get(measure, ()))[-many:]]


FLOORS: Mapping[str, float] = {"silent": 5.0, "behind": 3.0, "busy": 0.3, "tick_ms": 150.0, "quote_ms": 300.0}
"""A change smaller than this is none, whatever the usual range: seconds, seconds, cores, milliseconds; else one a
second."""


def departure(usual: Sequence[float], since: Sequence[float], *, floor: float) -> int | None:
    """The place in `since` at which the values leave the range of `usual` for good; None if they stay.

    None as well where there are too few usual values to judge by.

    >>> departure([10, 11, 9] * 20, [10, 9, 2, 1, 2, 1, 2, 1], floor=1.0)
    2
    >>> departure([10, 11, 9] * 20, [10, 2, 10, 9, 11, 10, 9, 10], floor=1.0) is None
    True
    """
    if len(usual) < USUAL_AT_LEAST:
        return None
    middle = median(usual)
    deviation = 1.4826 * median(abs(value - middle) for value in usual)
    reach = max(DEVIATIONS * deviation, SHARE * abs(middle), floor)
    outside = [abs(value - middle) > reach for value in since]
    for place in range(len(outside) - LASTING + 1):
        if outside[place] and sum(outside[place : place + LASTING]) >= LASTING - 1 and outside[-1]:
            return place
    return None


def first_of(moves: Iterable[Move], distance: Mapping[str, int], *, together_ms: int = 3_000) -> Move | None:
    """The move that came first; of those within `together_ms` of it, the one farthest upstream.

    >>> def move(node, at_ms): return Move(node=node, measure="rate", at_ms=at_ms, before=1, after=0)
    >>> moves = [move("quotes", 9_000), move("pricing", 1_500), move("supply", 2_000)]
    >>> first_of(moves, {"pricing": 1, "supply": 3}).node
    'supply'
    """
    ordered = sorted(moves, key=lambda move: move.at_ms)
    if not ordered:
        return None
    near = [move for move in ordered if move.at_ms <= ordered[0].at_ms + together_ms]
    return max(near, key=lambda move: distance.get(move.node, 0))
