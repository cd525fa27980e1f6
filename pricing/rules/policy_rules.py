"""What makes a policy one to refuse, and what to know of one that is not; for whoever is about to publish it."""

from collections import Counter
from collections.abc import Iterator

from pricing.rules.market_rules import who_and_when
from pricing.rules.markets import Market
from pricing.rules.policy import HIGHEST
from topics.control import CellOverride, PricingPolicySet

# Lowest and highest value that makes sense, by field. A lock bounds how far back QUOTES reads what it answered.
RANGES: dict[str, tuple[int, int]] = {
    "wait_target_s": (30, 3_600),
    "max_rise_hundredths_per_min": (0, HIGHEST),
    "max_fall_hundredths_per_min": (1, HIGHEST),
    "hysteresis_hundredths": (0, 100),
    "max_step_between_neighbours_hundredths": (0, HIGHEST),
    "lock_ms": (1_000, 600_000),
    "stale_hold_ms": (1_000, 60_000),
    "driver_share_hundredths": (0, 100),
}


def faults_of_policy(rules: PricingPolicySet, market: Market | None, markets: list[str], now_ms: int) -> list[str]:
    """Each rule the policy breaks, as a sentence that names the field; none if it may be published.

    `market` is its market as it will be when the policy begins, None if there is none; `markets` the ids of all.
    """
    faults = list(
        who_and_when(author=rules.author, reason=rules.reason, effective_from_ms=rules.effective_from_ms, now_ms=now_ms)
    )
    if market is None:
        known = ", ".join(markets) or "none yet"
        return [*faults, f"market must be one that is defined by then ({known}), got {rules.market!r}"]
    return [*faults, *_of_ranges(rules), *_of_caps(rules, market), *_of_overrides(rules, market)]


def remarks_on_policy(rules: PricingPolicySet, market: Market) -> list[str]:
    """What is allowed and yet worth knowing before it is published."""
    named = {cap.jurisdiction for cap in rules.caps}
    remarks = [
        f"jurisdiction {name} has no bounds: its multiplier stays at 1.00"
        for name in sorted(set(market.jurisdiction_of.values()) - named - {""})
    ]
    emergency = rules.emergency_cap_hundredths
    remarks += [
        f"the emergency cap {_times(emergency)} also undercuts the floor of {cap.jurisdiction}"
        for cap in rules.caps
        if emergency is not None and emergency < cap.floor_hundredths
    ]
    bounds = {cap.jurisdiction: (cap.floor_hundredths, cap.cap_hundredths) for cap in rules.caps}
    for one in rules.overrides:
        floor, cap_there = bounds.get(market.jurisdiction_of[one.cell], (100, 100))
        if not floor <= one.multiplier_hundredths <= cap_there:
            remarks.append(f"the override of cell {one.cell:x} is held within {_times(floor)} to {_times(cap_there)}")
    return remarks


def _of_ranges(rules: PricingPolicySet) -> Iterator[str]:
    for field, (low, high) in RANGES.items():
        if not low <= getattr(rules, field) <= high:
            yield f"{field} must be from {low} to {high}, got {getattr(rules, field)}"
    emergency = rules.emergency_cap_hundredths
    if emergency is not None and not 1 <= emergency <= HIGHEST:
        yield f"emergency_cap_hundredths must be from 1 to {HIGHEST}, or null for none, got {emergency}"


def _of_caps(rules: PricingPolicySet, market: Market) -> Iterator[str]:
    known = sorted(set(market.jurisdiction_of.values()) - {""})
    times = Counter(cap.jurisdiction for cap in rules.caps)
    for index, cap in enumerate(rules.caps):
        at, floor, high = f"caps[{index}]", cap.floor_hundredths, cap.cap_hundredths
        if cap.jurisdiction not in known:
            yield (
                f"{at}.jurisdiction must be one of {market.name}'s ({', '.join(known) or 'none'}), "
                f"got {cap.jurisdiction!r}"
            )
        elif times[cap.jurisdiction] > 1:
            yield f"{at}.jurisdiction must be named once, got {cap.jurisdiction!r} {times[cap.jurisdiction]} times"
        if not 1 <= floor <= HIGHEST:
            yield f"{at}.floor_hundredths must be from 1 to {HIGHEST}, got {floor}"
        if not floor <= high <= HIGHEST:
            yield f"{at}.cap_hundredths must be from its floor {floor} to {HIGHEST}, got {high}"
        if not 0 <= cap.driver_minimum_share_hundredths <= 100:
            yield (
                f"{at}.driver_minimum_share_hundredths must be from 0, which means none, to 100, "
                f"got {cap.driver_minimum_share_hundredths}"
            )


def _of_overrides(rules: PricingPolicySet, market: Market) -> Iterator[str]:
    times = Counter((one.cell, one.product) for one in rules.overrides)
    for index, one in enumerate(rules.overrides):
        yield from _of_override(f"overrides[{index}]", one, market)
        if times[one.cell, one.product] > 1:
            yield f"overrides[{index}] must name each cell and product once, got {one.cell:x} {one.product!r} again"


def _of_override(at: str, one: CellOverride, market: Market) -> Iterator[str]:
    if one.cell not in market.jurisdiction_of:
        yield f"{at}.cell must be a cell of market {market.name} (H3, resolution 8), got {one.cell}"
    if one.product and one.product not in market.product_index:
        yield f"{at}.product must be one of {', '.join(market.product_ids)}, or empty for all, got {one.product!r}"
    if not 1 <= one.multiplier_hundredths <= HIGHEST:
        yield f"{at}.multiplier_hundredths must be from 1 to {HIGHEST}, got {one.multiplier_hundredths}"


def _times(hundredths: int) -> str:
    return f"{hundredths / 100:.2f}×"
