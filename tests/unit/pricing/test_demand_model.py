"""The demand model: reproducible bytes, refused when broken, and held within its band."""

import hashlib
import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from demand.long_memory import HALF_LIVES_MS
from pricing.artefact import BrokenModelError, Parts, packed, unpacked
from pricing.backtest import BacktestPlan, backtest
from pricing.demand_model import CORRECTION_BAND, model_of
from pricing.features import FEATURES
from pricing.pickup_history import Pickups, pickups_of_csv
from pricing.tick import price_zone
from pricing.train import TrainingPlan, train
from tests.unit.pricing.worlds import NOON_MS, TIMES_SQUARE, inputs_of
from windows.hexagons import disk

DAY_MS = 86_400_000
SHIPPED = Path(__file__).parents[3] / "models"
PLAN = TrainingPlan(
    time_zone="America/New_York",
    start_ms=1_396_324_800_000,
    end_ms=1_396_324_800_000 + 12 * DAY_MS,
    folds=2,
    least_pickups=20,
    rounds=8,
)


@lru_cache(1)
def pickups():
    """Twelve made-up days around Times Square, busier at noon and in some cells."""
    rng = np.random.default_rng(7)
    cells = np.array(disk(TIMES_SQUARE, 2), np.int64)
    minutes = rng.integers(0, 12 * 1440, 9_000)
    kept = np.sort(minutes[rng.random(minutes.size) < 0.6 + 0.4 * np.sin(minutes / 1440 * 2 * np.pi)])
    weights = 1.0 / (1.0 + np.arange(cells.size))
    chosen = rng.choice(cells, kept.size, p=weights / weights.sum())
    return Pickups(at_ms=PLAN.start_ms + kept * 60_000, cells=chosen)


@lru_cache(1)
def trained():
    return train(pickups(), PLAN)


def announced(**changes):
    return replace(trained().announced(name="demand", version=3, announced_ms=5), **changes)


def shipped():
    body = (SHIPPED / "demand-1.faretide").read_bytes()
    card = json.loads((SHIPPED / "demand-1.json").read_text())
    sha256 = hashlib.sha256(body).hexdigest()
    return model_of(announced(artefact=body, sha256=sha256, card="", version=1)), card, len(body)


def test_training_twice_gives_the_same_bytes():
    """Equal pickups and plan: equal artefact, to the byte."""
    assert train(pickups(), PLAN).artefact == trained().artefact


def test_training_sees_only_its_span():
    """Pickups after the span change nothing: cut the future off and the bytes are the same."""
    later = Pickups(
        at_ms=np.append(pickups().at_ms, PLAN.end_ms + 60_000), cells=np.append(pickups().cells, TIMES_SQUARE)
    )
    assert train(later, PLAN).artefact == trained().artefact


def test_packing_is_deterministic_and_unpacks_to_the_same():
    """What goes in comes out, and twice the same bytes."""
    arrays = {"city_per_min": np.arange(3.0), "cells": np.arange(2), "share": np.ones(2)}
    parts = Parts(meta={"b": 1, "a": 2}, arrays=arrays, trees=b"x")
    artefact = packed(parts)
    assert artefact == packed(parts)
    back = unpacked(artefact, hashlib.sha256(artefact).hexdigest())
    assert (back.meta, back.trees) == (parts.meta, parts.trees)
    assert (back.arrays["cells"] == arrays["cells"]).all()


def _resealed(change):
    """The artefact with its meta changed and its hash made right again."""
    parts = unpacked(trained().artefact, trained().sha256)
    artefact = packed(replace(parts, **change(parts)))
    return {"artefact": artefact, "sha256": hashlib.sha256(artefact).hexdigest()}


BROKEN = {
    "model-format-unknown": lambda: {"format": "faretide-demand/9"},
    "model-hash-mismatch": lambda: {"artefact": trained().artefact[:-1] + b"?"},
    "model-unreadable": lambda: {"artefact": b"junk", "sha256": hashlib.sha256(b"junk").hexdigest()},
    "model-features-differ": lambda: _resealed(lambda parts: {"meta": parts.meta | {"features": ["moon"]}}),
}


@pytest.mark.parametrize("code", BROKEN)
def test_a_broken_model_is_refused_by_name(code):
    """Format, hash, content and features are checked; the code is what a tick says it fell back for."""
    with pytest.raises(BrokenModelError) as refused:
        model_of(announced(**BROKEN[code]()))
    assert refused.value.code == code


def test_broken_trees_are_refused_by_name():
    """Trees XGBoost cannot read are an unreadable model, not a crash."""
    with pytest.raises(BrokenModelError, match="model-unreadable"):
        model_of(announced(**_resealed(lambda _: {"trees": b"{broken"})))


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
    assert model.half_lives_ms == HALF_LIVES_MS
    assert [feature["name"] for feature in card["features"]] == [feature.name for feature in FEATURES]
    assert card["backtest_by_horizon_min"]["cells"] == 50
    for horizon in ("5", "15", "30", "60"):
        scores = card["backtest_by_horizon_min"][horizon]
        for measure in ("deviance", "squared_error"):
            assert scores["model"][measure] < scores["closed_form"][measure] < scores["mean"][measure]
    assert price_zone(inputs_of(model=model, fallback="")).model == "demand@1"


def test_a_backtest_scores_every_forecaster_on_the_same_rows():
    """Three forecasters, four horizons, two measures."""
    model = model_of(announced())
    plan = BacktestPlan(
        history_ms=PLAN.start_ms,
        warm_from_ms=PLAN.start_ms + 8 * DAY_MS,
        start_ms=PLAN.start_ms + 9 * DAY_MS,
        end_ms=PLAN.end_ms,
        least_pickups=50,
    )
    scores = backtest(pickups(), model, plan)
    assert set(scores["15"]) == {"mean", "closed_form", "model"}
    assert scores["15"]["closed_form"]["deviance"] > 0


def test_recorded_pickups_are_read_with_their_local_time():
    """Midnight in New York is four in the morning of UTC in April."""
    read = pickups_of_csv(["pickup_local,lat,lon,base", "2014-04-01T00:00,40.7580,-73.9855,B"], "America/New_York")
    assert (read.at_ms.tolist(), read.cells.tolist()) == ([1_396_324_800_000], [TIMES_SQUARE])


def test_a_broken_line_is_refused_by_its_number():
    """The error names the line of the file."""
    with pytest.raises(ValueError, match="line 2 must be"):
        pickups_of_csv(["pickup_local,lat,lon,base", "yesterday,1,2,B"], "America/New_York")


def test_noon_is_noon():
    """The worlds of these tests lie where they say."""
    assert NOON_MS % DAY_MS == 16 * 3_600_000
