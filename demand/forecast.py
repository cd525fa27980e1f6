"""How many riders the next minutes bring: a usual week, bent by what is seen now.

    forecast = usual(cell, horizon) x city's level x exp(coefficients x ratios)

A Poisson log-linear model: the ratios (`demand.ratios`) are live, the coefficients few, shared by all cells and frozen.
Everything is elementwise on rows: a cell's forecast does not depend on the other rows.

The base counts pickups, the stream counts riders who ask. The step from one to the other is `REQUESTS_PER_PICKUP`, an
assumption; whatever it lacks, the city's ratios absorb within the hour.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demand.base import DemandBase
from demand.log_linear import exponent
from demand.ratio_walk import INPUTS, OWN_INPUTS, REFERENCE, inputs_of
from demand.ratios import CELL_RATIOS, Sums, cell_ratios, city_ratios

# Assumption: two of five who ask do not ride.
REQUESTS_PER_PICKUP = 1.65
# Without a fitted model a cell follows its ratio of the last hour, drawn to 1 by that ratio's prior.
UNFITTED = np.array([float(name == "cell_1h") for name in INPUTS])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """Faded sums of n cells and of the city at `now_ms`: float64[n, 6] and float64[6]."""

    now_ms: int
    cells: NDArray[np.int64]
    sums: Sums
    city: Sums


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiveLevel:
    """How busy it is compared with a usual week.

    `city` ratio of the whole market; `city_logs` float64[6]; `own` float64[n, OWN_INPUTS] the model's inputs of each
    cell alone.
    """

    city: float
    city_logs: NDArray[np.float64]
    own: NDArray[np.float64]


def live_level(seen: Observed, *, yielding: bool = False) -> LiveLevel:
    """How the city and each cell compare with a usual week; `yielding` as in `demand.ratios.cell_ratios`."""
    logs = city_ratios(seen.city)
    own = inputs_of(logs, cell_ratios(seen.sums, logs, CELL_RATIOS, yielding=yielding), [])
    return LiveLevel(city=float(np.exp(logs[REFERENCE])), city_logs=logs, own=own)


def forecast(
    base: DemandBase,
    seen: Observed,
    level: LiveLevel,
    coefficients: NDArray[np.float64],
    *,
    horizon_ms: int,
    scale: float = 1.0,
) -> NDArray[np.float64]:
    """Requests expected in each cell in `[now_ms, now_ms + horizon_ms)`, float64[n], positive.

    `coefficients` float64[len(INPUTS)]: those of a cell's rings are left out, since not every row has its rings.
    `scale` are requests per pickup of the base.
    """
    usual = base.expected(seen.cells, seen.now_ms, seen.now_ms + horizon_ms)
    return (scale * level.city) * usual * np.exp(exponent(level.own, coefficients[:OWN_INPUTS]))
