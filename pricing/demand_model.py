"""The demand model: a usual week, how far live ratios are believed, and trees that correct the closed form.

The trees are one XGBoost model with Poisson loss whose base margin is the log of the closed form, so they learn only
what that one leaves over. What they add is clipped to a stated band: a model may refine the forecast, never replace
it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from demand.base import DemandBase
from demand.forecast import PriorStrengths
from demand.long_memory import HALF_LIVES_MS
from pricing.artefact import FORMAT, BrokenModelError, Parts, unpacked
from pricing.features import FEATURES
from topics.control import ModelAnnounced

# The correction may at most halve or double a forecast.
CORRECTION_BAND = (0.5, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemandModel:
    """A model ready to price with; `trees` is None if it is the closed form alone."""

    label: str
    base: DemandBase
    strengths: PriorStrengths
    half_lives_ms: tuple[int, ...]
    trees: xgboost.Booster | None

    def correction(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Factor on the closed form per row, float64[n], within `CORRECTION_BAND`; `features` float32[n, F].

        A row's factor does not depend on the other rows: trees are walked row by row.
        """
        if self.trees is None or not len(features):
            return np.ones(len(features))
        low, high = CORRECTION_BAND
        margin = np.zeros(len(features), np.float32)
        factor = self.trees.inplace_predict(features, base_margin=margin, predict_type="value")
        return np.clip(factor.astype(np.float64), low, high)


def model_of(announced: ModelAnnounced) -> DemandModel:
    """The model announced.

    Raises BrokenModelError, whose `code` says what is wrong: `model-format-unknown`, `model-hash-mismatch`,
    `model-unreadable`, `model-features-differ`.
    """
    if announced.format != FORMAT:
        raise BrokenModelError("model-format-unknown", f"format must be {FORMAT}, got {announced.format!r}")
    return model_from(unpacked(announced.artefact, announced.sha256), f"{announced.name}@{announced.version}")


def model_from(parts: Parts, label: str) -> DemandModel:
    """The model those parts make.

    Raises BrokenModelError with code `model-features-differ` or `model-unreadable`.
    """
    names = [feature.name for feature in FEATURES]
    if parts.meta.get("features") != names:
        raise BrokenModelError("model-features-differ", f"features must be {names}, got {parts.meta.get('features')}")
    if parts.meta.get("half_lives_ms") != list(HALF_LIVES_MS):
        raise BrokenModelError("model-features-differ", f"half_lives_ms must be {HALF_LIVES_MS}")
    try:
        return DemandModel(
            label=label,
            base=_base_of(parts),
            strengths=_strengths_of(parts.meta["strengths"]),
            half_lives_ms=tuple(int(half_life) for half_life in parts.meta["half_lives_ms"]),
            trees=_trees_of(parts.trees),
        )
    except (KeyError, TypeError, ValueError, xgboost.core.XGBoostError) as error:
        raise BrokenModelError("model-unreadable", str(error)) from error


def _base_of(parts: Parts) -> DemandBase:
    return DemandBase(
        time_zone=str(parts.meta["time_zone"]),
        city_per_min=parts.arrays["city_per_min"],
        cells=parts.arrays["cells"],
        share=parts.arrays["share"],
        share_elsewhere=float(parts.meta["share_elsewhere"]),
    )


def _strengths_of(values: dict[str, Any]) -> PriorStrengths:
    return PriorStrengths(
        city_long=float(values["city_long"]),
        city_short=float(values["city_short"]),
        memory=tuple(float(value) for value in values["memory"]),
        cell=float(values["cell"]),
    )


def _trees_of(body: bytes) -> xgboost.Booster | None:
    if not body:
        return None
    trees = xgboost.Booster(params={"nthread": 1})
    trees.load_model(bytearray(body))
    return trees


def model_without_trees(base: DemandBase) -> DemandModel:
    """The closed form alone, on some base: what a market starts with before anything was trained."""
    return DemandModel(label="", base=base, strengths=PriorStrengths(), half_lives_ms=HALF_LIVES_MS, trees=None)
