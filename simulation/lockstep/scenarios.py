"""What happens in a city for two hours: how many ask, how fast cars drive, what is known.

A scenario is a value: a local beginning, a warm-up that nobody measures, and functions of the minute since then. What
was expected, hence what drivers prepared for and fixed prices were tuned on, is `expected`; what comes is `requests`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from simulation.history import MINUTE_MS

WARM_UP_MIN = 30
MEASURED_MIN = 120
Level = Callable[[float], float]


def level(value: float) -> Level:
    """The same at every minute."""
    return lambda _: value


def between(start_min: float, end_min: float, inside: float, outside: float = 1.0, *, ramp_min: float = 10.0) -> Level:
    """`inside` from start to end, `outside` else, with linear ramps inside the span's edges.

    >>> [between(10, 40, 2.0)(minute) for minute in (0, 15, 25, 50)]
    [1.0, 1.5, 2.0, 1.0]
    """

    def at(minute: float) -> float:
        part = min(1.0, max(0.0, min(minute - start_min, end_min - minute) / ramp_min))
        return outside + (inside - outside) * part

    return at


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """People who all leave one place: how many per driver, from which minute, over how long, scattered by metres."""

    lat: float
    lon: float
    per_driver: float
    start_min: float
    lasting_min: float
    spread_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Two hours of a city; minutes count from the end of the warm-up.

    `requests` is a part of the usual number of requests, `speed` of the usual speed of the hour, `cars` of the usual
    number of cars; `expected` and `expected_speed` are what everybody, a tuned fixed price included, prepared for.
    `silent_min` says between which minutes no count reaches the pricing.
    """

    name: str
    about: str
    begins_local: str
    requests: Level = field(default_factory=lambda: level(1.0))
    speed: Level = field(default_factory=lambda: level(1.0))
    expected: Level = field(default_factory=lambda: level(1.0))
    expected_speed: Level = field(default_factory=lambda: level(1.0))
    cars: float = 1.0
    crowd: Crowd | None = None
    silent_min: tuple[float, float] | None = None

    def start_ms(self, time_zone: str) -> int:
        """Epoch ms UTC of the first step, the warm-up's."""
        local = datetime.fromisoformat(self.begins_local).replace(tzinfo=ZoneInfo(time_zone))
        return round(local.timestamp()) * 1_000 - WARM_UP_MIN * MINUTE_MS

    @property
    def hour(self) -> str:
        """Local weekday and hour in which it begins, such as `Tue 14`: all that a fixed price knows."""
        return datetime.fromisoformat(self.begins_local).strftime("%a %H")

    def usual(self) -> "Scenario":
        """The same hours as everybody expects them."""
        return replace(self, requests=self.expected, speed=self.expected_speed, crowd=None, silent_min=None)

    def is_silent(self, minute: float) -> bool:
        """Whether pricing hears nothing in that minute."""
        return self.silent_min is not None and self.silent_min[0] <= minute < self.silent_min[1]


NEW_YEAR = between(0, 115, 2.6, ramp_min=30)

SCENARIOS: dict[str, Scenario] = {
    each.name: each
    for each in (
        Scenario(
            name="steady",
            about="A Tuesday afternoon as usual: nothing happens.",
            begins_local="2014-09-09T14:00",
        ),
        Scenario(
            name="stadium",
            about="A Saturday night; a sold-out concert ends at Madison Square Garden after half an hour (Hall, "
            "Kendrick, Nosko 2015: app openings there rose fourfold for an hour).",
            begins_local="2014-09-13T22:00",
            crowd=Crowd(lat=40.7505, lon=-73.9934, per_driver=2.0, start_min=30, lasting_min=45, spread_m=350),
        ),
        Scenario(
            name="rain",
            about="A weekday evening; it rains for an hour from the thirtieth minute: a third more people ask "
            "(Brodeur, Nield 2018: a quarter more rides) and cars are a sixth slower.",
            begins_local="2014-09-10T18:00",
            requests=between(30, 95, 1.35),
            speed=between(30, 95, 0.85),
        ),
        Scenario(
            name="outage",
            about="A busy Friday evening, a fifth more requests than usual; from minute 40 no count reaches the "
            "pricing for 26 minutes, as long as the outage of New Year's Eve that Hall, Kendrick, Nosko describe.",
            begins_local="2014-09-12T19:00",
            requests=level(1.2),
            expected=level(1.2),
            silent_min=(40.0, 66.0),
        ),
        Scenario(
            name="misforecast",
            about="A Thursday evening on which 30 % more people ask than anybody planned for.",
            begins_local="2014-09-11T18:00",
            requests=level(1.3),
        ),
        Scenario(
            name="new-year",
            about="New Year's Eve from midnight: requests rise to 2.6 times the usual within half an hour; drivers "
            "know the date, four of ten more are on the road; streets are slow.",
            begins_local="2015-01-01T00:00",
            requests=NEW_YEAR,
            speed=level(0.8),
            expected=NEW_YEAR,
            expected_speed=level(0.8),
            cars=1.4,
        ),
    )
}
