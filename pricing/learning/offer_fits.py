"""Pickup time and acceptance fitted on offers; equal offers give equal numbers, rounded as they travel.

Waits vary in proportion to their mean, so least squares would listen to the empty suburbs alone: the root law is fitted
by weights 1 / mean², as a Gamma likelihood weighs them. Acceptance is a logit by maximum likelihood. Neither slope may
have the wrong sign: data that says so, of too few offers or of prices that hardly moved, leaves it at its bound.
"""

import numpy as np
from numpy.typing import NDArray

from pricing.learning.offers import Offers
from pricing.models.acceptance import Acceptance
from pricing.models.behaviour_models import ACCEPTANCE, ETA, KINDS
from pricing.models.eta import Waits

Floats = NDArray[np.float64]
LEAST_OFFERS = 200
_ROUNDS = 30
_DIGITS = 4


def fitted_waits(offers: Offers) -> Waits:
    """The wait by idle density, of those who were picked up.

    Raises ValueError if they are fewer than `LEAST_OFFERS`.
    """
    picked = offers.only(offers.picked)
    _refuse_few(picked.wait_s.size, "offers that ended in a ride")
    root, wait_s = 1.0 / np.sqrt(np.maximum(picked.idle_per_km2, 1e-3)), np.maximum(picked.wait_s, 1.0)
    mean = np.full_like(wait_s, np.mean(wait_s))
    bounds = KINDS[ETA].bounds
    for _ in range(_ROUNDS):
        match_s, s_per_root = _line(root, wait_s, 1.0 / np.square(mean), bounds["match_s"], bounds["s_per_root"])
        mean = np.maximum(match_s + s_per_root * root, 1.0)
    return Waits(match_s=_within(ETA, "match_s", match_s), s_per_root=_within(ETA, "s_per_root", s_per_root))


def _line(
    x: Floats, y: Floats, weight: Floats, intercepts: tuple[float, float], slopes: tuple[float, float]
) -> tuple[float, float]:
    """Intercept and slope by weighted least squares within their bounds.

    Where one is at its bound the other is the best there is beside it.
    """
    total = np.sum(weight)
    mean_x, mean_y = np.sum(weight * x) / total, np.sum(weight * y) / total
    spread = np.sum(weight * np.square(x - mean_x))
    slope = _clipped(np.sum(weight * (x - mean_x) * (y - mean_y)) / max(spread, 1e-12), slopes)
    intercept = _clipped(mean_y - slope * mean_x, intercepts)
    if intercept in intercepts:
        slope = _clipped(np.sum(weight * x * (y - intercept)) / np.sum(weight * x * x), slopes)
    return intercept, slope


def _clipped(value: float, bounds: tuple[float, float]) -> float:
    return float(min(max(value, bounds[0]), bounds[1]))


def fitted_acceptance(offers: Offers) -> Acceptance:
    """Whether a rider takes an offer, by its price and the wait told.

    Raises ValueError if offers are fewer than `LEAST_OFFERS`, or all had one fate.
    """
    told = offers.only(offers.eta_s >= 0.0)
    _refuse_few(told.eta_s.size, "offers that told a wait")
    if told.accepted.all() or not told.accepted.any():
        raise ValueError("offers must have been taken and declined, got one of both only")
    usual_wait_s = float(np.round(np.mean(told.eta_s)))
    columns = np.stack(
        [np.ones(told.eta_s.size), -np.log(told.multiplier), -(told.eta_s - usual_wait_s) / 60.0], axis=1
    )
    free = np.array([True, bool(np.ptp(told.multiplier) > 0.0), bool(np.ptp(told.eta_s) > 0.0)])
    weights = _logit(columns, told.accepted.astype(np.float64), free)
    while (weights[1:] < 0.0).any():
        free[1:] &= weights[1:] >= 0.0
        weights = _logit(columns, told.accepted.astype(np.float64), free)
    names = ("at_usual", "price_slope", "wait_slope_per_min")
    found = {name: _within(ACCEPTANCE, name, float(weight)) for name, weight in zip(names, weights, strict=True)}
    return Acceptance(usual_wait_s=usual_wait_s, **found)


def _logit(columns: Floats, taken: Floats, free: NDArray[np.bool_]) -> Floats:
    """Weights of the free columns by Newton's method, 0 for the others; a whisper of a prior keeps them finite."""
    used = columns[:, free]
    weights = np.zeros(used.shape[1])
    for _ in range(_ROUNDS):
        chance = 1.0 / (1.0 + np.exp(-(used @ weights)))
        gradient = used.T @ (taken - chance) - 1e-6 * weights
        curvature = (used * (chance * (1.0 - chance))[:, None]).T @ used + 1e-6 * np.eye(used.shape[1])
        weights = weights + np.linalg.solve(curvature, gradient)
    found = np.zeros(columns.shape[1])
    found[free] = weights
    return found


def _within(kind: str, name: str, value: float) -> float:
    if not np.isfinite(value):
        raise ValueError(f"{name} must come out as a number, got {value}: the offers hold none that could be fitted")
    return round(_clipped(value, KINDS[kind].bounds[name]), _DIGITS)


def _refuse_few(found: int, what: str) -> None:
    if found < LEAST_OFFERS:
        raise ValueError(f"there must be at least {LEAST_OFFERS} {what}, got {found}")
