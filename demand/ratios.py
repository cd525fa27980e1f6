"""How busy it is beside a usual week, at several memories: every ratio the forecast looks at, declared once.

    ratio(place, half-life) = log (observed + prior) / (expected + prior)        sums that fade with the half-life

A Gamma prior of mean 1 that weighs `prior` pickups draws a ratio to 1 where little was seen (Gelman et al., Bayesian
Data Analysis, 2.6). The city is measured against the usual week; a cell and its rings against the usual week at the
city's ratio of the same half-life, so a city twenty times busier than its base has the same cell ratios.

The sums come in two forms, equal to rounding: faded step by step as a service does (`demand.long_memory.remember`), or
added up at one instant from all that is recorded (`faded_sums`). The ratios themselves are one code for both.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
HALF_LIVES_MS = (20 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS, DAY_MS, 5 * DAY_MS, 20 * DAY_MS)
HALF_LIFE_NAMES = ("20min", "1h", "4h", "1d", "5d", "20d")

Floats = NDArray[np.float64]


class Place(StrEnum):
    """What a ratio is about."""

    CITY = "city"
    CELL = "cell"
    RING_1 = "ring_1"
    RING_2 = "ring_2"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """Faded sums of one kind of place, float64[..., 6], shortest half-life first."""

    observed: Floats
    expected: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One input of the forecast: a place, which half-life, and the pickups its prior weighs."""

    place: Place
    half_life: int
    prior: float

    @property
    def name(self) -> str:
        """Name in cards and artefacts.

        >>> Ratio(place=Place.RING_1, half_life=2, prior=2.0).name
        'ring_1_4h'
        """
        return f"{self.place}_{HALF_LIFE_NAMES[self.half_life]}"


def _ratios(place: Place, priors: tuple[float, ...]) -> tuple[Ratio, ...]:
    return tuple(Ratio(place=place, half_life=index, prior=prior) for index, prior in enumerate(priors))


# Priors chosen on April to June 2014 (docs/forecast.md); none is sharp.
CITY_RATIOS = _ratios(Place.CITY, (3.0, 5.0, 10.0, 20.0, 30.0, 40.0))
CELL_RATIOS = _ratios(Place.CELL, (2.0, 2.0, 2.0, 2.0, 3.0, 5.0))
RING_RATIOS = _ratios(Place.RING_1, (2.0,) * 4) + _ratios(Place.RING_2, (2.0,) * 4)
RATIOS = CITY_RATIOS + CELL_RATIOS + RING_RATIOS
_CITY_PRIORS = np.array([ratio.prior for ratio in CITY_RATIOS])


def city_ratios(city: Sums) -> Floats:
    """Logs of the city's ratios, float64[..., 6].

    The prior weighs its pickups of whichever is more, seen or expected: it does not hold down the ratio of a city many
    times busier than its base.
    """
    seen, expected = city.observed, np.maximum(city.expected, 1e-9)
    prior = _CITY_PRIORS * np.minimum(1.0, expected / np.maximum(seen, expected))
    logs: Floats = np.log((seen + prior) / (expected + prior))
    return logs


def cell_ratios(sums: Sums, city_logs: Floats, declared: tuple[Ratio, ...], *, yielding: bool = False) -> Floats:
    """Logs of the `declared` ratios of one place beside the city's, float64[..., len(declared)].

    `city_logs` broadcasts to the sums, as `city_ratios` returns them. Elementwise: a row depends on no other row.
    `yielding`: the prior weighs its pickups of what was seen, not of what was expected, where more was seen; for a base
    that knows no cell, whose ratios say what the cell is rather than how busy it is today.
    """
    column, prior = _columns_of(declared)
    observed, expected = sums.observed[..., column], sums.expected[..., column] * np.exp(city_logs[..., column])
    if yielding:
        expected = np.maximum(expected, 1e-9)
        prior = prior * np.minimum(1.0, expected / np.maximum(observed, expected))
    logs: Floats = np.log((observed + prior) / (expected + prior))
    return logs


@lru_cache(64)
def _columns_of(declared: tuple[Ratio, ...]) -> tuple[slice, Floats]:
    """Half-lives of the declared ratios, which follow each other from the shortest on, and their priors."""
    if [ratio.half_life for ratio in declared] != list(range(len(declared))):
        raise ValueError(f"declared must be half-lives from the shortest on, got {[one.name for one in declared]}")
    return slice(len(declared)), np.array([ratio.prior for ratio in declared])


def faded_sums(counts: NDArray[np.float64], step_ms: int, half_lives_ms: tuple[int, ...] = HALF_LIVES_MS) -> Floats:
    """Sums at the end of the last step, float64[k, H], of `counts` float64[k, steps], each as at its step's middle.

    The definition, all at once; `demand.long_memory.remember` gives the same step by step.

    >>> faded_sums(np.array([[8.0, 0.0]]), 1000, (1000,)).round(3).tolist()
    [[2.828]]
    """
    age_ms = (counts.shape[-1] - np.arange(counts.shape[-1]) - 0.5) * step_ms
    return np.stack([(counts * 0.5 ** (age_ms / half_life)).sum(axis=-1) for half_life in half_lives_ms], axis=-1)
