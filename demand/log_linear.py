"""A Poisson log-linear model: log rate = log of the usual rate + coefficients x ratios, fitted by Newton's method.

The coefficients are few and shared by all cells, so they may stay frozen for months; the ratios are live.
Source: McCullagh and Nelder, Generalized Linear Models, chapter 6; an offset is a term whose coefficient is 1.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Coefficients are kept to this many decimals: what lies below differs between machines.
DECIMALS = 6
_RIDGE = 1.0
_ROUNDS = 25


def fitted(inputs: Floats, came: Floats, usual: Floats, *, rising: slice | None = None) -> Floats:
    """Coefficients float64[F] of `inputs` float64[n, F] for counts `came` where `usual` was expected, float64[n].

    A ridge of one pickup keeps inputs that always move together apart. Coefficients of the `rising` inputs are at least
    0: the most negative one is set to 0 and the others fitted again, until none is left.

    Raises ValueError if there are no rows.
    """
    free = np.ones(inputs.shape[1], bool)
    bound = np.zeros(inputs.shape[1], bool)
    bound[rising or slice(0, 0)] = True
    while True:
        coefficients = np.zeros(inputs.shape[1])
        coefficients[free] = _unbounded(inputs[:, free], came, usual)
        worst = int(np.argmin(np.where(bound, coefficients, 0.0)))
        if not coefficients[worst] < 0.0 or not bound[worst]:
            rounded: Floats = np.round(coefficients, DECIMALS)
            return rounded
        free[worst] = False


def _unbounded(inputs: Floats, came: Floats, usual: Floats) -> Floats:
    """Coefficients without bounds, by Newton's method."""
    if not came.size:
        raise ValueError("came must hold at least one row, got none")
    offset, coefficients = np.log(usual), np.zeros(inputs.shape[1])
    ridge = _RIDGE * np.eye(inputs.shape[1])
    for _ in range(_ROUNDS):
        rate = np.exp(np.clip(inputs @ coefficients + offset, -20.0, 10.0))
        slope = inputs.T @ (came - rate) - _RIDGE * coefficients
        step = np.linalg.solve((inputs * rate[:, None]).T @ inputs + ridge, slope)
        coefficients = coefficients + step
        if float(np.abs(step).max()) < 1e-8:
            break
    return coefficients


def exponent(inputs: Floats, coefficients: Floats) -> Floats:
    """Sum of coefficient x input per row, float64[n], in one fixed order: a row depends on no other row."""
    total: Floats = _summed(np.ascontiguousarray(inputs), np.ascontiguousarray(coefficients))
    return total


@njit(cache=True, nogil=True)
def _summed(inputs, coefficients):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Column after column, float64[n]: as numpy adds them, to the bit, which took one call of it a column."""
    total = np.zeros(inputs.shape[0])
    for row in range(inputs.shape[0]):
        for column in range(inputs.shape[1]):
            total[row] += coefficients[column] * inputs[row, column]
    return total
