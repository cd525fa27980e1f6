"""The compiled sums of a tick are those of the plain arrays, to the bit."""

import numpy as np
import pytest

from demand.long_memory import _summed
from pricing.catchment import RING_WEIGHTS, catchment_sums
from pricing.zone_view import RING_SIZES


@pytest.mark.parametrize("seed", range(5))
def test_faded_sums_are_added_span_after_span(seed):
    """Passing over zeros changes no bit."""
    random = np.random.default_rng(seed)
    counts, left = random.poisson(0.4, (60, 37)) * random.random((60, 37)), random.random((60, 6))
    slow = np.zeros((37, 6))
    for span in range(60):
        slow += counts[span][:, None] * left[span]
    assert _summed(counts, left).tobytes() == slow.tobytes()


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
