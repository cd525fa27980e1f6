"""From the multipliers a zone wants to those it gets: every guardrail, in the order of `surge.guardrails`.

Ticks go through here when they are made, and again when a policy is tried on ticks that were.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pricing.rules.policy import UNMOVED, Policy
from pricing.rules.reasons import Reason
from pricing.rules.rounding import TENTH, draws
from pricing.surge import guardrails
from pricing.surge.guard_loops import guarded, rounded
from pricing.surge.guardrails import Hundredths, Trail
from pricing.surge.priced_zone import PricedZone

NO_CAP = 1 << 40
"""Above every multiplier."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Guarded:
    """What came out: `smooth` before rounding, `chance` of each rounding in hundredths; both int64[n, P]."""

    smooth: Hundredths
    chance: NDArray[np.int64]


def guard(
    trail: Trail,
    zone: PricedZone,
    *,
    previous: Hundredths,
    shown: Hundredths,
    then_ms: int,
    now_ms: int,
    unsure: Sequence[Reason],
) -> Guarded:
    """Lead the multipliers of `trail` through every rule; they end there rounded.

    `previous` are the smooth multipliers of the tick before, made at `then_ms`, and `shown` what they were rounded to;
    `unsure` says why none may rise. Riders who asked since may have been told less, since quotes step down with the age
    of their tick: that is what counts. Where the data is unsure, rounding is down and to no more than quotes say now:
    neither a new five-minute draw nor a quote that stepped down from the lower tenth may raise a price.
    """
    rules, bounds = zone.policy.rules, (zone.floor, zone.cap)
    fallen = zone.policy.fallen_by_age(now_ms - then_ms)
    highest = NO_CAP if zone.emergency_cap is None else zone.emergency_cap
    reasons, codes = _rules_in_force(tuple(unsure), has_cap=zone.emergency_cap is not None, is_frozen=rules.freeze)
    limits = (
        fallen,
        guardrails.rise_stride(rules.max_rise_hundredths_per_min, then_ms, now_ms),
        max(0, guardrails.stride(rules.max_fall_hundredths_per_min, then_ms, now_ms) - fallen),
        rules.hysteresis_hundredths,
        highest,
        rules.max_step_between_neighbours_hundredths,
    )
    multipliers = trail.value, previous, zone.overrides
    values = guarded(codes, multipliers, bounds, zone.by_hand, zone.adjacent, limits, UNMOVED)
    for reason, after in zip(reasons, values, strict=True):
        trail.take(reason, after)
    # What is frozen is set by hand everywhere.
    by_hand = np.ones_like(zone.by_hand) if rules.freeze else zone.by_hand
    drawn = draws(rules.rounding_salt, zone.cells, zone.market.product_ids, now_ms)
    unsure_limits = fallen, highest, bool(unsure)
    last, chance = rounded(trail.value, drawn, shown, bounds, by_hand, unsure_limits, UNMOVED, TENTH)
    trail.take(Reason.ROUNDING, last)
    return Guarded(smooth=values[-1], chance=chance)


@lru_cache(64)
def _rules_in_force(
    unsure: tuple[Reason, ...], *, has_cap: bool, is_frozen: bool
) -> tuple[tuple[Reason, ...], NDArray[np.int64]]:
    """The rules before rounding, in order, and their codes; of stale data nothing else says how a price may move.

    In time all are measured from what riders were told. Of one multiplier `rules.standing_orders` says the same.
    """
    in_time = unsure if Reason.STALE_DATA in unsure else (*unsure, Reason.HYSTERESIS, Reason.RATE_LIMIT)
    orders = [Reason.EMERGENCY_CAP] * has_cap + [Reason.FREEZE] * is_frozen
    reasons = (*in_time, Reason.NEIGHBOUR_STEP, Reason.JURISDICTION_BOUNDS, *orders, Reason.OVERRIDE)
    return reasons, np.array(reasons, np.int64)


def unsure_because(*, complete: bool, warmed_up: bool, data_age_ms: int, policy: Policy) -> list[Reason]:
    """Why no multiplier may rise; empty if the data can be trusted. Stale data comes last and rules."""
    reasons = []
    if not complete:
        reasons.append(Reason.MISSING_DATA)
    if not warmed_up:
        reasons.append(Reason.WARMING_UP)
    if data_age_ms > policy.rules.stale_hold_ms:
        reasons.append(Reason.STALE_DATA)
    return reasons
