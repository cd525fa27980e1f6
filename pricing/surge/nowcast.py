"""What was seen in the last minutes, weighed against its forecast: for a zone, then for each catchment in it.

The forecast is fitted on a city with few requests, where a burst is mostly chance and is rightly believed slowly. A
busy place sees dozens of requests in a few minutes: then they are the better witness. As everywhere in
`demand.ratios`, a Gamma prior of mean 1 that weighs `prior` requests draws the ratio of seen to forecast to 1
(Gelman et al., Bayesian Data Analysis, 2.6):

    requests = forecast x (prior + seen) / (prior + forecast for the time seen)

Eight minutes are long for a concert. So the result is held between what chance leaves possible for shorter windows: no
further from what each of them shows than one standard deviation of its count.

    zone        its forecast and counts, eight and four minutes: how busy it is, known soon and well
    catchment   the more of its forecast and its usual part of the zone's requests, and its counts of eight, four and
                two minutes: what is special here

A catchment alone would have to believe its own chance to follow a city that grows; a zone's counts are large enough to
be believed, so a catchment's need not.

Every window and a higher forecast raise the result or leave it. So a catchment takes the more of two, and not its
forecast times the zone's ratio of seen to forecast: requests of ten minutes ago would lower that ratio elsewhere.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from windows.panes import WINDOWS_MS

# The window of eight minutes: long enough to be heard.
WINDOW = 3
# Windows that hold the result, longest first: eight, four and two minutes.
ZONE_HELD, CATCHMENT_HELD = np.array([3, 2]), np.array([3, 2, 1])
# Assumptions: the forecast is worth as much as so many requests seen. They follow the error of the next five minutes
# against the true rate in simulated cities of seeds that no table uses.
ZONE_PRIOR, CATCHMENT_PRIOR = 12.0, 30.0
# A few requests more may just not have happened.
SPARE_REQUESTS = 1.0


def zone_requests(
    forecast: float, seen: NDArray[np.float64], *, covered_ms: NDArray[np.int64], horizon_ms: int
) -> float:
    """Requests of a zone in the next `horizon_ms`, from its `forecast` and those seen in all its cells, float64[6].

    >>> known = np.array(WINDOWS_MS)
    >>> round(zone_requests(30.0, 12.0 * known / 60_000, covered_ms=known, horizon_ms=300_000), 1)
    54.0
    """
    share = np.minimum(covered_ms, WINDOWS_MS) / horizon_ms
    return float(_believed(np.array([[forecast]]), seen[None, None], share, ZONE_PRIOR, ZONE_HELD)[0, 0])


def live_requests(
    forecast: NDArray[np.float64], seen: NDArray[np.float64], *, covered_ms: NDArray[np.int64], horizon_ms: int
) -> NDArray[np.float64]:
    """Requests of catchments in the next `horizon_ms`, float64[n, P], from their forecast and what each window saw.

    `seen` float64[n, P, 6] and `covered_ms` int64[6] are of `windows.panes`.

    >>> eight_a_minute = np.array([[[8.0, 16.0, 32.0, 64.0, 128.0, 256.0]]])
    >>> known = np.array(WINDOWS_MS)
    >>> live_requests(np.array([[10.0]]), eight_a_minute, covered_ms=known, horizon_ms=300_000).round(1).tolist()
    [[35.0]]
    """
    share = np.minimum(covered_ms, WINDOWS_MS) / horizon_ms
    believed: NDArray[np.float64] = _believed(
        np.ascontiguousarray(forecast), seen, share, CATCHMENT_PRIOR, CATCHMENT_HELD
    )
    return believed


@njit(cache=True, nogil=True)
def _believed(forecast, seen, share, prior, held):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """The formulas above, cell by cell: numpy took twenty calls for them."""
    believed = np.empty(forecast.shape)
    for row in range(forecast.shape[0]):
        for product in range(forecast.shape[1]):
            usual, windows = forecast[row, product], seen[row, product]
            value = usual * (prior + windows[WINDOW]) / (prior + usual * share[WINDOW])
            for window in held:
                if share[window] > 0.0:
                    chance = math.sqrt(windows[window])
                    value = max(value, (windows[window] - chance) / share[window])
                    value = min(value, (windows[window] + chance + SPARE_REQUESTS) / share[window])
            believed[row, product] = value
    return believed
