"""What another policy would have made of ticks that were published.

A tick does not carry the counts it was made of, but it does carry the multipliers the market wanted (in its reasons:
what `demand-and-supply` ended at, 1.00 where it left none) and all that the guardrails looked at. So every guardrail is
applied again, each zone from its first tick of the window on, with its own previous result as the tick before:

    wanted (as recorded) -> guardrails of the policy tried -> multipliers, compared with those published

Left as it was is what happens before the guardrails: wanted multipliers rest on the wait target then in force, never
below its floors and never above 4.00 or the caps then, whichever was more; and riders would have answered other prices.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pricing.rules.markets import Market
from pricing.rules.policy import UNMOVED, Policy
from pricing.rules.reasons import Reason
from pricing.surge.guarded import guard, unsure_because
from pricing.surge.guardrails import Hundredths, Trail
from pricing.surge.priced_zone import PricedZone, priced_zone
from topics.prices import SurgeTicked


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Last:
    """Where a zone's replay stands."""

    now_ms: int
    cells: tuple[int, ...]
    products: tuple[str, ...]
    smooth: Hundredths
    shown: Hundredths


@dataclass(slots=True)
class Replay:
    """Prices ticks again, zone by zone in the order they were published."""

    _last: dict[int, _Last] = field(default_factory=dict)

    def multipliers(self, tick: SurgeTicked, market: Market, policy: Policy) -> Hundredths:
        """What the tick would have said under `policy`, int64[n, P]; `market` is the version the tick names.

        A zone's first tick, and one whose cells or products changed, starts where it was published.
        """
        zone = priced_zone(tick.zone, market, policy)
        last = self._last_of(tick)
        trail = wanted_of(tick)
        guarded = guard(
            trail,
            zone,
            previous=last.smooth,
            shown=last.shown,
            then_ms=last.now_ms,
            now_ms=tick.now_ms,
            unsure=_unsure(tick, zone),
        )
        self._last[tick.zone] = _Last(
            now_ms=tick.now_ms,
            cells=last.cells,
            products=last.products,
            smooth=guarded.smooth,
            shown=trail.value,
        )
        return trail.value

    def _last_of(self, tick: SurgeTicked) -> _Last:
        known, cells, products = self._last.get(tick.zone), tuple(tick.cells), tuple(tick.products)
        if known is not None and (known.cells, known.products) == (cells, products):
            return known
        return _Last(
            now_ms=tick.now_ms,
            cells=cells,
            products=products,
            smooth=_matrix(tick, tick.smooth_hundredths),
            shown=published(tick),
        )


def published(tick: SurgeTicked) -> Hundredths:
    """The multipliers of the tick, int64[n, P]."""
    return _matrix(tick, tick.multiplier_hundredths)


def wanted_of(tick: SurgeTicked) -> Trail:
    """The multipliers wanted before any guardrail, as the tick's reasons tell."""
    wanted = np.full(len(tick.cells) * len(tick.products), UNMOVED, np.int64)
    codes = np.array(tick.reason_code, np.int64)
    first = codes == Reason.DEMAND_AND_SUPPLY
    wanted[np.array(tick.reason_at, np.int64)[first]] = np.array(tick.reason_after, np.int64)[first]
    return Trail(_matrix(tick, wanted))


def _unsure(tick: SurgeTicked, zone: PricedZone) -> list[Reason]:
    return unsure_because(
        complete=tick.supply_complete and tick.demand_complete,
        warmed_up=not _was_warming_up(tick),
        data_age_ms=tick.data_age_ms,
        policy=zone.policy,
    )


def _was_warming_up(tick: SurgeTicked) -> bool:
    """Whether the tick shows that its zone was young.

    It says so itself, or it rounded down with certainty what would otherwise have been drawn. Where neither shows, it
    made no difference to what was published.
    """
    if Reason.WARMING_UP in tick.reason_code:
        return True
    rounded = zip(tick.smooth_hundredths, tick.multiplier_hundredths, tick.propensity_hundredths, strict=True)
    certain = any(quoted < smooth and chance == 100 for smooth, quoted, chance in rounded)
    return certain and tick.supply_complete and tick.demand_complete and Reason.STALE_DATA not in tick.reason_code


def _matrix(tick: SurgeTicked, values: Sequence[int] | Hundredths) -> Hundredths:
    return np.asarray(values, np.int64).reshape(len(tick.cells), len(tick.products))
