"""What a catchment saw in the last minutes, weighed against its forecast.

The forecast is fitted on a city with few requests, where a burst is mostly chance and is rightly believed slowly. A
catchment of a busy city sees dozens of requests in a few minutes: then they are the better witness. As everywhere in
`demand.ratios`, a Gamma prior of mean 1 that weighs `PRIOR_REQUESTS` draws the ratio of seen to forecast to 1
(Gelman et al., Bayesian Data Analysis, 2.6):

    requests = forecast x (prior + seen) / (prior + forecast for the time seen)

Eight minutes are long for a concert. So the result is held between what chance leaves possible for shorter windows: at
least what two minutes show with near certainty, at most what four minutes could have hidden. In a quiet place neither
says anything; where a crowd comes out or is gone, both do within minutes.

Every window and a higher forecast raise the result or leave it.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from windows.panes import WINDOWS_MS

# The window of eight minutes: long enough for a catchment to be heard.
WINDOW = 3
# Windows of two and four minutes: short enough for the beginning and the end of a burst.
BEGUN, ENDED = 1, 2
# Assumption: the forecast of a catchment is worth as much as so many requests seen.
PRIOR_REQUESTS = 12.0
# Standard deviations of a Poisson count by which a short window must differ: one in fifteen is beyond by chance …
SURELY_BEGUN = 1.5
# … and one in six, with a few requests for those who just did not happen to ask.
SURELY_ENDED, SPARE_REQUESTS = 1.0, 4.0


def live_requests(
    forecast: NDArray[np.float64], seen: NDArray[np.float64], *, covered_ms: NDArray[np.int64], horizon_ms: int
) -> NDArray[np.float64]:
    """Requests of the next `horizon_ms`, float64[n, P], from their forecast and what was seen in each window.

    `seen` float64[n, P, 6] and `covered_ms` int64[6] are of `windows.panes.WINDOWS_MS`.

    >>> eight_a_minute = np.array([[[8.0, 16.0, 32.0, 64.0, 128.0, 256.0]]])
    >>> known = np.array(WINDOWS_MS)
    >>> live_requests(np.array([[10.0]]), eight_a_minute, covered_ms=known, horizon_ms=300_000).round(1).tolist()
    [[27.1]]
    """
    share = np.minimum(covered_ms, WINDOWS_MS) / horizon_ms
    believed: NDArray[np.float64] = _believed(np.ascontiguousarray(forecast), seen, share)
    return believed


@njit(cache=True, nogil=True)
def _believed(forecast, seen, share):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """The formulas above, cell by cell: numpy took twenty calls for them."""
    believed = np.empty(forecast.shape)
    for row in range(forecast.shape[0]):
        for product in range(forecast.shape[1]):
            usual, windows = forecast[row, product], seen[row, product]
            value = usual * (PRIOR_REQUESTS + windows[WINDOW]) / (PRIOR_REQUESTS + usual * share[WINDOW])
            if share[BEGUN] > 0.0:
                surely = windows[BEGUN] - SURELY_BEGUN * math.sqrt(windows[BEGUN])
                value = max(value, max(0.0, surely) / share[BEGUN])
            if share[ENDED] > 0.0:
                possible = windows[ENDED] + SURELY_ENDED * math.sqrt(windows[ENDED]) + SPARE_REQUESTS
                value = min(value, possible / share[ENDED])
            believed[row, product] = value
    return believed
