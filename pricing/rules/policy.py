"""The rules that bound prices, made ready: bounds per jurisdiction, overrides, limits in time and space."""

from dataclasses import dataclass

from pricing.rules.timetable import Timetable
from pricing.rules.versions import NONE_BEFORE, Succession
from topics.control import PricingPolicySet
from windows.panes import MINUTE_MS

UNMOVED = 100
BUILT_IN_OFFSET = NONE_BEFORE
# The optimiser weighs every hundredth up to the highest cap, so a cap is work as well as law.
HIGHEST = 2_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Policy:
    """One version of a market's policy; multipliers in hundredths.

    `bounds` floor and cap per jurisdiction, `driver_minimum_share` the least part of a fare for
    the driver; `overrides` by (cell, product), product empty for all.
    """

    rules: PricingPolicySet
    offset: int
    bounds: dict[str, tuple[int, int]]
    overrides: dict[tuple[int, str], int]
    driver_minimum_share: dict[str, int]

    def override_of(self, cell: int, product: str) -> int | None:
        """Multiplier set by hand for the product in the cell, before bounds; None if none is."""
        if not self.overrides:
            return None
        named = self.overrides.get((cell, product))
        return self.overrides.get((cell, "")) if named is None else named

    def fallen_by_age(self, age_ms: int) -> int:
        """Hundredths by which quotes step down a tick of that age, or so far ahead of the clock, which is as unsure.

        >>> shipped = built_in_policy("nyc")  # holds 15 s, then falls by 30 a minute
        >>> [shipped.fallen_by_age(age) for age in (-500, 15_000, 75_000, -75_000)]
        [0, 0, 30, 30]
        """
        over_ms = max(0, abs(age_ms) - self.rules.stale_hold_ms)
        return self.rules.max_fall_hundredths_per_min * over_ms // MINUTE_MS


def policy_of(rules: PricingPolicySet, offset: int) -> Policy:
    """The policy made ready; `offset` is where it stands in `pricing-policy.v1`, -1 for a built-in one.

    Raises ValueError if a bound, limit or duration makes no sense.
    """
    for cap in rules.caps:
        if not 0 < cap.floor_hundredths <= cap.cap_hundredths <= HIGHEST:
            raise ValueError(f"caps must have 0 < floor <= cap <= {HIGHEST}, got {cap}")
        if not 0 <= cap.driver_minimum_share_hundredths <= UNMOVED:
            raise ValueError(f"driver_minimum_share_hundredths must be from 0 to {UNMOVED}, got {cap}")
    _refuse_negative(rules)
    return Policy(
        rules=rules,
        offset=offset,
        bounds={cap.jurisdiction: (cap.floor_hundredths, cap.cap_hundredths) for cap in rules.caps},
        overrides={(one.cell, one.product): one.multiplier_hundredths for one in rules.overrides},
        driver_minimum_share={cap.jurisdiction: cap.driver_minimum_share_hundredths for cap in rules.caps},
    )


def _refuse_negative(rules: PricingPolicySet) -> None:
    names = (
        "wait_target_s",
        "max_rise_hundredths_per_min",
        "max_fall_hundredths_per_min",
        "hysteresis_hundredths",
        "max_step_between_neighbours_hundredths",
        "lock_ms",
        "stale_hold_ms",
    )
    for name in names:
        value = getattr(rules, name)
        if value < 0:
            raise ValueError(f"{name} must not be negative, got {value}")
    if not 0 <= rules.driver_share_hundredths <= UNMOVED:
        raise ValueError(f"driver_share_hundredths must be from 0 to {UNMOVED}, got {rules.driver_share_hundredths}")
    if any(one.multiplier_hundredths <= 0 for one in rules.overrides):
        raise ValueError("multiplier_hundredths of an override must be positive")
    if rules.emergency_cap_hundredths is not None and rules.emergency_cap_hundredths <= 0:
        raise ValueError(f"emergency_cap_hundredths must be positive, got {rules.emergency_cap_hundredths}")


def built_in_policy(market: str) -> Policy:
    """What holds in a market nobody has set a policy for: no surge, no discount."""
    rules = PricingPolicySet(
        policy_id=f"built-in-{market}",
        market=market,
        effective_from_ms=0,
        author="faretide",
        reason="no policy has been set for this market: prices do not move",
        wait_target_s=300,
        max_rise_hundredths_per_min=30,
        max_fall_hundredths_per_min=30,
        hysteresis_hundredths=3,
        max_step_between_neighbours_hundredths=50,
    )
    return policy_of(rules, BUILT_IN_OFFSET)


class PolicyBook:
    """All versions of all markets' policies; `longest_lock_ms` is the longest lock among them and the built-in one."""

    __slots__ = ("_built_in", "_policies", "longest_lock_ms", "succession")

    def __init__(self) -> None:
        self.succession = Succession()
        self._policies: dict[str, Timetable[Policy]] = {}
        self._built_in: dict[str, Policy] = {}
        self.longest_lock_ms = built_in_policy("").rules.lock_ms

    def learn(self, rules: PricingPolicySet, offset: int) -> None:
        """Take in a policy read from `pricing-policy.v1`, in order of offset.

        Raises ValueError if it makes no sense, OutrunError if it was made from a version that is no longer the newest.
        """
        policy = policy_of(rules, offset)
        self.succession.admit(rules.market, offset, based_on=rules.based_on_offset)
        self._policies.setdefault(rules.market, Timetable()).add(rules.effective_from_ms, offset, policy)
        self.longest_lock_ms = max(self.longest_lock_ms, rules.lock_ms)

    def at(self, market: str, now_ms: int) -> Policy:
        """The policy in force in the market; the built-in one if none has begun."""
        table = self._policies.get(market)
        found = table.at(now_ms) if table else None
        return found or self._built_in.setdefault(market, built_in_policy(market))

    def after(self, market: str, now_ms: int) -> list[Policy]:
        """Versions that are to come into force later, the soonest first."""
        table = self._policies.get(market)
        return table.after(now_ms) if table else []
