"""How many cars will stand idle in the cells of each zone, from the counts as they stand: mean and 80 % interval.

The view is a tick's, read through the same joins and panes; the features are those of training. No price rests on it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demand.counts_spread import quantiles_of
from pricing.models.idle_forecast import IdleAt, IdleForecast, variance_of
from pricing.models.supply_features import FEATURES, feature_matrix, seen_in_view
from pricing.zones.windows_of_zone import WindowsOfZone, view_of
from pricing.zones.zone_join import PartitionState
from pricing.zones.zone_view import layout_of

LOW, HIGH = 0.1, 0.9
_IDLE = next(place for place, feature in enumerate(FEATURES) if feature.name == "idle")


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleLater:
    """Idle cars of one cell in so many minutes: the mean, and the counts one in ten outcomes lie below and above."""

    in_min: int
    mean: float
    p10: int
    p90: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOutlook:
    """One cell: idle cars now and later, by horizon ascending."""

    zone: int
    cell: int
    idle: int
    later: list[IdleLater]


def idle_outlook(state: PartitionState, forecast: IdleForecast, now_ms: int) -> Iterator[CellOutlook]:
    """Every home cell of the partition's zones at `now_ms`, ascending; the supply read must be complete to be right."""
    for zone in sorted(state.zones):
        layout = layout_of(zone)
        windows = WindowsOfZone(state.zones[zone], ()).read(state, now_ms)
        nothing = np.zeros((layout.cells.size, 1))
        view = view_of(windows, state, memory_observed=nothing, memory_expected=nothing)
        features = feature_matrix(seen_in_view(view, layout, forecast.usual_of(layout.cells)))
        told = [_told(at, features) for at in forecast.horizons]
        for row, cell in enumerate(layout.home_cells.tolist()):
            yield CellOutlook(
                zone=zone, cell=cell, idle=int(features[row, _IDLE]), later=[by_row[row] for by_row in told]
            )


def _told(at: IdleAt, features: NDArray[np.float64]) -> list[IdleLater]:
    mean = at.mean(features)
    variance = variance_of(mean, at.spread)
    low, high = quantiles_of(mean, variance, at=LOW), quantiles_of(mean, variance, at=HIGH)
    return [
        IdleLater(in_min=at.horizon_min, mean=round(expected, 2), p10=int(below), p90=int(above))
        for expected, below, above in zip(mean.tolist(), low.tolist(), high.tolist(), strict=True)
    ]
