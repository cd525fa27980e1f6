"""The loops of `surge.outlook`, compiled: what numpy makes of them in some hundred calls took a quarter of a tick.

    sums ──ratios──> log ──inputs──> exponents, features ──trees──> exp ──looked_ahead──> forecasts, catchments

Logarithms and powers stay with numpy, whose bits every recorded tick has; all else is sums and products in the order of
the plain form (`demand.forecast`, `surge.catchment`, …), which is the oracle in the tests. Constants come in as
arguments: once cached, a compiled function sees no change of one in another file.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def ratios(observed, expected, city, priors, ring_priors, neighbours, is_yielding, usual, horizon_min, found):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  kept in one pass
    """What logs are taken of: seen over expected, and the usual rate.

    `observed` and `expected` float64[n, 6] of all cells, `city` float64[6] its ratios, `ring_priors` float64[2, 4];
    `neighbours` int64[home, 19], of no home where no rings are wanted. Filled are `found` float64[n x 6 + home x 9]:
    six ratios of each cell, four of each home's ring 1 and of its ring 2, and the usual rate of each home.
    """
    rows, lives = observed.shape
    at = 0
    for row in range(rows):
        for life in range(lives):
            seen, due, prior = observed[row, life], expected[row, life] * city[life], priors[life]
            if is_yielding:
                due = max(due, 1e-9)
                prior = prior * min(1.0, due / max(seen, due))
            found[at] = (seen + prior) / (due + prior)
            at += 1
    for home in range(neighbours.shape[0]):
        for ring in range(2):
            for life in range(ring_priors.shape[1]):
                seen, due, prior = 0.0, 0.0, ring_priors[ring, life]
                for place in range(7 if ring else 1, 19 if ring else 7):
                    row = neighbours[home, place]
                    if row < rows:
                        seen += observed[row, life]
                        due += expected[row, life]
                found[at] = (seen + prior) / (due * city[life] + prior)
                at += 1
    for home in range(neighbours.shape[0]):
        found[at] = usual[home] / horizon_min
        at += 1


@njit(cache=True, nogil=True)
def exponents(logs, city_logs, beside, reference, coefficients, calendar, exponent, features):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """The log-linear model's exponents and the trees' features.

    `logs` are those of `ratios`; `city_logs` float64[6], `beside` those that count beside `reference`; `calendar` are
    the features that are one number. Filled are `exponent` float64[n + home], of each cell alone and of each home's
    rings, and `features` float32[home, F].
    """
    own, homes = city_logs.size, features.shape[0]
    first = 1 + beside.size
    rows, around = exponent.size - homes, coefficients.size - first - own
    for row in range(rows):
        total = coefficients[0]
        for place in range(beside.size):
            total += coefficients[1 + place] * (city_logs[beside[place]] - city_logs[reference])
        for life in range(own):
            total += coefficients[first + life] * logs[row * own + life]
        exponent[row] = total
    rings, usual = rows * own, rows * own + homes * around
    for home in range(homes):
        total = 0.0
        for place in range(around):
            total += coefficients[first + own + place] * logs[rings + home * around + place]
        exponent[rows + home] = total
        for place in range(beside.size):
            features[home, place] = city_logs[beside[place]] - city_logs[reference]
        for life in range(own):
            features[home, first - 1 + life] = logs[home * own + life]
        for place in range(around):
            features[home, first - 1 + own + place] = logs[rings + home * around + place]
        features[home, first - 1 + own + around] = logs[usual + home]
        for place in range(len(calendar)):
            features[home, first + own + around + place] = calendar[place]


@njit(cache=True, nogil=True)
def looked_ahead(view, usual, exponentials, demand_shares, terms, band, neighbours, weights, found, seen, fleet):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  kept in one pass
    """Forecasts of the cells, and what they come to in each home's catchment.

    `view` are requests float64[n, P, 6], idle cars by product float64[n, P], and idle, busy and soon free cars
    float64[n]; `usual` float64[n]; `exponentials` of `exponents` and of the trees' margins, the last two of no home
    where there are no trees; `terms` the level of the city, PRODUCT_PRIOR, how many horizons the longest window knows,
    FLEET_PER_DEMAND and the two SupplyShares.

    Filled are `found` float64[6, home, P], requests and cars of each home, then requests, cars, idle cars and usual
    requests of its catchment; `seen` float64[home, P, 6] and `fleet` float64[home], requests by window and cars of it.
    """
    requests, idle, idle_total, busy, soon_free = view
    level, prior, known, per_demand, soon_share, busy_share = terms
    rows, products = idle.shape
    homes = found.shape[1]
    highest = np.max(demand_shares)
    ahead, cars, whole = np.empty((rows, products)), np.empty((rows, products)), np.empty(rows)
    for row in range(rows):
        here = level * usual[row] * exponentials[row]
        coming = soon_share * soon_free[row] + busy_share * max(busy[row] - soon_free[row], 0.0)
        more = 0.0
        for product in range(products):
            part = here * demand_shares[product]
            ahead[row, product] = part * ((prior + requests[row, product, -1]) / (prior + part * known))
            eligible = min(1.0, per_demand * demand_shares[product] / highest)
            cars[row, product] = idle[row, product] + coming * eligible
            more = max(more, cars[row, product] - idle[row, product])
        whole[row] = idle_total[row] + more
    found[2:], seen[...], fleet[...] = 0.0, 0.0, 0.0
    for home in range(homes):
        factor = 1.0
        if exponentials.size > rows:
            trees = min(max(exponentials[rows + homes + home], band[0]), band[1])
            factor = min(max(exponentials[rows + home] * trees, band[0]), band[1])
        for place in range(weights.size):
            row, weight = neighbours[home, place], weights[place]
            if row < rows:
                fleet[home] += whole[row] * weight
                for product in range(products):
                    found[2, home, product] += ahead[row, product] * weight
                    found[3, home, product] += cars[row, product] * weight
                    found[4, home, product] += idle[row, product] * weight
                    found[5, home, product] += usual[row] * demand_shares[product] * weight
                    for window in range(requests.shape[2]):
                        seen[home, product, window] += requests[row, product, window] * weight
        for product in range(products):
            found[0, home, product] = ahead[home, product] * factor
            found[1, home, product] = cars[home, product]
            found[2, home, product] *= factor
