"""Cars per cell at one instant, as columns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellCounts:
    """Cars alive at `now_ms`, per cell that has an idle or busy one.

    `cells` int64[c] ascending H3 indexes; `idle`, `busy`, `soon_free` int32[c], each car once; `idle_by_product`
    int32[c, p], a car once per product it serves, `p` the products seen so far on the product axis.
    """

    now_ms: int
    cells: NDArray[np.int64]
    idle: NDArray[np.int32]
    busy: NDArray[np.int32]
    soon_free: NDArray[np.int32]
    idle_by_product: NDArray[np.int32]
