"""What was decided and what only moved are told apart by value."""

from dataclasses import replace

import pytest

from replay.records import Raw
from replay.verdict import Judge
from topics.counts import CountKind, DemandCellsCounted, SupplyCellsCounted
from topics.prices import FareLine, ModelFallback, PriceReason, QuoteAnswered, QuoteOutcome, SurgeTicked

QUOTE = QuoteAnswered(
    quote_id="q",
    request_id="r",
    rider_id="ann",
    outcome=QuoteOutcome.PRICED,
    at_ms=1,
    now_ms=1,
    product="standard",
    amount_minor=1000,
    breakdown=[FareLine(code="base", amount_minor=900), FareLine(code="fee", amount_minor=100)],
    driver_pay=[FareLine(code="base", amount_minor=700)],
    reasons=[PriceReason(code="cap", before_hundredths=140, after_hundredths=120)],
    request_offset=1,
)
TICK = SurgeTicked(
    zone=1,
    market="nyc",
    epoch_generation=1,
    epoch_started_ms=1,
    now_ms=1,
    previous_offset=1,
    supply_offset=1,
    demand_offset=1,
    city_offset=1,
    policy_offset=1,
    markets_offset=1,
    models_offset=1,
    forecast_offset=1,
    model="m",
    supply_complete=True,
    demand_complete=True,
    data_age_ms=1,
    cells=[5, 6],
    reason_at=[0, 1],
    reason_code=[3, 4],
    reason_before=[140, 150],
)
EPOCH = {"source_partition": 0, "source_partitions": 1, "epoch_generation": 1, "epoch_started_ms": 1}
SUPPLY = SupplyCellsCounted(
    **EPOCH,
    kind=CountKind.CELLS,
    pings_offset=1,
    now_ms=1,
    zone=1,
    products=["standard"],
    cells=[5, 6],
    idle=[1, 2],
    idle_by_product=[1, 2],
    busy=[0, 0],
    soon_free=[0, 1],
)
DEMAND = DemandCellsCounted(
    **EPOCH,
    kind=CountKind.CELLS,
    requests_offset=1,
    decisions_offset=1,
    now_ms=1,
    complete_from_ms=1,
    zone=1,
    pane_start_ms=1,
    cells=[5],
    requests=[1],
    bookings=[0],
)
MOVED = [FareLine(code="base", amount_minor=950), FareLine(code="fee", amount_minor=100)]


@pytest.mark.parametrize(
    ("record", "otherwise", "is_decision"),
    [
        (QUOTE, {"amount_minor": 1050, "breakdown": MOVED}, False),
        (QUOTE, {"driver_pay": [FareLine(code="base", amount_minor=710)]}, False),
        (QUOTE, {"reasons": [PriceReason(code="cap", before_hundredths=150, after_hundredths=120)]}, False),
        (QUOTE, {"breakdown": MOVED[:1]}, True),
        (QUOTE, {"breakdown": MOVED[::-1]}, True),
        (QUOTE, {"reasons": [PriceReason(code="freeze", before_hundredths=140, after_hundredths=120)]}, True),
        (QUOTE, {"reasons": []}, True),
        (QUOTE, {"outcome": QuoteOutcome.REFUSED}, True),
        (QUOTE, {"model_fallbacks": [ModelFallback(name="demand", fallback="model-unreadable")]}, True),
        (TICK, {"reason_before": [141, 150]}, False),
        (TICK, {"reason_at": [0, 2]}, True),
        (TICK, {"reason_code": [3, 5]}, True),
        (TICK, {"cells": [5, 7]}, True),
        (SUPPLY, {"idle": [1, 3], "idle_by_product": [1, 3], "busy": [1, 0], "soon_free": [0, 0]}, False),
        (SUPPLY, {"idle": [1, 2, 3]}, True),
        (SUPPLY, {"cells": [5, 7]}, True),
        (SUPPLY, {"products": ["pool"]}, True),
        (DEMAND, {"requests": [2], "bookings": [1]}, False),
        (DEMAND, {"requests_offset": 2}, True),
    ],
)
def test_a_difference_in_numbers_only_is_no_other_decision(record, otherwise, is_decision):
    """Lines and reasons by their codes, counts by what they are of: amounts in them move with every number."""
    judge = Judge("t", 0)
    judge.compare(Raw(0, 0, b"k", b"recorded"), b"k", b"own", (record, replace(record, **otherwise)))
    assert (judge.verdict.decisions_differ, judge.verdict.numbers_differ) == (int(is_decision), int(not is_decision))
