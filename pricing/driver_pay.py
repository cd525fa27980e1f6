"""What the driver of a ride gets: a share of the plain fare, and a surge that is the same for short and long rides.

    share          driver_share x metered fare at 1.00
    surge          driver_share x usual ride's metered fare x (multiplier - 1), at least 0
    minimum_share  what is missing to the jurisdiction's least part of the rider's fare, surge included

A surge in proportion to the fare makes drivers turn short rides down and wait for long ones; one that is added nearly
takes that reason away (Garg and Nazerzadeh 2022, Driver Surge Pricing, Management Science 68(5)). Measured by the usual
ride, it costs over all rides what one in proportion would. A least share brings the proportion back for long rides,
where a jurisdiction demands it.
"""

import numpy as np
from numpy.typing import NDArray

from pricing.fares import amount_of, fare_lines
from pricing.markets import Market
from pricing.policy import UNMOVED, Policy
from pricing.rounding import divided_half_up
from pricing.routes import Route
from topics.control import Product
from topics.prices import FareLine

SHARE, SURGE, MINIMUM_SHARE = "share", "surge", "minimum_share"


def metered_minor(product: Product, route: Route) -> int:
    """Base, distance and time of the ride at 1.00, at least the minimum, minor units."""
    return amount_of(fare_lines(product, route, UNMOVED)) - product.booking_fee_minor


def driver_surge(market: Market, policy: Policy, multipliers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The surge of a ride from each cell, minor units, int64[n, P]; `multipliers` int64[n, P] hundredths."""
    usual = [metered_minor(product, market.usual_ride) for product in market.products]
    per_hundredth = policy.rules.driver_share_hundredths * np.array(usual, np.int64)
    doubled = 2 * np.maximum(multipliers - UNMOVED, 0) * per_hundredth
    return (doubled + UNMOVED * UNMOVED) // (2 * UNMOVED * UNMOVED)


def driver_pay(
    market: Market, policy: Policy, *, product: str, jurisdiction: str, route: Route, multiplier_hundredths: int
) -> list[FareLine]:
    """What the driver of a quoted ride gets: share, then surge and minimum_share where they are not zero."""
    place = market.product_index[product]
    fare = metered_minor(market.products[place], route)
    multipliers = np.full((1, len(market.products)), multiplier_hundredths, np.int64)
    share = divided_half_up(fare * policy.rules.driver_share_hundredths, UNMOVED)
    surge = int(driver_surge(market, policy, multipliers)[0, place])
    least = policy.driver_minimum_share.get(jurisdiction, 0)
    paid = fare + divided_half_up(fare * (multiplier_hundredths - UNMOVED), UNMOVED)
    missing = max(0, -(-paid * least // UNMOVED) - share - surge)
    lines = [FareLine(code=SHARE, amount_minor=share)]
    for code, amount in ((SURGE, surge), (MINIMUM_SHARE, missing)):
        if amount:
            lines.append(FareLine(code=code, amount_minor=amount))
    return lines
