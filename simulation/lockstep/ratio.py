"""The rule of many surge projects: a multiplier from requests per car, held by the same guardrails.

    multiplier = 1 + slope x max(0, requests of five minutes / (idle cars + 1) - free)

Counted over the same rings as the service counts, kept by the same limits in time and space, caps and rounding. What
it lacks is a forecast, a model of what a price does, and any notion of pickups getting longer.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from pricing.rules.markets import market_of
from pricing.rules.policy import policy_of
from pricing.rules.reasons import Reason
from pricing.surge.catchment import catchment_sums
from pricing.surge.guarded import guard, unsure_because
from pricing.surge.guardrails import Trail
from pricing.surge.priced_zone import HIGHEST_WANTED, PricedZone, priced_zone
from pricing.zones.zone_view import layout_of
from simulation.lockstep.fitted import RatioRule
from simulation.lockstep.ground import NOWHERE, Ground, row_of
from simulation.lockstep.pricers import UNMOVED, Asked, Sight
from topics.control import MarketDefined, PricingPolicySet

WINDOW_MS = 300_000


class Ratio:
    """One ratio rule over the zones of a city."""

    def __init__(self, ground: Ground, market: MarketDefined, policy: PricingPolicySet, rule: RatioRule) -> None:
        compiled, rules = market_of(market, 0), policy_of(policy, 0)
        self._rule, self._cells, self._products = rule, ground.cells, len(market.products)
        self._zones = [priced_zone(zone, compiled, rules) for zone in ground.zones.tolist()]
        self._rows = [row_of(ground.cells, layout_of(zone).cells) for zone in ground.zones.tolist()]
        self._smooth = [np.full((zone.cells.size, self._products), UNMOVED, np.int64) for zone in self._zones]
        self._shown = list(self._smooth)
        self._asked: deque[Asked] = deque()
        self._heard_ms = self._then_ms = 0

    def price(self, sight: Sight) -> NDArray[np.int64]:
        """Multipliers in hundredths, int64[C, P]."""
        idle = np.zeros((self._cells.size, self._products))
        if not sight.silent:
            self._asked.append(sight.asked())
            idle = sight.fleet().idle.astype(np.float64)
            self._heard_ms = sight.now_ms
        requests = self._lately(sight.now_ms)
        prices = np.full((self._cells.size, self._products), UNMOVED, np.int64)
        for number, zone in enumerate(self._zones):
            rows = row_of(self._cells, zone.cells)
            prices[rows] = self._zone(number, zone, requests, idle, sight.now_ms)
        self._then_ms = sight.now_ms
        return prices

    def _lately(self, now_ms: int) -> NDArray[np.float64]:
        """Riders of the last five minutes by cell and product."""
        while self._asked and (not self._asked[0].at_ms.size or self._asked[0].at_ms[-1] < now_ms - WINDOW_MS):
            self._asked.popleft()
        counts = np.zeros((self._cells.size, self._products))
        for asked in self._asked:
            lately = asked.at_ms >= now_ms - WINDOW_MS  # the first sight after a silence tells of all of it
            np.add.at(counts, (asked.cell[lately], asked.product[lately]), 1.0)
        return counts

    def _zone(
        self, number: int, zone: PricedZone, requests: NDArray[np.float64], idle: NDArray[np.float64], now_ms: int
    ) -> NDArray[np.int64]:
        kept = self._rows[number] != NOWHERE
        both = np.zeros((kept.size, 2 * self._products))
        both[kept] = np.concatenate([requests, idle], axis=1)[self._rows[number][kept]]
        near = catchment_sums(both, zone.layout.neighbours)[zone.rows]
        ratio = near[:, : self._products] / (near[:, self._products :] + 1.0)
        raised = 100.0 * self._rule.slope * np.maximum(0.0, ratio - self._rule.free)
        trail = Trail(np.full((zone.rows.size, self._products), UNMOVED, np.int64))
        trail.take(Reason.DEMAND_AND_SUPPLY, UNMOVED + np.minimum(raised, HIGHEST_WANTED - UNMOVED).astype(np.int64))
        age_ms = now_ms - self._heard_ms
        guarded = guard(
            trail,
            zone,
            previous=self._smooth[number],
            shown=self._shown[number],
            then_ms=self._then_ms or now_ms,
            now_ms=now_ms,
            unsure=unsure_because(complete=age_ms == 0, warmed_up=True, data_age_ms=age_ms, policy=zone.policy),
        )
        self._smooth[number], self._shown[number] = guarded.smooth, trail.value
        return trail.value
