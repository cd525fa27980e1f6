"""Histories small enough to count by hand, and the recorded one."""

from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from simulation.history import DAY_MIN, MINUTE_MS, History, history_of, read_history
from simulation.plan import CityPlan
from simulation.plane import Plane

RECORDED = Path(__file__).parents[3] / "data" / "nyc-uber-pickups-2014-04-to-08-B02512.csv.gz"
NEW_YORK = ZoneInfo("America/New_York")
PLANE = Plane(40.72, -73.97)
EPOCH = date(1970, 1, 1)


@cache
def recorded() -> History:
    """The pickups shipped with the project."""
    plan = CityPlan()
    return read_history(RECORDED, box=plan.box, time_zone=plan.time_zone)


def local_day(iso: str) -> int:
    """Local days from 1970-01-01 to a date such as 2014-05-13."""
    return (date.fromisoformat(iso) - EPOCH).days


def history(pickups: dict[str, int]) -> History:
    """A history with so many pickups at each local minute such as 2014-05-13T08:30, spread over Manhattan."""
    rows = []
    for at, count in pickups.items():
        local = datetime.fromisoformat(at)
        minute = local_day(at[:10]) * DAY_MIN + local.hour * 60 + local.minute
        rows += [(minute, 40.70 + 0.001 * number, -74.00 + 0.001 * number) for number in range(count)]
    return history_of(rows, plane=PLANE, time_zone="America/New_York")


def ms(iso: str) -> int:
    """Epoch ms of a UTC instant such as 2026-11-17T15:00."""
    return int(datetime.fromisoformat(iso).replace(tzinfo=UTC).timestamp()) * 1_000


def local(at_ms: int) -> datetime:
    """What New York's clocks show."""
    return datetime.fromtimestamp(at_ms / 1_000, NEW_YORK)


def minute_of(iso: str) -> int:
    """UTC minute of an instant such as 2026-11-17T15:00."""
    return ms(iso) // MINUTE_MS
