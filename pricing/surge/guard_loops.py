"""Every guardrail of a zone in one compiled pass: by numpy, some calls a rule, they took a sixteenth of a replay.

Multipliers are hundredths, int64[n, P]. Rules go by their codes, which are for ever; constants of other modules come as
arguments, since compiled code that was kept does not see them change.
"""

import numpy as np
from numba import njit

from pricing.rules.reasons import Reason

_MISSING_DATA, _WARMING_UP, _STALE_DATA = int(Reason.MISSING_DATA), int(Reason.WARMING_UP), int(Reason.STALE_DATA)
_HYSTERESIS, _RATE_LIMIT, _NEIGHBOUR_STEP = int(Reason.HYSTERESIS), int(Reason.RATE_LIMIT), int(Reason.NEIGHBOUR_STEP)
_EMERGENCY_CAP, _FREEZE, _OVERRIDE = int(Reason.EMERGENCY_CAP), int(Reason.FREEZE), int(Reason.OVERRIDE)


@njit(cache=True, nogil=True)
def guarded(codes, multipliers, bounds, by_hand, adjacent, limits, unmoved):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """What stands after each rule of `codes`, int64[rules, n, P].

    `multipliers` are those wanted, the smooth ones of the tick before, and overrides where they are set `by_hand`;
    `bounds` floor and cap int64[n, 1]. `limits` are what quotes have fallen by, how much they may rise and fall, the
    hysteresis, the emergency cap, and the step between neighbours.
    """
    wanted, previous, overrides = multipliers
    floor, cap = bounds
    values = np.empty((codes.size, *wanted.shape), np.int64)
    before = wanted
    for place in range(codes.size):
        after = values[place]
        if codes[place] == _NEIGHBOUR_STEP:
            after[...] = before
            step_in_space(after, adjacent, by_hand, limits[5])
        else:
            for row in range(wanted.shape[0]):
                for product in range(wanted.shape[1]):
                    told = _stepped_down(previous[row, product], limits[0], unmoved)
                    override = overrides[row, product] if by_hand[row, product] else before[row, product]
                    cell = before[row, product], told, override, floor[row, 0], cap[row, 0]
                    after[row, product] = _ruled(codes[place], cell, limits, unmoved)
        before = after
    return values


@njit(cache=True, nogil=True)
def _ruled(code, cell, limits, unmoved):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """One multiplier after one rule; of those that are not named the bounds of its jurisdiction."""
    value, told, override, floor, cap = cell
    _, rise, fall, hysteresis, highest, _ = limits
    after = min(max(value, floor), cap)
    if code in (_MISSING_DATA, _WARMING_UP):
        after = min(value, told)
    elif code == _STALE_DATA:
        after = _stepped_down(told, fall, unmoved)
    elif code == _HYSTERESIS and abs(value - told) < hysteresis:
        after = unmoved if (told - unmoved) * (value - unmoved) <= 0 else told
    elif code == _HYSTERESIS:
        after = value
    elif code == _RATE_LIMIT:
        after = min(max(value, told - fall), told + rise)
    elif code == _EMERGENCY_CAP:
        after = min(value, highest)
    elif code == _FREEZE:
        after = min(unmoved, cap, highest)
    elif code == _OVERRIDE:
        after = override
    return after


@njit(cache=True, nogil=True)
def _stepped_down(previous, fall, unmoved):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """The way back to 1.00 by at most `fall`; a multiplier below 1.00 stays, since to go up is to raise a price."""
    return min(previous, max(unmoved, previous - fall))


@njit(cache=True, nogil=True)
def rounded(smooth, drawn, shown, bounds, by_hand, limits, unmoved, tenth):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Multipliers rounded to tenths within bounds again, and the chance of each outcome in hundredths.

    137 rounds up for draws 0 to 6 of `drawn`, hence with probability 0.70, and down for 7 to 9. What is set `by_hand`
    stays. `limits` are what quotes have fallen by, the emergency cap, and whether the data is unsure: then always down
    and to no more than what was `shown` comes to by now.
    """
    floor, cap = bounds
    fallen, highest, is_unsure = limits
    values, chances = np.empty_like(smooth), np.full_like(smooth, 100)
    for row in range(smooth.shape[0]):
        for product in range(smooth.shape[1]):
            value = smooth[row, product]
            if by_hand[row, product]:
                values[row, product] = value
                continue
            over = value % tenth
            is_up = not is_unsure and drawn[row, product] < over
            down = value - over
            if is_unsure:
                down = min(down, _stepped_down(shown[row, product], fallen, unmoved))
            elif over:
                chances[row, product] = tenth * over if is_up else 100 - tenth * over
            value = min(max(down + tenth * is_up, floor[row, 0]), cap[row, 0])
            values[row, product] = min(value, highest)
    return values, chances


@njit(cache=True, nogil=True)
def step_in_space(value, adjacent, by_hand, step):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Lower in place to at most `step` above any adjacent cell of the zone: the highest values for which this holds.

    `adjacent` int64[n, 6]: rows of the neighbours, n where there is none in the zone. What is set `by_hand`, bool[n,
    P], stays and lowers no neighbour. Values only fall, and never below the highest allowed, so whichever is lowered
    first, they end at the same.
    """
    changed = True
    while changed:
        changed = False
        for row in range(value.shape[0]):
            for product in range(value.shape[1]):
                if by_hand[row, product]:
                    continue
                for place in range(adjacent.shape[1]):
                    near = adjacent[row, place]
                    if near >= value.shape[0] or value[near, product] + step >= value[row, product]:
                        continue
                    if not by_hand[near, product]:
                        value[row, product] = value[near, product] + step
                        changed = True
