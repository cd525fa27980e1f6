"""What each feature adds to the trees' prediction of one row: exact Shapley values, computed only when asked for.

    base value + contribution of each feature = margin          margin = log of the factor by which trees correct

Source: Lundberg et al., Consistent Individualized Feature Attribution for Tree Ensembles (2018), as XGBoost's
`pred_contribs` computes it. They are exact for trees; sums differ from the margin by float32 rounding alone.
"""

from dataclasses import dataclass

import numpy as np
import xgboost
from numpy.typing import NDArray

from pricing.models.demand_features import FEATURES


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contributions:
    """Of one row: `of` float64[F] in the order of `FEATURES`, the `base` value every row starts from, and the `margin`.

    All are log factors: adding 0.1 multiplies the forecast by 1.105.
    """

    of: NDArray[np.float64]
    base: float
    margin: float


def contributions(trees: xgboost.Booster, row: NDArray[np.float32]) -> Contributions:
    """Contributions of `row` float32[F] to the trees' log factor, from the base margin of live pricing: zero."""
    names = [feature.name for feature in FEATURES]
    data = xgboost.DMatrix(row[None, :], base_margin=np.zeros(1, np.float32), feature_names=names, nthread=1)
    found = trees.predict(data, pred_contribs=True)[0].astype(np.float64)
    margin = float(trees.predict(data, output_margin=True)[0])
    return Contributions(of=found[:-1], base=float(found[-1]), margin=margin)
