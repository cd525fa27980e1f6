"""Who will ask: everything about every rider of a run, drawn before it begins."""

from dataclasses import dataclass

import numpy as np

from pricing.rules.markets import Market
from pricing.rules.routes import KM_PER_H
from simulation.history import DAY_MIN, MINUTE_MS, Ints, Pickups
from simulation.lockstep.assumptions import Assumptions
from simulation.lockstep.decisions import Decisions
from simulation.lockstep.ground import NOWHERE, Ground
from simulation.lockstep.scenarios import MEASURED_MIN, WARM_UP_MIN, Scenario
from simulation.plane import Floats
from simulation.riders import destinations

_BLOCK_MIN = 10
_POOL = 2_048


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Riders:
    """Riders of one run in order of `at_ms` (int64[n], epoch ms UTC); every other array is float64[n] unless said.

    `x`, `y`, `to_x`, `to_y` metres; `cell` int64 row of the ground's cells; `product` int64; `fare` dollars at 1.00
    without booking fee, by the usual speed of the rider's hour, `fee` that fee; `km` of the ride; `worth` in fares
    (`decisions`), patience in ms int64, `again_ms` int64 after how long they ask once more, 0 for never.
    """

    at_ms: Ints
    x: Floats
    y: Floats
    to_x: Floats
    to_y: Floats
    cell: Ints
    product: Ints
    km: Floats
    fare: Floats
    fee: Floats
    worth: Floats
    match_patience_ms: Ints
    pickup_patience_ms: Ints
    again_ms: Ints

    @property
    def size(self) -> int:
        """Number of riders."""
        return int(self.at_ms.size)


def usual_km_per_h(ground: Ground, at_ms: Ints) -> Floats:
    """Usual speed along streets in the local hour of each instant, float64 of the shape of `at_ms`."""
    minutes, which = np.unique(at_ms // MINUTE_MS, return_inverse=True)
    hours = [ground.history.local_minute(minute) % DAY_MIN // 60 for minute in minutes.tolist()]
    return np.array(KM_PER_H, np.float64)[hours][which]


def draw_riders(
    ground: Ground, market: Market, scenario: Scenario, assumed: Assumptions, decisions: Decisions, *, seed: int
) -> Riders:
    """All riders of one run."""
    rng = np.random.default_rng([seed, 11])
    start_ms = scenario.start_ms(ground.plan.time_zone)
    parts = [
        _asking(ground, scenario, assumed, rng, start_ms=start_ms, block_min=block)
        for block in range(0, WARM_UP_MIN + MEASURED_MIN, _BLOCK_MIN)
    ]
    if scenario.crowd is not None:
        parts.append(_leaving(ground, scenario, assumed, rng, start_ms=start_ms))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    at_ms, x, y, to_x, to_y = columns
    cell = ground.cell_at(x, y)
    order = np.argsort(at_ms, kind="stable")
    order = order[cell[order] != NOWHERE]
    km = np.hypot(to_x - x, to_y - y)[order] * assumed.detour_ratio / 1_000.0
    product = rng.choice(len(market.products), order.size, p=market.demand_shares())
    fare, fee = _fares(market, product, km, usual_km_per_h(ground, at_ms[order]))
    n = order.size
    return Riders(
        at_ms=at_ms[order].astype(np.int64),
        x=x[order],
        y=y[order],
        to_x=to_x[order],
        to_y=to_y[order],
        cell=cell[order],
        product=product,
        km=km,
        fare=fare,
        fee=fee,
        worth=decisions.worth(rng.uniform(1e-9, 1.0 - 1e-9, n), assumed),
        match_patience_ms=_patience_ms(assumed.match_patience_s, assumed, rng, n),
        pickup_patience_ms=_patience_ms(assumed.pickup_patience_s, assumed, rng, n),
        again_ms=_again_ms(assumed, rng, n),
    )


Asking = tuple[Ints, Floats, Floats, Floats, Floats]


def _asking(
    ground: Ground, scenario: Scenario, assumed: Assumptions, rng: np.random.Generator, *, start_ms: int, block_min: int
) -> Asking:
    """Riders of ten minutes: Poisson by the minute, places and destinations of the half hours around."""
    per_min = assumed.requests_per_driver_h * assumed.drivers / 60.0
    minutes = block_min + np.arange(_BLOCK_MIN)
    counts = rng.poisson([per_min * scenario.requests(float(minute) + 0.5 - WARM_UP_MIN) for minute in minutes])
    at_ms = start_ms + np.repeat(minutes, counts) * MINUTE_MS + rng.integers(0, MINUTE_MS, int(counts.sum()))
    utc_minute = start_ms // MINUTE_MS + block_min
    x, y = ground.places(utc_minute, at_ms.size, rng)
    spread = rng.normal(0.0, ground.plan.reuse_spread_m, (2, at_ms.size))
    return _going(ground, utc_minute, at_ms, x + spread[0], y + spread[1], rng)


def _leaving(
    ground: Ground, scenario: Scenario, assumed: Assumptions, rng: np.random.Generator, *, start_ms: int
) -> Asking:
    """The crowd: most ask soon after the end, fewer and fewer later."""
    crowd = scenario.crowd
    assert crowd is not None
    count = rng.poisson(crowd.per_driver * assumed.drivers)
    minute = WARM_UP_MIN + crowd.start_min + crowd.lasting_min * rng.beta(1.6, 2.4, count)
    x, y = ground.history.plane.metres(np.array([crowd.lat]), np.array([crowd.lon]))
    at_ms = start_ms + (minute * MINUTE_MS).astype(np.int64)
    spread = rng.normal(0.0, crowd.spread_m, (2, count))
    return _going(ground, start_ms // MINUTE_MS + WARM_UP_MIN, at_ms, x + spread[0], y + spread[1], rng)


def _going(ground: Ground, utc_minute: int, at_ms: Ints, x: Floats, y: Floats, rng: np.random.Generator) -> Asking:
    pool = ground.places(utc_minute, _POOL, rng)
    to_x, to_y = destinations(Pickups(at_ms=at_ms, x=x, y=y), *pool, ground.plan, rng)
    return at_ms, x, y, to_x, to_y


def _fares(market: Market, product: Ints, km: Floats, km_per_h: Floats) -> tuple[Floats, Floats]:
    """Dollars at 1.00 without the booking fee, and that fee, by the market's tariff."""
    tariff = [(each.base_minor, each.per_km_minor, each.per_min_minor, each.minimum_minor) for each in market.products]
    base, per_km, per_min, least = (np.array(column, np.float64)[product] for column in zip(*tariff, strict=True))
    fee = np.array([each.booking_fee_minor for each in market.products], np.float64)[product]
    metered = base + per_km * km + per_min * km / km_per_h * 60.0
    return np.maximum(metered, least) / 100.0, fee / 100.0


def _patience_ms(median_s: float, assumed: Assumptions, rng: np.random.Generator, n: int) -> Ints:
    return (1_000.0 * median_s * np.exp(assumed.patience_spread * rng.normal(size=n))).astype(np.int64)


def _again_ms(assumed: Assumptions, rng: np.random.Generator, n: int) -> Ints:
    soonest_s = assumed.returning_soonest_s
    after_s = soonest_s + rng.exponential(assumed.returning_after_s - soonest_s, n)
    later = (1_000.0 * after_s).astype(np.int64)
    return np.where(rng.random(n) < assumed.returning_share, later, 0)
