"""One tick: the multipliers of all cells of one zone, as a pure function of the inputs it names."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from demand.base import flat_base
from pricing import guardrails
from pricing.demand_model import DemandModel, model_without_trees
from pricing.guardrails import Hundredths, Trail
from pricing.markets import Market
from pricing.optimiser import best_multipliers
from pricing.outlook import Outlook, outlook_of
from pricing.policy import UNMOVED, Policy
from pricing.priced_zone import NOT_SET, PricedZone, priced_zone
from pricing.reasons import Reason
from pricing.rounding import NEVER_UP, draws, rounded_to_tenths
from pricing.zone_view import CityView, ZoneView
from topics.prices import SurgeTicked
from windows.epochs import Epoch
from windows.panes import BUCKET_MS

# A zone that has seen less than this of its windows may not raise a price on it.
LEAST_COVERED_MS = BUCKET_MS
# How high the best multiplier is looked for where caps are lower; the caps then say what they took away.
HIGHEST_WANTED = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class TickOffsets:
    """Where the inputs stand that carry no offset of their own, as in `SurgeTicked`; -1 where there is none."""

    previous: int = -1
    supply: int = -1
    demand: int = -1
    city: int = -1
    models: int = -1
    forecast: int = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickInputs:
    """Everything a tick depends on.

    `model` None means none can be used and `fallback` says why; `previous` None means the zone has no tick yet.
    """

    view: ZoneView
    city: CityView
    market: Market
    policy: Policy
    model: DemandModel | None
    fallback: str
    previous: SurgeTicked | None
    epoch: Epoch
    offsets: TickOffsets


def price_zone(inputs: TickInputs) -> SurgeTicked:
    """The zone's tick at `inputs.view.now_ms`.

    Raises ValueError if the view's products are not the market's, in its order.
    """
    if inputs.view.products != inputs.market.product_ids:
        raise ValueError(f"products must be {inputs.market.product_ids}, got {inputs.view.products}")
    zone = priced_zone(inputs.view.zone, inputs.market, inputs.policy)
    model = inputs.model or unmeasured_model(inputs.market.time_zone)
    outlook = outlook_of(inputs.view, inputs.city, zone.layout, model, inputs.market.demand_shares())
    trail = Trail(np.full((zone.rows.size, len(inputs.market.products)), UNMOVED, np.int64))
    eta = _wanted(trail, zone, outlook, inputs.policy)
    _hold_in_time(trail, inputs, previous_of(inputs.previous, zone))
    _bound(trail, zone, inputs.policy)
    smooth = trail.value
    chance = _round(trail, zone, inputs)
    return _ticked(inputs, zone, outlook, trail=trail, smooth=smooth, chance=chance, eta=eta)


@lru_cache(64)
def unmeasured_model(time_zone: str) -> DemandModel:
    """The closed form on a week without shape: live ratios alone, for a market without a usable model."""
    return model_without_trees(flat_base(time_zone, per_min=1.0, share=1e-3))


def previous_of(previous: SurgeTicked | None, zone: PricedZone) -> Hundredths:
    """Where limits in time start: the previous tick's smooth multipliers, 1.00 where it had no such cell or product."""
    products = zone.market.product_ids
    start = np.full((zone.cells.size, len(products)), UNMOVED, np.int64)
    if previous is None or not previous.cells:
        return start
    smooth = np.array(previous.smooth_hundredths, np.int64).reshape(len(previous.cells), len(previous.products))
    if tuple(previous.products) == products and previous.cells == zone.cells.tolist():
        return smooth
    row = {cell: index for index, cell in enumerate(previous.cells)}
    column = {product: index for index, product in enumerate(previous.products)}
    for index, cell in enumerate(zone.cells.tolist()):
        for place, product in enumerate(products):
            if cell in row and product in column:
                start[index, place] = smooth[row[cell], column[product]]
    return start


def _wanted(trail: Trail, zone: PricedZone, outlook: Outlook, policy: Policy) -> NDArray[np.float64]:
    """Take the best multipliers, whatever the law caps; return the waits they rest on, float64[n, P] seconds."""
    best = best_multipliers(
        outlook.requests_near[zone.rows],
        outlook.cars_near[zone.rows],
        outlook.idle_near[zone.rows],
        wait_target_s=policy.rules.wait_target_s,
        floor=int(np.min(zone.floor, initial=UNMOVED)),
        cap=int(np.max(zone.cap, initial=HIGHEST_WANTED)),
    )
    trail.take(Reason.DEMAND_AND_SUPPLY, best.hundredths)
    return best.eta_s


def _hold_in_time(trail: Trail, inputs: TickInputs, previous: Hundredths) -> None:
    """Unsure data, hysteresis and rate limit, all measured from the previous tick."""
    view, rules = inputs.view, inputs.policy.rules
    then_ms = inputs.previous.now_ms if inputs.previous else view.now_ms
    rise = guardrails.rise_stride(rules.max_rise_hundredths_per_min, then_ms, view.now_ms)
    fall = guardrails.stride(rules.max_fall_hundredths_per_min, then_ms, view.now_ms)
    for reason in unsure_because(inputs):
        if reason is Reason.STALE_DATA:
            trail.take(reason, guardrails.stepped_down(previous, fall))
            return
        trail.take(reason, guardrails.never_raised(trail.value, previous))
    trail.take(Reason.HYSTERESIS, guardrails.steadied(trail.value, previous, rules.hysteresis_hundredths))
    trail.take(Reason.RATE_LIMIT, guardrails.rate_limited(trail.value, previous, rise=rise, fall=fall))


def unsure_because(inputs: TickInputs) -> list[Reason]:
    """Why no multiplier may rise in this tick; empty if the data can be trusted. Stale data comes last and rules."""
    view, reasons = inputs.view, []
    if not (view.supply_complete and view.demand_complete):
        reasons.append(Reason.MISSING_DATA)
    if int(view.covered_ms[-1]) < LEAST_COVERED_MS:
        reasons.append(Reason.WARMING_UP)
    if view.data_age_ms > inputs.policy.rules.stale_hold_ms:
        reasons.append(Reason.STALE_DATA)
    return reasons


def _bound(trail: Trail, zone: PricedZone, policy: Policy) -> None:
    """Limits in space, bounds, and what is set by hand."""
    rules = policy.rules
    step = rules.max_step_between_neighbours_hundredths
    trail.take(Reason.NEIGHBOUR_STEP, guardrails.stepped_in_space(trail.value, zone.adjacent, step))
    trail.take(Reason.JURISDICTION_BOUNDS, np.clip(trail.value, zone.floor, zone.cap))
    if zone.emergency_cap is not None:
        trail.take(Reason.EMERGENCY_CAP, np.minimum(trail.value, zone.emergency_cap))
    if rules.freeze:
        trail.take(Reason.FREEZE, np.full_like(trail.value, UNMOVED))
    trail.take(Reason.OVERRIDE, np.where(zone.overrides == NOT_SET, trail.value, _within(zone, zone.overrides)))


def _within(zone: PricedZone, value: Hundredths) -> Hundredths:
    """Value within the bounds of each cell, emergency cap included."""
    bounded = np.clip(value, zone.floor, zone.cap)
    return bounded if zone.emergency_cap is None else np.minimum(bounded, zone.emergency_cap)


def _round(trail: Trail, zone: PricedZone, inputs: TickInputs) -> NDArray[np.int64]:
    """Round to tenths what no hand has set, within bounds again; return the chance of each outcome, hundredths.

    Where the data is unsure, always down: a new five-minute draw must not raise a price either.
    """
    by_hand = zone.overrides != NOT_SET
    if inputs.policy.rules.freeze:
        by_hand = np.ones_like(by_hand)
    drawn = draws(inputs.policy.rules.rounding_salt, zone.cells, zone.market.product_ids, inputs.view.now_ms)
    if unsure_because(inputs):
        drawn = np.full_like(drawn, NEVER_UP)
    rounded, chance = rounded_to_tenths(trail.value, drawn)
    trail.take(Reason.ROUNDING, np.where(by_hand, trail.value, _within(zone, rounded)))
    return np.where(by_hand | bool(unsure_because(inputs)), 100, chance)


def _ticked(
    inputs: TickInputs,
    zone: PricedZone,
    outlook: Outlook,
    *,
    trail: Trail,
    smooth: Hundredths,
    chance: NDArray[np.int64],
    eta: NDArray[np.float64],
) -> SurgeTicked:
    """The record: scaled integers, cell-major."""
    view, offsets = inputs.view, inputs.offsets
    at, codes, before, after = trail.by_position()
    return SurgeTicked(
        zone=view.zone,
        market=inputs.market.name,
        epoch_generation=inputs.epoch.generation,
        epoch_started_ms=inputs.epoch.started_ms,
        now_ms=view.now_ms,
        previous_offset=offsets.previous,
        supply_offset=offsets.supply,
        demand_offset=offsets.demand,
        city_offset=offsets.city,
        policy_offset=inputs.policy.offset,
        markets_offset=inputs.market.offset,
        models_offset=offsets.models if inputs.model else -1,
        forecast_offset=offsets.forecast,
        model=inputs.model.label if inputs.model else "",
        fallback="" if inputs.model else inputs.fallback or "no-model",
        supply_complete=view.supply_complete,
        demand_complete=view.demand_complete,
        data_age_ms=view.data_age_ms,
        products=list(zone.market.product_ids),
        cells=zone.cells.tolist(),
        multiplier_hundredths=trail.value.reshape(-1).tolist(),
        smooth_hundredths=smooth.reshape(-1).tolist(),
        propensity_hundredths=chance.reshape(-1).tolist(),
        eta_s=_scaled(eta, 1.0),
        demand_milli=_scaled(outlook.requests[zone.rows], 1000.0),
        supply_milli=_scaled(outlook.cars[zone.rows], 1000.0),
        reason_at=at,
        reason_code=codes,
        reason_before=before,
        reason_after=after,
    )


def _scaled(values: NDArray[np.float64], by: float) -> list[int]:
    scaled: list[int] = np.rint(values * by).astype(np.int64).reshape(-1).tolist()
    return scaled
