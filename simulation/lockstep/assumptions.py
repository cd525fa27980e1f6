"""Every parameter of the lockstep city, with its source or marked as an assumption.

No pricer reads these. "Assumption" marks a value nobody published for New York.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What the people, cars and streets of the city are like."""

    # Size
    drivers: int = 1_000  # on the road at usual earnings; the project's tables are for this many
    requests_per_driver_h: float = (
        5.0  # assumption: keeps about six of ten cars busy, as in US cities (Cramer, Krueger 2016)
    )

    # What riders choose
    accepted_share: float = 0.6  # of those who see 1.00 and the usual wait; as `demand.forecast.REQUESTS_PER_PICKUP`
    price_elasticity: float = 0.5  # of sessions, published estimates 0.4 to 0.6 (Cohen et al. 2016)
    wait_worth_per_min: float = 0.023  # part of the fare a minute of waiting costs ($19.38/h on $13.83; Castillo 2025)
    usual_wait_s: float = 180.0  # assumption: the wait a rider expects
    outside_ratio: float = 3.5  # worth of a ride is at most so many fares, since there are other ways to go; with it
    # a dollar spent at 1.00 leaves about 1.6 dollars of surplus less than half taken away, as Cohen et al. 2016 find
    match_patience_s: float = 240.0  # assumption: median time a rider waits for a car to be found …
    pickup_patience_s: float = 720.0  # assumption: … and from asking to being picked up
    patience_spread: float = 0.5  # assumption: standard deviation of the logarithm of both
    returning_share: float = 0.3  # assumption: of those who declined or gave up, who ask once more …
    returning_after_s: float = 480.0  # assumption: … after so long on average …
    returning_soonest_s: float = 120.0  # … and no sooner: until then DEMAND takes it for the same request

    # What drivers choose
    entry_elasticity: float = 1.2  # of hours to earnings over 15 to 30 min (Chen, Sheldon 2016; facts of the project)
    reconsider_s: float = 1_200.0  # a driver thinks again about being on the road: the 15 to 30 min of that elasticity
    drivers_in_reach: float = 2.0  # assumption: so many times `drivers` would come if it paid enough
    earnings_memory_s: float = 900.0  # assumption: drivers know the earnings of the last quarter of an hour
    driver_share: float = 0.75  # assumption: of the metered fare, surge included
    running_cost_per_km: float = 0.20  # assumption: dollars
    far_pickup_s: float = 900.0  # assumption: half of the drivers turn down a pickup this far away …
    far_spread_s: float = 150.0  # … logistic with this scale, so nearly nobody one of five minutes
    declined_s: float = 10.0  # assumption: time a refusal costs the rider

    # How cars move
    detour_ratio: float = 1.3  # street metres per straight metre (Boscoe, Henry, Zdeb 2012)
    speed_ratio: float = 1.0  # of the usual speed of the hour, `pricing.rules.routes.KM_PER_H`
    match_s: float = 20.0  # assumption: to find a car and set off
    reach_m: float = 4_500.0  # assumption: straight metres a car is sent at most
    cruise_ratio: float = 0.6  # assumption: of speed, when looking for riders
    reposition_s: float = 300.0  # assumption: an idle car picks a new place to wait this often
    surge_followers: float = 0.35  # of repositioning cars heed visible surge: 10 to 60 % published
    surge_pull_m: float = 4_000.0  # assumption: metres a follower would drive for a multiplier higher by 1.00
