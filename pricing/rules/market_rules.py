"""What makes a market's definition one to refuse, and what to know of one that is not.

A worker reads whatever stands in `markets.v1` and only refuses what it cannot compile; these rules are for whoever is
about to publish.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from pricing.rules.currencies import MINOR_DIGITS
from pricing.rules.markets import Market, cells_inside, market_of, refuse_shapeless
from pricing.rules.policy import Policy
from topics.control import LatLon, MarketDefined, Product
from windows.hexagons import zone_of

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
PAST_MS = 60_000
AHEAD_MS = 366 * 86_400_000
LONGEST_SENTENCE = 500
MOST_POINTS = 2_000
MOST_RIDE_M, MOST_RIDE_S, MOST_KM_PER_H = 300_000, 36_000, 200
_MONEY = ("base_minor", "per_km_minor", "per_min_minor", "booking_fee_minor", "minimum_minor")
_MOST_MONEY = 10**9


def faults_of_market(
    defined: MarketDefined, others: Iterable[Market], policies: Iterable[Policy], now_ms: int
) -> list[str]:
    """Each rule the definition breaks, as a sentence that names the field; none if it may be published.

    `others` are all versions of other markets in force or to come, `policies` those of this one.
    """
    faults = [*_of_who_and_when(defined, now_ms), *_of_names(defined), *_of_products(defined.products)]
    faults += [*_of_usual_ride(defined), *_of_shape("boundary", defined.boundary), *_of_shapes_inside(defined)]
    if faults:
        return faults
    try:
        market = market_of(defined, offset=-1)
    except ValueError as error:
        return [str(error)]
    return [*_of_area(defined, market), *_of_neighbours(market, others), *_of_policies(defined, market, policies)]


def remarks_on_market(market: Market, others: Iterable[Market]) -> list[str]:
    """What is allowed and yet worth knowing before it is published."""
    remarks = []
    unclaimed = sum(not name for name in market.jurisdiction_of.values())
    if unclaimed:
        remarks.append(f"{unclaimed:,} cells lie in no jurisdiction: their multiplier stays at 1.00")
    zones = {zone_of(cell) for cell in market.jurisdiction_of}
    for other in others:
        shared = len(zones & {zone_of(cell) for cell in other.jurisdiction_of})
        if shared:
            remarks.append(
                f"{shared} zones have cells of {market.name} and of {other.name}: a zone is priced for the market that "
                "holds most of it, the other's cells there stay at 1.00"
            )
    return remarks


def who_and_when(*, author: str, reason: str, effective_from_ms: int, now_ms: int) -> Iterator[str]:
    """Faults of what every version must say: who, why and from when."""
    for field, value in (("author", author), ("reason", reason)):
        if not value.strip():
            yield f"{field} must be given"
        elif len(value) > LONGEST_SENTENCE:
            yield f"{field} must be at most {LONGEST_SENTENCE} characters, got {len(value)}"
    if effective_from_ms < now_ms - PAST_MS:
        yield (
            f"effective_from_ms must be at most {PAST_MS // 1000} s before now ({now_ms}), got {effective_from_ms}: "
            "leave it out to begin at once"
        )
    if effective_from_ms > now_ms + AHEAD_MS:
        yield f"effective_from_ms must be at most a year after now ({now_ms}), in milliseconds, got {effective_from_ms}"


def _of_who_and_when(defined: MarketDefined, now_ms: int) -> Iterator[str]:
    return who_and_when(
        author=defined.author, reason=defined.reason, effective_from_ms=defined.effective_from_ms, now_ms=now_ms
    )


def _of_names(defined: MarketDefined) -> Iterator[str]:
    if not ID.fullmatch(defined.market):
        yield f"market must be of a-z, 0-9 and -, at most 40, got {defined.market!r}"
    if not defined.name.strip():
        yield "name must be given"
    if defined.currency not in MINOR_DIGITS:
        yield f"currency must be a code of ISO 4217 such as GBP, got {defined.currency!r}"
    names = [area.jurisdiction for area in defined.jurisdictions]
    yield from (f"jurisdictions must each have an id of its own, got {name!r} twice" for name in _twice(names))
    for name in names:
        if not ID.fullmatch(name):
            yield f"jurisdictions must have ids of a-z, 0-9 and -, at most 40, got {name!r}"


def _of_usual_ride(defined: MarketDefined) -> Iterator[str]:
    """Drivers' surge rests on it, and times of rides on the speeds."""
    for field, most in (("usual_ride_m", MOST_RIDE_M), ("usual_ride_s", MOST_RIDE_S)):
        if getattr(defined, field) > most:
            yield f"{field} must be at most {most:,}, got {getattr(defined, field):,}"
    if any(speed > MOST_KM_PER_H for speed in defined.km_per_h_by_hour):
        yield f"km_per_h_by_hour must be at most {MOST_KM_PER_H}, got {max(defined.km_per_h_by_hour):,}"


def _of_products(products: Sequence[Product]) -> Iterator[str]:
    if not products:
        yield "products must be one or more, got none"
    yield from (f"products must be each once, got {name!r} twice" for name in _twice([one.product for one in products]))
    for index, one in enumerate(products):
        if not ID.fullmatch(one.product):
            yield f"products[{index}].product must be of a-z, 0-9 and -, at most 40, got {one.product!r}"
        for field in _MONEY:
            if not 0 <= getattr(one, field) <= _MOST_MONEY:
                yield f"products[{index}].{field} must be from 0 to {_MOST_MONEY}, got {getattr(one, field)}"
        if not 0 <= one.demand_share_hundredths <= 100:
            yield (
                f"products[{index}].demand_share_hundredths must be from 0 to 100, got {one.demand_share_hundredths}"
            )
    shares = sum(one.demand_share_hundredths for one in products)
    if products and shares not in {0, 100}:
        yield f"demand_share_hundredths of all products must add up to 100, or be 0 where not known, got {shares}"


def _of_shapes_inside(defined: MarketDefined) -> Iterator[str]:
    """Only the last jurisdiction may be the rest: any after it would never apply."""
    last = len(defined.jurisdictions) - 1
    for index, area in enumerate(defined.jurisdictions):
        if area.boundary:
            yield from _of_shape(f"boundary of jurisdiction {area.jurisdiction}", area.boundary)
        elif index != last:
            yield (
                f"boundary of jurisdiction {area.jurisdiction} must not be empty: only the last jurisdiction may be "
                "the rest of the market"
            )


def _of_shape(field: str, boundary: list[LatLon]) -> Iterator[str]:
    try:
        refuse_shapeless(boundary)
    except ValueError as error:
        yield str(error).replace("boundary", field, 1)
        return
    if len(boundary) > MOST_POINTS:
        yield f"{field} must have at most {MOST_POINTS:,} points, got {len(boundary):,}"
    elif (crossing := _first_crossing(boundary)) is not None:
        yield f"{field} must not cross itself, but its sides {crossing[0]} and {crossing[1]} do"


def _of_area(defined: MarketDefined, market: Market) -> Iterator[str]:
    if not market.jurisdiction_of:
        yield "boundary must hold the centre of at least one cell (0.74 km²), got none"
        return
    held = Counter(market.jurisdiction_of.values())
    for area in defined.jurisdictions:
        if not held[area.jurisdiction]:
            yield f"jurisdiction {area.jurisdiction} must hold at least one cell of the market that none before it does"
    yield from _of_overlap(defined, market)


def _of_overlap(defined: MarketDefined, market: Market) -> Iterator[str]:
    """A cell claimed twice would change its law with the order of a list."""
    owned: dict[str, frozenset[int]] = {}
    for area in reversed(defined.jurisdictions):
        if not area.boundary:
            continue
        cells = cells_inside(area.boundary) & market.jurisdiction_of.keys()
        for other, theirs in owned.items():
            if cells & theirs:
                yield (
                    f"jurisdictions must not overlap, but {area.jurisdiction} and {other} share "
                    f"{_cells(cells & theirs)}"
                )
        owned[area.jurisdiction] = cells


def _of_neighbours(market: Market, others: Iterable[Market]) -> Iterator[str]:
    for other in others:
        shared = market.jurisdiction_of.keys() & other.jurisdiction_of.keys()
        if shared:
            yield f"boundary must not overlap that of market {other.name}, but they share {_cells(shared)}"


def _of_policies(defined: MarketDefined, market: Market, policies: Iterable[Policy]) -> Iterator[str]:
    """What a policy names must stay: else it would bound nothing, in silence."""
    known = {area.jurisdiction for area in defined.jurisdictions}
    for policy in policies:
        for gone in sorted(set(policy.bounds) - known):
            yield (
                f"jurisdictions must hold {gone}, which policy version {policy.offset} of {market.name} bounds: "
                "publish a policy without it first"
            )
        for gone in sorted({product for _, product in policy.overrides if product} - set(market.product_index)):
            yield (
                f"products must hold {gone}, which policy version {policy.offset} of {market.name} overrides: "
                "publish a policy without it first"
            )
        if outside := {cell for cell, _ in policy.overrides} - market.jurisdiction_of.keys():
            yield (
                f"boundary must hold {_cells(outside)}, which policy version {policy.offset} of {market.name} "
                "overrides: publish a policy without it first"
            )


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


def _cells(shared: Iterable[int]) -> str:
    """How many cells, and one of them by its index."""
    cells = sorted(shared)
    return f"{len(cells):,} cells such as {cells[0]:x}"


def _first_crossing(boundary: list[LatLon]) -> tuple[int, int] | None:
    """Numbers of the first two sides that cross, from 0; sides that only touch do not."""
    points = [(point.lat, point.lon) for point in boundary]
    sides = list(zip(points, points[1:] + points[:1], strict=True))
    for first, (a, b) in enumerate(sides):
        for second in range(first + 2, len(sides)):
            c, d = sides[second]
            if _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0:
                return first, second
    return None


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Positive if c lies on one side of the line through a and b, negative on the other, 0 on it."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
