"""How a rider answers an offer.

A logit in the logarithm of what the ride costs, time included: a minute of waiting weighs like a share of the fare.

    logit(share) = logit(accepted_share) − slope · ( ln multiplier + worth · (wait − usual wait) )

The slope follows from the elasticity at the usual offer: d ln share / d ln multiplier = −slope · (1 − share).
"""

from math import exp, log

from simulation.plan import CityPlan


def accepted_share(plan: CityPlan, *, multiplier: float, eta_s: float) -> float:
    """Share of riders who take an offer at `multiplier` (1.0 is the plain fare) and a wait of `eta_s` seconds.

    A negative `eta_s` means the wait was not said: the rider expects the usual one.

    >>> round(accepted_share(CityPlan(), multiplier=1.0, eta_s=-1), 3)
    0.6
    >>> accepted_share(CityPlan(), multiplier=2.0, eta_s=180) < 0.41
    True
    """
    slope = plan.price_elasticity / (1 - plan.accepted_share)
    wait_min = (eta_s - plan.usual_wait_s) / 60 if eta_s >= 0 else 0.0
    cost = log(max(multiplier, 0.01)) + plan.wait_worth_ratio_per_min * wait_min
    odds = plan.accepted_share / (1 - plan.accepted_share) * exp(-slope * cost)
    return odds / (1 + odds)
