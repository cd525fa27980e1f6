"""The pricing under test, whole: counts, panes, forecasts, optimiser and guardrails are those of the service.

The desk of the pricing service (`agents.pricing_desk`) is handed the records that SUPPLY and DEMAND would have written,
and asked for the tick of every zone. Nothing of it is rebuilt here; only Kafka is left out.

    sight of the city ─▶ supply-cells, demand-cells, city-demand ─▶ desk: panes, memory, tick ─▶ multipliers by cell
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from h3.api import basic_int as h3
from numpy.typing import NDArray

from agents.pricing_desk import PricingDesk
from pricing.models.model_choice import ModelBook
from pricing.rules.markets import MarketBook
from pricing.rules.policy import PolicyBook
from pricing.zones.zone_join import PartitionState
from pricing.zones.zone_view import layout_of
from simulation.history import Ints
from simulation.lockstep.ground import NOWHERE, row_of
from simulation.lockstep.pricers import UNMOVED, Asked, Fleet, Sight
from topics.control import LatLon, MarketDefined, ModelAnnounced, PricingPolicySet
from topics.counts import CityDemandCounted, CountKind, DemandCellsCounted, SupplyCellsCounted
from topics.prices import SurgeTicked
from windows.epochs import Epoch
from windows.hexagons import zones_of
from windows.panes import pane_start

EPOCH = Epoch(1, 1)
_WRITER: dict[str, Any] = {"source_partition": 0, "source_partitions": 1, "epoch_generation": 1, "epoch_started_ms": 1}


def around(market: MarketDefined, cells: Ints) -> MarketDefined:
    """The market cut to a box around these cells: the rest of the city has no riders here, and ticks cost time."""
    lat, lon = np.array([h3.cell_to_latlng(cell) for cell in cells.tolist()]).T
    south, north, west, east = lat.min() - 1e-3, lat.max() + 1e-3, lon.min() - 1e-3, lon.max() + 1e-3
    corners = [(south, west), (south, east), (north, east), (north, west)]
    return replace(market, boundary=[LatLon(lat=float(a), lon=float(b)) for a, b in corners])


class Faretide:
    """One pricing desk over the zones of a city."""

    def __init__(
        self,
        *,
        zones: Ints,
        cells: Ints,
        market: MarketDefined,
        policy: PricingPolicySet,
        models: Sequence[ModelAnnounced],
    ) -> None:
        markets, policies, book = MarketBook(), PolicyBook(), ModelBook()
        markets.learn(around(market, cells), 0)
        policies.learn(policy, 0)
        for offset, model in enumerate(models):
            book.learn(model, offset)
        self._desk = PricingDesk(markets=markets, policies=policies, models=book, zone_partitions=1)
        self._products = [product.product for product in market.products]
        self._zones, self._cells = zones, cells
        self._rows = {zone: row_of(cells, layout_of(zone).cells) for zone in zones.tolist()}
        self._panes: dict[int, NDArray[np.int64]] = {}
        self._offset = 0
        self._begun = False
        self.newest: dict[int, SurgeTicked] = {}

    def price(self, sight: Sight) -> NDArray[np.int64]:
        """Multipliers of the newest ticks, int64[C, P]."""
        if not self._begun:
            self._begin(sight.now_ms)
        if not sight.silent:
            self._supply(sight.fleet(), sight.now_ms)
            self._demand(sight.asked(), sight.now_ms)
        return self._ticks(sight.now_ms)

    def _begin(self, now_ms: int) -> None:
        """A first assignment: nothing was known before this instant."""
        self._desk.assigned(EPOCH, [PartitionState(0)])
        self._desk.read_back()
        self._desk.follow_markets(now_ms)
        done = CountKind.SNAPSHOT_COMPLETE
        self._desk.supply(0, SupplyCellsCounted(kind=done, pings_offset=0, now_ms=now_ms, zone=0, **_WRITER), 0, now_ms)
        asked: dict[str, Any] = {
            "requests_offset": 0,
            "decisions_offset": 0,
            "now_ms": now_ms,
            "complete_from_ms": now_ms,
        }
        riders = DemandCellsCounted(kind=done, zone=0, pane_start_ms=0, **asked, **_WRITER)
        self._desk.demand(0, riders, 0, now_ms)
        self._desk.city_demand(CityDemandCounted(kind=done, pane_start_ms=0, **asked, **_WRITER), 0)
        self._begun = True

    def _supply(self, fleet: Fleet, now_ms: int) -> None:
        for zone, rows in self._rows.items():
            kept = np.flatnonzero(rows != NOWHERE)
            at = rows[kept]
            some = kept[(fleet.stood[at] + fleet.busy[at]) > 0]
            at = rows[some]
            self._offset += 1
            record = SupplyCellsCounted(
                kind=CountKind.CELLS,
                pings_offset=self._offset,
                now_ms=now_ms,
                zone=zone,
                products=self._products,
                cells=layout_of(zone).cells[some].tolist(),
                idle=fleet.stood[at].tolist(),
                idle_by_product=fleet.idle[at].reshape(-1).tolist(),
                busy=fleet.busy[at].tolist(),
                soon_free=fleet.soon_free[at].tolist(),
                **_WRITER,
            )
            self._desk.supply(0, record, self._offset, now_ms)

    def _demand(self, asked: Asked, now_ms: int) -> None:
        """Add the riders to their panes and say the changed panes anew; nobody here asks twice within two minutes."""
        panes = pane_start(asked.at_ms)
        changed = np.unique(np.append(panes, pane_start(now_ms))).tolist()
        for pane in changed:
            of = panes == pane
            counts = self._panes.setdefault(pane, np.zeros((self._cells.size, len(self._products)), np.int64))
            np.add.at(counts, (asked.cell[of], asked.product[of]), 1)
            self._say(pane, counts, now_ms)
        self._panes = {pane: self._panes[pane] for pane in changed[-2:]}

    def _say(self, pane: int, counts: NDArray[np.int64], now_ms: int) -> None:
        self._offset += 1
        said: dict[str, Any] = {
            "requests_offset": self._offset,
            "decisions_offset": self._offset,
            "now_ms": now_ms,
            "complete_from_ms": 0,
            "pane_start_ms": pane,
        }
        by_zone: defaultdict[int, int] = defaultdict(int)
        for zone, count in zip(zones_of(self._cells).tolist(), counts.sum(axis=1).tolist(), strict=True):
            by_zone[zone] += count
        zones, totals = list(by_zone), list(by_zone.values())
        city = CityDemandCounted(
            kind=CountKind.CELLS, zones=zones, requests=totals, bookings=[0] * len(zones), **said, **_WRITER
        )
        self._desk.city_demand(city, self._offset)
        for zone, rows in self._rows.items():
            kept = np.flatnonzero(rows != NOWHERE)
            some = kept[counts[rows[kept]].any(axis=1)]
            self._offset += 1
            of = counts[rows[some]].reshape(-1)
            record = DemandCellsCounted(
                kind=CountKind.CELLS,
                zone=zone,
                products=self._products,
                cells=layout_of(zone).cells[some].tolist(),
                requests=of.tolist(),
                bookings=np.zeros_like(of).tolist(),
                **said,
                **_WRITER,
            )
            self._desk.demand(0, record, self._offset, now_ms)

    def _ticks(self, now_ms: int) -> NDArray[np.int64]:
        prices = np.full((self._cells.size, len(self._products)), UNMOVED, np.int64)
        self._offset += 1
        for memory in self._desk.memories(now_ms):
            self._desk.remembered(memory, self._offset)
        for zone in self._zones.tolist():
            tick = self._desk.tick(zone, now_ms)
            if tick is not None:
                self._desk.ticked(tick, self._offset)
                self.newest[zone] = tick
                rows = row_of(self._cells, np.array(tick.cells, np.int64))
                prices[rows] = np.array(tick.multiplier_hundredths, np.int64).reshape(len(tick.cells), -1)
        return prices
