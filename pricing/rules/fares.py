"""What a ride costs: base, distance and time, at least the minimum, times the multiplier, plus the booking fee.

Money is integer minor units. Each line is rounded on its own and the amount is their sum, so the lines always add up.
"""

from pricing.rules.policy import UNMOVED
from pricing.rules.rounding import divided_half_up
from pricing.rules.routes import Route
from topics.control import Product
from topics.prices import FareLine

_MINUTE_S = 60
_KM_M = 1000


def fare_lines(product: Product, route: Route, multiplier_hundredths: int) -> list[FareLine]:
    """The price line by line: base, distance, time, then minimum, surge and booking fee where they are not zero.

    A minimum counts before the multiplier, a booking fee after it. A multiplier below 1.00 gives a negative surge line.
    """
    distance = divided_half_up(product.per_km_minor * route.distance_m, _KM_M)
    time = divided_half_up(product.per_min_minor * route.duration_s, _MINUTE_S)
    metered = product.base_minor + distance + time
    minimum = max(0, product.minimum_minor - metered)
    surge = divided_half_up((metered + minimum) * (multiplier_hundredths - UNMOVED), UNMOVED)
    lines = [
        FareLine(code="base", amount_minor=product.base_minor),
        FareLine(code="distance", amount_minor=distance),
        FareLine(code="time", amount_minor=time),
    ]
    for code, amount in (("minimum", minimum), ("surge", surge), ("booking_fee", product.booking_fee_minor)):
        if amount:
            lines.append(FareLine(code=code, amount_minor=amount))
    return lines


def amount_of(lines: list[FareLine]) -> int:
    """What the lines add up to, minor units."""
    return sum(line.amount_minor for line in lines)
