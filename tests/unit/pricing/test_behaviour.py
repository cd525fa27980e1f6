"""Fitted behaviour: invariants hold whatever was fitted within the bounds, and broken artefacts are refused by name."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.models.acceptance import Acceptance
from pricing.models.artefact import BrokenModelError
from pricing.models.behaviour import ASSUMED, Behaviour
from pricing.models.behaviour_models import KINDS, packed, small_model
from pricing.models.eta import USUAL_KM_PER_H, Waits, eta_s
from pricing.models.supply_forecast import SupplyShares
from pricing.surge.optimiser import best_multipliers
from tests.unit.pricing.plain_outlook import cars_expected
from tests.unit.pricing.small_models import announced, artefact_of

COUNTS = st.integers(0, 400).map(lambda count: count / 4)


def drawn(name):
    """Any value a model of that kind may hold."""
    bounds = KINDS[name].bounds
    floats = {field: st.floats(low, high, allow_subnormal=False) for field, (low, high) in bounds.items()}
    return st.fixed_dictionaries(floats).map(lambda parameters: KINDS[name].make(**parameters))


BEHAVIOURS = st.builds(Behaviour, waits=drawn("eta"), acceptance=drawn("acceptance"), supply=drawn("supply"))


def best(behaviour, requests, cars):
    requests, cars = np.array([[float(requests)]]), np.array([[float(cars)]])
    found = best_multipliers(requests, cars, cars, wait_target_s=300, floor=80, cap=300, behaviour=behaviour)
    return int(found.hundredths[0, 0])


@given(BEHAVIOURS, COUNTS, COUNTS, COUNTS)
def test_more_demand_never_lowers_and_more_supply_never_raises_a_price(behaviour, requests, cars, more):
    """Whatever was fitted: asked at the wait target, a car more never brings more riders than it takes."""
    price = best(behaviour, requests, cars)
    assert best(behaviour, requests + more, cars) >= price >= best(behaviour, requests, cars + more)


@given(drawn("acceptance"), st.floats(0.5, 5.0), st.floats(0.0, 2.0), st.floats(0.0, 1_800.0), st.floats(0.0, 900.0))
def test_acceptance_falls_in_price_and_in_wait(acceptance, multiplier, dearer, wait_s, longer_s):
    """A share between 0 and 1 that neither a higher price nor a longer wait raises."""
    base = acceptance.chance(np.array([multiplier]), wait_s)[0]
    assert 0.0 <= base <= 1.0
    assert acceptance.chance(np.array([multiplier + dearer]), wait_s)[0] <= base
    assert acceptance.chance(np.array([multiplier]), wait_s + longer_s)[0] <= base


@given(drawn("eta"), st.floats(0.0, 200.0), st.floats(0.0, 50.0))
def test_a_wait_never_grows_with_idle_cars(waits, density, more):
    """Nor is it ever longer than half an hour."""
    here, there = eta_s(np.array([density, density + more]), waits)
    assert there <= here <= 1_800.0


def test_the_assumed_value_is_the_closed_form_to_the_bit():
    """Without a model nothing changes: waits and shares are those of the constants."""
    density = np.array([0.0, 0.3, 2.0, 17.0])
    assert eta_s(density, ASSUMED.waits_at(USUAL_KM_PER_H)).tolist() == eta_s(density).tolist()
    assert ASSUMED.acceptance is None
    assert ASSUMED.supply == SupplyShares()


def test_a_fitted_value_moves_the_price():
    """Riders who are sent away by price sooner need less of it; slower cars need more."""
    firm = Acceptance(at_usual=0.4, price_slope=0.5, wait_slope_per_min=0.05, usual_wait_s=240.0)
    fickle = replace(firm, price_slope=4.0)
    assert best(Behaviour(acceptance=fickle), 30, 12) < best(Behaviour(acceptance=firm), 30, 12)
    assert best(Behaviour(waits=Waits(match_s=60.0, s_per_root=400.0)), 30, 20) > best(ASSUMED, 30, 20)


def test_supply_shares_count_cars_that_will_be_free():
    """All of the soon free and none of the others: idle and soon free."""
    shares = SupplyShares(soon_free=1.0, other_busy=0.0)
    cars = cars_expected(np.array([[2.0]]), np.array([9.0]), np.array([3.0]), np.array([1.0]), shares)
    assert cars.tolist() == [[5.0]]


@pytest.mark.parametrize("name", KINDS)
def test_an_artefact_comes_back_as_it_was_packed(name):
    """Equal values give equal bytes, and bytes give the value back."""
    market, value = small_model(announced(name))
    assert (market, packed(name, market, value)) == ("nyc", announced(name).artefact)


def sealed(name, **changes):
    """A model of `name` with its document changed and its hash made right again."""
    document = json.loads(artefact_of(name)) | changes
    artefact = json.dumps(document).encode()
    return replace(announced(name), artefact=artefact, sha256=hashlib.sha256(artefact).hexdigest())


BROKEN = {
    "model-format-unknown": lambda: replace(announced("eta"), format="faretide-eta/9"),
    "model-hash-mismatch": lambda: replace(announced("eta"), artefact=b"{}"),
    "model-unreadable": lambda: sealed("eta", parameters={"match_s": 60.0}),
    "model-implausible": lambda: sealed("eta", parameters={"match_s": 60.0, "s_per_root": -130.0}),
}


@pytest.mark.parametrize("code", BROKEN)
def test_a_broken_artefact_is_refused_by_name(code):
    """The code is what ticks and quotes will say."""
    with pytest.raises(BrokenModelError) as refused:
        small_model(BROKEN[code]())
    assert refused.value.code == code


def test_no_number_at_all_is_implausible():
    """NaN is in no range."""
    with pytest.raises(BrokenModelError, match="s_per_root must be from 1 to 3600"):
        small_model(sealed("eta", parameters={"match_s": 60.0, "s_per_root": float("nan")}))
