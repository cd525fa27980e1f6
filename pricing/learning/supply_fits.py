"""The forecast of supply fitted on recorded minutes; equal minutes give equal numbers, rounded as they travel.

    shares     idle in five minutes + booked meanwhile = idle now + soon free x share + other busy x share
               by catchment, as a price weighs cars: a car taken in between was there to be taken
    idle       idle later by cell, as it came: net of the riders that the prices of the recording brought

Both by least squares weighted as counts want it, 1 / mean, without a negative coefficient (Lawson and Hanson 1974,
Solving Least Squares Problems, ch. 23). The spread is the one with which 80 % of the recorded counts lie between the
10th and 90th percentile; where too few cars are expected for that, the one of their squares.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from demand.counts_spread import within_of
from demand.ratio_walk import Active, active_cells
from pricing.models.idle_forecast import HORIZONS_MIN, SPREAD_POWER, IdleAt, IdleForecast, variance_of
from pricing.models.supply_features import FEATURES, LONG_MIN, feature_matrix, seen_in_span
from pricing.models.supply_forecast import SupplyShares, other_busy
from pricing.models.supply_recording import SupplySpan
from pricing.surge.catchment import catchment_sums

Floats = NDArray[np.float64]
SHARES_MIN = 5
LEAST_ROWS = 1_000
MOST_ROWS = 500_000
LOW, HIGH = 0.1, 0.9
_ROUNDS = 6
_DIGITS = 4
_LEAST_MEAN = 0.02
# Where next to nothing is expected a count tells little of the spread.
_SPREAD_FROM = 0.5
_LEAST_SPREAD, _MOST_SPREAD = 0.01, 50.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IdleRows:
    """n rows of a horizon: `features` float64[n, F], idle cars that `came` float64[n], `span` int64[n] they are of."""

    features: Floats
    came: Floats
    span: NDArray[np.int64]


def fitted_supply(spans: Sequence[SupplySpan]) -> SupplyShares:
    """Shares and forecast of idle cars.

    Raises ValueError if the spans are too short or too few to learn from.
    """
    usual = usual_counts(spans)
    horizons = tuple(_idle_at(idle_rows(spans, usual, horizon_min), horizon_min) for horizon_min in HORIZONS_MIN)
    forecast = IdleForecast(horizons=horizons, usual=tuple(sorted(usual.items())))
    return replace(fitted_shares(cars_rows(spans)), idle=forecast)


def usual_counts(spans: Sequence[SupplySpan]) -> dict[int, float]:
    """Mean of idle cars by cell over all instants; a cell that a span does not know had none there."""
    total: dict[int, int] = {}
    instants = sum(span.at_ms.size for span in spans)
    for span in spans:
        for cell, stood in zip(span.cells.tolist(), span.idle.sum(axis=0).tolist(), strict=True):
            total[cell] = total.get(cell, 0) + stood
    return {cell: round(stood / instants, _DIGITS) for cell, stood in total.items() if stood}


def idle_rows(
    spans: Sequence[SupplySpan], usual: dict[int, float], horizon_min: int, *, most: int = MOST_ROWS
) -> IdleRows:
    """Rows of every cell and instant with half an hour behind it, evenly thinned to about `most` rows.

    Raises ValueError if there are fewer than `LEAST_ROWS`.
    """
    rows = sum(span.cells.size * max(0, span.at_ms.size - horizon_min - LONG_MIN) for span in spans)
    if rows < LEAST_ROWS:
        raise ValueError(
            f"there must be at least {LEAST_ROWS} rows with half an hour before and {horizon_min} minutes after them, "
            f"got {rows}: record longer"
        )
    features, came, of = [], [], []
    for number, span in enumerate(spans):
        for at, row in _features(span, usual, range(LONG_MIN, span.at_ms.size - horizon_min, max(1, -(-rows // most)))):
            features.append(row)
            came.append(span.idle[at + horizon_min].astype(np.float64))
            of.append(np.full(span.cells.size, number))
    return IdleRows(features=np.concatenate(features), came=np.concatenate(came), span=np.concatenate(of))


def _features(span: SupplySpan, usual: dict[int, float], instants: range) -> Iterator[tuple[int, Floats]]:
    near, known = active_cells(span.cells, span.cells), np.array([usual.get(cell, 0.0) for cell in span.cells.tolist()])
    for at in instants:
        yield at, feature_matrix(seen_in_span(span, at, known, near))


def _idle_at(rows: IdleRows, horizon_min: int) -> IdleAt:
    coefficients = _without_negative(rows.features, rows.came, np.zeros_like(rows.came), least=_LEAST_MEAN)
    # A constant of zero would make a count impossible where nothing is seen.
    coefficients = np.maximum(np.round(coefficients, _DIGITS), [1e-4, *[0.0] * (len(FEATURES) - 1)])
    at = IdleAt(horizon_min=horizon_min, coefficients=tuple(coefficients.tolist()), spread=0.0)
    return replace(at, spread=_spread_of(rows.came, at.mean(rows.features)))


def _spread_of(came: Floats, mean: Floats) -> float:
    kept = mean >= _SPREAD_FROM
    if kept.sum() >= LEAST_ROWS:
        return fitted_spread(came[kept], mean[kept])
    # Intervals of next to nothing hold the count 0 whatever the spread; squares still tell what is beyond Poisson's.
    beyond = float(np.sum(np.square(came - mean) - mean) / np.sum(mean**SPREAD_POWER))
    return round(min(max(beyond, _LEAST_SPREAD), _MOST_SPREAD), _DIGITS)


def fitted_spread(came: Floats, mean: Floats) -> float:
    """The spread with which 80 % of the counts lie within, by halving; wider holds more."""
    low, high = _LEAST_SPREAD, _MOST_SPREAD
    for _ in range(20):
        middle = (low * high) ** 0.5
        held = within_of(came, mean, variance_of(mean, middle), low=LOW, high=HIGH)
        low, high = (low, middle) if np.mean(held) > HIGH - LOW else (middle, high)
    return round(high, _DIGITS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CarsRows:
    """n catchments and instants, float64[n]: cars idle, soon free and otherwise busy, and those there in five minutes.

    `cell` int64[n] and `span` int64[n] say of where and which.
    """

    idle: Floats
    soon_free: Floats
    other_busy: Floats
    there: Floats
    cell: NDArray[np.int64]
    span: NDArray[np.int64]

    def told(self, shares: SupplyShares) -> Floats:
        """Cars expected by these shares, float64[n]."""
        return self.idle + shares.soon_free * self.soon_free + shares.other_busy * self.other_busy


def cars_rows(spans: Sequence[SupplySpan]) -> CarsRows:
    """Every catchment at every instant with five minutes after it, evenly thinned."""
    rows = sum(span.cells.size * max(0, span.at_ms.size - SHARES_MIN) for span in spans)
    stride, parts = max(1, -(-rows // MOST_ROWS)), []
    for number, span in enumerate(spans):
        neighbours = _disk(active_cells(span.cells, span.cells))
        for at in range(0, span.at_ms.size - SHARES_MIN, stride):
            later = at + SHARES_MIN
            booked = span.bookings[at + 1 : later + 1].sum(axis=0)
            busy, soon_free = span.busy[at].astype(np.float64), span.soon_free[at].astype(np.float64)
            there = (span.idle[later] + booked).astype(np.float64)
            columns = np.stack([span.idle[at], soon_free, other_busy(busy, soon_free), there], axis=1)
            parts.append((catchment_sums(columns.astype(np.float64), neighbours), span.cells, number))
    if not parts:
        raise ValueError(f"counts must reach over more than {SHARES_MIN} minutes without a break: record longer")
    sums = np.concatenate([part for part, _, _ in parts])
    return CarsRows(
        idle=sums[:, 0],
        soon_free=sums[:, 1],
        other_busy=sums[:, 2],
        there=sums[:, 3],
        cell=np.concatenate([cells for _, cells, _ in parts]),
        span=np.concatenate([np.full(cells.size, number) for _, cells, number in parts]),
    )


def _disk(near: Active) -> NDArray[np.int64]:
    """Rows of each cell's disk, int64[m, 19], in the order catchments are summed in."""
    return np.concatenate([near.rows[:, None], near.ring_1, near.ring_2], axis=1)


def fitted_shares(rows: CarsRows) -> SupplyShares:
    """Which part of busy cars is there in five minutes; of idle cars nothing."""
    columns = np.stack([rows.soon_free, rows.other_busy], axis=1)
    found = np.minimum(_without_negative(columns, rows.there, rows.idle, least=1.0), 1.0)
    soon_free, others = np.round(found, _DIGITS).tolist()
    return SupplyShares(soon_free=soon_free, other_busy=others)


def _without_negative(columns: Floats, came: Floats, known: Floats, *, least: float) -> Floats:
    """Coefficients float64[k], none negative, of came = known + columns x coefficients, weighted by 1 / mean."""
    # Here, since it takes a while to load, which every restart of a worker would wait for; only training uses it.
    from scipy.optimize import nnls  # type: ignore[import-untyped]  # noqa: PLC0415

    mean = np.full(came.size, float(np.mean(came)))
    coefficients: Floats = np.zeros(columns.shape[1])
    for _ in range(_ROUNDS):
        weight = 1.0 / np.maximum(mean, least)
        # The normal equations are as small as the features are few, whatever was recorded.
        square = (columns * weight[:, None]).T @ columns
        square += np.eye(len(square)) * 1e-9 * max(float(np.trace(square)), 1.0)
        root = np.linalg.cholesky(square)
        towards = np.linalg.solve(root, columns.T @ (weight * (came - known)))
        coefficients, _ = nnls(root.T, towards)
        mean = known + columns @ coefficients
    return coefficients
