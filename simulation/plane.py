"""A flat map of a city in metres.

Equirectangular around one point: within 30 km of it distances are right to half a percent, which is far below what the
straight lines of the simulated cars get wrong.
"""

from dataclasses import dataclass
from math import cos, pi, radians

import numpy as np
from numpy.typing import NDArray

from simulation.plan import Box

Floats = NDArray[np.float64]
EARTH_RADIUS_M = 6_371_008.8
METRES_PER_DEGREE = pi * EARTH_RADIUS_M / 180


@dataclass(frozen=True, slots=True)
class Plane:
    """The map around (`lat`, `lon`), degrees WGS 84: x runs east, y north, metres."""

    lat: float
    lon: float

    @classmethod
    def of(cls, box: Box) -> "Plane":
        """The map around the middle of `box`."""
        return cls(lat=(box.south + box.north) / 2, lon=(box.west + box.east) / 2)

    def metres(self, lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
        """East and north of points, float64[n] each, metres.

        >>> x, y = Plane(40.7, -74.0).metres(np.array([40.71]), np.array([-73.99]))
        >>> int(x[0]), int(y[0])
        (843, 1111)
        """
        return (lon - self.lon) * (METRES_PER_DEGREE * cos(radians(self.lat))), (lat - self.lat) * METRES_PER_DEGREE

    def degrees(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Latitude and longitude of points, float64[n] each, degrees; the inverse of `metres`."""
        return y / METRES_PER_DEGREE + self.lat, x / (METRES_PER_DEGREE * cos(radians(self.lat))) + self.lon
