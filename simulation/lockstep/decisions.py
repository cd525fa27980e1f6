"""How riders and drivers choose: small functions that can be replaced one by one.

A rider's worth of a ride is drawn once, as a multiple of its fare at the usual wait; an offer is taken if it costs no
more. So the shape of demand is the distribution of worth, and surplus is what the worth leaves over the price.

    cost of an offer = multiplier x exp(worth of a minute x (wait - usual wait))
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from simulation.lockstep.assumptions import Assumptions
from simulation.plane import Floats

# What a number that is drawn once is for.
MOVING, APPEARING, WILLING = range(3)

Worth = Callable[[Floats, Assumptions], Floats]


def logit_worth(mood: Floats, assumed: Assumptions) -> Floats:
    """Multiple of the fare each rider would just pay, logistic in the logarithm; `mood` float64[n] in (0, 1).

    The slope follows from the elasticity of sessions at 1.00: d ln share / d ln multiplier = -slope x (1 - share).

    >>> share = lambda m: float(np.mean(logit_worth(np.linspace(0.0005, 0.9995, 1000), Assumptions()) >= m))
    >>> share(1.0), share(2.0)
    (0.6, 0.387)
    """
    slope = assumed.price_elasticity / (1.0 - assumed.accepted_share)
    usual = assumed.accepted_share / (1.0 - assumed.accepted_share)
    odds = mood / (1.0 - mood)
    worth: Floats = np.exp(np.log(usual / odds) / slope)
    return worth


def exponential_worth(mood: Floats, assumed: Assumptions) -> Floats:
    """Another shape of demand: P(accept) falls exponentially with the multiplier, at the same share and elasticity."""
    worth: Floats = np.maximum(0.0, 1.0 + np.log(assumed.accepted_share / mood) / assumed.price_elasticity)
    return worth


def offer_cost(multiplier: Floats, wait_s: Floats, assumed: Assumptions) -> Floats:
    """What an offer costs as a multiple of the fare, waiting beyond the usual included."""
    waited_min = (wait_s - assumed.usual_wait_s) / 60.0
    cost: Floats = multiplier * np.exp(assumed.wait_worth_per_min * waited_min)
    return cost


def reservation_per_h(rank: Floats, usual_per_h: float, assumed: Assumptions) -> Floats:
    """Earnings per hour above which each driver comes; `rank` 1 is the last who comes at the usual earnings.

    Cars on the road are then (earnings / usual) ** elasticity of the usual number.
    """
    reservation: Floats = usual_per_h * rank ** (1.0 / assumed.entry_elasticity)
    return reservation


def turns_down(way_s: float, chance: float, assumed: Assumptions) -> bool:
    """Whether a driver turns a pickup down that is `way_s` seconds away; `chance` is drawn once per rider and car."""
    return chance < 1.0 / (1.0 + exp((assumed.far_pickup_s - way_s) / assumed.far_spread_s))


def place_to_wait(
    away_m: Floats, multiplier: Floats, follows: NDArray[np.bool_], assumed: Assumptions
) -> NDArray[np.int64]:
    """Which of k places each idle car heads for, int64[n]; `away_m` and `multiplier` float64[n, k], `follows` bool[n].

    The nearest; followers of surge weigh a higher multiplier against the way.
    """
    pull = np.where(follows, assumed.surge_pull_m, 0.0)[:, None] * (multiplier - 1.0)
    chosen: NDArray[np.int64] = np.argmin(away_m - pull, axis=1)
    return chosen


def drawn_once(*keys: int | NDArray[np.int64]) -> Floats:
    """Numbers in [0, 1) that depend on their keys alone, whatever else was drawn before; keys broadcast.

    SplitMix64 (Steele, Lea, Flood 2014), a key to a step.

    >>> drawn_once(1, np.arange(3)).round(3).tolist() == drawn_once(1, np.arange(4))[:3].round(3).tolist()
    True
    """
    mixed = np.zeros(1, np.uint64)
    for key in keys:
        mixed = (mixed ^ np.asarray(key, np.int64).astype(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    drawn: Floats = (mixed >> np.uint64(11)) / 2.0**53
    return drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """The functions a city decides by."""

    worth: Worth = logit_worth
