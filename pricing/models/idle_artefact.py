"""A forecast of idle cars as part of the artefact `supply`, checked when it is announced.

"idle": {
  "usual": {"882a100d67fffff": 3.25},
  "horizons": {"5": {"coefficients": {"idle": 0.22, "crowd": 0.46}, "spread": 0.42}}
}
"""

import math
from collections.abc import Mapping
from typing import Any

from h3.api import basic_int as h3

from pricing.models.artefact import BrokenModelError
from pricing.models.idle_forecast import HORIZONS_MIN, IdleAt, IdleForecast
from pricing.models.supply_features import FEATURES

MOST_COEFFICIENT, MOST_USUAL = 10.0, 10_000.0
LEAST_SPREAD, MOST_SPREAD = 0.001, 1_000.0
_NAMES = [feature.name for feature in FEATURES]


def idle_document(forecast: IdleForecast) -> dict[str, Any]:
    """The forecast as JSON; equal forecasts give equal documents."""
    horizons = {
        str(at.horizon_min): {
            "coefficients": dict(zip(_NAMES, at.coefficients, strict=True)),
            "spread": at.spread,
        }
        for at in forecast.horizons
    }
    return {"usual": {f"{cell:x}": mean for cell, mean in forecast.usual}, "horizons": horizons}


def idle_of(document: Mapping[str, Any]) -> IdleForecast:
    """The forecast of a document.

    Raises BrokenModelError with code `model-implausible` for a number out of bounds, KeyError, TypeError, ValueError
    or AttributeError for anything missing or of another kind.
    """
    usual = sorted((int(cell, 16), _within("usual", mean, MOST_USUAL)) for cell, mean in document["usual"].items())
    for cell, _ in usual:
        if not h3.is_valid_cell(cell):
            raise ValueError(f"usual must name H3 cells, got {cell:x}")
    return IdleForecast(horizons=tuple(_at(document["horizons"], each) for each in HORIZONS_MIN), usual=tuple(usual))


def _at(horizons: Mapping[str, Any], horizon_min: int) -> IdleAt:
    of = horizons[str(horizon_min)]
    if set(of["coefficients"]) != set(_NAMES):
        raise ValueError(f"coefficients must be of {', '.join(_NAMES)}, got {', '.join(sorted(of['coefficients']))}")
    coefficients = tuple(_within(name, of["coefficients"][name], MOST_COEFFICIENT) for name in _NAMES)
    spread = _within("spread", of["spread"], MOST_SPREAD, least=LEAST_SPREAD)
    return IdleAt(horizon_min=horizon_min, coefficients=coefficients, spread=spread)


def _within(name: str, said: object, most: float, *, least: float = 0.0) -> float:
    value = float(said)  # type: ignore[arg-type]  # TypeError is part of the contract
    if not (math.isfinite(value) and least <= value <= most):
        raise BrokenModelError("model-implausible", f"{name} must be from {least:g} to {most:g}, got {value}")
    return value
