"""The guardrails of a zone in plain arrays, a rule after the other: what its compiled pass must say.

Each rule maps multipliers to multipliers, in hundredths, int64[n, P].
"""

import numpy as np
from numpy.typing import NDArray

from pricing.rules.policy import UNMOVED
from pricing.rules.reasons import Reason
from pricing.rules.rounding import TENTH, draws
from pricing.surge.guardrails import Hundredths, Trail, bounded, rise_stride, stride, within
from pricing.surge.priced_zone import PricedZone

NEVER_UP = TENTH - 1  # a draw that rounds every multiplier down


def plain_guard(
    trail: Trail,
    zone: PricedZone,
    *,
    previous: Hundredths,
    shown: Hundredths,
    then_ms: int,
    now_ms: int,
    unsure: list[Reason],
) -> tuple[Hundredths, NDArray[np.int64]]:
    """What `guard` says: multipliers before rounding, and chances."""
    fallen = zone.policy.fallen_by_age(now_ms - then_ms)
    _hold_in_time(trail, zone, stepped_down(previous, fallen), (then_ms, now_ms), fallen, unsure)
    _bound(trail, zone)
    smooth = trail.value
    return smooth, _round(trail, zone, now_ms, stepped_down(shown, fallen) if unsure else None)


def _hold_in_time(
    trail: Trail, zone: PricedZone, told: Hundredths, between: tuple[int, int], fallen: int, unsure: list[Reason]
) -> None:
    rules = zone.policy.rules
    fall = max(0, stride(rules.max_fall_hundredths_per_min, *between) - fallen)
    for reason in unsure:
        if reason is Reason.STALE_DATA:
            trail.take(reason, stepped_down(told, fall))
            return
        trail.take(reason, never_raised(trail.value, told))
    rise = rise_stride(rules.max_rise_hundredths_per_min, *between)
    trail.take(Reason.HYSTERESIS, steadied(trail.value, told, rules.hysteresis_hundredths))
    trail.take(Reason.RATE_LIMIT, rate_limited(trail.value, told, rise=rise, fall=fall))


def _bound(trail: Trail, zone: PricedZone) -> None:
    rules = zone.policy.rules
    step = rules.max_step_between_neighbours_hundredths
    trail.take(Reason.NEIGHBOUR_STEP, stepped_in_space(trail.value, zone.adjacent, zone.by_hand, step))
    trail.take(Reason.JURISDICTION_BOUNDS, bounded(trail.value, zone.floor, zone.cap))
    if zone.emergency_cap is not None:
        trail.take(Reason.EMERGENCY_CAP, np.minimum(trail.value, zone.emergency_cap))
    if rules.freeze:
        trail.take(Reason.FREEZE, frozen(trail.value, zone.cap, zone.emergency_cap))
    trail.take(Reason.OVERRIDE, np.where(zone.by_hand, zone.overrides, trail.value))


def _round(trail: Trail, zone: PricedZone, now_ms: int, at_most: Hundredths | None) -> NDArray[np.int64]:
    rules = zone.policy.rules
    by_hand = np.ones_like(trail.value, np.bool_) if rules.freeze else zone.by_hand
    drawn = draws(rules.rounding_salt, zone.cells, zone.market.product_ids, now_ms)
    rounded, chance = rounded_to_tenths(trail.value, drawn if at_most is None else np.full_like(drawn, NEVER_UP))
    rounded = rounded if at_most is None else np.minimum(rounded, at_most)
    inside = within(rounded, zone.floor, zone.cap, zone.emergency_cap)
    trail.take(Reason.ROUNDING, np.where(by_hand, trail.value, inside))
    return np.where(by_hand | (at_most is not None), 100, chance)


def never_raised(wanted: Hundredths, previous: Hundredths) -> Hundredths:
    """What data that cannot be trusted may do: lower a multiplier, not raise it."""
    return np.minimum(wanted, previous)


def stepped_down(previous: Hundredths, fall: int) -> Hundredths:
    """The way back to 1.00 by at most `fall`; a multiplier below 1.00 stays, since to go up is to raise a price.

    >>> stepped_down(np.array([150, 103, 90]), 5).tolist()
    [145, 100, 90]
    """
    return np.minimum(previous, np.maximum(UNMOVED, previous - fall))


def steadied(wanted: Hundredths, previous: Hundredths, hysteresis: int) -> Hundredths:
    """The previous multiplier where the wanted one differs by less than `hysteresis`; 1.00 may always be reached.

    So a small change across 1.00 ends there: a cell that wants more never gets less than one that wants 1.00.

    >>> steadied(np.array([99, 100, 101, 102]), np.array([99, 99, 99, 99]), 3).tolist()
    [99, 100, 100, 102]
    """
    across = (previous - UNMOVED) * (wanted - UNMOVED) <= 0
    small = np.abs(wanted - previous) < hysteresis
    return np.where(small, np.where(across, UNMOVED, previous), wanted)


def rate_limited(wanted: Hundredths, previous: Hundredths, *, rise: int, fall: int) -> Hundredths:
    """At most `rise` above and `fall` below the previous multiplier."""
    return bounded(wanted, previous - fall, previous + rise)


def frozen(value: Hundredths, cap: Hundredths, emergency_cap: int | None) -> Hundredths:
    """1.00 everywhere, or the cap where one is lower: an order that is to calm prices raises none above it."""
    return within(np.full_like(value, UNMOVED), np.minimum(cap, UNMOVED), cap, emergency_cap)


def stepped_in_space(
    wanted: Hundredths, adjacent: NDArray[np.int64], by_hand: NDArray[np.bool_], step: int
) -> Hundredths:
    """All cells at once, until none is lowered."""
    value, none = wanted, np.full((1, wanted.shape[1]), 10**6)
    while True:
        around = np.concatenate([np.where(by_hand, 10**6, value), none])[adjacent]
        lowered = np.where(by_hand, wanted, np.minimum(value, np.min(around, axis=1) + step))
        if np.array_equal(lowered, value):
            return value
        value = lowered


def rounded_to_tenths(
    hundredths: NDArray[np.int64], drawn: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each multiplier rounded to a tenth by its draw, and the probability in hundredths that it came out so.

    137 rounds up for draws 0–6, hence with probability 0.70, and down for 7–9.

    >>> [part.tolist() for part in rounded_to_tenths(np.array([137, 137, 120]), np.array([6, 7, 0]))]
    [[140, 130, 120], [70, 30, 100]]
    """
    over = hundredths % TENTH
    up = drawn < over
    rounded = hundredths - over + TENTH * up
    chance = np.where(over == 0, 100, np.where(up, TENTH * over, 100 - TENTH * over))
    return rounded, chance
