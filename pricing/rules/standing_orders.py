"""What holds whatever the market says: bounds of the law, and what an operator has ordered.

    jurisdiction bounds -> emergency cap -> freeze -> override, within bounds and emergency cap

One rule for one multiplier, applied to every quote with the newest policy; `surge.guarded` applies the same to whole
zones, and a test holds the two together. Freeze and emergency cap stand in every quote while they are in force, moved
or not: a rider's price that was held down by hand must say so, and one that needed no holding too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pricing.rules.policy import UNMOVED, Policy
from pricing.rules.reasons import Reason

STANDING = frozenset({Reason.EMERGENCY_CAP, Reason.FREEZE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What holds for one product in one cell, multipliers in hundredths; None where nothing is ordered."""

    floor: int
    cap: int
    emergency_cap: int | None
    freeze: bool
    override: int | None

    def bounded(self, hundredths: int) -> int:
        """The multiplier within the bounds, the emergency cap last."""
        return self.capped(min(max(hundredths, self.floor), self.cap))

    def capped(self, hundredths: int) -> int:
        """The multiplier under the emergency cap."""
        return hundredths if self.emergency_cap is None else min(hundredths, self.emergency_cap)


def orders_of(policy: Policy, *, cell: int, product: str, jurisdiction: str) -> Orders:
    """What the policy orders there; a jurisdiction it does not name has floor and cap 1.00."""
    floor, cap = policy.bounds.get(jurisdiction, (UNMOVED, UNMOVED))
    return Orders(
        floor=floor,
        cap=cap,
        emergency_cap=policy.rules.emergency_cap_hundredths,
        freeze=policy.rules.freeze,
        override=policy.override_of(cell, product),
    )


def followed(hundredths: int, orders: Orders) -> Iterator[tuple[Reason, int]]:
    """Each order that is in force, with the multiplier after it.

    >>> frozen = Orders(floor=100, cap=300, emergency_cap=None, freeze=True, override=None)
    >>> [(reason.wire_name, after) for reason, after in followed(180, frozen)]
    [('jurisdiction-bounds', 180), ('freeze', 100)]
    """
    hundredths = min(max(hundredths, orders.floor), orders.cap)
    yield Reason.JURISDICTION_BOUNDS, hundredths
    if orders.emergency_cap is not None:
        hundredths = orders.capped(hundredths)
        yield Reason.EMERGENCY_CAP, hundredths
    if orders.freeze:
        yield Reason.FREEZE, orders.capped(min(UNMOVED, orders.cap))
    if orders.override is not None:
        yield Reason.OVERRIDE, orders.bounded(orders.override)
