"""A pricing worker's knowledge of a city, made in memory by the services' own rules from the recorded pickups.

The city are the 41 zones of New York, 2,009 cells, in which most pickups were recorded; cars and riders stand where
pickups were, so the zones are as uneven as the recorded ones. No server is needed.
"""

import csv
import gzip
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.pricing_desk import PricingDesk
from demand.cells import DemandWriter, Included
from demand.riders import RiderBook
from pricing.defaults import new_york_market, new_york_policy
from pricing.models.model_choice import ModelBook
from pricing.rules.markets import MarketBook, market_of
from pricing.rules.policy import PolicyBook
from pricing.zones.zone_join import PartitionState
from supply.cells import SupplyBook
from supply.fleet import Fleet
from topics.control import ModelAnnounced
from topics.counts import CityDemandCounted, DemandCellsCounted, SupplyCellsCounted
from windows.epochs import Epoch
from windows.hexagons import cells_of, zone_of
from windows.products import ProductAxis

PICKUPS = Path(__file__).resolve().parents[1] / "data" / "nyc-uber-pickups-2014-04-to-08-B02512.csv.gz"
NOON_MS = 1_793_620_800_000
ZONES = 41
DRIVERS = 4_000
REQUESTS_PER_S = 12.5
PARTITIONS = 4
PRODUCTS = ("standard", "xl", "premium")
PRODUCT_SHARES = (0.78, 0.14, 0.08)
KNOWN_MS = 34 * 60_000
_EPOCH = Epoch(1, NOON_MS - KNOWN_MS)
Counted = SupplyCellsCounted | DemandCellsCounted | CityDemandCounted


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Recorded pickups inside the city: degrees and cells, [n] each, and how many fell into each zone, most first."""

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    cell: NDArray[np.int64]
    zones: dict[int, int]


def read_places(zones: int = ZONES) -> Places:
    """The shipped pickups in the `zones` zones of the market that have most of them."""
    with gzip.open(PICKUPS, "rt", encoding="utf-8", newline="") as file:
        rows = np.array([(float(row["lat"]), float(row["lon"])) for row in csv.DictReader(file)])
    lat, lon = rows[:, 0], rows[:, 1]
    cell = cells_of(lat, lon)
    priced = {zone_of(each) for each in market_of(new_york_market(), 0).jurisdiction_of}
    counted = Counter(zone for each in cell.tolist() if (zone := zone_of(each)) in priced)
    kept = dict(counted.most_common(zones))
    inside = np.array([zone_of(each) in kept for each in cell.tolist()])
    return Places(lat=lat[inside], lon=lon[inside], cell=cell[inside], zones=kept)


class CityInMemory:
    """A desk that knows 34 minutes of demand and the present cars of the city, and cars that move on from there."""

    def __init__(self, places: Places, model: ModelAnnounced, *, seed: int = 1) -> None:
        """Everything is drawn from `seed`."""
        self._places, self._dice = places, np.random.default_rng(seed)
        self.zones = list(places.zones)
        markets, policies, models = MarketBook(), PolicyBook(), ModelBook()
        markets.learn(new_york_market(), 0)
        policies.learn(new_york_policy(), 0)
        models.learn(model, 0)
        self.desk = PricingDesk(markets=markets, policies=policies, models=models, zone_partitions=PARTITIONS)
        self.now_ms = NOON_MS
        self._offset = 0
        self._axis = ProductAxis(PRODUCTS)
        self._fleet = Fleet()
        self._book = SupplyBook(source_partition=0, source_partitions=1, epoch=_EPOCH, products=self._axis)
        self._riders = RiderBook()
        self._writer = DemandWriter(source_partition=0, source_partitions=1, epoch=_EPOCH, products=self._axis)
        self._begin()

    def _begin(self) -> None:
        self.desk.assigned(_EPOCH, [PartitionState(number) for number in range(PARTITIONS)])
        self._ping(np.arange(DRIVERS))
        self._ask(self.now_ms - KNOWN_MS)
        for record in self._told():
            self.hear(record)
        included = Included(self._offset, -1, self.now_ms)
        for done in self._writer.snapshot_complete(included, complete_from_ms=self.now_ms - KNOWN_MS):
            self.hear(done)
        self.hear(self._book.snapshot_complete(pings_offset=self._offset, now_ms=self.now_ms))
        self.desk.read_back()
        self.desk.follow_markets(self.now_ms)

    def pass_time(self, ms: int) -> list[Counted]:
        """What SUPPLY and DEMAND say after `ms` more, in which every tenth car pinged from another place."""
        before_ms, self.now_ms = self.now_ms, self.now_ms + ms
        self._ping(self._dice.choice(DRIVERS, DRIVERS // 10, replace=False))
        self._ask(before_ms)
        alive = self._book.alive(pings_offset=self._offset, now_ms=self.now_ms)
        return [*self._told(), alive, *self._writer.alive(Included(self._offset, -1, self.now_ms))]

    def hear(self, record: Counted) -> None:
        """Have the desk take in one record, from the partition of its zone, or from all if it is about none."""
        if isinstance(record, CityDemandCounted):
            self.desk.city_demand(record, self._next())
            return
        for number in [self.desk.partition_of_zone(record.zone)] if record.zone else range(PARTITIONS):
            if isinstance(record, SupplyCellsCounted):
                self.desk.supply(number, record, self._next(), self.now_ms)
            else:
                self.desk.demand(number, record, self._next(), self.now_ms)

    def _told(self) -> list[Counted]:
        """Counts of all that changed."""
        panes, included = self._riders.changes(), Included(self._offset, -1, self.now_ms)
        supply = self._book.changes(self._fleet.counts(self.now_ms), pings_offset=self._offset)
        return [*supply, *self._writer.cells_counted(panes, included), *self._writer.city_counted(panes, included)]

    def _ping(self, drivers: NDArray[np.int64]) -> None:
        n = drivers.size
        self._fleet.observe(
            driver=drivers,
            at_ms=np.full(n, self.now_ms),
            cell=self._dice.choice(self._places.cell, n),
            status=self._dice.choice(np.array([1, 2], np.int8), n, p=(0.6, 0.4)),
            products=self._dice.choice(np.array([1, 3, 5], np.uint64), n, p=(0.55, 0.28, 0.17)),
            free_at_ms=np.full(n, -1),
        )

    def _ask(self, since_ms: int) -> None:
        n = round(REQUESTS_PER_S * (self.now_ms - since_ms) / 1000)
        at_ms = np.sort(self._dice.integers(since_ms, self.now_ms, n))
        self._riders.ask(
            rider=self._dice.integers(0, 500_000, n),
            cell=self._dice.choice(self._places.cell, n),
            product=self._dice.choice(len(PRODUCTS), n, p=PRODUCT_SHARES),
            at_ms=at_ms,
            appended_ms=at_ms,
        )

    def _next(self) -> int:
        self._offset += 1
        return self._offset
