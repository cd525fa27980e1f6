"""What is compiled of a tick is what plain arrays give, to the bit."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from demand.log_linear import exponent
from demand.long_memory import _remembered
from demand.ratio_walk import INPUTS, ring_sums
from demand.ratios import Sums
from pricing.models.demand_features import FEATURES, FeatureInputs, feature_matrix
from pricing.surge import nowcast
from pricing.surge.catchment import RING_WEIGHTS, catchment_sums
from pricing.surge.guard_loops import step_in_space
from pricing.zones.pane_ring import PaneRing
from tests.unit.pricing.plain_guard import stepped_in_space
from windows.hexagons import RING_SIZES
from windows.panes import PANE_MS, WINDOWS_MS, window_panes

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("seed", range(5))
def test_faded_sums_are_added_span_after_span(seed):
    """Passing over zeros changes no bit."""
    random = np.random.default_rng(seed)
    counts, left = random.poisson(0.4, (60, 38)) * random.random((60, 38)), random.random((62, 6))
    before, slow = random.random((38, 6)), np.zeros((38, 6))
    for span in range(60):
        slow += counts[span][:, None] * left[2 + span]
    slow = before * left[0] + slow
    of_city = np.ascontiguousarray(counts[:, -1])
    found = _remembered(before[:-1], before[-1], np.ascontiguousarray(counts[:, :-1]), of_city, left, 2)
    assert found.tobytes() == slow.tobytes()


@pytest.mark.parametrize("seed", range(5))
def test_a_catchment_is_added_place_after_place(seed):
    """A place outside the zone, row n, counts as zero."""
    random = np.random.default_rng(seed)
    values, neighbours = random.random((40, 3)), random.integers(0, 41, (25, 19))
    weights = [weight for size, weight in zip(RING_SIZES, RING_WEIGHTS, strict=True) for _ in range(size)]
    gathered = np.concatenate([values, np.zeros((1, 3))])[neighbours]
    slow = gathered[:, 0] * weights[0]
    for place in range(1, 19):
        slow = slow + gathered[:, place] * weights[place]
    assert catchment_sums(values, neighbours).tobytes() == slow.tobytes()


@pytest.mark.parametrize("seed", range(5))
def test_a_ring_is_added_place_after_place(seed):
    """A row beyond the sums is a cell nobody counts."""
    random = np.random.default_rng(seed)
    sums, near = (
        Sums(observed=random.random((40, 6)), expected=random.random((40, 6))),
        random.integers(0, 41, (25, 12)),
    )
    gathered = np.concatenate([sums.observed, np.zeros((1, 6))])[near]
    slow = gathered[:, 0]
    for place in range(1, 12):
        slow = slow + gathered[:, place]
    assert ring_sums(sums, near).observed.tobytes() == slow.tobytes()


@pytest.mark.parametrize("seed", range(5))
def test_an_exponent_is_added_column_after_column(seed):
    """Also of columns cut out of a wider table."""
    random = np.random.default_rng(seed)
    wide, coefficients = random.normal(size=(37, 20)), random.normal(size=12)
    slow = np.zeros(37)
    for column, coefficient in enumerate(coefficients.tolist()):
        slow = slow + coefficient * wide[:, 8 + column]
    assert exponent(wide[:, 8:], coefficients).tobytes() == slow.tobytes()


@pytest.mark.parametrize("covered", [(1.0,) * 6, (1.0, 0.3, 0.2, 0.1, 0.1, 0.1), (0.0,) * 6])
@pytest.mark.parametrize("seed", range(3))
def test_live_requests_are_the_formulas_on_arrays(seed, covered):
    """Bursts, lulls and nothing at all, in windows known in full, in part or not."""
    random = np.random.default_rng(seed)
    forecast, known = random.gamma(0.7, 9.0, (49, 3)), (np.array(covered) * WINDOWS_MS).astype(np.int64)
    seen = np.cumsum(random.poisson(random.gamma(0.5, 5.0, (49, 3, 1)), (49, 3, 6)), axis=2).astype(np.float64)
    share, prior = np.minimum(known, WINDOWS_MS) / 300_000, nowcast.CATCHMENT_PRIOR
    slow = forecast * (prior + seen[..., nowcast.WINDOW]) / (prior + forecast * share[nowcast.WINDOW])
    for window in nowcast.CATCHMENT_HELD if covered[0] else ():
        chance = np.sqrt(seen[..., window])
        slow = np.maximum(slow, (seen[..., window] - chance) / share[window])
        slow = np.minimum(slow, (seen[..., window] + chance + nowcast.SPARE_REQUESTS) / share[window])
    found = nowcast.live_requests(forecast, seen, covered_ms=known, horizon_ms=300_000)
    assert found.tobytes() == slow.tobytes()


def test_features_are_made_as_declared_one_by_one():
    """A block of inputs written at once lands in the columns of the features that name them."""
    random = np.random.default_rng(1)
    rows = FeatureInputs(
        inputs=random.normal(size=(49, len(INPUTS))),
        usual_per_min=random.random(49) + 0.1,
        quarter_of_day=3,
        weekday=2,
        horizon_min=5,
    )
    slow = np.stack([np.broadcast_to(feature.of(rows), 49) for feature in FEATURES], axis=1).astype(np.float32)
    assert feature_matrix(rows).tobytes() == slow.tobytes()


@pytest.mark.parametrize("seed", range(5))
def test_steps_in_space_are_those_of_all_cells_at_once(seed):
    """In whichever order cells are lowered, they end at the same values; what is set by hand is passed over."""
    random = np.random.default_rng(seed)
    wanted, adjacent = random.integers(80, 400, (49, 3)), random.integers(0, 50, (49, 6))
    by_hand = random.random((49, 3)) < 0.2
    stepped = wanted.copy()
    step_in_space(stepped, adjacent, by_hand, 20)
    assert stepped.tolist() == stepped_in_space(wanted, adjacent, by_hand, 20).tolist()


@pytest.mark.parametrize("seed", range(4))
def test_sums_kept_from_reading_to_reading_are_those_of_the_panes(seed):
    """Panes put late, again and emptied, steps of less and more than a pane, a known beginning that moves."""
    random = np.random.default_rng(seed)
    ring, held, now_ms, known_ms = PaneRing(2), {}, 10**9, 10**9 - 900_000
    for _ in range(150):
        now_ms += int(random.choice([100, 4_000, 25_000, 70_000], p=(0.3, 0.4, 0.25, 0.05)))
        known_ms += 300_000 * int(random.random() < 0.02)
        for _ in range(3):
            pane = (now_ms - int(random.choice([0, 8_000, 30_000, 700_000, 1_930_000]))) // PANE_MS * PANE_MS
            held[pane] = random.integers(0, 9, 2) if random.random() < 0.9 else np.zeros(2, np.int64)
            ring.put(pane, held[pane] if held[pane].any() else None)
        found = ring.windows(now_ms, known_ms)
        for window, window_ms in enumerate(WINDOWS_MS):
            panes = [(held.get(pane, 0), part) for pane, part in window_panes(now_ms, window_ms) if pane >= known_ms]
            slow = sum((values * round(part * PANE_MS) for values, part in panes), np.zeros(2, np.int64))
            assert found[:, window].tolist() == slow.tolist()


def test_no_tick_waits_for_a_compiler():
    """After a worker has warmed up, pricing a zone with a fitted model compiles and loads nothing more."""
    script = """
from pricing.surge.warm_up import prepare
prepare()
import sys
from numba.core.dispatcher import Dispatcher
loops = {id(one): one for module in list(sys.modules.values()) if module.__name__.split(".")[0] in ("pricing", "demand")
         for one in vars(module).values() if isinstance(one, Dispatcher)}
ready = {key: len(one.signatures) for key, one in loops.items()}
from bench.city import CityInMemory, read_places
from infra.cli.seeding import shipped_model
city = CityInMemory(read_places(zones=2), shipped_model(0))
for ms in (100, 10_000, 40_000):
    for record in city.pass_time(ms):
        city.hear(record)
    for offset, zone in enumerate(city.zones):
        city.desk.ticked(city.desk.tick(zone, city.now_ms), offset)
print([str(one) for key, one in loops.items() if len(one.signatures) > ready[key]])
"""
    said = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
