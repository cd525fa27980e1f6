"""More requests never lower a price: wherever in the zone, of whatever product, from now to forty minutes ago.

To one hundredth: a cell is compared with its city, which an added request makes busier by what it adds.
"""

import hashlib
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demand.forecast import REQUESTS_PER_PICKUP
from demand.ratios import HALF_LIVES_MS
from pricing.explaining.what_if import wanted_of
from pricing.models.artefact import unpacked
from pricing.models.demand_model import model_from
from pricing.surge.tick import price_zone, unmeasured_model
from pricing.zones.zone_view import CityView, empty_view, layout_of
from tests.unit.pricing.trained_model import SHIPPED
from tests.unit.pricing.worlds import MARKET, MINUTES, NOON_MS, PRODUCTS, ZONE, inputs_of, policy

LAYOUT, LIVES_MIN = layout_of(ZONE), np.array(HALF_LIVES_MS) / 60_000
EVENING_MS = NOON_MS + 6 * 3_600_000
SPLIT = np.array([0.8, 0.12, 0.08])


@lru_cache(None)
def model_of(name):
    """The demand model that ships, or the one of a market that nobody measured."""
    if name == "unmeasured":
        return unmeasured_model(MARKET.time_zone)
    artefact = (SHIPPED / f"{name}.faretide").read_bytes()
    return model_from(unpacked(artefact, hashlib.sha256(artefact).hexdigest()), name)


def evening(name, times_usual, cars, xl_share):
    """A steady evening, so many times busier than the model's usual one, cars where riders are."""
    model = model_of(name)
    per_min = REQUESTS_PER_PICKUP * model.base.expected(LAYOUT.cells, EVENING_MS, EVENING_MS + 60_000)
    whole = REQUESTS_PER_PICKUP * model.base.expected_along(LAYOUT.cells, (EVENING_MS, EVENING_MS + 60_000))[1][0]
    split = np.array([SPLIT[0], xl_share, SPLIT[2]])
    idle = np.outer(per_min / per_min.mean(), cars)
    view = replace(
        empty_view(ZONE, EVENING_MS, PRODUCTS),
        requests=times_usual * per_min[:, None, None] * split[:, None] * MINUTES,
        idle=idle,
        idle_total=idle.max(axis=1),
        memory_observed=times_usual * np.outer(per_min, LIVES_MIN / np.log(2)),
        memory_expected=np.outer(per_min, LIVES_MIN / np.log(2)),
    )
    known = whole * LIVES_MIN / np.log(2)
    free = policy(
        max_rise_hundredths_per_min=10_000, hysteresis_hundredths=0, max_step_between_neighbours_hundredths=900
    )
    city = CityView(observed=times_usual * known, expected=known)
    return inputs_of(view, city=city, policy=free, model=model, fallback="")


def asked(inputs, rows, product, age_min, more):
    """The same with `more` requests in each of these rows, `age_min` ago; the city counts those of home cells."""
    view, faded = inputs.view, more * 0.5 ** (age_min / LIVES_MIN)
    requests, memory = view.requests.copy(), view.memory_observed.copy()
    requests[rows, product] += more * (age_min < MINUTES)
    memory[rows] += faded
    city = replace(inputs.city, observed=inputs.city.observed + faded * (rows < LAYOUT.home).sum())
    return replace(inputs, view=replace(view, requests=requests, memory_observed=memory), city=city)


@pytest.mark.parametrize("name", ["demand-2", "unmeasured"])
@given(
    times_usual=st.floats(1.0, 60.0),
    cars=st.tuples(st.floats(0.5, 4.0), st.floats(0.1, 0.8), st.floats(0.1, 0.8)),
    xl_share=st.floats(0.02, 0.4),
    where=st.one_of(
        st.just(range(LAYOUT.cells.size)), st.sets(st.integers(0, LAYOUT.cells.size - 1), min_size=1, max_size=12)
    ),
    product=st.integers(0, len(PRODUCTS) - 1),
    age_min=st.floats(0.1, 40.0),
    more=st.sampled_from([1.0, 3.0, 10.0, 30.0]),
)
@settings(max_examples=80)
def test_more_requests_never_lower_a_price(name, times_usual, cars, xl_share, where, product, age_min, more):
    """Of no product and in no cell, before any guardrail."""
    before = evening(name, times_usual, np.array(cars), xl_share)
    after = asked(before, np.array(sorted(where)), product, age_min, more)
    fell = wanted_of(price_zone(after)).value - wanted_of(price_zone(before)).value
    assert fell.min() >= -1
