"""What the driver of a ride gets: a share of the plain fare, and a surge that is the same for short and long rides.

    share          driver_share x metered fare at 1.00
    surge          driver_share x usual ride's metered fare x (multiplier - 1), at least 0
    minimum_share  what is missing to the jurisdiction's least part of the rider's fare, surge included

A surge in proportion to the fare makes drivers turn short rides down and wait for long ones; one that is added nearly
takes that reason away (Garg and Nazerzadeh 2022, Driver Surge Pricing, Management Science 68(5)). Measured by the usual
ride, it costs over all rides what one in proportion would. A least share brings the proportion back for long rides,
where a jurisdiction demands it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pricing.rules.fares import amount_of, fare_lines
from pricing.rules.markets import Market
from pricing.rules.policy import UNMOVED, Policy
from pricing.rules.rounding import divided_half_up
from pricing.rules.routes import Route
from topics.control import Product
from topics.prices import FareLine

SHARE, SURGE, MINIMUM_SHARE = "share", "surge", "minimum_share"
PLAIN = {"base", "distance", "time", "minimum"}
"""Fare lines of which a driver has a share."""


def metered_minor(product: Product, route: Route) -> int:
    """Base, distance and time of the ride at 1.00, at least the minimum, minor units."""
    return amount_of(fare_lines(product, route, UNMOVED)) - product.booking_fee_minor


def driver_surge(market: Market, policy: Policy, multipliers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The surge of a ride from each cell, minor units, int64[n, P]; `multipliers` int64[n, P] hundredths."""
    per_hundredth = policy.rules.driver_share_hundredths * _usual_rides(market)
    doubled = 2 * np.maximum(multipliers - UNMOVED, 0) * per_hundredth
    return (doubled + UNMOVED * UNMOVED) // (2 * UNMOVED * UNMOVED)


@lru_cache(64)
def _usual_rides(market: Market) -> NDArray[np.int64]:
    """Metered fare of a usual ride of each product, minor units, int64[P]."""
    return np.array([metered_minor(product, market.usual_ride) for product in market.products], np.int64)


@dataclass(frozen=True, slots=True)
class PayTerms:
    """What all rides of one product from one cell at one multiplier have in common: `surge_minor`, and two shares."""

    multiplier_hundredths: int
    share_hundredths: int
    surge_minor: int
    least_hundredths: int


def pay_terms(
    market: Market, policy: Policy, *, product: str, jurisdiction: str, multiplier_hundredths: int
) -> PayTerms:
    """The terms of a quoted multiplier."""
    place = market.product_index[product]
    usual = int(_usual_rides(market)[place])
    share = policy.rules.driver_share_hundredths
    over = max(multiplier_hundredths - UNMOVED, 0)
    surge = divided_half_up(usual * share * over, UNMOVED * UNMOVED)
    return PayTerms(multiplier_hundredths, share, surge, policy.driver_minimum_share.get(jurisdiction, 0))


def driver_pay(terms: PayTerms, fare: Sequence[FareLine]) -> list[FareLine]:
    """What the driver of a ride with that fare gets: share, then surge and minimum_share where they are not zero."""
    plain = sum(line.amount_minor for line in fare if line.code in PLAIN)
    share = divided_half_up(plain * terms.share_hundredths, UNMOVED)
    lines = [FareLine(code=SHARE, amount_minor=share)]
    if terms.surge_minor:
        lines.append(FareLine(code=SURGE, amount_minor=terms.surge_minor))
    if terms.least_hundredths:
        paid = plain + divided_half_up(plain * (terms.multiplier_hundredths - UNMOVED), UNMOVED)
        missing = -(-paid * terms.least_hundredths // UNMOVED) - share - terms.surge_minor
        if missing > 0:
            lines.append(FareLine(code=MINIMUM_SHARE, amount_minor=missing))
    return lines
