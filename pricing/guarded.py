"""From the multipliers a zone wants to those it gets: every guardrail, in the order of `pricing.guardrails`.

Ticks go through here when they are made, and again when a policy is tried on ticks that were.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing import guardrails
from pricing.guardrails import Hundredths, Trail
from pricing.policy import Policy
from pricing.priced_zone import PricedZone
from pricing.reasons import Reason
from pricing.rounding import NEVER_UP, draws, rounded_to_tenths


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
    of their tick: that is what counts.
    """
    fallen = zone.policy.fallen_by_age(now_ms - then_ms)
    told = guardrails.stepped_down(previous, fallen)
    _hold_in_time(trail, zone.policy, told, then_ms=then_ms, now_ms=now_ms, fallen=fallen, unsure=unsure)
    _bound(trail, zone)
    smooth = trail.value
    quoted = guardrails.stepped_down(shown, fallen) if unsure else None
    return Guarded(smooth=smooth, chance=_round(trail, zone, now_ms=now_ms, at_most=quoted))


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


def _hold_in_time(
    trail: Trail,
    policy: Policy,
    previous: Hundredths,
    *,
    then_ms: int,
    now_ms: int,
    fallen: int,
    unsure: Sequence[Reason],
) -> None:
    """Unsure data, hysteresis and rate limit, all measured from what riders were told, which has `fallen` already."""
    rules = policy.rules
    rise = guardrails.rise_stride(rules.max_rise_hundredths_per_min, then_ms, now_ms)
    fall = max(0, guardrails.stride(rules.max_fall_hundredths_per_min, then_ms, now_ms) - fallen)
    for reason in unsure:
        if reason is Reason.STALE_DATA:
            trail.take(reason, guardrails.stepped_down(previous, fall))
            return
        trail.take(reason, guardrails.never_raised(trail.value, previous))
    trail.take(Reason.HYSTERESIS, guardrails.steadied(trail.value, previous, rules.hysteresis_hundredths))
    trail.take(Reason.RATE_LIMIT, guardrails.rate_limited(trail.value, previous, rise=rise, fall=fall))


def _bound(trail: Trail, zone: PricedZone) -> None:
    """Limits in space, bounds, and what is set by hand; `pricing.standing_orders` says the same of one multiplier."""
    rules = zone.policy.rules
    step = rules.max_step_between_neighbours_hundredths
    trail.take(Reason.NEIGHBOUR_STEP, guardrails.stepped_in_space(trail.value, zone.adjacent, zone.by_hand, step))
    trail.take(Reason.JURISDICTION_BOUNDS, guardrails.bounded(trail.value, zone.floor, zone.cap))
    if zone.emergency_cap is not None:
        trail.take(Reason.EMERGENCY_CAP, np.minimum(trail.value, zone.emergency_cap))
    if rules.freeze:
        trail.take(Reason.FREEZE, guardrails.frozen(trail.value, zone.cap, zone.emergency_cap))
    trail.take(Reason.OVERRIDE, np.where(zone.by_hand, zone.overrides, trail.value))


def _round(trail: Trail, zone: PricedZone, *, now_ms: int, at_most: Hundredths | None) -> NDArray[np.int64]:
    """Round to tenths what no hand has set, within bounds again; return the chance of each outcome, hundredths.

    Where the data is unsure, always down and to no more than `at_most`, what quotes say now: neither a new five-minute
    draw nor a quote that stepped down from the lower tenth may raise a price. None where the data is sure.
    """
    rules = zone.policy.rules
    by_hand = np.ones_like(trail.value, np.bool_) if rules.freeze else zone.by_hand
    drawn = draws(rules.rounding_salt, zone.cells, zone.market.product_ids, now_ms)
    if at_most is not None:
        drawn = np.full_like(drawn, NEVER_UP)
    rounded, chance = rounded_to_tenths(trail.value, drawn)
    if at_most is not None:
        rounded = np.minimum(rounded, at_most)
    inside = guardrails.within(rounded, zone.floor, zone.cap, zone.emergency_cap)
    trail.take(Reason.ROUNDING, np.where(by_hand, trail.value, inside))
    return np.where(by_hand | (at_most is not None), 100, chance)
