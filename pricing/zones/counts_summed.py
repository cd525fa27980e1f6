"""Counts of source partitions added up by row, compiled: numpy took a twelfth of a tick for a few cells of each source.

Counts are int64; `at` names rows, each at most once in a record. `theirs` and `ours` are columns of a record's
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
def add_cars(cars, by_product, at, states, served, theirs, ours):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Add `states`, three arrays [k], to `cars` [3, n], and `served` [k, P'] to `by_product` [n, P]."""
    for place in range(at.size):
        for state in range(len(states)):
            cars[state, at[place]] += states[state][place]
        for column in range(ours.size):
            by_product[at[place], ours[column]] += served[place, theirs[column]]


@njit(cache=True, nogil=True)
def add_stood(car_ms, at, idle, stood_ms):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Add `idle` [k] cars that stood for `stood_ms` to `car_ms` [n]."""
    for place in range(at.size):
        car_ms[at[place]] += idle[place] * stood_ms
