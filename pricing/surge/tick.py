"""One tick: the multipliers of all cells of one zone, as a pure function of the inputs it names."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from demand.base import flat_base
from pricing.models.behaviour import Behaviour
from pricing.models.behaviour_models import ASSUMED, BehaviourChoice
from pricing.models.demand_model import DemandModel, unfitted_model
from pricing.rules.driver_pay import driver_surge
from pricing.rules.markets import Market
from pricing.rules.policy import UNMOVED, Policy
from pricing.rules.reasons import Reason
from pricing.rules.relative_fares import relative_fares
from pricing.surge.guarded import Guarded, guard, unsure_because
from pricing.surge.guardrails import Hundredths, Trail
from pricing.surge.optimiser import best_multipliers, idle_per_km2
from pricing.surge.outlook import Outlook, outlook_of
from pricing.surge.priced_zone import PricedZone, priced_zone
from pricing.zones.zone_view import CityView, ZoneView
from topics.prices import SurgeTicked
from windows.epochs import Epoch
from windows.panes import BUCKET_MS

# A zone that has seen less than this of its windows may not raise a price on it.
LEAST_COVERED_MS = BUCKET_MS
_SCALES = np.array([1000.0, 1000.0, 1000.0, 1.0]).reshape(-1, 1, 1)


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
    behaviour: BehaviourChoice = ASSUMED


def price_zone(inputs: TickInputs, *, as_arrays: bool = False) -> SurgeTicked:
    """The zone's tick at `inputs.view.now_ms`; `as_arrays` gives its numbers as codecs take them, at less cost.

    Raises ValueError if the view's products are not the market's, in its order.
    """
    if inputs.view.products != inputs.market.product_ids:
        raise ValueError(f"products must be {inputs.market.product_ids}, got {inputs.view.products}")
    zone = priced_zone(inputs.view.zone, inputs.market, inputs.policy)
    model = inputs.model or unmeasured_model(inputs.market.time_zone)
    behaviour = inputs.behaviour.behaviour
    outlook = outlook_of(
        inputs.view, inputs.city, zone.layout, model, inputs.market.demand_shares(), supply=behaviour.supply
    )
    trail = Trail(np.full((zone.rows.size, len(inputs.market.products)), UNMOVED, np.int64))
    eta = _wanted(trail, zone, outlook, inputs, behaviour)
    previous, shown = previous_of(inputs.previous, zone)
    guarded = guard(
        trail,
        zone,
        previous=previous,
        shown=shown,
        then_ms=inputs.previous.now_ms if inputs.previous else inputs.view.now_ms,
        now_ms=inputs.view.now_ms,
        unsure=unsure_reasons(inputs),
    )
    return _ticked(inputs, zone, outlook, trail=trail, guarded=guarded, eta=eta, as_arrays=as_arrays)


@lru_cache(64)
def unmeasured_model(time_zone: str) -> DemandModel:
    """A week without shape: live ratios alone, for a market without a usable model."""
    return unfitted_model(flat_base(time_zone, per_min=1.0, share=1e-3))


def previous_of(previous: SurgeTicked | None, zone: PricedZone) -> Hundredths:
    """Where limits in time start: the previous tick's multipliers, smooth and as published, int64[2, n, P].

    1.00 where it had no such cell or product. Its numbers may be in lists or arrays.
    """
    products = zone.market.product_ids
    start = np.full((2, zone.cells.size, len(products)), UNMOVED, np.int64)
    if previous is None or not len(previous.cells):
        return start
    both = np.array((previous.smooth_hundredths, previous.multiplier_hundredths), np.int64)
    both = both.reshape(2, len(previous.cells), len(previous.products))
    if tuple(previous.products) == products and np.array_equal(previous.cells, zone.cells):
        return both
    row = {cell: index for index, cell in enumerate(previous.cells)}
    column = {product: index for index, product in enumerate(previous.products)}
    for index, cell in enumerate(zone.cells.tolist()):
        for place, product in enumerate(products):
            if cell in row and product in column:
                start[:, index, place] = both[:, row[cell], column[product]]
    return start


def _wanted(
    trail: Trail, zone: PricedZone, outlook: Outlook, inputs: TickInputs, behaviour: Behaviour
) -> NDArray[np.float64]:
    """Take the best multipliers, whatever the law caps; return the waits they rest on, float64[n, P] seconds."""
    best = best_multipliers(
        outlook.requests_near[zone.rows],
        outlook.cars_near[zone.rows],
        outlook.idle_near[zone.rows],
        fleet=outlook.fleet_near[zone.rows],
        fares=relative_fares(zone.market),
        wait_target_s=inputs.policy.rules.wait_target_s,
        floor=zone.lowest,
        cap=zone.highest,
        km_per_h=float(zone.market.km_per_h_at(inputs.view.now_ms)),
        behaviour=behaviour,
    )
    trail.take(Reason.DEMAND_AND_SUPPLY, best.hundredths)
    return best.eta_s


def unsure_reasons(inputs: TickInputs) -> list[Reason]:
    """Why no multiplier may rise in this tick; empty if the data can be trusted."""
    view = inputs.view
    return unsure_because(
        complete=view.supply_complete and view.demand_complete,
        warmed_up=int(view.covered_ms[-1]) >= LEAST_COVERED_MS,
        data_age_ms=view.data_age_ms,
        policy=inputs.policy,
    )


def _ticked(
    inputs: TickInputs,
    zone: PricedZone,
    outlook: Outlook,
    *,
    trail: Trail,
    guarded: Guarded,
    eta: NDArray[np.float64],
    as_arrays: bool,
) -> SurgeTicked:
    """The record: scaled integers, cell-major. Longer than house size: each of its fields is named once."""
    view, offsets = inputs.view, inputs.offsets
    listed = _rows if as_arrays else _lists
    at, codes, before, after = listed(trail.by_position())
    ahead = (outlook.requests[zone.rows], outlook.cars[zone.rows], idle_per_km2(outlook.idle_near[zone.rows]), eta)
    # Eight lists from two arrays: one by one they took a twentieth of a tick.
    requests_milli, cars_milli, idle_milli, eta_s = listed(np.rint(np.array(ahead) * _SCALES).astype(np.int64))
    surge = driver_surge(inputs.market, inputs.policy, trail.value)
    multipliers, smooth, chance, surge_minor = listed(np.array((trail.value, guarded.smooth, guarded.chance, surge)))
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
        cells=listed(zone.cells[None])[0],
        multiplier_hundredths=multipliers,
        smooth_hundredths=smooth,
        propensity_hundredths=chance,
        eta_s=eta_s,
        demand_milli=requests_milli,
        supply_milli=cars_milli,
        reason_at=at,
        reason_code=codes,
        reason_before=before,
        reason_after=after,
        models_used=inputs.behaviour.uses,
        idle_near_milli=idle_milli,
        driver_surge_minor=surge_minor,
        currency=inputs.market.currency,
    )


def _rows(values: NDArray[np.int64]) -> list[list[int]]:
    """Each of int64[k, n, P] cell-major, as an array."""
    return list(values.reshape(len(values), -1))


def _lists(values: NDArray[np.int64]) -> list[list[int]]:
    """Each of int64[k, n, P] cell-major."""
    listed: list[list[int]] = values.reshape(len(values), -1).tolist()
    return listed
