"""The recorded days of a city and who asks in them, minute by minute.

A minute of today takes the recorded minutes with the same local clock time on days of the same class (Monday to
Thursday, Friday, Saturday, Sunday), several days laid over each other:

    today      Tue 17:05  ─┬─ 1st day   Wed 14 May 17:05   as recorded
                           ├─ 2nd day   Mon 2 June 17:05   as recorded
                           ├─ …
                           └─ 88th day  Wed 14 May 16:58   used again: shifted by minutes, scattered by metres

Everything is drawn per UTC minute from a generator seeded by (seed, minute), so a span is the same whether it is asked
for at once or in pieces. Where the local clock skips an hour, that hour never comes; where it repeats one, the hour is
played twice with other seconds.
"""

import csv
import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulation.plan import Box, CityPlan
from simulation.plane import Floats, Plane

Ints = NDArray[np.int64]
MINUTE_MS = 60_000
DAY_MIN = 1_440
CLASSES = 4
_CLASS_OF_WEEKDAY = (0, 0, 0, 0, 1, 2, 3)  # Monday to Sunday
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday
_EPOCH_ORDINAL = 719_163
_SMOOTHING_MIN = 61
_ROUNDS = 128  # independent shifts of a day that is used again
_LEAST_PER_MIN = 1e-3  # a minute nobody recorded cannot be scaled up to a level
_HEADER = ["pickup_local", "lat", "lon", "base"]


def day_class(day: int) -> int:
    """0 for Monday to Thursday, 1 Friday, 2 Saturday, 3 Sunday; `day` counts local days from 1970-01-01.

    >>> [day_class(day) for day in range(7)]
    [0, 1, 2, 3, 0, 0, 0]
    """
    return _CLASS_OF_WEEKDAY[(day + _EPOCH_WEEKDAY) % 7]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """Recorded pickups, ascending in time.

    `minutes` int64[n] counts local minutes from 1970-01-01T00:00, `x` and `y` float64[n] are metres on `plane`, `days`
    are the recorded local days of each class, `per_min` float64[class, minute of day] the smoothed pickups of one mean
    day.
    """

    zone: ZoneInfo
    plane: Plane
    minutes: Ints
    x: Floats
    y: Floats
    days: tuple[Ints, ...]
    per_min: Floats

    def local_minute(self, utc_minute: int) -> int:
        """Local wall-clock minute, counted from 1970-01-01T00:00, that shows during `utc_minute`."""
        local = datetime.fromtimestamp(utc_minute * 60, self.zone)
        return (local.toordinal() - _EPOCH_ORDINAL) * DAY_MIN + local.hour * 60 + local.minute

    def recorded_per_min(self, utc_minute: int) -> float:
        """Pickups a mean recorded day has in the local minute of `utc_minute`, smoothed over an hour."""
        day, minute = divmod(self.local_minute(utc_minute), DAY_MIN)
        return max(float(self.per_min[day_class(day), minute]), _LEAST_PER_MIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pickups:
    """Where and when riders ask: `at_ms` int64[n] ascending, epoch ms UTC; `x`, `y` float64[n] metres."""

    at_ms: Ints
    x: Floats
    y: Floats


def read_history(path: Path, *, box: Box, time_zone: str) -> History:
    """The recorded pickups inside `box` from a gzipped CSV of pickup_local, lat, lon, base.

    Raises ValueError naming file and line of the first row that cannot be read, or if no pickup is inside.
    """
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        header = next(lines, None)
        if header != _HEADER:
            raise ValueError(f"{path.name} must begin with {','.join(_HEADER)}, got {header}")
        rows = [_row(line, f"{path.name} line {number}") for number, line in enumerate(lines, start=2)]
    inside = [row for row in rows if box.south <= row[1] <= box.north and box.west <= row[2] <= box.east]
    if not inside:
        raise ValueError(f"{path.name} must hold a pickup inside the box played, got none of {len(rows)}")
    return history_of(inside, plane=Plane.of(box), time_zone=time_zone)


def history_of(rows: Iterable[tuple[int, float, float]], *, plane: Plane, time_zone: str) -> History:
    """A history from rows of (local minute from 1970-01-01, latitude, longitude) in any order, at least one."""
    columns = np.array(sorted(rows), np.float64)
    minutes = columns[:, 0].astype(np.int64)
    x, y = plane.metres(columns[:, 1], columns[:, 2])
    recorded = np.unique(minutes // DAY_MIN)
    classes = np.array([day_class(int(day)) for day in recorded])
    days = tuple(recorded[classes == each] for each in range(CLASSES))
    return History(
        zone=ZoneInfo(time_zone), plane=plane, minutes=minutes, x=x, y=y, days=days, per_min=_mean_days(minutes, days)
    )


def scale_at(history: History, plan: CityPlan, utc_minute: int) -> float:
    """How many recorded days are laid over each other in `utc_minute`: the plan's scale, or what holds its level."""
    if plan.scale is not None:
        return plan.scale
    recorded = history.recorded_per_min(utc_minute)
    mean = float(history.per_min[day_class(history.local_minute(utc_minute) // DAY_MIN)].mean())
    level: float = (recorded / max(mean, _LEAST_PER_MIN)) ** plan.daily_shape
    return 60 * plan.requests_per_s * level / recorded


def expected_per_s(history: History, plan: CityPlan, utc_minute: int) -> float:
    """Requests per second the plan leads to in `utc_minute`."""
    return scale_at(history, plan, utc_minute) * history.recorded_per_min(utc_minute) / 60


def like_days(history: History, day: int) -> Ints:
    """Recorded days that can stand for local day `day`: those of its class, or all if none was recorded."""
    days = history.days[day_class(day)]
    return days if days.size else np.concatenate(history.days)


def pickups_in_minute(history: History, plan: CityPlan, utc_minute: int) -> Pickups:
    """Everyone who asks in `utc_minute`; drawn from (seed, minute) alone."""
    rng = np.random.default_rng([plan.seed, utc_minute, 0])
    starts, reused, kept_share = _superposed(history, plan, utc_minute)
    first = np.searchsorted(history.minutes, starts)
    count = np.searchsorted(history.minutes, starts + 1) - first
    rows = expand(first, count)
    layer = np.repeat(np.arange(starts.size), count)
    kept = (layer < starts.size - 1) | (rng.random(rows.size) < kept_share)
    rows, scattered = rows[kept], reused[layer[kept]]
    at_ms = utc_minute * MINUTE_MS + rng.integers(0, MINUTE_MS, rows.size)
    spread = rng.normal(0.0, plan.reuse_spread_m, (2, rows.size)) * scattered
    order = np.argsort(at_ms, kind="stable")
    return Pickups(at_ms=at_ms[order], x=(history.x[rows] + spread[0])[order], y=(history.y[rows] + spread[1])[order])


def schedule(history: History, plan: CityPlan, *, start_ms: int, end_ms: int) -> Pickups:
    """Everyone who asks in [start_ms, end_ms), epoch ms UTC, ascending."""
    minutes = range(start_ms // MINUTE_MS, -(-end_ms // MINUTE_MS))
    parts = [pickups_in_minute(history, plan, minute) for minute in minutes]
    at_ms = np.concatenate([part.at_ms for part in parts]) if parts else np.empty(0, np.int64)
    x = np.concatenate([part.x for part in parts]) if parts else np.empty(0)
    y = np.concatenate([part.y for part in parts]) if parts else np.empty(0)
    inside = (at_ms >= start_ms) & (at_ms < end_ms)
    return Pickups(at_ms=at_ms[inside], x=x[inside], y=y[inside])


def expand(first: Ints, count: Ints) -> Ints:
    """All indices of the ranges [first, first + count), one range after the other.

    >>> expand(np.array([5, 9]), np.array([2, 1])).tolist()
    [5, 6, 9]
    """
    before = np.cumsum(count) - count
    rows: Ints = np.arange(int(count.sum())) + np.repeat(first - before, count)
    return rows


def _superposed(history: History, plan: CityPlan, utc_minute: int) -> tuple[Ints, NDArray[np.bool_], float]:
    """Recorded minute of each layer, whether its day was used before, and the share kept of the last layer.

    Layer k of a date is the same for every scale above k, so a larger scale only adds riders.
    """
    scale = scale_at(history, plan, utc_minute)
    day, minute = divmod(history.local_minute(utc_minute), DAY_MIN)
    days = like_days(history, day)
    rng = np.random.default_rng([plan.seed, day, 1])
    order = rng.permutation(days.size)
    shifts = rng.integers(-plan.reuse_shift_min, plan.reuse_shift_min + 1, (_ROUNDS, days.size))
    shifts[0] = 0
    layer = np.arange(int(np.ceil(scale)))
    used, turn = divmod(layer, days.size)
    starts = days[order[turn]] * DAY_MIN + minute + shifts[used % _ROUNDS, turn]
    return starts, layer >= days.size, scale - np.floor(scale) or 1.0


def _mean_days(minutes: Ints, days: tuple[Ints, ...]) -> Floats:
    """Pickups per minute of day of one mean day of each class, float64[class, 1440], mean over an hour around."""
    classes = np.array([day_class(int(day)) for day in minutes // DAY_MIN])
    counts = np.zeros((CLASSES, DAY_MIN))
    np.add.at(counts, (classes, minutes % DAY_MIN), 1.0)
    half = _SMOOTHING_MIN // 2
    around = np.concatenate([counts[:, -half:], counts, counts[:, :half]], axis=1)
    sums = np.cumsum(np.pad(around, ((0, 0), (1, 0))), axis=1)
    smooth = (sums[:, _SMOOTHING_MIN:] - sums[:, :-_SMOOTHING_MIN]) / _SMOOTHING_MIN
    recorded = np.array([max(each.size, 1) for each in days])
    means: Floats = smooth / recorded[:, None]
    return means


def _row(line: list[str], place: str) -> tuple[int, float, float]:
    try:
        at, lat, lon, _base = line
        minute = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()) // 60
        return minute, float(lat), float(lon)
    except ValueError as error:
        raise ValueError(f"{place} must be pickup_local,lat,lon,base, got {','.join(line)!r}") from error
