"""Where a replay is to stop: the first cells whose tick meets a condition, in order of append time."""

import heapq
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pricing.explaining.forecast_explained import ForecastTold, forecast_told, rings_of
from pricing.zones.cell_counts import RingTold, rings_told
from pricing.zones.zone_view import layout_of
from replay.archive import Archive
from replay.contracts import Contracts
from replay.control import ControlHistory
from replay.counts import PartitionCounts
from replay.records import Raw
from replay.ticks import TickAgain, TickLog
from replay.verdict import UNREADABLE, Unread, differing
from topics.catalogue import SURGE
from topics.prices import SurgeTicked

FIELDS: dict[str, tuple[str, float]] = {
    "multiplier": ("multiplier_hundredths", 100.0),
    "smooth": ("smooth_hundredths", 100.0),
    "wait_s": ("eta_s", 1.0),
    "demand": ("demand_milli", 1_000.0),
    "supply": ("supply_milli", 1_000.0),
}
_COMPARED: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}
_WRITTEN = re.compile(r"\s*([a-z_]+)\s*(>=|<=|==|>|<)\s*(\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class Condition:
    """What one cell and product of a tick must have."""

    name: str
    compared: str
    value: float

    def positions(self, tick: SurgeTicked) -> list[int]:
        """Positions of the tick's arrays that meet it.

        >>> Condition.read("multiplier > 2").name
        'multiplier'
        """
        field, scale = FIELDS[self.name]
        holds = _COMPARED[self.compared]
        return [place for place, value in enumerate(getattr(tick, field)) if holds(value / scale, self.value)]

    @classmethod
    def read(cls, text: str) -> "Condition":
        """From text such as `multiplier > 2`. Raises ValueError naming the fields there are."""
        found = _WRITTEN.fullmatch(text)
        if found is None or found[1] not in FIELDS:
            raise ValueError(
                f"a condition must be FIELD > NUMBER (or >=, <, <=, ==) with {', '.join(FIELDS)}, got {text!r}"
            )
        return cls(found[1], found[2], float(found[3]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stop:
    """One cell and product of a tick at which the replay stopped: forecast with features, and panes around it.

    `differing` are the fields in which the tick is not as recorded.
    """

    partition: int
    tick: TickAgain
    differing: list[str]
    cell: int
    product: str
    forecast: ForecastTold | None
    rings: list[RingTold]

    @property
    def raw(self) -> Raw:
        """The tick as recorded."""
        return self.tick.raw


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMade:
    """A tick that could not be made again, and why."""

    partition: int
    raw: Raw
    problem: str

    @property
    def said(self) -> str:
        """Where it stands and why, in words."""
        return f"{SURGE.name} {self.partition}@{self.raw.offset}: {self.problem}"


def stops(archive: Archive, condition: Condition | None) -> Iterator[Stop | NotMade]:
    """Cells that meet the condition, tick after tick; without one the first cell of every tick.

    Between them stand the ticks of which nobody can say whether they meet it.
    """
    contracts = Contracts(archive.schemas)
    control = ControlHistory(archive, contracts)
    logs = [_stops(archive, contracts, control, number, condition) for number in archive.about.numbers(SURGE.name)]
    yield from heapq.merge(*logs, key=lambda stop: (stop.raw.appended_ms, stop.partition))


def _stops(
    archive: Archive, contracts: Contracts, control: ControlHistory, number: int, condition: Condition | None
) -> Iterator[Stop | NotMade]:
    counts = PartitionCounts(contracts, number, archive.log)
    log = TickLog(archive, contracts, control, number, counts, zones=frozenset(archive.about.zones))
    for again in log.outputs():
        if isinstance(again, Unread):
            yield NotMade(partition=number, raw=again.raw, problem=UNREADABLE)
            continue
        if not isinstance(again, TickAgain) or again.own is None or again.inputs is None:
            if isinstance(again, TickAgain) and again.problem:
                yield NotMade(partition=number, raw=again.raw, problem=again.problem)
            continue
        tick = again.own
        as_made = contracts.encode(SURGE, tick, again.raw.value)
        named = differing(contracts.decode(SURGE, again.raw.value), contracts.decode(SURGE, as_made))
        unnamed = ["bytes"] if as_made != again.raw.value else []
        for place in condition.positions(tick) if condition else range(min(1, len(tick.cells))):
            cell, product = tick.cells[place // len(tick.products)], tick.products[place % len(tick.products)]
            forecast = forecast_told(again.inputs, cell, product)
            around = rings_of(layout_of(tick.zone), cell) if forecast else []
            yield Stop(
                partition=number,
                tick=again,
                differing=named or unnamed,
                cell=cell,
                product=product,
                forecast=forecast,
                rings=rings_told(again.inputs.view, counts.state.zone(tick.zone).demand, around) if around else [],
            )
