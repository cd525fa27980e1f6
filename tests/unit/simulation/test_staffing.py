"""How many cars there are, and how many of them begin with a rider."""

from dataclasses import replace

import pytest

from simulation.city import City
from simulation.plan import CityPlan
from simulation.staffing import fleet_size
from tests.unit.simulation.cities import minute_of, ms, recorded

START_MS = ms("2026-11-17T22:00")
PLAN = CityPlan(requests_per_s=4.0)


@pytest.mark.parametrize(("ratio", "busy"), [(0.5, 1.0), (1.0, 1.0), (2.0, 0.5), (4.0, 0.25)])
def test_cars_beyond_those_needed_begin_idle(ratio: float, busy: float) -> None:
    """With a stated number of cars the city begins with the rides its riders make, not with a share of the cars."""
    needed = fleet_size(recorded(), replace(PLAN, staffing_ratio=1.0, daily_shape=0.0), minute_of("2026-11-17T22:00"))
    plan = replace(PLAN, daily_shape=0.0, drivers=round(needed * ratio))

    summary = City(plan, recorded(), start_ms=START_MS).summary()

    assert summary.cars_busy / summary.cars == pytest.approx(busy, abs=0.03)
