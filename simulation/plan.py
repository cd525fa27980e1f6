"""Everything that can be chosen about the city, each value with where it comes from.

"Assumption" marks a value nobody published for the recorded city; such values shape the show, not the system under it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductShare:
    """One product and the share of requests that ask for it."""

    product: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CarShare:
    """The products one kind of car serves and the share of the fleet that is of this kind."""

    products: tuple[str, ...]
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """The area played, degrees WGS 84; recorded pickups outside it are left out."""

    south: float
    west: float
    north: float
    east: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """People who leave `lat`, `lon`: `per_min` on average in the first `lasting_min` of every `every_min` UTC minutes.

    They are scattered by `spread_m` per axis.
    """

    lat: float
    lon: float
    per_min: float
    every_min: int
    lasting_min: int
    spread_m: float

    def leaves_in(self, utc_minute: int) -> bool:
        """Whether people leave in that minute.

        >>> hall = Gathering(lat=40.75, lon=-73.99, per_min=9.0, every_min=6, lasting_min=4, spread_m=350.0)
        >>> [minute for minute in range(12) if hall.leaves_in(minute)]
        [0, 1, 2, 3, 6, 7, 8, 9]
        """
        return utc_minute % self.every_min < self.lasting_min


@dataclass(frozen=True, slots=True, kw_only=True)
class CityPlan:
    """One city, whole: the same plan, start and answers give the same riders and cars.

    `scale` counts recorded days laid over each other, so 1 is one plain day. None holds the level instead: each minute
    takes as many days as give `requests_per_s × (recorded minute / mean minute) ** daily_shape`, so a demonstration is
    busy at any hour; the places and bursts of the local hour stay those recorded.
    """

    seed: int = 1
    time_zone: str = "America/New_York"  # of the recording and of the market
    # Covers the five boroughs, Newark and both edges of Long Island's Queens border: 98.9 % of the recorded pickups.
    box: Box = Box(south=40.49, west=-74.30, north=40.95, east=-73.65)

    # How many riders ask
    scale: float | None = None
    requests_per_s: float = 12.5  # assumption: busy, and light for two cores
    daily_shape: float = 0.2  # 0 is level, 1 the recorded day; 0.2 turns the recorded 1:23 into 1:1.9
    reuse_shift_min: int = 10  # a day used again is shifted by up to this many minutes …
    reuse_spread_m: float = 150.0  # … and its pickups scattered by this standard deviation per axis
    patience_ms: int = 10_000  # assumption: then the rider stops waiting for a price; the request's deadline

    # Where they go. The recording has no dropoffs: one is drawn from pickups around the same time, weighted
    # exp(−distance / kernel).
    kernel_m: float = 4_500.0  # assumption: gives trips of about 3.5 km in a straight line, 4.5 km by road
    least_trip_m: float = 400.0  # assumption: shorter ways are walked
    period_min: int = 30  # the half hours before and after
    riders: int = 500_000  # assumption: people who ever ask
    gatherings: tuple[Gathering, ...] = ()  # crowds on top of all that

    # What they choose
    product_shares: tuple[ProductShare, ...] = (  # assumption
        ProductShare(product="standard", share=0.78),
        ProductShare(product="xl", share=0.14),
        ProductShare(product="premium", share=0.08),
    )
    accepted_share: float = 0.6  # assumption: at 1.0× and the usual wait
    price_elasticity: float = 0.5  # of sessions at that share, published estimates 0.4 to 0.6 (Cohen et al. 2016)
    wait_worth_ratio_per_min: float = 0.023  # a minute of waiting weighs like 2.3 % of the fare (19.38 $/h on 13.83 $)
    usual_wait_s: int = 180  # assumption: the wait a rider expects unasked
    think_ms: tuple[int, int] = (2_000, 8_000)  # assumption: from quote to acceptance, uniform
    cancelled_share: float = 0.05  # assumption: of riders given a car, who call off before it comes

    # The cars
    drivers: int | None = None  # None: as many as `staffing_ratio` asks for at the busiest minute of the day
    staffing_ratio: float = 1.12  # cars online per car needed on average: enough between peaks, short at peaks
    staffing_half_window_min: int = 120  # drivers know the day, not the minute: their number follows this mean
    car_shares: tuple[CarShare, ...] = (  # assumption
        CarShare(products=("standard",), share=0.55),
        CarShare(products=("standard", "xl"), share=0.28),
        CarShare(products=("standard", "premium"), share=0.17),
    )
    ping_ms: int = 4_000
    speed_kmh: float = 20.0  # assumption: along streets
    detour_ratio: float = 1.3  # assumption: street metres per straight metre; cars move straight, that much slower
    idle_speed_ratio: float = 0.6  # assumption: of speed, when drifting towards riders
    restless_share: float = 0.1  # assumption: of idle cars standing at their place, that pick a new one at a ping
    drift_choices: int = 3  # an idle car looks at this many recent pickups and heads for the nearest

    # Dispatch
    reach_m: float = 4_500.0  # assumption: straight metres a car is sent at most
    wait_for_car_ms: int = 300_000  # assumption: a booking that finds no car in this time is called off
    judged_within_ms: int = 30_000  # an acceptance not judged by then is counted undecided
    answer_grace_ms: int = 5_000  # after the deadline, in which "expired" may still be heard

    @property
    def speed_m_per_s(self) -> float:
        """Straight-line speed of a car under way, metres per second.

        >>> round(CityPlan().speed_m_per_s, 2)
        4.27
        """
        return self.speed_kmh / 3.6 / self.detour_ratio
