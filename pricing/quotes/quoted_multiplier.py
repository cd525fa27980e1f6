"""The multiplier a quote carries: the newest tick's, its age, and the newest policy, through one rule.

A tick that is too old steps down to 1.00 at the policy's rate; no tick means 1.00; freeze, bounds and overrides of the
newest policy apply at once, before any tick knows of them.
"""

from dataclasses import dataclass, field

from pricing.quotes.prepared_tick import PreparedTick
from pricing.rules.policy import UNMOVED, Policy
from pricing.rules.reasons import Reason, wire_name_of
from pricing.rules.standing_orders import STANDING, followed, orders_of
from topics.prices import ModelFallback, PriceReason

NO_TICK = "no-tick"
STALE_TICK = "stale-tick"


@dataclass(slots=True)
class QuotedMultiplier:
    """A multiplier in hundredths, the rules that made it, and why it rests on no fresh tick of a model, if so."""

    hundredths: int
    reasons: list[PriceReason]
    fallback: str
    eta_s: int
    idle_near_milli: int = -1
    model_fallbacks: list[ModelFallback] = field(default_factory=list)

    def move(self, reason: Reason, after: int, *, standing: bool = False) -> None:
        """Go on with `after`; say so if it differs, or once in any case for what is standing."""
        named = reason.wire_name
        if after != self.hundredths or (standing and not any(said.code == named for said in self.reasons)):
            self.reasons.append(_reason(named, self.hundredths, after))
            self.hundredths = after


def _reason(code: str, before: int, after: int) -> PriceReason:
    return PriceReason(code=code, before_hundredths=before, after_hundredths=after)


def quoted_multiplier(
    tick: PreparedTick | None, policy: Policy, *, cell: int, product: str, jurisdiction: str, now_ms: int
) -> QuotedMultiplier:
    """The multiplier at `now_ms` of the product in the cell; `tick` is the zone's newest acknowledged one."""
    quoted = _ticked(tick, cell, product)
    if tick is not None and quoted.fallback != NO_TICK:
        _age(quoted, policy, now_ms - tick.tick.now_ms)
    orders = orders_of(policy, cell=cell, product=product, jurisdiction=jurisdiction)
    for reason, after in followed(quoted.hundredths, orders):
        quoted.move(reason, after, standing=reason in STANDING)
    return quoted


def _ticked(tick: PreparedTick | None, cell: int, product: str) -> QuotedMultiplier:
    """What the tick says, if there is one that prices the cell."""
    position = tick.position_of(cell, product) if tick else -1
    if tick is None or position < 0:
        return QuotedMultiplier(hundredths=UNMOVED, reasons=[], fallback=NO_TICK, eta_s=-1)
    said = tick.tick
    return QuotedMultiplier(
        hundredths=int(said.multiplier_hundredths[position]),
        reasons=[_reason(wire_name_of(code), before, after) for code, before, after in tick.reasons_at(position)],
        fallback=said.fallback,
        eta_s=int(said.eta_s[position]),
        idle_near_milli=int(said.idle_near_milli[position]) if len(said.idle_near_milli) else -1,
        model_fallbacks=tick.model_fallbacks,
    )


def _age(quoted: QuotedMultiplier, policy: Policy, age_ms: int) -> None:
    """Hold while the tick is young enough, then step down to 1.00; a multiplier below 1.00 stays."""
    if abs(age_ms) <= policy.rules.stale_hold_ms:
        return
    fall = policy.fallen_by_age(age_ms)
    quoted.fallback = STALE_TICK
    quoted.move(Reason.STALE_TICK, min(quoted.hundredths, max(UNMOVED, quoted.hundredths - fall)))
