"""Counts of source partitions added up by row, compiled: numpy took a twelfth of a tick for a few cells of each source.

All arrays are int64; `at` names rows, each at most once in a record. `theirs` and `ours` are columns of a record's
product axis and those of the sums they go to.
"""

from numba import njit


@njit(cache=True, nogil=True)
def add_riders(asked, at, requests, theirs, ours):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Add `requests` [k, P'] to `asked` [n, P]."""
    for place in range(at.size):
        for column in range(ours.size):
            asked[at[place], ours[column]] += requests[place, theirs[column]]


@njit(cache=True, nogil=True)
def add_cars(cars, at, states, by_product, theirs, ours):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Add `states`, three arrays [k], and `by_product` [k, P'] to the columns of `cars` [n, 3 + P]."""
    for place in range(at.size):
        for column in range(len(states)):
            cars[at[place], column] += states[column][place]
        for column in range(ours.size):
            cars[at[place], len(states) + ours[column]] += by_product[place, theirs[column]]


@njit(cache=True, nogil=True)
def add_stood(car_ms, at, idle, stood_ms):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Add `idle` [k] cars that stood for `stood_ms` [windows] to `car_ms` [n, windows]."""
    for place in range(at.size):
        for window in range(stood_ms.size):
            car_ms[at[place], window] += idle[place] * stood_ms[window]
