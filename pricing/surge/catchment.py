"""What competes for what: the cars that can reach a cell, and the riders those cars can reach.

A cell is priced on the weighted sums of its rings 0–2, demand and supply with the same weights, so a rider at the
edge of a cell does not pay for the border. Sums run over the disk in one fixed order: the same cell gets the same
bits whichever zone computes it.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from windows.hexagons import RING_SIZES

# Assumption: a car two rings out, 1.5 km away, is sent about half as often as one in the cell. Wider than a rider would
# think, since dispatch reaches far: narrower weights surge on chance in quiet hours.
RING_WEIGHTS = (1.0, 0.8, 0.6)
CELL_KM2 = 0.737  # mean of resolution 8, H3 documentation, table of average areas
CATCHMENT_KM2 = CELL_KM2 * math.fsum(size * weight for size, weight in zip(RING_SIZES, RING_WEIGHTS, strict=True))
PLACE_WEIGHTS = np.array([weight for size, weight in zip(RING_SIZES, RING_WEIGHTS, strict=True) for _ in range(size)])


def catchment_sums(values: NDArray[np.float64], neighbours: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weighted sum of each home cell's disk: float64[home, ...] of `values` float64[n, ...], rows as in the layout.

    `neighbours` int64[home, 19] may name row n, which counts as zero.
    """
    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    total: NDArray[np.float64] = _weighted(flat, neighbours, PLACE_WEIGHTS)
    return total.reshape(len(neighbours), *values.shape[1:])


@njit(cache=True, nogil=True)
def _weighted(values, neighbours, weights):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Sum of each disk float64[home, k], place after place; numpy would gather nineteen copies of the zone first."""
    homes, width = neighbours.shape[0], values.shape[1]
    total = np.zeros((homes, width))
    for home in range(homes):
        for place in range(weights.shape[0]):
            row = neighbours[home, place]
            if row < values.shape[0]:
                for column in range(width):
                    total[home, column] += values[row, column] * weights[place]
    return total
