"""What was measured, and what may be said of it: medians, spread, and ratios within one round.

Machines differ and one machine differs from minute to minute, so contestants take turns, round by round, and are
compared within each round; the median of those ratios is what holds elsewhere.

    round 1   ours  stock  loop      ratio 1
    round 2   stock loop   ours      ratio 2     another begins each time
    round 3   loop  ours   stock     ratio 3
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

Figures = Mapping[str, float]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """Who takes part: what is left after a crash, and everything that was set."""

    name: str
    guarantee: str
    configuration: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The rounds of one contestant, the same number for all who ran; `not_run` says why there are none."""

    contestant: Contestant
    rounds: Sequence[Figures] = ()
    not_run: str = ""

    def medians(self) -> dict[str, float]:
        """The median of each figure that every round has."""
        names = [name for name in (self.rounds[0] if self.rounds else {}) if all(name in each for each in self.rounds)]
        return {name: median(each[name] for each in self.rounds) for name in names}

    def spread(self, name: str) -> float:
        """Distance between the largest and the smallest round, as a share of the median; 0 if that is 0."""
        values = [each[name] for each in self.rounds]
        middle = median(values)
        return (max(values) - min(values)) / middle if middle else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """One job: the first outcome is ours, `headline` the figure by which the others are compared with it."""

    job: str
    about: str
    headline: str
    outcomes: Sequence[Outcome]
    facts: Mapping[str, float | str] = field(default_factory=dict)

    def ratios(self) -> dict[str, float]:
        """How many times the headline of each other contestant ours is, over those who ran."""
        ours, *others = self.outcomes
        ran = [other for other in others if other.rounds and ours.rounds]
        return {each.contestant.name: ratio(ours.rounds, each.rounds, self.headline) for each in ran}


def ratio(ours: Sequence[Figures], theirs: Sequence[Figures], name: str) -> float:
    """Median over the rounds of ours divided by theirs in the same round.

    Raises ValueError if the rounds differ in number.

    >>> ratio([{"s": 6.0}, {"s": 4.0}, {"s": 9.0}], [{"s": 2.0}, {"s": 2.0}, {"s": 3.0}], "s")
    3.0
    """
    if len(ours) != len(theirs):
        raise ValueError(f"rounds must be as many on both sides, got {len(ours)} and {len(theirs)}")
    return median(our[name] / their[name] for our, their in zip(ours, theirs, strict=True))


def turns(contestants: Sequence[_T], rounds: int) -> list[list[_T]]:
    """The order in each round: everyone once, another one first each time.

    >>> turns("abc", 2)
    [['a', 'b', 'c'], ['b', 'c', 'a']]
    """
    return [[contestants[(first + k) % len(contestants)] for k in range(len(contestants))] for first in range(rounds)]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all reach or stay below: nearest rank, never between two values.

    Raises ValueError without values, or if the share is not above 0 and at most 1.

    >>> percentile([5.0, 1.0, 3.0, 2.0], 0.5), percentile([5.0, 1.0], 0.99)
    (2.0, 5.0)
    """
    if not values or not 0 < share <= 1:
        raise ValueError(f"there must be values and a share above 0 and at most 1, got {len(values)} and {share}")
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)  # the ceiling
    return ordered[max(rank, 1) - 1]
