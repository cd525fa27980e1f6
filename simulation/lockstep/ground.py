"""The ground the city stands on: priced cells, zones, and recorded places where people ask.

The zones are those that hold most of the recorded pickups, so that a thousand cars stand about as densely as they would
in a real fleet's centre.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulation.history import DAY_MIN, History, Ints, like_days, read_history
from simulation.plan import CityPlan
from simulation.plane import Floats
from windows.hexagons import cells_of, cells_of_zone, zones_of

PICKUPS = Path(__file__).resolve().parents[2] / "data" / "nyc-uber-pickups-2014-04-to-08-B02512.csv.gz"
ZONES = 6
NOWHERE = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """`zones` and their `cells`, int64 ascending; `history` holds pickups inside them only; `plan` how trips go."""

    plan: CityPlan
    history: History
    zones: Ints
    cells: Ints

    def cell_at(self, x: Floats, y: Floats) -> Ints:
        """Row in `cells` of each point, metres; NOWHERE outside the priced zones."""
        lat, lon = self.history.plane.degrees(x, y)
        return row_of(self.cells, cells_of(lat, lon))

    def places(self, utc_minute: int, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Where people asked around this local minute on days like it, drawn with replacement, metres."""
        day, minute = divmod(self.history.local_minute(utc_minute), DAY_MIN)
        middles = like_days(self.history, day) * DAY_MIN + minute
        first = np.searchsorted(self.history.minutes, middles - self.plan.period_min)
        last = np.searchsorted(self.history.minutes, middles + self.plan.period_min)
        rows = np.concatenate([np.arange(a, b) for a, b in zip(first.tolist(), last.tolist(), strict=True)])
        drawn = rows[rng.integers(0, rows.size, count)]
        return self.history.x[drawn], self.history.y[drawn]


def row_of(cells: Ints, wanted: Ints) -> Ints:
    """Row of each cell in ascending `cells`, NOWHERE where it is not among them.

    >>> row_of(np.array([3, 5]), np.array([5, 4])).tolist()
    [1, -1]
    """
    at = np.minimum(np.searchsorted(cells, wanted), cells.size - 1)
    rows: NDArray[np.int64] = np.where(cells[at] == wanted, at, NOWHERE)
    return rows


def new_york(pickups: Path = PICKUPS, *, zones: int = ZONES) -> Ground:
    """The centre of New York, its busiest zones, from the shipped pickups.

    Raises ValueError if the file cannot be read as pickups.
    """
    plan = CityPlan()
    history = read_history(pickups, box=plan.box, time_zone=plan.time_zone)
    lat, lon = history.plane.degrees(history.x, history.y)
    of = zones_of(cells_of(lat, lon))
    found, count = np.unique(of, return_counts=True)
    busiest = np.sort(found[np.argsort(-count, kind="stable")[:zones]])
    inside = np.isin(of, busiest)
    kept = History(
        zone=history.zone,
        plane=history.plane,
        minutes=history.minutes[inside],
        x=history.x[inside],
        y=history.y[inside],
        days=history.days,
        per_min=history.per_min,
    )
    cells = np.sort(np.array([cell for zone in busiest.tolist() for cell in cells_of_zone(zone)], np.int64))
    return Ground(plan=plan, history=kept, zones=busiest, cells=cells)
