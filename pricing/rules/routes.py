"""How far and how long a ride is, estimated before it happens: no road network, no traffic feed.

Distance is the great circle times a detour, duration that distance at the speed usual at the hour. Both are estimates a
price can be locked on, since they depend on nothing but the request and its time.
"""

import math
from dataclasses import dataclass

from pricing.rules.rounding import divided_half_up

EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG
# Streets are 1.2 to 1.4 times the great circle (Boscoe, Henry, Zdeb 2012, Professional Geographer 64(2)).
STREET_DETOUR = 1.3
# Assumption, after New York taxi trips: km/h by local hour, 0 to 23, weekdays and weekends alike.
KM_PER_H = (27, 29, 30, 31, 32, 29, 25, 20, 17, 17, 17, 17, 17, 17, 17, 16, 16, 16, 16, 18, 20, 21, 22, 24)

GREAT_CIRCLE = ""


@dataclass(frozen=True, slots=True)
class Route:
    """Estimated distance and duration of a ride; `source` names the engine that gave them, empty for this module."""

    distance_m: int
    duration_s: int
    source: str = GREAT_CIRCLE


# Assumption, after New York taxi trips: the ride that stands for all where a price is told before the ride is known.
USUAL_RIDE = Route(4_700, 780)


def great_circle_m(lat: float, lon: float, to_lat: float, to_lon: float) -> float:
    """Distance of two points on the sphere, metres, by the haversine formula; degrees in.

    >>> round(great_circle_m(0.0, 0.0, 0.0, 1.0))
    111195
    """
    a, b = math.radians(lat), math.radians(to_lat)
    half_lat = math.sin((b - a) / 2.0)
    half_lon = math.sin(math.radians(to_lon - lon) / 2.0)
    chord = half_lat * half_lat + math.cos(a) * math.cos(b) * half_lon * half_lon
    return 2.0 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


def route_of(great_circle: float, km_per_h: int) -> Route:
    """The ride over a great circle of so many metres where that is the usual speed: `Market.km_per_h_at` its start.

    >>> route_of(10_000.0, 27)
    Route(distance_m=13000, duration_s=1733, source='')
    """
    distance_m = round(great_circle * STREET_DETOUR)
    return Route(distance_m, divided_half_up(distance_m * 36, km_per_h * 10))
