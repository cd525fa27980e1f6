"""How soon a forecast believes what it sees, with the coefficients that are shipped: a grown city, a concert that ends.

usual ──────┐ twenty times ┌────── usual again
requests  ─────────┘              └─────────────────
forecast  ──────────╱‾‾‾‾‾‾‾‾‾‾‾‾‾‾╲________________     minutes, not hours
"""

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from demand.log_linear import exponent
from demand.ratio_walk import OWN_INPUTS, RatioMemory, active_cells, look, with_rings
from pricing.models.artefact import unpacked
from pricing.surge.nowcast import live_requests
from windows.panes import WINDOWS_MS

SHIPPED = Path(__file__).parents[3] / "models" / "demand-2.faretide"
TIMES_SQUARE = np.array([0x882A100D67FFFFF], np.int64)
CELLS = with_rings(TIMES_SQUARE)
ACTIVE = active_cells(CELLS, TIMES_SQUARE)
USUAL = 0.5  # pickups per cell and five minutes
CITY = 100.0
CATCHMENT = 3.0
WEEK, BURST_STEPS, STEP_MIN = 7 * 288, 24, 5


@lru_cache(1)
def coefficients():
    body = SHIPPED.read_bytes()
    return unpacked(body, hashlib.sha256(body).hexdigest()).arrays["coefficients"][0]


def forecast(memory):
    """Times the usual, of the cell's own part of the model."""
    inputs, level = look(memory.sums, memory.city, ACTIVE)
    return float(level * np.exp(exponent(inputs[:, :OWN_INPUTS], coefficients()[:OWN_INPUTS]))[0])


def walked(times_cell, times_city):
    """Live requests every five minutes after a usual week, as times of usual, while cell and city are so much busier.

    Those of a catchment that expects `CATCHMENT` requests in five minutes, every cell of it as busy as the one.
    """
    memory, expected = RatioMemory(CELLS.size), np.full(CELLS.size, USUAL)
    here = np.searchsorted(CELLS, TIMES_SQUARE[0])
    for _ in range(WEEK):
        memory.add(expected, expected, CITY, CITY)
    said, before = [], 1.0
    for cell, city in zip(times_cell, times_city, strict=True):
        counts = expected * city
        counts[here] = USUAL * cell
        memory.add(counts, expected, CITY * city, CITY)
        lately = [CATCHMENT * cell * minutes / STEP_MIN for minutes in (1, 2, 4)]
        seen = np.array([*lately, *[CATCHMENT * (cell + 0.6 * before)] * 3])  # eight minutes; longer ones are not asked
        usual = np.array([[CATCHMENT * forecast(memory)]])
        live = live_requests(usual, seen[None, None], covered_ms=np.array(WINDOWS_MS), horizon_ms=300_000)
        said.append(float(live[0, 0]) / CATCHMENT)
        before = cell
    return np.array(said)


@pytest.mark.parametrize("times", [2.0, 20.0])
def test_a_city_that_grows_is_believed_within_a_quarter_of_an_hour(times):
    """Everything is so many times busier at once: a third below that at most after 15 minutes, and never over it."""
    said = walked([times] * 72, [times] * 72)
    assert (said[15 // STEP_MIN - 1 :] > times * 2 / 3).all()
    assert (said < times * 1.05).all()
    assert said[-1] == pytest.approx(times, rel=0.15)


def test_a_concert_that_ends_is_let_go_within_minutes():
    """Two hours at twenty times the usual around one cell: ten minutes after the end a tenth of the rise is left."""
    said = walked([20.0] * BURST_STEPS + [1.0] * 36, [1.0] * (BURST_STEPS + 36))
    peak, after = said[BURST_STEPS - 1], said[BURST_STEPS:]
    assert peak > 8.0
    assert after[10 // STEP_MIN - 1] - 1.0 < (peak - 1.0) / 10
    assert (np.diff(after) <= 0).all()
    assert after[-1] < after[0]
