"""What two runs over the same records made otherwise: quotes by their id, prices by cell, product and instant of tick.

Money and riders are estimated, and said to be: an expected quote brings its amount times the chance that a rider takes
it at that multiplier and wait (`pricing.models.conversion`). Riders who would have asked otherwise are not.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from pricing.explaining.policy_effect import Changes
from pricing.models.conversion import chance_at_rest, price_factor
from replay.contracts import Contracts
from replay.flushes import COUNTED
from replay.outputs import made
from replay.records import Raw
from replay.verdict import TopicVerdict, differing
from topics.catalogue import QUOTES, SURGE
from topics.prices import FareLine, PriceReason, QuoteAnswered, QuoteOutcome, SurgeTicked

TOP = 20
LINES = frozenset({"breakdown", "driver_pay"})
"""Amounts line by line: they move where `amount_minor` does, so its tolerance is theirs."""
MULTIPLIER = "multiplier_hundredths"
REASONS = frozenset({"reasons", "reason_before", "reason_after"})
"""What moved a multiplier from where to where, on quotes and ticks: its tolerance is that of the numbers in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """One quote that changed: its amount before and after, minor units, and the fields that differ."""

    quote_id: str
    place: str
    before_minor: int
    after_minor: int
    currency: str
    fields: list[str]

    @property
    def change_minor(self) -> int:
        """How much more it costs."""
        return self.after_minor - self.before_minor


@dataclass(slots=True, kw_only=True)
class Estimate:
    """Priced quotes, the riders expected to take them, and what these pay, minor units by currency."""

    quotes: int = 0
    accepted: float = 0.0
    revenue_minor: Counter[str] = field(default_factory=Counter)

    def add(self, quote: QuoteAnswered) -> None:
        """Count a quote; one without a price brings nothing."""
        if quote.outcome is not QuoteOutcome.PRICED:
            return
        chance = accepted(quote)
        self.quotes += 1
        self.accepted += chance
        self.revenue_minor[quote.currency] += round(chance * quote.amount_minor)


@dataclass(slots=True, kw_only=True)
class Comparison:
    """Everything two runs differ in; numbers within their tolerance do not count as changed.

    `prices` are multipliers of ticks in hundredths, `amounts` quotes in minor units. `unmatched` stand in one run only.
    `not_made` stand in neither: the run as recorded could not make them, `first_not_made` says where and why.
    `counts` were compared if both runs began at events. `ignored` fields only name what was to be otherwise.
    """

    tolerances: dict[str, int] = field(default_factory=dict)
    prices: Changes = field(default_factory=Changes)
    amounts: Changes = field(default_factory=Changes)
    quotes: int = 0
    unmatched: int = 0
    not_made: int = 0
    first_not_made: str = ""
    ticks_changed: int = 0
    ticks: int = 0
    counts_changed: int = 0
    counts: int = 0
    ignored: frozenset[str] = frozenset()
    changed: list[Mover] = field(default_factory=list)
    before: Estimate = field(default_factory=Estimate)
    after: Estimate = field(default_factory=Estimate)

    @property
    def is_same(self) -> bool:
        """Whether nothing changed beyond its tolerance."""
        return not (self.changed or self.ticks_changed or self.counts_changed or self.unmatched or self.not_made)

    @property
    def is_empty(self) -> bool:
        """Whether neither run made anything."""
        return not (self.quotes or self.ticks or self.counts or self.unmatched)

    @property
    def currency(self) -> str:
        """The currency of every priced quote; empty if there are several or none."""
        found = {*self.before.revenue_minor, *self.after.revenue_minor}
        return found.pop() if len(found) == 1 else ""

    @property
    def top(self) -> list[Mover]:
        """The quotes whose amount moved most."""
        return sorted(self.changed, key=lambda one: (-abs(one.change_minor), one.quote_id))[:TOP]

    def lack(self, verdict: TopicVerdict) -> None:
        """Count what the run as recorded could not make of one topic."""
        self.not_made += verdict.not_made + verdict.not_held
        self.first_not_made = self.first_not_made or verdict.first_not_made or verdict.first_not_held

    def tick(self, before: SurgeTicked, after: SurgeTicked) -> None:
        """Compare two ticks of one zone and instant."""
        self.ticks += 1
        if (before.cells, before.products) != (after.cells, after.products):
            self.unmatched += 1
            return
        size = np.array(after.multiplier_hundredths, np.int64) - np.array(before.multiplier_hundredths, np.int64)
        self.prices.add(np.where(np.abs(size) <= self.tolerances.get(MULTIPLIER, 0), 0, size))
        self.ticks_changed += bool(self._changed(before, after))

    def quote(self, before: QuoteAnswered, after: QuoteAnswered, place: str) -> None:
        """Compare two quotes of one id."""
        self.quotes += 1
        self.before.add(before)
        self.after.add(after)
        size = after.amount_minor - before.amount_minor
        self.amounts.add(np.array([0 if abs(size) <= self.tolerances.get("amount_minor", 0) else size]))
        named = self._changed(before, after)
        if named:
            self.changed.append(
                Mover(
                    quote_id=before.quote_id,
                    place=place,
                    before_minor=before.amount_minor,
                    after_minor=after.amount_minor,
                    currency=after.currency or before.currency,
                    fields=named,
                )
            )

    def _changed(self, before: object, after: object) -> list[str]:
        named = (name for name in differing(before, after) if name not in self.ignored)
        return [name for name in named if not self._is_tolerated(name, before, after)]

    def _is_tolerated(self, name: str, before: Any, after: Any) -> bool:  # noqa: ANN401  two records of one topic
        if name in LINES and "amount_minor" in self.tolerances:
            return _farthest(getattr(before, name), getattr(after, name)) <= self.tolerances["amount_minor"]
        size = self.tolerances.get(name, self.tolerances.get(MULTIPLIER, -1) if name in REASONS else -1)
        if size < 0:
            return False
        pair = getattr(before, name), getattr(after, name)
        if name == "reasons":
            if [one.code for one in pair[0]] != [one.code for one in pair[1]]:
                return False
            pair = _numbers(pair[0]), _numbers(pair[1])
        old, new = (np.atleast_1d(np.array(one, np.int64)) for one in pair)
        return old.shape == new.shape and bool(np.all(np.abs(new - old) <= size))


def _numbers(reasons: Iterable[PriceReason]) -> list[tuple[int, int]]:
    return [(one.before_hundredths, one.after_hundredths) for one in reasons]


def _farthest(before: Iterable[FareLine], after: Iterable[FareLine]) -> int:
    """The most that the amount of one code differs by; a line that is missing is nothing to pay."""
    sums = [Counter[str](), Counter[str]()]
    for lines, summed in zip((before, after), sums, strict=True):
        for line in lines:
            summed[line.code] += line.amount_minor
    return max((abs(sums[1][code] - sums[0][code]) for code in {*sums[0], *sums[1]}), default=0)


def accepted(quote: QuoteAnswered) -> float:
    """The chance that a rider takes a priced quote; a wait nobody forecast counts as the usual one."""
    wait_s = np.array([240.0 if quote.eta_s < 0 else float(quote.eta_s)])
    return float((chance_at_rest(wait_s) * price_factor(np.array([quote.multiplier_hundredths / 100.0])))[0])


def compared(
    before: Path,
    after: Path,
    contracts: Contracts,
    *,
    from_ms: int,
    partitions: dict[str, list[int]],
    tolerances: dict[str, int],
    ignored: frozenset[str] = frozenset(),
) -> Comparison:
    """Compare the outputs two runs left in these directories, made from `from_ms` on."""
    comparison = Comparison(tolerances=tolerances, ignored=ignored)
    for topic in COUNTED:
        for number in partitions.get(topic.name, ()):
            _compare_counts(comparison, before, after, (topic.name, number), from_ms)
    for topic in (SURGE, QUOTES):
        for number in partitions[topic.name]:
            for raws, twins in _side_by_side(before, after, (topic.name, number), from_ms):
                comparison.unmatched += abs(len(raws) - len(twins))
                for raw, twin in zip(raws, twins, strict=False):
                    if topic is SURGE and raw.value == twin.value:
                        comparison.ticks += 1
                        continue
                    old, new = contracts.decode(topic, raw.value), contracts.decode(topic, twin.value)
                    if new is None:
                        comparison.unmatched += 1
                    elif topic is SURGE:
                        comparison.tick(old, new)
                    else:
                        comparison.quote(old, new, f"{number}@{raw.offset}")
    return comparison


def _compare_counts(comparison: Comparison, before: Path, after: Path, place: tuple[str, int], from_ms: int) -> None:
    """Count the records that one run made and the other did not, offset by offset."""
    for sides in _side_by_side(before, after, place, from_ms):
        old, new = (Counter((raw.key, raw.value) for raw in raws) for raws in sides)
        comparison.counts += old.total()
        comparison.counts_changed += max((old - new).total(), (new - old).total())


def _side_by_side(
    before: Path, after: Path, place: tuple[str, int], from_ms: int
) -> Iterator[tuple[list[Raw], list[Raw]]]:
    """What each run made at one offset of a partition, from `from_ms` on, offset after offset; not more is held."""
    tagged = [_tagged(made(root, *place), run, from_ms) for run, root in enumerate((before, after))]
    for _, found in groupby(heapq.merge(*tagged, key=itemgetter(0)), key=itemgetter(0)):
        sides: tuple[list[Raw], list[Raw]] = [], []
        for _, run, raw in found:
            sides[run].append(raw)
        yield sides


def _tagged(raws: Iterator[Raw], run: int, from_ms: int) -> Iterator[tuple[int, int, Raw]]:
    """Records appended from `from_ms` on, each with its offset and the number of the run."""
    return ((raw.offset, run, raw) for raw in raws if raw.appended_ms >= from_ms)
