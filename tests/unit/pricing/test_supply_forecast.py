"""The forecast of supply: one feature code for ticks and training, nothing of the future, and fits that find the truth.

streaming   records of supply-cells through the joins and panes      what a service has
batch       recorded minutes, by the definition                      what training has
"""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demand.ratio_walk import active_cells
from infra.cli.cars import read_cars
from infra.cli.seeding import shipped_behaviour
from infra.cli.train_supply import HISTORY, TEST
from pricing.learning.supply_fits import cars_rows, fitted_shares, fitted_spread, fitted_supply, idle_rows
from pricing.learning.supply_scores import cars_scored, covered, score_of
from pricing.models.artefact import BrokenModelError
from pricing.models.behaviour_models import KINDS, packed, small_choice, small_model
from pricing.models.idle_forecast import HORIZONS_MIN, variance_of
from pricing.models.model_choice import ModelBook
from pricing.models.supply_features import FEATURES, feature_matrix, seen_in_span, seen_in_view
from pricing.models.supply_forecast import ASSUMED
from pricing.surge.idle_outlook import idle_outlook
from pricing.zones.windows_of_zone import WindowsOfZone, view_of
from pricing.zones.zone_join import PartitionState, apply_supply
from tests.unit.pricing.counts_log import ZONE
from tests.unit.pricing.plain_outlook import cars_expected
from tests.unit.pricing.recorded_minutes import LAYOUT, START_MS, drawn
from topics.counts import CountKind, SupplyCellsCounted
from windows.panes import MINUTE_MS


def told(span, at, sources):
    """What every source partition says of the zone at instant number `at`: its part of the cars."""
    of_span = np.searchsorted(span.cells, LAYOUT.cells)
    for source in range(sources):
        parts = {
            kind: [
                int(count // sources + (source < count % sources))
                for count in getattr(span, kind)[at][of_span].tolist()
            ]
            for kind in ("idle", "busy", "soon_free")
        }
        yield record(CountKind.CELLS, source, sources, at, cells=LAYOUT.cells.tolist(), **parts)


def record(kind, source, sources, at, **counts):
    return SupplyCellsCounted(
        kind=kind,
        source_partition=source,
        source_partitions=sources,
        epoch_generation=1,
        epoch_started_ms=1,
        pings_offset=at,
        now_ms=START_MS + at * MINUTE_MS,
        zone=ZONE if kind is CountKind.CELLS else 0,
        **counts,
    )


def state_after(span, at, sources):
    """What a service has read by instant number `at`."""
    state, offset = PartitionState(0), 0
    for minute in range(at + 1):
        said = [*told(span, minute, sources)]
        if minute == 0:
            said += [record(CountKind.SNAPSHOT_COMPLETE, source, sources, 0) for source in range(sources)]
        for each in said:
            apply_supply(state, each, offset)
            offset += 1
    return state


def of_stream(span, at, usual, sources):
    """Features of the home cells as a service has them at instant number `at`."""
    state = state_after(span, at, sources)
    windows = WindowsOfZone(state.zone(ZONE), ()).read(state, int(span.at_ms[at]))
    nothing = np.zeros((LAYOUT.cells.size, 6))
    view = view_of(windows, state, memory_observed=nothing, memory_expected=nothing)
    return feature_matrix(seen_in_view(view, LAYOUT, usual))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 45), st.integers(1, 3), st.floats(0.1, 8.0), st.integers(0, 2**32 - 1))
def test_a_services_features_are_those_of_training(at, sources, level, seed):
    """Every column of every home cell at a random minute, by source partitions that each know a part."""
    span = drawn(at + 1, seed=seed, level=level)
    by_row = np.random.default_rng(seed).gamma(1.0, level, LAYOUT.cells.size)
    of_span = by_row[np.argsort(LAYOUT.cells)]
    near = active_cells(span.cells, LAYOUT.home_cells)
    batch = feature_matrix(seen_in_span(span, at, of_span, near))
    live = of_stream(span, at, by_row, sources)
    for column, feature in enumerate(FEATURES):
        assert live[:, column] == pytest.approx(batch[:, column], rel=1e-9, abs=1e-9), feature.name


@given(st.integers(0, 60), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_nothing_after_an_instant_changes_what_was_known_at_it(at, seed):
    """Cut off at a random minute, the features are the same to the bit."""
    span = drawn(61, seed=seed)
    usual, near = np.ones(span.cells.size), active_cells(span.cells, span.cells)
    whole, short = (
        feature_matrix(seen_in_span(one, at, usual, near)) for one in (span, span.until(int(span.at_ms[at])))
    )
    assert whole.tolist() == short.tolist()


def five_minutes(seed, *, soon_free, other_busy):
    """Six minutes in which cars become free by these shares, one by one, and a third of those are booked at once."""
    span, rng = drawn(6, seed=seed), np.random.default_rng(seed)
    others = span.busy[0] - span.soon_free[0]
    free = rng.binomial(span.soon_free[0], soon_free) + rng.binomial(others, other_busy)
    idle, bookings = span.idle.copy(), np.zeros_like(span.bookings)
    bookings[0], bookings[3] = 9, rng.binomial(free, 0.3)
    idle[5] = idle[0] + free - bookings[3]
    return replace(span, name=f"{seed}", idle=idle, bookings=bookings)


@pytest.mark.parametrize(("soon_free", "other_busy"), [(0.9, 0.1), (0.4, 0.3)])
def test_the_fit_finds_the_shares_the_cars_came_by(soon_free, other_busy):
    """A car booked meanwhile was there to be taken and counts; what was booked before does not."""
    spans = [five_minutes(seed, soon_free=soon_free, other_busy=other_busy) for seed in range(30)]
    found = fitted_shares(cars_rows(spans))
    assert (found.soon_free, found.other_busy) == pytest.approx((soon_free, other_busy), abs=0.04)


def test_a_fitted_interval_holds_four_fifths_of_counts_it_has_not_seen():
    """Negative binomial counts of a known spread, forecast at their true mean."""
    rng, spread = np.random.default_rng(5), 0.6
    mean = rng.gamma(1.0, 6.0, 12_000) + 0.5
    variance = variance_of(mean, spread)
    came = rng.negative_binomial(mean**2 / (variance - mean), mean / variance).astype(float)
    seen = fitted_spread(came[:6_000], mean[:6_000])
    assert seen == pytest.approx(spread, rel=0.15)
    at = replace(small_model(shipped("supply"))[1].idle.horizons[0], spread=seen)
    held = covered(at, came[6_000:], mean[6_000:])
    assert held.spread_evenly == pytest.approx(0.8, abs=0.02)
    assert held.busy_spread_evenly == pytest.approx(0.8, abs=0.02)


def shipped(name):
    return next(one for one in shipped_behaviour(0) if one.name == name)


def test_the_shipped_model_is_what_training_gives_and_better_than_all_plain_forecasts():
    """The same bytes; on evenings not seen likelier than the last value, the assumed shares and the usual count."""
    history, test = read_cars(HISTORY), read_cars(TEST)
    model = fitted_supply(history)
    assert shipped("supply").artefact == packed("supply", "nyc", model)
    assert not {span.name for span in history} & {span.name for span in test}
    rows = cars_rows(test)
    fitted, assumed = (score_of(rows.there, rows.told(shares)) for shares in (model, ASSUMED))
    assert fitted.error < assumed.error
    assert fitted.deviance < 0.9 * assumed.deviance
    usual = dict(model.idle.usual)
    for at in model.idle.horizons:
        later = idle_rows(test, usual, at.horizon_min)
        ours = score_of(later.came, at.mean(later.features)).deviance
        plain = ("idle", "usual", "idle_long")
        columns = [[feature.name for feature in FEATURES].index(name) for name in plain]
        assert ours < 0.9 * min(score_of(later.came, later.features[:, column]).deviance for column in columns)
        assert covered(at, later.came, at.mean(later.features)).spread_evenly == pytest.approx(0.8, abs=0.031)


def test_the_shipped_model_of_supply_prices_nothing_until_it_is_made_champion():
    """Ticks fall back and say so; an alias away it is applied."""
    book = ModelBook()
    for offset, one in enumerate(shipped_behaviour(0)):
        book.learn(one, offset)
    assert [use.model or use.fallback for use in book.behaviour("nyc").uses] == ["eta@2", "acceptance@2", "no-model"]
    book.learn(replace(shipped("supply"), alias="champion"), 9)
    assert book.behaviour("nyc").behaviour.supply == small_model(shipped("supply"))[1]


def test_a_score_names_every_forecaster():
    """Of the cars a price weighs, trees on the same columns included."""
    spans = [five_minutes(seed, soon_free=0.7, other_busy=0.1) for seed in (1, 2)]
    scored = cars_scored(ASSUMED, spans[:1], spans[1:])
    assert list(scored.scores) == ["last value", "assumed", "usual", "fitted", "trees"]
    assert scored.scores["fitted"] == scored.scores["assumed"]


def test_more_cars_never_lower_a_forecast():
    """Every coefficient is at least 0 and the constant is not, so every forecast is positive."""
    _, model = small_model(shipped("supply"))
    for at in model.idle.horizons:
        assert min(at.coefficients) >= 0.0
        assert at.mean(np.zeros((1, len(FEATURES))) + np.eye(len(FEATURES))[:1]) > 0.0


def with_idle(change):
    """The shipped model with its forecast of idle cars changed, its hash made right again."""
    document = json.loads(shipped("supply").artefact)
    change(document["idle"])
    artefact = json.dumps(document).encode()
    return replace(shipped("supply"), artefact=artefact, sha256=hashlib.sha256(artefact).hexdigest())


BROKEN = {
    "a part of less than none": ("model-implausible", lambda idle: of_five(idle)["coefficients"].update(idle=-0.1)),
    "a spread that is no number": ("model-implausible", lambda idle: of_five(idle).update(spread=float("nan"))),
    "no spread at all": ("model-implausible", lambda idle: of_five(idle).update(spread=0)),
    "a horizon missing": ("model-unreadable", lambda idle: idle["horizons"].pop("60")),
    "a feature missing": ("model-unreadable", lambda idle: of_five(idle)["coefficients"].pop("crowd")),
    "a feature nobody knows": ("model-unreadable", lambda idle: of_five(idle)["coefficients"].update(moon=0.1)),
    "a place that is no cell": ("model-unreadable", lambda idle: idle["usual"].update({"ff": 1.0})),
    "a list for a table": ("model-unreadable", lambda idle: idle.update(usual=[1.0])),
}


def of_five(idle):
    return idle["horizons"]["5"]


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_forecast_is_refused_by_name(what):
    """The whole model falls back with the reason: ticks and quotes say it."""
    code, change = BROKEN[what]
    announced = with_idle(change)
    with pytest.raises(BrokenModelError) as refused:
        small_model(announced)
    assert refused.value.code == code
    assert small_choice(announced, 7).use.fallback == code


def test_a_forecast_of_idle_cars_moves_no_price():
    """What a tick weighs are the shares: with and without the forecast it counts the same cars."""
    _, model = small_model(shipped("supply"))
    idle, busy, soon, split = np.array([[2.0]]), np.array([9.0]), np.array([3.0]), np.array([1.0])
    with_it, without = (cars_expected(idle, busy, soon, split, each) for each in (model, replace(model, idle=None)))
    assert with_it.tolist() == without.tolist()
    assert small_model(shipped("supply"))[1] == model


def test_the_outlook_of_a_zone_is_the_models_mean_within_its_interval():
    """Every home cell, now as counted and later as the recorded minutes give it."""
    span, (_, model) = drawn(41), small_model(shipped("supply"))
    told = list(idle_outlook(state_after(span, 40, 2), model.idle, int(span.at_ms[40])))
    assert [cell.cell for cell in told] == LAYOUT.home_cells.tolist()
    near = active_cells(span.cells, LAYOUT.home_cells)
    features = feature_matrix(seen_in_span(span, 40, model.idle.usual_of(span.cells), near))
    assert [cell.idle for cell in told] == span.idle[40][near.rows].tolist()
    for number, at in enumerate(model.idle.horizons):
        later = [cell.later[number] for cell in told]
        assert [each.mean for each in later] == pytest.approx(at.mean(features).tolist(), abs=0.006)
        assert {each.in_min for each in later} == {at.horizon_min}
        assert all(each.p10 <= each.mean + 1 and each.mean - 1 <= each.p90 for each in later)


def test_minutes_too_short_to_learn_from_are_refused():
    """An hour ahead needs an hour and a half of minutes."""
    with pytest.raises(ValueError, match="60 minutes after them, got 0: record longer"):
        fitted_supply([drawn(80)])


def test_horizons_and_format_are_what_the_roadmap_says():
    """5, 15, 30 and 60 minutes, in the format ticks have known since before there was training."""
    assert HORIZONS_MIN == (5, 15, 30, 60)
    assert KINDS["supply"].format == "faretide-supply/1"
