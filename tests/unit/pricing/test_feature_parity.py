"""The feature vector a tick looks at is the one training looked at, at random instants and after random cities.

streaming   panes added in two goes, as a worker does that took another's memory up      what a tick has
batch       the definition: every step of the recording at once                          what training has
"""

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demand.forecast import Observed, live_level
from demand.long_memory import Spans, blank_memory, remember
from demand.ratio_walk import BinStart, active_cells, look
from demand.ratios import Sums, faded_sums
from demand.recorded_days import STEP_MIN, STEPS_PER_DAY, RecordedDays
from infra.cli.seeding import shipped_model
from pricing.models.demand_features import FEATURES, feature_matrix
from pricing.models.demand_model import model_of
from pricing.models.fitted_forecast import rows_of as rows_of_training
from pricing.surge.outlook import rows_of as rows_of_tick
from pricing.zones.zone_view import layout_of
from tests.unit.pricing.worlds import ZONE

STEP_MS = STEP_MIN * 60_000
LAYOUT = layout_of(ZONE)
ASCENDING = np.argsort(LAYOUT.cells)
NEW_YORK = ZoneInfo("America/New_York")
FIRST_DAY = 735_324


@lru_cache(1)
def model():
    return model_of(shipped_model(0))


def spans(counts, city, first_ms):
    """Steps as the panes of a stream: counts [cells, steps]."""
    starts = first_ms + STEP_MS * np.arange(counts.shape[1])
    return Spans(start_ms=starts, end_ms=starts + STEP_MS, cells=counts.T.copy(), city=city)


def of_tick(counts, expected, now_ms, cut):
    """Features of the home cells from sums that were kept step by step, taken over at `cut`."""
    steps = counts.shape[1]
    memory = blank_memory(LAYOUT.cells.size, now_ms - steps * STEP_MS)
    for first, last in ((0, cut), (cut, steps)):
        begun_ms, ended_ms = (now_ms - (steps - step) * STEP_MS for step in (first, last))
        seen, due = (
            spans(each[:, first:last], each[:, first:last].sum(axis=0), begun_ms) for each in (counts, expected)
        )
        memory = remember(memory, ended_ms, seen, due)
    seen = Observed(now_ms=now_ms, cells=LAYOUT.cells, sums=memory.cells, city=memory.city)
    return feature_matrix(rows_of_tick(model(), seen, live_level(seen), LAYOUT))


def sums_of(counts, expected):
    """Faded sums by the definition, and the spare row that places without a cell point at."""
    padded = (np.pad(of, ((0, 1), (0, 0))) for of in (counts, expected))
    observed, due = (faded_sums(of, STEP_MS) for of in padded)
    return Sums(observed=observed, expected=due)


def of_training(counts, expected, step, now_ms):
    """Features of the same cells from all steps at once, as a row of training has them."""
    cells = LAYOUT.cells[ASCENDING]
    sums = sums_of(counts[ASCENDING], expected[ASCENDING])
    city = sums_of(counts.sum(axis=0)[None], expected.sum(axis=0)[None])
    of_city = Sums(observed=city.observed[0], expected=city.expected[0])
    active = active_cells(cells, LAYOUT.home_cells)
    inputs, level = look(sums, of_city, active)
    usual = model().base.expected(LAYOUT.home_cells, now_ms, now_ms + STEP_MS)
    days = RecordedDays(
        first_day=FIRST_DAY,
        cells=cells,
        counts=np.zeros((cells.size, 14 * STEPS_PER_DAY), np.uint16),
        city=np.zeros(14 * STEPS_PER_DAY, np.int64),
        known=np.ones(14, bool),
    )
    return rows_of_training(BinStart(step=step, inputs=inputs, usual=usual, level=level), days, active, 1).features


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 14 * STEPS_PER_DAY - 2),
    st.integers(2, 300),
    st.floats(0.0, 1.0),
    st.floats(0.01, 3.0),
    st.integers(0, 2**32 - 1),
)
def test_a_ticks_features_are_those_of_training(step, steps, part, per_step, seed):
    """Every column of every home cell, at a random five minutes of two weeks, to single precision."""
    rng = np.random.default_rng(seed)
    shape = LAYOUT.cells.size, steps
    counts, expected = rng.poisson(per_step, shape).astype(float), rng.gamma(2.0, per_step / 2.0, shape)
    local = datetime.fromordinal(FIRST_DAY) + timedelta(minutes=step * STEP_MIN)
    now_ms = round(local.replace(tzinfo=NEW_YORK).timestamp()) * 1_000
    live = of_tick(counts, expected, now_ms, round(part * steps))
    batch = of_training(counts, expected, step, now_ms)
    for column, feature in enumerate(FEATURES):
        assert live[:, column] == pytest.approx(batch[:, column], rel=1e-4, abs=1e-5), feature.name
