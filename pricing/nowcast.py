"""What a catchment saw in the last minutes, weighed against its forecast.

The forecast is fitted on a city with few requests, where a burst is mostly chance and is rightly believed slowly. A
catchment of a busy city sees dozens of requests in a few minutes: then they are the better witness. As everywhere in
`demand.ratios`, a Gamma prior of mean 1 that weighs `PRIOR_REQUESTS` draws the ratio of seen to forecast to 1
(Gelman et al., Bayesian Data Analysis, 2.6):

    requests = forecast x (prior + seen) / (prior + forecast for the time seen)

Both a higher forecast and more requests seen raise it.
"""

import numpy as np
from numpy.typing import NDArray

from windows.panes import WINDOWS_MS

# The window of eight minutes: long enough for a catchment to be heard, short enough for the end of a concert.
WINDOW = 3
# Assumption: the forecast of a catchment is worth as much as so many requests seen.
PRIOR_REQUESTS = 12.0


def live_requests(
    forecast: NDArray[np.float64], seen: NDArray[np.float64], *, covered_ms: int, horizon_ms: int
) -> NDArray[np.float64]:
    """Requests of the next `horizon_ms`, float64[n, P], from their forecast and what was seen in `covered_ms`.

    >>> live_requests(np.array([[10.0]]), np.array([[48.0]]), covered_ms=480_000, horizon_ms=300_000).round(1).tolist()
    [[21.4]]
    """
    share = min(covered_ms, WINDOWS_MS[WINDOW]) / horizon_ms
    return forecast * (PRIOR_REQUESTS + seen) / (PRIOR_REQUESTS + forecast * share)
