"""Where a replay is to stop: the first cells whose tick meets a condition, in order of append time."""

import heapq
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pricing.cell_counts import RingTold, rings_told
from pricing.forecast_explained import ForecastTold, forecast_told, rings_of
from pricing.zone_view import layout_of
from replay.archive import Archive
from replay.contracts import Contracts
from replay.control import ControlHistory
from replay.counts import PartitionCounts
from replay.ticks import TickAgain, TickLog
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
    """One cell and product of a tick at which the replay stopped: forecast with features, and panes around it."""

    partition: int
    tick: TickAgain
    as_recorded: bool
    cell: int
    product: str
    forecast: ForecastTold | None
    rings: list[RingTold]


def stops(archive: Archive, condition: Condition | None) -> Iterator[Stop]:
    """Cells that meet the condition, tick after tick; without one the first cell of every tick."""
    contracts = Contracts(archive.schemas)
    control = ControlHistory(archive, contracts)
    logs = [_stops(archive, contracts, control, number, condition) for number in archive.about.numbers(SURGE.name)]
    yield from heapq.merge(*logs, key=lambda stop: (stop.tick.raw.appended_ms, stop.partition))


def _stops(
    archive: Archive, contracts: Contracts, control: ControlHistory, number: int, condition: Condition | None
) -> Iterator[Stop]:
    counts = PartitionCounts(contracts, number, archive.log)
    log = TickLog(archive, contracts, control, number, counts, zones=frozenset(archive.about.zones))
    for again in log.outputs():
        if not isinstance(again, TickAgain) or again.own is None or again.inputs is None:
            continue
        tick = again.own
        as_recorded = contracts.encode(SURGE, tick, again.raw.value) == again.raw.value
        for place in condition.positions(tick) if condition else range(min(1, len(tick.cells))):
            cell, product = tick.cells[place // len(tick.products)], tick.products[place % len(tick.products)]
            forecast = forecast_told(again.inputs, cell, product)
            around = rings_of(layout_of(tick.zone), cell) if forecast else []
            yield Stop(
                partition=number,
                tick=again,
                as_recorded=as_recorded,
                cell=cell,
                product=product,
                forecast=forecast,
                rings=rings_told(again.inputs.view, counts.state.zone(tick.zone).demand, around) if around else [],
            )
