"""Percentiles in fixed memory are close to the true ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulation.histogram import Histogram


@given(st.lists(st.floats(0, 100_000), min_size=1, max_size=60), st.sampled_from([50, 95, 99]))
def test_percentiles_are_at_most_two_per_cent_or_a_millisecond_high(values: list[float], percent: int) -> None:
    """Never below the true percentile, and above it by no more than a bucket."""
    seen = Histogram()
    for value in values:
        seen.observe(value)
    true = float(np.percentile(values, percent, method="inverted_cdf"))
    assert true <= seen.percentile(percent) <= max(true + 1, true * 1.0201)
