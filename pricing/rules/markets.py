"""Markets made ready for pricing: which cells they hold, whose rules apply in each, and what is sold."""

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from h3.api import basic_int as h3
from numpy.typing import NDArray

from demand.base import SLOT_MS, SLOTS_PER_DAY, slot_of
from pricing.rules.routes import KM_PER_H, USUAL_RIDE, Route, great_circle_m
from pricing.rules.timetable import Timetable
from pricing.rules.versions import Succession
from topics.control import LatLon, MarketDefined, Product
from windows.hexagons import CELL_RESOLUTION

WIDEST_M = 500_000
THREE_LETTERS = re.compile("[A-Za-z]{3}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Market:
    """One version of a market, compiled.

    `jurisdiction_of`: the market's cells, each with the id of the first jurisdiction that holds its centre.
    `km_per_h` is the usual speed of a ride by local hour, `usual_ride` what drivers' surge is measured by. `products`
    keep the order of the definition, which is the product axis everywhere; `product_index` inverts it.
    """

    name: str
    offset: int
    time_zone: str
    currency: str
    products: tuple[Product, ...]
    product_index: dict[str, int]
    jurisdiction_of: dict[int, str]
    km_per_h: tuple[int, ...] = KM_PER_H
    usual_ride: Route = USUAL_RIDE

    @property
    def product_ids(self) -> tuple[str, ...]:
        """Product ids in order."""
        return tuple(self.product_index)

    def km_per_h_at(self, at_ms: int) -> int:
        """The usual speed of a ride that starts then, by the hour on the market's wall."""
        return self.km_per_h[slot_of(self.time_zone, at_ms // SLOT_MS) % SLOTS_PER_DAY // 4]

    def demand_shares(self) -> NDArray[np.float64]:
        """Share of requests per product where nothing is known yet, float64[P], adding up to 1."""
        shares = np.array([max(product.demand_share_hundredths, 0) for product in self.products], np.float64)
        total = float(np.add.reduce(shares))
        return shares / total if total > 0 else np.full(shares.size, 1 / shares.size)


def market_of(defined: MarketDefined, offset: int) -> Market:
    """The market compiled; `offset` is where its definition stands in `markets.v1`.

    Raises ValueError if it has no product, a product twice, other than 24 speeds, an unknown time zone, a currency that
    is not three letters, or a boundary that `refuse_shapeless` refuses.
    """
    if defined.km_per_h_by_hour and (len(defined.km_per_h_by_hour) != 24 or min(defined.km_per_h_by_hour) <= 0):
        raise ValueError(f"km_per_h_by_hour must be 24 positive speeds or none, got {defined.km_per_h_by_hour}")
    _refuse_unknown_zone(defined.time_zone)
    if not THREE_LETTERS.fullmatch(defined.currency):
        raise ValueError(f"currency must be a three-letter ISO 4217 code, got {defined.currency!r}")
    if min(defined.usual_ride_m, defined.usual_ride_s) < 0:
        raise ValueError(
            f"usual_ride_m and usual_ride_s must not be negative, got {defined.usual_ride_m} and {defined.usual_ride_s}"
        )
    ids = [product.product for product in defined.products]
    if not ids or len(set(ids)) != len(ids):
        raise ValueError(f"products must be one or more, each once, got {ids}")
    return Market(
        name=defined.market,
        offset=offset,
        time_zone=defined.time_zone,
        currency=defined.currency,
        products=tuple(defined.products),
        product_index={product: index for index, product in enumerate(ids)},
        jurisdiction_of=_jurisdictions(defined),
        km_per_h=tuple(defined.km_per_h_by_hour) or KM_PER_H,
        usual_ride=Route(defined.usual_ride_m or USUAL_RIDE.distance_m, defined.usual_ride_s or USUAL_RIDE.duration_s),
    )


def _jurisdictions(defined: MarketDefined) -> dict[int, str]:
    """Jurisdiction of every cell of the market; empty where none claims the cell."""
    cells = sorted(cells_inside(defined.boundary))
    areas = [
        (area.jurisdiction, cells_inside(area.boundary) if area.boundary else None) for area in defined.jurisdictions
    ]
    return {cell: next((name for name, inside in areas if inside is None or cell in inside), "") for cell in cells}


def _refuse_unknown_zone(time_zone: str) -> None:
    try:
        ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError):  # what the zone database says of a name it lacks, or that is a path
        raise ValueError(f"time_zone must be an IANA time zone such as Europe/London, got {time_zone!r}") from None


def cells_inside(boundary: list[LatLon]) -> frozenset[int]:
    """Cells whose centre lies in the polygon."""
    refuse_shapeless(boundary)
    shape = h3.LatLngPoly([(point.lat, point.lon) for point in boundary])
    return frozenset(h3.h3shape_to_cells(shape, CELL_RESOLUTION))


def refuse_shapeless(boundary: list[LatLon]) -> None:
    """Raise ValueError unless the polygon has three points on earth or more and is no larger than a city can be.

    A country would be millions of cells, each of them priced every few seconds.
    """
    if len(boundary) < 3:
        raise ValueError(f"boundary must have at least three points, got {len(boundary)}")
    for point in boundary:
        if not (-90.0 <= point.lat <= 90.0 and -180.0 <= point.lon <= 180.0):
            raise ValueError(f"boundary must have points on earth, got {point}")
    lats, lons = [point.lat for point in boundary], [point.lon for point in boundary]
    across_m = great_circle_m(min(lats), min(lons), max(lats), max(lons))
    if max(lons) - min(lons) > 180.0 or across_m > WIDEST_M:
        raise ValueError(f"boundary must be at most {WIDEST_M // 1000} km across, got {across_m / 1000:.0f} km")


class MarketBook:
    """All versions of all markets; asked by cell or by name for what is in force at an instant."""

    __slots__ = ("_markets", "succession")

    def __init__(self) -> None:
        self.succession = Succession()
        self._markets: dict[str, Timetable[Market]] = {}

    def learn(self, defined: MarketDefined, offset: int) -> None:
        """Take in a definition read from `markets.v1`, in order of offset.

        Raises ValueError if it cannot be compiled, OutrunError if it was made from a version no longer the newest.
        """
        market = market_of(defined, offset)
        self.succession.admit(defined.market, offset, based_on=defined.based_on_offset)
        self._markets.setdefault(defined.market, Timetable()).add(defined.effective_from_ms, offset, market)

    def named(self, market: str, now_ms: int) -> Market | None:
        """The market of that id as in force at `now_ms`."""
        table = self._markets.get(market)
        return table.at(now_ms) if table else None

    def after(self, market: str, now_ms: int) -> list[Market]:
        """Versions of the market that are to come into force later, the soonest first."""
        table = self._markets.get(market)
        return table.after(now_ms) if table else []

    @property
    def names(self) -> list[str]:
        """Ids of all markets known, begun or not, in order."""
        return sorted(self._markets)

    def in_force(self, now_ms: int) -> list[Market]:
        """Every market that has begun, by id."""
        found = (self._markets[name].at(now_ms) for name in sorted(self._markets))
        return [market for market in found if market is not None]

    def holding(self, cell: int, now_ms: int) -> Market | None:
        """The market that holds the cell at `now_ms`, the first by id if several do; None outside every market."""
        for name in sorted(self._markets):
            market = self._markets[name].at(now_ms)
            if market is not None and cell in market.jurisdiction_of:
                return market
        return None

    def of_zone(self, cells: NDArray[np.int64], now_ms: int) -> Market | None:
        """The market that prices a zone with these home cells: the one holding most, the first by id on a tie."""
        best, most = None, 0
        for name in sorted(self._markets):
            market = self._markets[name].at(now_ms)
            held = sum(cell in market.jurisdiction_of for cell in cells.tolist()) if market else 0
            if held > most:
                best, most = market, held
        return best
