"""Every compiled loop of a tick made ready: it takes a second or two when they are not in numba's cache yet."""

from dataclasses import replace
from typing import Any

import numpy as np
import xgboost

from pricing.models.compiled_trees import CompiledTrees
from pricing.models.demand_model import DemandModel
from pricing.models.memory import RecordSums
from pricing.models.model_choice import Choice
from pricing.rules.markets import Market
from pricing.rules.policy import built_in_policy
from pricing.surge.tick import price_zone, unmeasured_model
from pricing.surge.tick_inputs import PricedBy, ZoneCounts, tick_inputs
from pricing.zones.city_totals import CityTotals
from pricing.zones.sources import Source, TopicProgress
from pricing.zones.windows_of_zone import WindowsOfZone
from pricing.zones.zone_join import PartitionState, car_counts, rider_counts
from pricing.zones.zone_state import ZoneState
from topics.control import Product
from topics.counts import CountKind, DemandCellsCounted, SupplyCellsCounted
from windows.epochs import Epoch
from windows.hexagons import cells_of, zone_of
from windows.panes import PANE_MS, pane_start

_CELL = int(cells_of(np.zeros(1), np.zeros(1))[0])
_ZONE, _EPOCH = zone_of(_CELL), Epoch(1, 0)
_PRODUCT = Product(
    product="any",
    name="any",
    base_minor=1,
    per_km_minor=1,
    per_min_minor=1,
    booking_fee_minor=0,
    minimum_minor=1,
)
_MARKET = Market(
    name="",
    offset=-1,
    time_zone="UTC",
    currency="",
    products=(_PRODUCT,),
    product_index={_PRODUCT.product: 0},
    jurisdiction_of={_CELL: ""},
)


def prepare() -> None:
    """Price a made-up zone a few times, so that no tick of a real one waits for a compiler."""
    counts = _counts()
    by = PricedBy(market=_MARKET, policy=built_in_policy(""), choice=Choice(_model(), 0, ""), epoch=_EPOCH)
    for now_ms in (PANE_MS, PANE_MS + 1, 2 * PANE_MS):
        _stand(counts.partition.zone(_ZONE), now_ms)
        by = replace(by, previous=price_zone(tick_inputs(counts, by, now_ms)))


def _model() -> DemandModel:
    """One with a tree of one split."""
    leaves = np.zeros((1, 2), np.float32)
    quick = CompiledTrees(depth=1, features=np.zeros((1, 2), np.int64), thresholds=leaves, leaves=leaves)
    return replace(unmeasured_model("UTC"), trees=xgboost.Booster(), quick=quick)


def _counts() -> ZoneCounts:
    state = PartitionState(0, supply=_heard(), demand=_heard())
    return ZoneCounts(
        zone=_ZONE,
        partition=state,
        windows=WindowsOfZone(state.zone(_ZONE), _MARKET.product_ids),
        city=CityTotals(progress=_heard()),
        city_zones=frozenset({_ZONE}),
        sums=RecordSums(),
    )


def _heard() -> TopicProgress:
    """A topic whose one source stands since ever."""
    return TopicProgress(source_partitions=1, sources={0: Source(newest=_EPOCH, standing=_EPOCH)})


def _stand(zone: ZoneState, now_ms: int) -> None:
    """A car and a rider in the first cell, as one source says it."""
    said: dict[str, Any] = {"kind": CountKind.CELLS, "source_partition": 0, "source_partitions": 1, "zone": _ZONE}
    said |= {"epoch_generation": _EPOCH.generation, "epoch_started_ms": _EPOCH.started_ms, "now_ms": now_ms}
    said |= {"products": list(_MARKET.product_ids), "cells": [_CELL]}
    cars = SupplyCellsCounted(**said, pings_offset=now_ms, idle=[1], idle_by_product=[1], busy=[1], soon_free=[1])
    said |= {"complete_from_ms": 0, "pane_start_ms": pane_start(now_ms), "requests_offset": now_ms}
    riders = DemandCellsCounted(**said, decisions_offset=-1, requests=[1], bookings=[1])
    zone.count_cars(0, car_counts(cars), now_ms, offset=now_ms)
    zone.count_riders(riders.pane_start_ms, 0, rider_counts(riders), now_ms)
