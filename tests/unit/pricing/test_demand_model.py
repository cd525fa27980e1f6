"""The demand model: reproducible bytes, and held within its band; `test_broken_models.py` has what is refused."""

import hashlib
import json
from dataclasses import replace

import numpy as np

from demand.ratio_walk import INPUTS
from demand.ratios import HALF_LIVES_MS
from pricing.learning.local_pickups import LocalPickups
from pricing.learning.train import train
from pricing.models.artefact import Parts, packed, unpacked
from pricing.models.demand_features import FEATURES
from pricing.models.demand_model import HORIZONS_MIN, model_of
from pricing.models.fitted_forecast import CORRECTION_BAND
from pricing.surge.tick import price_zone
from tests.unit.pricing.trained_model import PLAN, SHIPPED, announced, pickups, trained
from tests.unit.pricing.worlds import NOON_MS, TIMES_SQUARE, inputs_of

DAY_MS = 86_400_000


def shipped():
    body = (SHIPPED / "demand-2.faretide").read_bytes()
    card = json.loads((SHIPPED / "demand-2.json").read_text())
    sha256 = hashlib.sha256(body).hexdigest()
    return model_of(announced(artefact=body, sha256=sha256, card="", version=2)), card, len(body)


def test_training_twice_gives_the_same_bytes():
    """Equal pickups and plan: equal artefact, to the byte."""
    assert train(pickups(), PLAN).artefact == trained().artefact


def test_training_sees_only_its_span():
    """Pickups after the span change nothing: cut the future off and the bytes are the same."""
    known = pickups()
    later = LocalPickups(
        minutes=np.append(known.minutes, PLAN.end_day * 1440),
        lat=np.append(known.lat, 40.758),
        lon=np.append(known.lon, -73.9855),
    )
    assert train(later, PLAN).artefact == trained().artefact


#   plan      −2  −1   0   1   2   …  11
#   pickups            ×   ×   ×   …   ×
def test_days_before_the_first_pickup_were_not_recorded():
    """They are no quiet days: week, shares and memory stay those of the days with pickups, each on its weekday."""
    early = train(pickups(), replace(PLAN, start_day=PLAN.start_day - 2))
    ours, theirs = (unpacked(one.artefact, one.sha256).arrays for one in (early, trained()))
    for name in ("city_per_min", "cells", "share", "memory", "city_memory"):
        np.testing.assert_allclose(ours[name], theirs[name], atol=2e-4, err_msg=name)


def test_packing_is_deterministic_and_unpacks_to_the_same():
    """What goes in comes out, and twice the same bytes."""
    names = ("city_per_min", "cells", "share", "coefficients", "memory", "city_memory")
    arrays = {name: np.arange(3.0) + place for place, name in enumerate(names)}
    parts = Parts(meta={"b": 1, "a": 2}, arrays=arrays, trees=b"x")
    artefact = packed(parts)
    assert artefact == packed(parts)
    back = unpacked(artefact, hashlib.sha256(artefact).hexdigest())
    assert (back.meta, back.trees) == (parts.meta, parts.trees)
    assert (back.arrays["cells"] == arrays["cells"]).all()


def test_corrections_stay_in_the_band_and_do_not_depend_on_the_batch():
    """Any features give factors in the band, with the same bits at batch 1, 49 and 500."""
    model = model_of(announced())
    features = np.random.default_rng(3).normal(0, 3, (500, len(FEATURES))).astype(np.float32)
    all_rows = model.correction(features)
    assert ((all_rows >= CORRECTION_BAND[0]) & (all_rows <= CORRECTION_BAND[1])).all()
    assert model.correction(features[:49]).tolist() == all_rows[:49].tolist()
    assert [float(model.correction(row[None])[0]) for row in features[:49]] == all_rows[:49].tolist()
    assert model.correction(features[:0]).size == 0


def test_features_are_declared_once():
    """Every name is unique, and every feature says what it is and in which unit."""
    assert len({feature.name for feature in FEATURES}) == len(FEATURES)
    assert all(feature.unit and feature.doc.endswith(".") for feature in FEATURES)


def test_a_tick_names_the_model_it_applied():
    """With a model the tick has no fallback."""
    tick = price_zone(inputs_of(model=model_of(announced()), fallback=""))
    assert (tick.model, tick.fallback) == ("demand@3", "")


def test_the_shipped_model_prices_and_keeps_its_card():
    """The committed artefact loads, is small, matches the features of this version, and its card names its scores."""
    model, card, size = shipped()
    assert size < 500_000
    assert model.memory.cells.observed.shape[1] == len(HALF_LIVES_MS)
    assert (model.coefficients[:, 1:] >= 0).all()
    assert [feature["name"] for feature in card["features"]] == [feature.name for feature in FEATURES]
    for horizon in map(str, HORIZONS_MIN):
        scores = card["backtest_by_horizon_min"][horizon]
        assert scores["cells"] == 50
        for measure in ("deviance", "rmse"):
            by = [scores["errors"][name][measure] for name in ("model", "tuned historical mean", "last week")]
            assert by == sorted(by)
    assert price_zone(inputs_of(model=model, fallback="")).model == "demand@2"


def test_what_training_saw_last_is_aged_not_back_dated():
    """Right after training a cell's memory is what training left; twelve years on it is nothing, so ratios are 1."""
    model = model_of(announced())
    cells, then_ms = np.array([TIMES_SQUARE, 5], np.int64), model.memory.through_ms
    left = model.memory_of(cells, then_ms)
    assert left.cells.observed[0, -1] > 50
    assert (left.cells.observed[1] == 0).all()
    assert model.memory_of(cells, then_ms + 20 * DAY_MS).cells.observed[0, -1] == left.cells.observed[0, -1] / 2
    assert model.memory_of(cells, then_ms + 4_000 * DAY_MS).cells.observed.max() < 1e-50


def test_inputs_are_those_of_this_release():
    """The artefact names the log-linear model's inputs in order."""
    assert unpacked(trained().artefact, trained().sha256).meta["inputs"] == list(INPUTS)


def test_noon_is_noon():
    """The worlds of these tests lie where they say."""
    assert NOON_MS % DAY_MS == 16 * 3_600_000
