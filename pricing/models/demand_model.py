"""The demand model: a usual week, log-linear coefficients, trees that correct them, and what was seen last in training.

The trees are one XGBoost model with Poisson loss whose base margin is the log-linear forecast, so they learn only what
that one leaves over. What rings and trees add is clipped to a stated band: they may refine the forecast, never replace
it.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import xgboost
from numpy.typing import NDArray

from demand.base import SLOTS_PER_DAY, DemandBase
from demand.forecast import UNFITTED
from demand.kernel_base import PROFILE_SLOTS, along_steps
from demand.long_memory import LongMemory, aged, blank_memory
from demand.ratio_walk import INPUTS
from demand.ratios import HALF_LIVES_MS, Sums
from pricing.models.artefact import FORMAT, UNREADABLE, BrokenModelError, Parts, unpacked, unreadable
from pricing.models.compiled_trees import CompiledTrees, compiled
from pricing.models.demand_features import FEATURES
from pricing.models.fitted_forecast import banded
from pricing.models.xgboost_bytes import refuse_unsound
from pricing.rules.instants import LATEST_MS
from topics.control import ModelAnnounced

HORIZONS_MIN = (5, 15, 30, 60)
# Lowest and highest of what prices rest on. Rates and shares are divided by, so they stay away from 0; a coefficient is
# of the logarithm of a ratio, so 3 says that demand grows with its cube, or for the constant twentyfold. The largest
# of the shipped model is 0.53. A share drawn to its surroundings may pass 1 where nearly all rides begin in one cell.
BOUNDS = {
    "city_per_min": (1e-9, 1e6),
    "share": (1e-12, 10.0),
    "share_elsewhere": (1e-12, 1.0),
    "coefficients": (-3.0, 3.0),
    "memory": (0.0, 1e12),
    "city_memory": (0.0, 1e12),
    "memory_through_ms": (0.0, float(LATEST_MS)),
}
# Leaves add to the logarithm of the forecast; the largest of the shipped model is 0.025. Features are logarithms,
# days, minutes and quarters of an hour, so a threshold beyond a million splits nothing.
LEAF_BOUNDS = (-3.0, 3.0)
THRESHOLD_BOUNDS = (-1e6, 1e6)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemandModel:
    """A model ready to price with; `trees` is None if nothing was fitted, and `quick` are the same trees.

    `coefficients` float64[4, len(INPUTS)], one row per horizon; `memory` of the base's cells as training left it.
    """

    label: str
    base: DemandBase
    coefficients: NDArray[np.float64]
    memory: LongMemory
    trees: xgboost.Booster | None
    quick: CompiledTrees | None

    def coefficients_of(self, horizon_min: int) -> NDArray[np.float64]:
        """Coefficients for that horizon, one of `HORIZONS_MIN`: float64[len(INPUTS)]."""
        row: NDArray[np.float64] = self.coefficients[HORIZONS_MIN.index(horizon_min)]
        return row

    def correction(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """The trees' factor per row, float64[n]; `features` float32[n, F]."""
        if self.quick is None or not len(features):
            return np.ones(len(features))
        return banded(self.quick.margins(features))

    def memory_of(self, cells: NDArray[np.int64], through_ms: int) -> LongMemory:
        """What training saw of the cells, int64[n], aged to `through_ms`; nothing of others, or if it ended later."""
        if not self.base.cells.size or through_ms < self.memory.through_ms:
            return blank_memory(cells.size, through_ms)
        return aged(replace(self.memory, cells=_trained_on(self, cells.tobytes())), through_ms)


@lru_cache(512)
def _trained_on(model: DemandModel, cells: bytes) -> Sums:
    """What training saw of the cells; zones ask at each tick until they have a memory of their own."""
    base, trained, wanted = model.base, model.memory.cells, np.frombuffer(cells, np.int64)
    at = np.minimum(np.searchsorted(base.cells, wanted), base.cells.size - 1)
    known = (base.cells[at] == wanted)[:, None]
    return Sums(
        observed=np.where(known, trained.observed[at], 0.0), expected=np.where(known, trained.expected[at], 0.0)
    )


def model_of(announced: ModelAnnounced) -> DemandModel:
    """The model announced.

    Raises BrokenModelError, whose `code` says what is wrong: `model-format-unknown`, `model-hash-mismatch`,
    `model-unreadable`, `model-features-differ`, `model-implausible`.
    """
    if announced.format != FORMAT:
        raise BrokenModelError("model-format-unknown", f"format must be {FORMAT}, got {announced.format!r}")
    return model_from(unpacked(announced.artefact, announced.sha256), f"{announced.name}@{announced.version}")


def model_from(parts: Parts, label: str) -> DemandModel:
    """The model those parts make.

    Raises BrokenModelError with code `model-features-differ`, `model-unreadable` or `model-implausible`.
    """
    _check(parts, "features", [feature.name for feature in FEATURES])
    _check(parts, "inputs", list(INPUTS))
    _check(parts, "half_lives_ms", list(HALF_LIVES_MS))
    try:
        base, trees = _base_of(parts), _trees_of(parts.trees)
        model = DemandModel(
            label=label,
            base=base,
            coefficients=_shaped(parts, "coefficients", (len(HORIZONS_MIN), len(INPUTS))),
            memory=_memory_of(parts, base.cells.size),
            trees=trees,
            quick=None if trees is None else compiled(trees),
        )
        _refuse_implausible(parts, model.quick)
    except UNREADABLE as error:
        raise unreadable(error) from error
    return model


def _refuse_implausible(parts: Parts, trees: CompiledTrees | None) -> None:
    """Raise BrokenModelError for a value out of bounds: one NaN would take every price of a city to its cap."""
    for name, bounds in BOUNDS.items():
        _refuse_outside(name, parts.arrays.get(name, parts.meta.get(name)), bounds)
    if trees is not None:
        _refuse_outside("leaves of the trees", trees.leaves, LEAF_BOUNDS)
        _refuse_outside("thresholds of the trees", trees.thresholds, THRESHOLD_BOUNDS)


def _refuse_outside(name: str, said: object, bounds: tuple[float, float]) -> None:
    values, (low, high) = np.asarray(said, np.float64), bounds
    # Asked this way round, NaN is outside.
    outside = values[~((values >= low) & (values <= high))]
    if outside.size:
        raise BrokenModelError("model-implausible", f"{name} must be from {low:g} to {high:g}, got {outside[0]}")


def _check(parts: Parts, name: str, wanted: list[str] | list[int]) -> None:
    if parts.meta.get(name) != wanted:
        raise BrokenModelError("model-features-differ", f"{name} must be {wanted}, got {parts.meta.get(name)}")


def _shaped(parts: Parts, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    values = parts.arrays[name].astype(np.float64)
    if values.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {values.shape}")
    return values


def _base_of(parts: Parts) -> DemandBase:
    cells = parts.arrays["cells"]
    if cells.dtype != np.int64 or cells.ndim != 1 or (np.diff(cells) <= 0).any():
        raise ValueError(f"cells must be int64[k], ascending, got {cells.dtype} of shape {cells.shape}")
    return DemandBase(
        time_zone=_time_zone_of(parts.meta["time_zone"]),
        city_per_min=_shaped(parts, "city_per_min", (672,)),
        cells=cells,
        share=along_steps(_shaped(parts, "share", (cells.size, 2, PROFILE_SLOTS)), SLOTS_PER_DAY),
        share_elsewhere=float(parts.meta["share_elsewhere"]),
    )


def _time_zone_of(said: object) -> str:
    if not isinstance(said, str):
        raise TypeError(f"time_zone must be text, got {said!r}")
    try:
        ZoneInfo(said)
    except (ValueError, OSError, LookupError):  # what the zone database says of a name it lacks, or that is a path
        raise ValueError(f"time_zone must be an IANA time zone such as Europe/London, got {said!r}") from None
    return said


def _memory_of(parts: Parts, cells: int) -> LongMemory:
    """Sums of the artefact: observed, then expected."""
    sums = _shaped(parts, "memory", (2, cells, len(HALF_LIVES_MS)))
    city = _shaped(parts, "city_memory", (2, len(HALF_LIVES_MS)))
    return LongMemory(
        through_ms=int(parts.meta["memory_through_ms"]),
        cells=Sums(observed=sums[0], expected=sums[1]),
        city=Sums(observed=city[0], expected=city[1]),
    )


def _trees_of(body: bytes) -> xgboost.Booster | None:
    if not body:
        return None
    refuse_unsound(body, len(FEATURES))
    trees = xgboost.Booster(params={"nthread": 1})
    trees.load_model(bytearray(body))
    if trees.num_features() != len(FEATURES):
        raise ValueError(f"trees must look at {len(FEATURES)} features, got {trees.num_features()}")
    return trees


def unfitted_model(base: DemandBase) -> DemandModel:
    """Live ratios alone, on some base: what a market starts with before anything was trained."""
    return DemandModel(
        label="",
        base=base,
        coefficients=np.tile(UNFITTED, (len(HORIZONS_MIN), 1)),
        memory=blank_memory(base.cells.size, 0),
        trees=None,
        quick=None,
    )
