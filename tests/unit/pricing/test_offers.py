"""Offers joined from quotes and rides, and the models fitted on them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infra.cli.offers import read_offers
from infra.cli.seeding import shipped_behaviour
from infra.cli.train_behaviour import HISTORY, TEST
from pricing.learning.offer_fits import fitted_acceptance, fitted_waits
from pricing.learning.offer_scores import acceptance_scored, waits_scored
from pricing.learning.offers import COLUMNS, NEVER, Offers, csv_rows, cut, offers_of, offers_of_csv
from pricing.models.acceptance import Acceptance
from pricing.models.behaviour_models import packed, small_model
from pricing.models.eta import Waits, eta_s
from topics.events import RideEventHappened, RideEventKind
from topics.prices import QuoteAnswered, QuoteOutcome

HOUR_MS = 3_600_000


def quote(number, **changes):
    """A priced quote of the first second, locked for two minutes."""
    made = QuoteAnswered(
        quote_id=f"q-{number}",
        request_id=f"r-{number}",
        rider_id="rider",
        outcome=QuoteOutcome.PRICED,
        at_ms=0,
        now_ms=number,
        valid_until_ms=120_000,
        product="standard",
        multiplier_hundredths=130,
        eta_s=240,
        idle_near_milli=500,
        request_offset=0,
    )
    return replace(made, **changes)


def event(kind, number, at_ms, **changes):
    """An event of the ride of that number."""
    accepts = kind is RideEventKind.QUOTE_ACCEPTED
    made = RideEventHappened(
        event_id=f"{kind}-{number}",
        rider_id="rider",
        ride_id=f"ride-{number}",
        kind=kind,
        at_ms=at_ms,
        quote_id=f"q-{number}" if accepts else None,
    )
    return replace(made, **changes)


ACCEPTED, STARTED = RideEventKind.QUOTE_ACCEPTED, RideEventKind.RIDE_STARTED


def test_an_offer_is_joined_with_what_became_of_it():
    """Declined; accepted and never picked up; picked up 90 s after acceptance; repeated records count once."""
    quotes = [quote(1), quote(2), quote(3), quote(3, multiplier_hundredths=999)]
    events = [
        event(STARTED, 3, 95_000),
        event(ACCEPTED, 2, 4_000),
        event(ACCEPTED, 3, 5_000),
        event(ACCEPTED, 3, 9_000),
    ]
    found = offers_of(quotes, events, until_ms=HOUR_MS)
    assert found.accepted.tolist() == [False, True, True]
    assert found.wait_s.tolist() == [NEVER, NEVER, 90.0]
    assert found.multiplier.tolist() == [1.3, 1.3, 1.3]


@pytest.mark.parametrize(
    "left_out",
    [
        {"outcome": QuoteOutcome.EXPIRED},
        {"idle_near_milli": -1},
        {"valid_until_ms": HOUR_MS - 60_000},
    ],
    ids=["not priced", "of a release before", "not settled"],
)
def test_what_teaches_nothing_is_left_out(left_out):
    """No price, no idle cars told, or a fate that is still open."""
    assert offers_of([quote(1, **left_out)], [], until_ms=HOUR_MS).at_ms.size == 0


def test_a_file_gives_back_what_was_written():
    """To the whole second and hundredth."""
    offers = offers_of([quote(1), quote(2)], [event(ACCEPTED, 2, 5_000), event(STARTED, 2, 95_000)], until_ms=HOUR_MS)
    lines = [",".join(row) for row in csv_rows(offers)]
    again = offers_of_csv(lines)
    assert [getattr(again, name).tolist() for name in Offers.__slots__] == [
        getattr(offers, name).tolist() for name in Offers.__slots__
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["at_ms,product"], "missing: accepted"),
        (
            [",".join(COLUMNS), "1,standard,100,many,500,1,60"],
            "line 2: eta_s must be a number from -1 to 1e.08, got 'many'",
        ),
        ([",".join(COLUMNS), "1,standard,0,60,500,1,60"], "line 2: multiplier_hundredths must be a number from 1"),
        ([",".join(COLUMNS), "1,standard,100,60,inf,1,60"], "line 2: idle_near_milli must be"),
        ([",".join(COLUMNS), "1,standard,100,60,500,1,nan"], "line 2: wait_s must be"),
        ([",".join(COLUMNS), "1,standard,100,60,500,2,60"], "line 2: accepted must be 0 or 1, got '2'"),
        ([",".join(COLUMNS), "1.5,standard,100,60,500,1,60"], "line 2: at_ms must be whole milliseconds"),
        ([",".join(COLUMNS), "1" + 30 * "0" + ",standard,100,60,500,1,60"], "line 2: at_ms must be whole milliseconds"),
    ],
)
def test_a_bad_file_is_refused_by_line(lines, said):
    """What is missing, or where."""
    with pytest.raises(ValueError, match=said):
        offers_of_csv(lines)


def drawn(*, waits, acceptance, size=20_000, seed=1):
    """Offers of a world in which both models hold, waits scattered around their mean."""
    rng = np.random.default_rng(seed)
    idle = rng.uniform(0.1, 20.0, size)
    multiplier = rng.choice([1.0, 1.2, 1.5, 2.0, 3.0], size)
    told = eta_s(idle, waits)
    accepted = rng.random(size) < acceptance.chance(multiplier, told)
    came = told * rng.gamma(4.0, 0.25, size)
    return Offers(
        at_ms=np.arange(size),
        product=np.full(size, "standard"),
        multiplier=multiplier,
        eta_s=told,
        idle_per_km2=idle,
        accepted=accepted,
        wait_s=np.where(accepted, came, NEVER),
    )


@settings(max_examples=10, deadline=None)
@example(Waits(match_s=10.0, s_per_root=40.0), 0.0, 0.5, 0.25)  # waits hardly differ
@given(
    st.builds(Waits, match_s=st.floats(10, 120), s_per_root=st.floats(40, 400)),
    st.floats(-0.5, 1.5),
    st.floats(0.3, 3.0),
    st.floats(0.01, 0.3),
)
def test_fits_find_the_world_the_offers_came_from(waits, at_usual, price_slope, wait_slope):
    """Parameters of drawn worlds, to what 20,000 offers can tell."""
    truth = Acceptance(at_usual=at_usual, price_slope=price_slope, wait_slope_per_min=wait_slope, usual_wait_s=180.0)
    offers = drawn(waits=waits, acceptance=truth)
    found = fitted_waits(offers)
    assert abs(found.s_per_root - waits.s_per_root) < 0.08 * waits.s_per_root + 3.0
    acceptance = fitted_acceptance(offers)
    assert abs(acceptance.price_slope - price_slope) < 0.25
    taken = offers.accepted.mean()
    standard_error = 1.0 / (offers.eta_s.std() / 60 * np.sqrt(offers.eta_s.size * taken * (1 - taken)))
    assert abs(acceptance.wait_slope_per_min - wait_slope) < 5 * standard_error


def test_a_slope_of_the_wrong_sign_stays_at_its_bound():
    """Riders who seem to like waiting, as few or confounded offers may say, never make a price depend on it so."""
    offers = drawn(
        waits=Waits(), acceptance=Acceptance(at_usual=0.0, price_slope=1.0, wait_slope_per_min=0.0, usual_wait_s=0.0)
    )
    longer = replace(offers, eta_s=np.where(offers.accepted, offers.eta_s + 300.0, offers.eta_s))
    found = fitted_acceptance(longer)
    assert found.wait_slope_per_min == 0.0
    assert found.price_slope > 0.0


def seen_at(idle_per_km2, wait_s):
    """Offers that ended in rides, at these densities and after these waits."""
    offers = drawn(
        waits=Waits(),
        acceptance=Acceptance(at_usual=0.0, price_slope=1.0, wait_slope_per_min=0.1, usual_wait_s=0.0),
        size=idle_per_km2.size,
    )
    return replace(offers, idle_per_km2=idle_per_km2, wait_s=wait_s, accepted=np.ones(wait_s.size, bool))


IDLE = np.linspace(0.2, 20.0, 1_000)
BOUND = {
    "waits that grow with idle cars": (150.0 + 10.0 * IDLE, "s_per_root", 1.0),
    "waits longer than any match": (2_000.0 + 50.0 / np.sqrt(IDLE), "match_s", 900.0),
    "waits of less than nothing in a crowd": (300.0 / np.sqrt(IDLE) - 60.0, "match_s", 0.0),
}


@pytest.mark.parametrize("what", BOUND)
def test_what_stands_beside_a_bound_is_the_best_there_is_beside_it(what):
    """One of the two is at its bound; no other value of the other has a lower error by the weights of the fit."""
    wait_s, bound, value = BOUND[what]
    found = fitted_waits(seen_at(IDLE, wait_s))
    assert getattr(found, bound) == value
    other = "match_s" if bound == "s_per_root" else "s_per_root"

    def error(waits):
        root = 1.0 / np.sqrt(IDLE)
        mean = found.match_s + found.s_per_root * root
        told = waits.match_s + waits.s_per_root * root
        return float(np.sum(np.square((np.maximum(wait_s, 1.0) - told) / mean)))

    best = min(
        np.linspace(0.9, 1.1, 201), key=lambda part: error(replace(found, **{other: part * getattr(found, other)}))
    )
    assert best == pytest.approx(1.0, abs=0.002)


def test_a_test_that_holds_nothing_to_score_on_is_refused():
    """Scores of nothing are no numbers, and no card."""
    acceptance = Acceptance(at_usual=0.0, price_slope=1.0, wait_slope_per_min=0.1, usual_wait_s=0.0)
    history = drawn(waits=Waits(), acceptance=acceptance, size=500)
    nothing = history.only(np.zeros(500, bool))
    with pytest.raises(ValueError, match="the test must hold offers that ended in a ride"):
        waits_scored(Waits(), history, nothing)
    with pytest.raises(ValueError, match="the test must hold offers that told a wait"):
        acceptance_scored(acceptance, history, nothing)


def test_a_product_is_the_same_to_history_and_test():
    """Products decide everything: a test without the first of them is foretold as well as one with it."""
    acceptance = Acceptance(at_usual=0.0, price_slope=0.0, wait_slope_per_min=0.0, usual_wait_s=0.0)
    offers = drawn(waits=Waits(), acceptance=acceptance, size=3_000)
    product = np.array(["a", "b", "c"])[np.arange(3_000) % 3]
    history = replace(offers, product=product, accepted=product == "b")
    test = history.only(product != "a")
    assert acceptance_scored(acceptance, history, test).scores["trees"].error < 0.1


def test_few_offers_fit_nothing():
    """An error that says how many there must be."""
    with pytest.raises(ValueError, match="at least 200 offers"):
        fitted_waits(
            drawn(
                waits=Waits(),
                acceptance=Acceptance(at_usual=0.0, price_slope=1.0, wait_slope_per_min=0.1, usual_wait_s=0.0),
                size=50,
            )
        )


def test_the_last_third_by_time_is_what_a_model_is_scored_on():
    """Whatever the order of rows: nothing of the future is fitted on."""
    offers = drawn(
        waits=Waits(),
        acceptance=Acceptance(at_usual=0.0, price_slope=1.0, wait_slope_per_min=0.1, usual_wait_s=0.0),
        size=300,
    )
    early, late = cut(offers.only(np.ones(300, bool)))
    assert (early.at_ms.size, late.at_ms.size) == (200, 100)
    assert early.at_ms.max() < late.at_ms.min()


def test_the_shipped_models_are_what_training_gives_and_better_than_the_assumed():
    """The same bytes from the shipped offers, and a lower deviance on offers of other seeds."""
    history, test = read_offers(HISTORY), read_offers(TEST)
    waits, acceptance = fitted_waits(history), fitted_acceptance(history)
    shipped = {one.name: one for one in shipped_behaviour(0)}
    assert shipped["eta"].artefact == packed("eta", "nyc", waits)
    assert shipped["acceptance"].artefact == packed("acceptance", "nyc", acceptance)
    assert [small_model(one)[0] for one in shipped.values()] == ["nyc", "nyc", "nyc"]
    for scored in (waits_scored(waits, history, test), acceptance_scored(acceptance, history, test)):
        assert scored.scores["fitted"].deviance < scored.scores["assumed"].deviance
        assert scored.scores["fitted"].deviance < scored.scores["usual"].deviance
